"""A desk of days over a real file and a real archive, with what writes into both."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

import anyio
import duckdb

from exporters.analytics.days.desk import DayDesk, DayFile
from exporters.analytics.days.listed import TableDay
from exporters.analytics.derived import whole
from exporters.analytics.reader import Reader
from exporters.analytics.settings import AnalyticsSettings
from exporters.analytics.sql.snapshots import Snapshots
from integrations.clock import SystemClock
from tests.exporters.analytics.generated import START, Pair, call, started
from tests.fakes.signals import RecordingSubscriber

DAY = dt.datetime.fromtimestamp(START, dt.UTC).date()
LATER = DAY + dt.timedelta(days=1)
SECONDS = 86_400


class Growing:
    """Days of calls that grow, are sealed and go, without a database: cheap, and otherwise as the desk."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._rows: dict[dt.date, list[int]] = {}
        self._parts: dict[dt.date, Path] = {}
        self._made = 0
        directory.mkdir(parents=True, exist_ok=True)

    def calls(self, numbers: Iterable[int], *, day: dt.date = DAY) -> None:
        """Add rows; a sealed day then has them beside its file."""
        self._rows.setdefault(day, []).extend(numbers)
        self._parts.pop(day, None)

    def seal(self, day: dt.date = DAY) -> Path:
        """Bring the rows of a day into one file."""
        self._parts[day] = self._written(day)
        return self._parts[day]

    def expire(self, day: dt.date) -> None:
        """Let a day have had its time."""
        del self._rows[day]
        self._parts.pop(day).unlink()

    async def days(self) -> tuple[TableDay, ...]:
        return tuple(
            TableDay(table="calls", day=day, rows=len(rows), part=self._parts.get(day))
            for day, rows in sorted(self._rows.items())
        )

    async def file(self, table: str, day: dt.date) -> DayFile:
        part = self._parts.get(day)
        return DayFile(
            path=part or self._written(day), rows=len(self._rows[day]), as_of=0.0, is_own=part is None
        )

    def _written(self, day: dt.date) -> Path:
        """Columns before seq, as the tables have them, so that it stands elsewhere in each version."""
        self._made += 1
        path = self.directory / f"{self._made}.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                "COPY (SELECT hash(seq) AS ts, repeat('x', 5) || seq AS word, seq "
                f"FROM (SELECT unnest({self._rows[day]}) AS seq)) TO '{path}' (FORMAT parquet)"
            )
        return path


class World:
    """One."""

    def __init__(self, directory: Path, **limits: object) -> None:
        self.directory = directory
        self.archive = directory / "archive"
        self.published = RecordingSubscriber()
        self.pair: Pair = started(directory)
        self.settings = AnalyticsSettings(**({"disk_floor": 0} | limits))  # type: ignore[arg-type] # by name
        clock = SystemClock()
        database = self.pair.writer.database
        assert database is not None
        self.snapshots = Snapshots(
            directory / "snapshots",
            flush=self.pair.writer.flush,
            thread=anyio.CapacityLimiter(1),
            clock=clock,
            disk_floor=0,
        )
        self.desk = DayDesk(
            directory / "days",
            archive=self.archive,
            reader=Reader(
                (),
                database=lambda: database,
                directory=directory / "pages",
                clock=clock,
                settings=self.settings,
                publish=self.published,
            ),
            snapshots=self.snapshots,
            settings=self.settings,
            clock=clock,
            publish=self.published,
        )

    def calls(self, numbers: Iterable[int], *, day: dt.date = DAY) -> None:
        """Load calls of that day, a second apart."""
        begin = dt.datetime.combine(day, dt.time(), dt.UTC).timestamp()
        self.pair.load([call(number, at=begin + number % SECONDS) for number in numbers])
        # As if a snapshot had had its time: the next question gets a new one.
        self.snapshots._use_until = 0.0

    def seal(self, day: dt.date = DAY, *, schema: int = 1) -> Path:
        """Bring the hot calls of a day into a file of the archive, as it is done in the end."""
        assert self.pair.writer.database is not None
        connection = self.pair.writer.database.connection
        folder = self.archive / "calls" / f"day={day}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"part-{len(list(folder.iterdir()))}.parquet"
        of_day = f"ts >= TIMESTAMP '{day}' AND ts < TIMESTAMP '{day + dt.timedelta(days=1)}'"
        ((rows,),) = connection.execute(
            f"COPY (SELECT * FROM hot_calls WHERE {of_day}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"
        ).fetchall()
        connection.execute("BEGIN")
        connection.execute(f"DELETE FROM hot_calls WHERE {of_day}")
        connection.execute(
            "INSERT INTO sealed_files (table_name, day, file, row_count, byte_count, schema_version, "
            "stored_position, sealed_at) VALUES ('calls', ?, ?, ?, ?, ?, 0, now()::TIMESTAMP)",
            [day, str(path.relative_to(self.archive)), rows, path.stat().st_size, schema],
        )
        self._publish(connection)
        connection.execute("COMMIT")
        self.snapshots._use_until = 0.0
        return path

    def expire(self, day: dt.date) -> None:
        """Let a sealed day have had its time."""
        assert self.pair.writer.database is not None
        connection = self.pair.writer.database.connection
        found = connection.execute("DELETE FROM sealed_files WHERE day = ? RETURNING file", [day]).fetchall()
        self._publish(connection)
        for (file,) in found:
            (self.archive / file).unlink()

    def _publish(self, connection: duckdb.DuckDBPyConnection) -> None:
        files = [
            str(self.archive / file)
            for (file,) in connection.execute("FROM sealed_files SELECT file").fetchall()
        ]
        sealed = (
            f" UNION ALL BY NAME SELECT {whole('calls')} "
            f"FROM read_parquet({files}, hive_partitioning = false)"
            if files
            else ""
        )
        connection.execute(f"CREATE OR REPLACE VIEW calls AS SELECT {whole('calls')} FROM hot_calls{sealed}")

    async def aclose(self) -> None:
        """Let go of it."""
        await self.desk.aclose()
        self.pair.close()
