"""The roller: counts hours and days that are over, a little at a time, on the writer's thread.

Nothing is ever added to a count: an hour with other rows than its rollup was made of is counted again, in one
transaction, so that late rows are taken in and a kill at any point does no harm.
"""

from collections import Counter, deque
from datetime import UTC, datetime, timedelta

import duckdb

from exporters.analytics.database import reason, transaction
from exporters.analytics.kept.returning import Returning
from exporters.analytics.rollups.kinds import ROLLUPS, Rollup
from exporters.analytics.rollups.pending import BATCH_ROWS, Pending, Stretch
from exporters.analytics.settings import Retention
from integrations.clock import Clock

SWEEP_SECONDS = 60.0
STEP_SECONDS = 0.2
"""After which the next rows are loaded, if any wait; one statement may take longer."""


class Roller:
    """Keeps the rollups of one open database. Its methods run on one thread at a time, and never raise for a
    rollup that cannot be made: `problem` says why, and the next sweep tries again.

    Of days of which rows may be gone, by `retention`, the rollup stays as it is. What is `returning` comes
    first: it need not be counted again, and often cannot be.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        *,
        clock: Clock,
        retention: Retention | None = None,
        returning: Returning | None = None,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self.problem = ""
        self.made: Counter[str] = Counter()
        self._connection = connection
        self._clock = clock
        self._retention = retention or Retention()
        self._returning = returning
        self._pending = Pending(connection, batch_rows=batch_rows)
        self._stretches: deque[Stretch] = deque()
        self._slice = 0
        self._sweep_due = clock.monotonic()
        self._until: dict[str, datetime] = {}
        for rollup in ROLLUPS:
            self._publish(rollup)

    @property
    def due(self) -> float:
        """When there is something to do, by the monotonic clock."""
        return 0.0 if self._stretches else self._sweep_due

    def step(self) -> None:
        """Look what there is to bring back or to count when it is time, and do so for a while."""
        started = self._clock.monotonic()
        try:
            if not self._stretches and started >= self._sweep_due and self._has_returned(started):
                self._sweep_due = started + SWEEP_SECONDS
                self._sweep()
            is_time = True
            while self._stretches and is_time:
                self._count(self._stretches[0])
                is_time = self._is_time(started)
        except duckdb.Error as error:
            self.problem = reason(error)
            self._sweep_due = started + SWEEP_SECONDS
            self._stretches.clear()
            self._slice = 0

    def _is_time(self, started: float) -> bool:
        return self._clock.monotonic() - started <= STEP_SECONDS

    def _has_returned(self, started: float) -> bool:
        """Bring back for a while; whether there is nothing left to come."""
        is_time = True
        while self._returning and not self._returning.is_over and is_time:
            if stretch := self._returning.fetch():
                self._replace(stretch)
            self._returning.done()
            is_time = self._is_time(started)
        return self._returning is None or self._returning.is_over

    def _sweep(self) -> None:
        now = datetime.fromtimestamp(self._clock.time(), UTC).replace(tzinfo=None)
        for rollup in ROLLUPS:
            self._forget(rollup, now)
            oldest = max(self._oldest(rollup.source, now), self._oldest("rollups", now))
            self._stretches += self._pending.find(rollup, now=now, oldest=oldest)
        self.problem = ""

    def _oldest(self, table: str, now: datetime) -> datetime:
        """The first day of which a table still has all rows."""
        days = self._retention.days_of(table)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=days) if days else datetime.min  # noqa: DTZ901 - columns are naive UTC

    def _forget(self, rollup: Rollup, now: datetime) -> None:
        """Delete what is kept no longer."""
        oldest = self._oldest("rollups", now)
        with transaction(self._connection):
            self._connection.execute(
                f"DELETE FROM {rollup.table} WHERE {rollup.start} < ?",  # noqa: S608 - our own names
                [oldest],
            )
            self._connection.execute(
                "DELETE FROM rolled WHERE rollup = ? AND start < ?", [rollup.name, oldest]
            )

    def _count(self, stretch: Stretch) -> None:
        """Count one slice, aside; once all are there, they take the place of what was."""
        rollup = stretch.rollup
        insert = "INSERT INTO temp.rolling" if self._slice else "CREATE OR REPLACE TEMP TABLE rolling AS"
        self._connection.execute(
            f"{insert} SELECT * FROM {rollup.counting}(?::TIMESTAMP, ?::TIMESTAMP, ?, ?)",  # noqa: S608 - our own names
            [stretch.since, stretch.until, self._slice, stretch.slices],
        )
        self._slice += 1
        if self._slice == stretch.slices:
            self._replace(stretch)
            self._stretches.popleft()
            self._slice = 0
            self.made[rollup.name] += 1

    def _replace(self, stretch: Stretch) -> None:
        name, _, table, _, _, start, rows = stretch.rollup
        within = [stretch.since, stretch.until]
        with transaction(self._connection):
            self._connection.execute(f"DELETE FROM {table} WHERE {start} >= ? AND {start} < ?", within)  # noqa: S608 - our own names
            self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM temp.rolling")  # noqa: S608 - our own names
            self._connection.execute(
                "DELETE FROM rolled WHERE rollup = ? AND start >= ? AND start < ?", [name, *within]
            )
            self._connection.execute(
                f"INSERT INTO rolled SELECT ?, {start}, sum({rows})::BIGINT "  # noqa: S608 - our own names
                f"FROM temp.rolling GROUP BY {start}",
                [name],
            )
            self._publish(stretch.rollup)
        self._connection.execute("DROP TABLE temp.rolling")

    def _publish(self, rollup: Rollup) -> None:
        """Let views count what comes after the newest unit from the rows themselves. A constant lets DuckDB
        leave out the files of all other days; a subquery would not.
        """
        (newest,) = self._connection.execute(
            "SELECT max(start) FROM rolled WHERE rollup = ?", [rollup.name]
        ).fetchall()[0]
        if newest is None or newest == self._until.get(rollup.name):
            return
        self._connection.execute(
            f"CREATE OR REPLACE MACRO rolled_until_{rollup.name}() AS TIMESTAMP '{newest + rollup.width}'"
        )
        self._until[rollup.name] = newest
