"""What is to be counted again: closed hours and days that have other rows than their rollup was made of."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

import duckdb

from exporters.analytics.rollups.kinds import Rollup
from exporters.analytics.tables import hot

BATCH_ROWS = 250_000
"""Rows that one statement counts: a fraction of a second."""

_DAY = timedelta(days=1)
_LONGEST = timedelta(days=31)

Counts = Mapping[datetime, int]


class Stretch(NamedTuple):
    """Hours or days in a row that are counted at once: from `since` on, before `until`, in `slices` steps."""

    rollup: Rollup
    since: datetime
    until: datetime
    slices: int


class Pending:
    """Compares what there is with what is rolled. Rows only ever come or, with their whole day, go: a count
    that grew asks for counting again, one that shrank is a day of which the rollup alone is kept.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, batch_rows: int = BATCH_ROWS) -> None:
        self._connection = connection
        self._batch_rows = batch_rows
        self._looked_at: dict[tuple[str, datetime], int] = {}

    def find(self, rollup: Rollup, *, now: datetime, oldest: datetime) -> Iterator[Stretch]:
        """Return what is to be counted, the oldest first; nothing before `oldest`.

        What is not over by the clock is counted too where it, or a later unit, was counted before the clock
        was set back: views take all of that from the rollup alone.
        """
        rolled = self._rolled(rollup)
        newest = max(rolled, default=datetime.min)  # noqa: DTZ901 - columns are naive UTC
        counts = self._counts(rollup, before=max(rollup.begun(now), newest + rollup.width))
        wanted = {
            start: count
            for start, count in counts.items()
            if start >= oldest and count > rolled.get(start, 0)
        }
        return _stretches(rollup, wanted, self._batch_rows)

    def _rolled(self, rollup: Rollup) -> Counts:
        return self._counted("SELECT start, row_count FROM rolled WHERE rollup = ?", [rollup.name])

    def _counts(self, rollup: Rollup, *, before: datetime) -> Counts:
        """Rows by unit. Days that have files are read by hour only where their sum is not the rolled one."""
        fresh = self._counted(
            f"SELECT date_trunc('{rollup.unit}', ts)::TIMESTAMP, count(*) FROM {hot(rollup.source)} "  # noqa: S608 - our own names
            "WHERE ts < ? GROUP BY ALL",
            [before],
        )
        sealed = self._counted(
            "SELECT day::TIMESTAMP, sum(row_count)::BIGINT FROM sealed_files WHERE table_name = ? "
            "GROUP BY ALL",
            [rollup.source],
        )
        if rollup.width == _DAY:
            return _sum(fresh, sealed)
        return self._by_hour(rollup, fresh, sealed)

    def _by_hour(self, rollup: Rollup, fresh: Counts, sealed: Counts) -> Counts:
        found = {start: count for start, count in fresh.items() if _day(start) not in sealed}
        rolled = _by_day(self._rolled(rollup))
        for day, total in _sum(_by_day(fresh), sealed).items():
            is_known = self._looked_at.get((rollup.name, day)) == total
            if day in sealed and total > rolled.get(day, 0) and not is_known:
                self._looked_at[rollup.name, day] = total
                found |= self._hours_of(rollup, day)
        return found

    def _hours_of(self, rollup: Rollup, day: datetime) -> Counts:
        return self._counted(
            f"SELECT date_trunc('hour', ts)::TIMESTAMP, count(*) FROM {rollup.source} "  # noqa: S608 - our own names
            "WHERE ts >= ? AND ts < ? GROUP BY ALL",
            [day, day + _DAY],
        )

    def _counted(self, sql: str, values: list[object]) -> dict[datetime, int]:
        rows = self._connection.execute(sql, values).fetchall()
        return {start: count for start, count in rows if start is not None}


def _stretches(rollup: Rollup, wanted: Counts, most: int) -> Iterator[Stretch]:
    """Those that follow one another, joined as long as one statement can count them."""
    since = until = None
    rows = 0
    for start, count in sorted(wanted.items()):
        is_next = start == until and since is not None and start - since < _LONGEST
        if since is not None and until is not None and not (is_next and rows + count <= most):
            yield Stretch(rollup, since, until, 1 + rows // most)
            since, rows = None, 0
        since, until, rows = since or start, start + rollup.width, rows + count
    if since is not None and until is not None:
        yield Stretch(rollup, since, until, 1 + rows // most)


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _by_day(counts: Counts) -> Counts:
    return _added((_day(start), count) for start, count in counts.items())


def _sum(one: Counts, other: Counts) -> Counts:
    return _added((*one.items(), *other.items()))


def _added(counts: Iterable[tuple[datetime, int]]) -> Counts:
    found: dict[datetime, int] = {}
    for start, count in counts:
        found[start] = found.get(start, 0) + count
    return found
