"""Gives a database back what it lost and kept copies have: a new one all of it, an older one what came since.

Rows of a rollup are never added: of each hour or day those stay that were made of more rows, so that a copy
may come back any number of times, also beside what has been counted again from rows that are still there.
"""

import contextlib
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import structlog

from exporters.analytics.database import reason, transaction
from exporters.analytics.kept.files import KeptFile, kept_files, newest, remove_unfinished
from exporters.analytics.kept.pieces import ROLLED, versions
from exporters.analytics.rollups.kinds import Rollup
from exporters.analytics.rollups.pending import Stretch
from exporters.analytics.tables import quoted
from integrations.clock import Clock

log = structlog.get_logger("dialtone.analytics")

_NOT_THE_FILES = (duckdb.InterruptException, duckdb.OutOfMemoryException, duckdb.FatalException)
"""What says nothing of the file that is read."""


class Returning:
    """What comes back into one open database, on the writer's thread. `set_aside` is told which files cannot
    be read and were renamed, as paths from where the database lies.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        *,
        clock: Clock,
        set_aside: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._folder = folder
        self._clock = clock
        self._set_aside = set_aside
        self._days: deque[KeptFile] = deque()

    def open(self) -> None:
        """Bring back what configurations said, and look which days of rollups are to come. A folder that
        cannot be used is told, and nothing comes back.

        Raises:
            duckdb.Error: the database cannot take it.
        """
        try:
            remove_unfinished(self._folder)
            ahead = self._ahead()
        except OSError as error:
            log.warning("analytics_kept_copies_unusable", folder=str(self._folder), reason=reason(error))
            return
        for file in ahead:
            if file.piece.day is None:
                self._restore(file)
        self._days.extend(file for file in ahead if file.piece.day)
        if ahead:
            log.warning("analytics_kept_copies_return", files=len(ahead), folder=str(self._folder))

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to come back."""
        return not self._days

    def fetch(self) -> Stretch | None:
        """Put the rows that the next day is to have into temp.rolling; None when its copy cannot be read."""
        file = self._days[0]
        rollup, day = ROLLED[file.piece.table], file.piece.day or date.min
        since = datetime.combine(day, datetime.min.time())
        is_read = self._read(file, _larger(rollup, file.piece.condition))
        return Stretch(rollup, since, since + timedelta(days=1), 1) if is_read else None

    def done(self) -> None:
        """Go on to the next day."""
        self._days.popleft()

    def _ahead(self) -> list[KeptFile]:
        """The copies that are ahead of the database, the oldest days first: views take what is before the
        newest day of a rollup from the rollup alone.
        """
        here = versions(self._connection)
        ahead = [
            file
            for file in newest(kept_files(self._folder)).values()
            if file.version > here.get(file.piece, 0)
        ]
        return sorted(ahead, key=lambda file: (file.piece.day or date.min, file.piece.table))

    def _restore(self, file: KeptFile) -> None:
        table = file.piece.table
        if self._read(file, "SELECT * FROM kept"):
            with transaction(self._connection):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names
                self._connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM temp.rolling")  # noqa: S608 - our own names
            self._connection.execute("DROP TABLE temp.rolling")

    def _read(self, file: KeptFile, sql: str) -> bool:
        """Make temp.rolling of what a query finds in `kept`, the file's rows; whether they can be read.

        Raises:
            duckdb.Error: for reasons that are not the file's.
        """
        path = self._folder / file.name
        try:
            self._connection.execute(
                f"CREATE OR REPLACE TEMP TABLE rolling AS WITH kept AS ({self._rows(file, path)}) {sql}"
            )
        except _NOT_THE_FILES:
            raise
        except duckdb.Error as error:
            self._put_aside(path, error)
            return False
        return True

    def _rows(self, file: KeptFile, path: Path) -> str:
        """The file's rows with those columns that the table has too, as the table has them, whichever
        Dialtone wrote it.
        """
        source = f"read_parquet({quoted(str(path))}, hive_partitioning = false)"
        here, there = self._columns(file.piece.table), self._columns(source)
        both = (f"{name}::{kind} AS {name}" for name, kind in here.items() if name in there)
        return f"SELECT {', '.join(both)} FROM {source}"  # noqa: S608 - our own names

    def _columns(self, source: str) -> Mapping[str, str]:
        described = self._connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608 - our own names
        return {name: kind for name, kind, *_ in described}

    def _put_aside(self, path: Path, error: duckdb.Error) -> None:
        try:
            path.open("rb").close()
        except FileNotFoundError:
            # Its days are over, or a newer copy is there.
            return
        except OSError as refused:
            # It may be whole: the next opening of the database tries it again.
            log.warning("analytics_kept_copy_unreadable", file=str(path), reason=str(refused))
            return
        moment = datetime.fromtimestamp(self._clock.time(), UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        log.error("analytics_kept_copy_damaged", file=str(path), reason=reason(error))
        with contextlib.suppress(OSError):
            aside = path.rename(path.with_name(f"{path.name}.damaged-{moment}"))
            self._set_aside(str(aside.relative_to(self._folder.parent)))


def _larger(rollup: Rollup, condition: str) -> str:
    """Of each hour or day the rows of the file, or those that are there where they were made of as many."""
    start, rows = rollup.start, rollup.rows
    return (
        f", both_sides AS (SELECT *, true AS is_kept FROM kept UNION ALL BY NAME "  # noqa: S608 - our own names
        f"SELECT *, false AS is_kept FROM {rollup.table} WHERE {condition}), "
        f"compared AS (SELECT {start}, coalesce(sum({rows}) FILTER (is_kept), 0) > "
        f"coalesce(sum({rows}) FILTER (NOT is_kept), 0) AS is_kept FROM both_sides GROUP BY {start}) "
        f"SELECT * EXCLUDE (is_kept) FROM both_sides JOIN compared USING ({start}, is_kept)"
    )
