"""The keeper: seals days as they become old, lets those go that have had their time, and says how it went.
It copies too what the database alone holds.

What changes the database runs on the writer's thread, a few milliseconds at a time; rows are sorted and
written on a thread of its own meanwhile.
"""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

import anyio
import anyio.to_thread
import duckdb
import msgspec
import structlog

from exporters.analytics.archive.sealed import Archive, Totals
from exporters.analytics.archive.sealing import Part, write_part
from exporters.analytics.beside import Beside
from exporters.analytics.database import reason
from exporters.analytics.kept.keeper import CopyKeeper
from exporters.analytics.settings import AnalyticsSettings, AnalyticsUnavailable, CheckpointHeldUp
from exporters.analytics.tables import TABLES
from exporters.analytics.writer import Writer
from integrations.clock import Clock
from integrations.samples import Sample

log = structlog.get_logger("dialtone.analytics")

TICK = 5.0
SWEEP_SECONDS = 3_600.0
"""Between two looks for rows of days that are over; a new UTC day begins one at once."""

AGAIN_SECONDS = 60.0
"""After a sweep that failed."""

LINGER_SECONDS = 60.0
"""How much longer than the longest query a file stays that no view names any more."""

LONGEST_BACKTEST = 120.0
_WHOLE_DAYS = dt.timedelta(days=1)
_PAUSE = 0.02

T = TypeVar("T")


class Copies(Protocol):
    """Copies of the database that others read, and that name files of the archive."""

    async def replace_before(self, at: float, /) -> None:
        """Let none stay that was made before a time (UTC seconds)."""
        ...


class ArchiveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How the archive is. `totals` is what is sealed, by table, `rows` how many rows this process has sealed,
    `freed_bytes` what retention gave back; `swept_at` is when it was last looked through (UTC seconds).
    `problem` says why that failed since, `missing` which listed files cannot be read, `strange` which files
    are not Dialtone's, or a newer one's. `kept_bytes` is what copies take of what the database alone holds,
    by table.
    """

    totals: Mapping[str, Totals]
    rows: Mapping[str, int]
    freed_bytes: int
    swept_at: float | None
    problem: str
    missing: tuple[str, ...]
    strange: tuple[str, ...]
    kept_bytes: Mapping[str, int]

    def samples(self) -> Iterable[Sample]:
        """Days, files, bytes, rows and problems, as the catalogue names them."""
        for table, totals in self.totals.items():
            yield Sample("dialtone_analytics_archive_partitions", (table,), totals.days)
            yield Sample("dialtone_analytics_archive_files", (table,), totals.files)
            yield Sample("dialtone_analytics_archive_bytes", (table,), totals.size)
        for table, rows in self.rows.items():
            yield Sample("dialtone_analytics_rows_sealed_total", (table,), rows)
        yield Sample("dialtone_analytics_archive_freed_bytes_total", (), self.freed_bytes)
        yield Sample("dialtone_analytics_archive_up", (), float(not self.problem))
        yield Sample("dialtone_analytics_archive_files_missing", (), len(self.missing))
        for table, size in self.kept_bytes.items():
            yield Sample("dialtone_analytics_kept_bytes", (table,), size)
        if self.swept_at is not None:
            yield Sample("dialtone_analytics_sweep_timestamp_seconds", (), self.swept_at)


class ArchiveKeeper:
    """Looks after the archive of whatever database the writer has open. `thread` is the writer's."""

    def __init__(
        self,
        writer: Writer,
        *,
        copies: Copies,
        thread: anyio.CapacityLimiter,
        disk_problem: Callable[[], str],
        clock: Clock,
        settings: AnalyticsSettings,
    ) -> None:
        self._writer = writer
        self._copies = copies
        self._thread = thread
        self._beside = Beside(database=lambda: writer.database, disk_problem=disk_problem, clock=clock)
        self._kept = CopyKeeper(writer, beside=self._beside, clock=clock, retention=settings.retention)
        self._clock = clock
        self._settings = settings
        self._rows = dict.fromkeys(TABLES.values(), 0)
        self._freed_bytes = 0
        self._problem = ""
        self._swept_at: float | None = None
        self._due = float("-inf")
        self._day: dt.date | None = None
        self._expired_at: float | None = None

    async def run(self) -> None:
        """Look after it until cancelled."""
        while True:
            await self._clock.sleep(TICK)
            await self.look()

    async def look(self) -> None:
        """Do what is due; what fails is told in the status and tried again."""
        try:
            await self._remove_expired()
            if self._clock.monotonic() >= self._due or self._today() != self._day:
                await self.sweep()
                self._say("")
            elif self._kept.is_due():
                await self._kept.keep()
        except (AnalyticsUnavailable, duckdb.Error, OSError) as error:
            # Copies are tried at each look: what fails there must not put the next sweep off.
            self._due = min(self._due, self._clock.monotonic() + AGAIN_SECONDS)
            self._say(reason(error))

    async def sweep(self) -> None:
        """Seal what is old enough, and let go what is too old; on a full disk the second alone.

        Raises:
            AnalyticsUnavailable, duckdb.Error, OSError: it was broken off; nothing is lost.
        """
        self._due = self._clock.monotonic() + SWEEP_SECONDS
        self._day = self._today()
        problem = await self._beside.disk_problem()
        if not problem:
            for part in await self._with_archive(self._plan):
                await self._seal(part)
        await self._with_archive(self._expire)
        if problem:
            raise AnalyticsUnavailable(problem)
        # The writer tries again within a second, long before a file goes.
        with contextlib.suppress(CheckpointHeldUp):
            await self._with_archive(lambda _: self._writer.checkpoint())
        await self._kept.keep()
        self._swept_at = self._clock.time()

    def status(self) -> ArchiveStatus:
        """Return how the archive is now."""
        archive = self._writer.archive
        return ArchiveStatus(
            totals=archive.totals() if archive else {},
            rows=self._rows,
            freed_bytes=self._freed_bytes,
            swept_at=self._swept_at,
            problem=self._problem,
            missing=archive.missing if archive else (),
            strange=archive.strange if archive else (),
            kept_bytes=self._kept.sizes,
        )

    def _plan(self, archive: Archive) -> Sequence[Part]:
        """What is sealed is checkpointed before: its segments are gone, and cannot bring the rows again."""
        parts = archive.plan(self._today() - _WHOLE_DAYS)
        if parts:
            self._writer.checkpoint()
        return parts

    async def _seal(self, part: Part) -> None:
        database, archive = self._writer.database, self._writer.archive
        if database is None or archive is None:
            raise AnalyticsUnavailable("the database was closed while its days were sealed")
        # The folder for other programs has the archive's files themselves.
        is_whole = bool(self._settings.folder)
        file = await self._beside.do(
            partial(write_part, part=part, archive=archive.folder, is_whole=is_whole)
        )
        if file is not None and await self._with_archive(lambda archive: archive.seal(part, file)):
            self._rows[part.footer.table] += part.footer.rows
        await self._clock.sleep(_PAUSE)

    def _expire(self, archive: Archive) -> None:
        """Let go what is too old. Unless the disk is full the list is checkpointed long before its files go,
        so that a damaged log cannot bring back their names.
        """
        longest = max(self._settings.query_seconds, self._settings.sql_seconds, LONGEST_BACKTEST)
        due = self._clock.monotonic() + longest + LINGER_SECONDS
        if archive.expire(self._settings.retention, today=self._today(), due=due):
            self._expired_at = self._clock.time()

    async def _remove_expired(self) -> None:
        archive = self._writer.archive
        if archive is None or not archive.is_unlinking_due():
            return
        if self._expired_at is not None:
            await self._copies.replace_before(self._expired_at)
        self._freed_bytes += await self._with_archive(Archive.unlink)

    async def _with_archive(self, work: Callable[[Archive], T]) -> T:
        """Do it on the writer's thread.

        Raises:
            AnalyticsUnavailable: when the database is closed.
        """

        def do() -> list[T]:
            # A list, because what is done may itself give None.
            found = self._writer.with_archive(lambda archive: [work(archive)])
            return found or []

        done = await anyio.to_thread.run_sync(do, limiter=self._thread)
        if not done:
            raise AnalyticsUnavailable(f"the database is closed: {self._writer.problem}")
        return done[0]

    def _today(self) -> dt.date:
        return dt.datetime.fromtimestamp(self._clock.time(), dt.UTC).date()

    def _say(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("analytics_archive_off", reason=problem) if problem else log.info(
                "analytics_archive_on"
            )
        self._problem = problem
