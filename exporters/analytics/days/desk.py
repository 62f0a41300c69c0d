"""The desk of days: tells which there are, and hands out each as one Parquet file.

A day that lies in one file of the archive is that file. Any other is written by a process of its own from a
snapshot, so that neither the writer nor the event loop has to do with it; one at a time.
"""

import datetime as dt
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import anyio
import anyio.to_thread
import msgspec

from exporters.analytics.days.listed import NAMES, TableDay, list_days, rows_of
from exporters.analytics.reader import Reader
from exporters.analytics.settings import AnalyticsBusy, AnalyticsSettings, AnalyticsUnavailable, QueryTimeout
from exporters.analytics.sql.frames import Format, Question
from exporters.analytics.sql.readers import NoReader, ReaderLost, ReaderPool
from exporters.analytics.sql.snapshots import Snapshots
from integrations.clock import Clock
from integrations.manifest.source import nearest
from integrations.signals import QueryRun, Signal

EXPORT = "export"
"""What metrics and rows call these; no named query has this name."""

IDLE_SECONDS = 60.0
WRITE_SECONDS = 600.0
"""For one day of one table."""

_WAITING = 16
_LARGEST = 1 << 62
_SPACE = 4
"""Writing five million rows of calls reserves 1.3 GiB of address space, of which 0.5 are used (measured)."""


class UnknownDay(LookupError):  # noqa: N818 - the name says what is wrong
    """There is no such table, or it has no rows of that day; the message says which."""


class DayFile(msgspec.Struct, frozen=True, kw_only=True):
    """A day as a Parquet file. `is_own` says that it belongs to who asked for it, to be moved or removed;
    otherwise it is the archive's. `as_of` is when its rows were looked at (UTC seconds).
    """

    path: Path
    rows: int
    as_of: float
    is_own: bool
    cpu: float = 0.0


class OpenDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day to read from: an open file of `size` bytes, which is gone from the disk once it is closed where
    it is not the archive's.
    """

    file: BinaryIO
    size: int
    rows: int
    as_of: float


class DayDesk:
    """Hands out days. What it writes on the way lies in `directory`; `results` counts exports."""

    def __init__(
        self,
        directory: Path,
        *,
        archive: Path,
        reader: Reader,
        snapshots: Snapshots,
        settings: AnalyticsSettings,
        clock: Clock,
        publish: Callable[[Signal], None],
    ) -> None:
        self.results: Counter[str] = Counter()
        self._directory = directory
        self._archive = archive
        self._reader = reader
        self._snapshots = snapshots
        self._settings = settings
        self._clock = clock
        self._publish = publish
        self._waiting = 0
        self._pool = ReaderPool(
            directory / "readers",
            size=1,
            memory=settings.sql_memory_bytes,
            written=_LARGEST,
            space=_SPACE * settings.sql_memory_bytes,
            clock=clock,
        )

    def tables(self) -> Sequence[str]:
        """Return the tables that have days."""
        return NAMES

    async def days(self, *tables: str) -> tuple[TableDay, ...]:
        """Return the days that there are, of all tables unless some are named.

        Raises:
            AnalyticsUnavailable: they cannot be told now.
        """
        return await self._reader.read(
            "the list of days",
            lambda cursor: list_days(cursor, archive=self._archive, tables=tables or NAMES),
        )

    async def open(self, table: str, day: dt.date, *, caller: str) -> OpenDay:
        """Open a day to send it to a client; close its file afterwards.

        Raises:
            UnknownDay, AnalyticsUnavailable (AnalyticsBusy, QueryTimeout).
        """
        started, result, rows, cpu = self._clock.monotonic(), "cancelled", 0, 0.0
        try:
            found = await self.file(table, day)
            opened = await anyio.to_thread.run_sync(_opened, found)
            result, rows, cpu = "", found.rows, found.cpu
        except (UnknownDay, AnalyticsUnavailable) as error:
            result = _RESULTS[type(error)]
            raise
        finally:
            self.results[result or "ok"] += 1
            self._publish(
                QueryRun(
                    at=self._clock.time(),
                    query=EXPORT,
                    caller=caller,
                    duration=self._clock.monotonic() - started,
                    rows=rows,
                    error=result,
                    cpu=cpu,
                    statement=f"{table} {day}",
                )
            )
        return opened

    async def file(self, table: str, day: dt.date) -> DayFile:
        """Return a day as a file.

        Raises:
            UnknownDay, AnalyticsUnavailable (AnalyticsBusy, QueryTimeout).
        """
        if table not in NAMES:
            near = nearest(table, NAMES)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(NAMES)}"
            raise UnknownDay(f"there is no table {table!r}; {hint}")
        at = self._clock.time()
        found = next((one for one in await self.days(table) if one.day == day), None)
        if found is None:
            raise UnknownDay(f"{table} has no rows of {day}")
        if found.part is not None:
            return DayFile(path=found.part, rows=found.rows, as_of=at, is_own=False)
        return await self._written(table, day)

    async def reap(self) -> None:
        """End the process when nobody has needed it for a while."""
        await self._pool.reap(IDLE_SECONDS)

    async def aclose(self) -> None:
        """End the process; who waits for it is told that it is lost."""
        await self._pool.aclose()

    async def sweep(self) -> None:
        """Remove what an earlier process left."""
        await anyio.to_thread.run_sync(lambda: shutil.rmtree(self._directory, ignore_errors=True))

    async def _written(self, table: str, day: dt.date) -> DayFile:
        if self._waiting >= _WAITING:
            raise AnalyticsBusy(f"{self._waiting} exports wait already; try again in a moment")
        self._waiting += 1
        try:
            async with self._pool.reader(WRITE_SECONDS) as process:
                snapshot = await self._snapshots.fresh()
                await anyio.to_thread.run_sync(self._check_disk, snapshot.path)
                name = f"{secrets.token_hex(8)}.parquet"
                reply, _ = await process.ask(_question(table, day, snapshot=snapshot.path, name=name))
                if reply.error:
                    kind = QueryTimeout if reply.error == "timeout" else AnalyticsUnavailable
                    raise kind(f"{table} of {day} could not be written: {reply.detail}")
                path = await anyio.to_thread.run_sync(self._take, process.directory / name)
        except NoReader as error:
            raise AnalyticsBusy(str(error)) from error
        except ReaderLost as error:
            raise (QueryTimeout if error.is_late else AnalyticsUnavailable)(str(error)) from error
        except OSError as error:
            raise AnalyticsUnavailable(
                f"{table} of {day} could not be written: {type(error).__name__}"
            ) from error
        finally:
            self._waiting -= 1
        return DayFile(path=path, rows=reply.rows, as_of=snapshot.at, is_own=True, cpu=reply.cpu)

    def _check_disk(self, snapshot: Path) -> None:
        """A day takes less than the whole database, as a rule by far."""
        needed, free = snapshot.stat().st_size, shutil.disk_usage(self._directory).free
        if free - needed < self._settings.disk_floor:
            raise AnalyticsUnavailable(
                f"writing a day may take {needed:,} bytes, and the disk has {free:,} free of which "
                f"{self._settings.disk_floor:,} stay so (analytics.disk_floor)"
            )

    def _take(self, made: Path) -> Path:
        """The reader's directory goes with the reader."""
        return made.rename(self._directory / made.name)


_RESULTS: dict[type[Exception], str] = {
    UnknownDay: "unknown",
    AnalyticsBusy: "busy",
    QueryTimeout: "timeout",
    AnalyticsUnavailable: "unavailable",
}


def _question(table: str, day: dt.date, *, snapshot: Path, name: str) -> Question:
    return Question(
        sql=rows_of(table, day),
        format=Format.PARQUET,
        snapshot=str(snapshot),
        rows=0,
        max_bytes=0,
        seconds=WRITE_SECONDS,
        file=name,
    )


def _opened(found: DayFile) -> OpenDay:
    try:
        file = found.path.open("rb")
    except FileNotFoundError as error:
        raise AnalyticsUnavailable("the day has just been sealed or has had its time; ask again") from error
    if found.is_own:
        found.path.unlink()
    size = file.seek(0, 2)
    file.seek(0)
    return OpenDay(file=file, size=size, rows=found.rows, as_of=found.as_of)
