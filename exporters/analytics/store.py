"""AnalyticsStore, the face of this package: takes signals, keeps them, answers questions.

on_signal -> feed -> (in 10 ms) spool thread -> segment -> (sealed within 10 s) writer thread -> hot.duckdb.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

import anyio
import anyio.to_thread
import duckdb
import structlog

from exporters.analytics.archive.keeper import ArchiveKeeper
from exporters.analytics.backtest.desk import Backtests
from exporters.analytics.catching_up import CatchingUp
from exporters.analytics.copier import Copier, StoredSignals
from exporters.analytics.database import SHUTS_DOWN, Database
from exporters.analytics.days.service import DayService
from exporters.analytics.feed import TICK, Feed
from exporters.analytics.paging import Page, PageRequest
from exporters.analytics.queries import NamedQuery, bundled_queries
from exporters.analytics.reader import QueryResult, Reader
from exporters.analytics.report.desk import Reports
from exporters.analytics.running import RunningQuery
from exporters.analytics.settings import AnalyticsSettings, AnalyticsUnavailable
from exporters.analytics.spool import Spool
from exporters.analytics.sql.desk import FREE_SQL, SQLDesk
from exporters.analytics.sql.snapshots import Snapshots
from exporters.analytics.status import AnalyticsStatus
from exporters.analytics.tables import STORED, TABLES
from exporters.analytics.writer import Writer
from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import Signal

log = structlog.get_logger("dialtone.analytics")

CLOSE_SECONDS = 10.0

_LOAD_TICK = 0.25
_COPY_SECONDS = 1.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 4.0


class AnalyticsStore:
    """Keeps every signal in `directory` and answers named queries.

    Nothing that happens here raises into a publisher or stops a call: what cannot be kept is counted, what
    fails is tried again with back-off, and `status` says why. `stored` is the log that health changes and
    operator actions are copied from; without it they are taken as they are published.
    """

    def __init__(
        self,
        directory: Path,
        *,
        clock: Clock,
        stored: StoredSignals | None = None,
        settings: AnalyticsSettings | None = None,
        publish: Callable[[Signal], None] = lambda _signal: None,
    ) -> None:
        self._clock = clock
        self._settings = settings = settings or AnalyticsSettings()
        self._skip = STORED if stored else frozenset()
        self._spool = Spool(directory / "spool", clock=clock, settings=settings, skip=self._skip)
        self._writer = Writer(directory, self._spool, clock=clock, settings=settings)
        self.declare = self._writer.rollups.declare
        self._spool_thread, self._writer_thread = anyio.CapacityLimiter(1), anyio.CapacityLimiter(1)
        self.catch_up = CatchingUp(self._writer.catch_up, thread=self._writer_thread, clock=clock).wait
        self._reader = self._named_queries(directory, publish)
        self.backtests = Backtests(
            database=self._database, clock=clock, publish=publish, catch_up=self.catch_up
        )
        self.reports = Reports(database=self._database, clock=clock, publish=publish, catch_up=self.catch_up)
        self._feed = Feed(self._spool, clock=clock, room=settings.queue_rows if settings.enabled else 0)
        self._put = self._feed.put
        self._refused: Counter[tuple[str, str]] = Counter()
        self._restarts: Counter[str] = Counter()
        self._state = "" if settings.enabled else "analytics is turned off in the configuration"
        self._is_recovered = self._is_drained = False
        self.sql = self._free_sql(directory, publish)
        self._archive = self._archive_keeper()
        self._copier = Copier(stored, self._writer, thread=self._writer_thread) if stored else None
        self._days = self._day_service(directory, publish)
        self.days = self._days.desk

    def on_signal(self, signal: Signal) -> None:
        """Take one signal; when the queue is full it is dropped and counted."""
        if not self._put(signal) and self._settings.enabled and type(signal) not in self._skip:
            self._refused[TABLES[type(signal)], "closed" if self._state else "queue_full"] += 1

    async def start(self) -> None:
        """Take over what an earlier process left, and open the file. A failure is in `status`, not raised."""
        if not self._settings.enabled:
            return
        try:
            await self._recover()
            await anyio.to_thread.run_sync(self._reader.sweep, limiter=self._spool_thread)
            await anyio.to_thread.run_sync(self._writer.step, limiter=self._writer_thread)
        except (OSError, AnalyticsUnavailable) as error:
            log.warning("analytics_start", reason=str(error))

    async def run(self) -> None:
        """Spool and load until cancelled or closed."""
        if not self._settings.enabled:
            return
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep, "analytics-spool", self._spool_forever)
            group.start_soon(self._keep, "analytics-writer", self._load_forever)
            group.start_soon(self._keep, "analytics-sql", self.sql.run)
            group.start_soon(self._keep, "analytics-archive", self._archive.run)
            group.start_soon(self._keep, "analytics-days", self._days.run)
            if self._copier:
                group.start_soon(self._keep, "analytics-copier", self._copy_forever)

    async def aclose(self) -> None:
        """Take no more signals, and bring those taken into the file, within `CLOSE_SECONDS`; what is not
        loaded by then stays in segments for the next start.
        """
        if self._state:
            return
        self._state, self._feed.room = SHUTS_DOWN, 0
        with anyio.CancelScope(shield=True):
            await self.sql.aclose()
            await self._days.aclose()
            async with anyio.create_task_group() as group:
                group.start_soon(self._break_off, group.cancel_scope)
                await self._drain()
                group.cancel_scope.cancel()
            await anyio.to_thread.run_sync(self._writer.close, SHUTS_DOWN, limiter=self._writer_thread)
            self._spool.close()

    async def query(self, name: str, params: Mapping[str, str], *, caller: str) -> QueryResult:
        """Answer a named query.

        Raises:
            UnknownQuery(LookupError), InvalidParams(ValueError), AnalyticsUnavailable(RuntimeError).
        """
        return await self._reader.query(name, params, caller=caller)

    async def page(self, request: PageRequest, *, caller: str) -> Page:
        """Answer a page of a named query in a format.

        Raises:
            UnknownQuery, InvalidParams, AnswerTooLarge, QueryCancelled, AnalyticsUnavailable.
        """
        return await self._reader.page(request, caller=caller)

    def running(self) -> tuple[RunningQuery, ...]:
        """Return the queries that run or wait, named ones, SQL, backtests and reports, the oldest first."""
        others = (*self.backtests.running(), *self.reports.running())
        found = (*self._reader.running.listed(), *self.sql.running(), *others)
        return tuple(sorted(found, key=lambda query: query.started_at))

    def cancel(self, query_id: str) -> None:
        """End a query.

        Raises:
            LookupError: when none of this id runs or waits.
        """
        if any(query.id == query_id for query in self._reader.running.listed()):
            self._reader.running.cancel(query_id)
        elif any(query.id == query_id for query in self.backtests.running()):
            self.backtests.cancel(query_id)
        elif any(query.id == query_id for query in self.reports.running()):
            self.reports.cancel(query_id)
        else:
            self.sql.cancel(query_id)

    def queries(self) -> tuple[NamedQuery, ...]:
        """Return the named queries."""
        return tuple(self._reader.queries.values())

    def status(self) -> AnalyticsStatus:
        """Return how analytics is now."""
        problem = self._state or self._spool.problem or self._writer.problem
        return AnalyticsStatus(
            ok=not problem,
            reason=problem,
            freshness=self._lag(),
            rows={table: self._writer.rows[table] for table in TABLES.values()},
            dropped=self._dropped().total(),
            spool_bytes=self._spool.size,
            set_aside=self._writer.set_aside,
            checkpointed_at=self._writer.checkpointed_at,
            engine=f"DuckDB {duckdb.__version__}",
            archive=self._archive.status(),
            folder=self._days.status(),
        )

    def samples(self) -> Iterable[Sample]:
        """Rows, drops, lag, sizes and queries, as the catalogue names them."""
        yield from self.status().samples()
        yield Sample("dialtone_analytics_load_duration_seconds", (), self._writer.load_seconds)
        yield Sample("dialtone_queue_depth", ("analytics",), self._feed.depth)
        yield Sample("dialtone_queue_depth", ("analytics-queries",), self._reader.waiting)
        yield Sample("dialtone_queue_depth", ("analytics-sql",), len(self.sql.running()))
        for file, size in self._writer.file_bytes.items():
            yield Sample("dialtone_analytics_file_bytes", (file,), size)
        for labels, count in self._dropped().items():
            yield Sample("dialtone_analytics_dropped_total", labels, count)
        for labels, count in self._reader.results.items():
            yield Sample("dialtone_analytics_queries_total", labels, count)
        for result, count in self.sql.results.items():
            yield Sample("dialtone_analytics_queries_total", (FREE_SQL, result), count)
        yield from self._writer.rollups.samples()
        yield from self._days.samples()
        for task, count in self._restarts.items():
            yield Sample("dialtone_task_restarts_total", (task,), count)

    def _free_sql(self, directory: Path, publish: Callable[[Signal], None]) -> SQLDesk:
        settings, clock = self._settings, self._clock
        snapshots = Snapshots(
            directory / "snapshots",
            flush=self._writer.flush,
            thread=self._writer_thread,
            clock=clock,
            disk_floor=settings.disk_floor,
        )
        return SQLDesk(
            directory / "readers", snapshots=snapshots, settings=settings, clock=clock, publish=publish
        )

    def _named_queries(self, directory: Path, publish: Callable[[Signal], None]) -> Reader:
        return Reader(
            bundled_queries(),
            database=self._database,
            directory=directory / "pages",
            clock=self._clock,
            settings=self._settings,
            publish=publish,
            catch_up=self.catch_up,
        )

    def _day_service(self, directory: Path, publish: Callable[[Signal], None]) -> DayService:
        return DayService(
            directory,
            reader=self._reader,
            snapshots=self.sql.snapshots,
            settings=self._settings,
            clock=self._clock,
            publish=publish,
        )

    def _archive_keeper(self) -> ArchiveKeeper:
        return ArchiveKeeper(
            self._writer,
            copies=self.sql.snapshots,
            thread=self._writer_thread,
            disk_problem=self._spool.disk_problem,
            clock=self._clock,
            settings=self._settings,
        )

    async def _recover(self) -> None:
        if not self._is_recovered:
            await anyio.to_thread.run_sync(self._spool.recover, limiter=self._spool_thread)
            self._is_recovered = True

    async def _spool_forever(self) -> None:
        await self._recover()
        if self._state:
            return
        self._feed.open()
        try:
            await anyio.to_thread.run_sync(self._feed.run, limiter=self._spool_thread, abandon_on_cancel=True)
        finally:
            self._feed.halt()

    async def _load_forever(self) -> None:
        while not self._state:
            if self._is_recovered and self._writer.is_due():
                await anyio.to_thread.run_sync(self._writer.step, limiter=self._writer_thread)
            await self._clock.sleep(_LOAD_TICK)

    async def _copy_forever(self) -> None:
        while self._copier and not self._state:
            await self._copier.copy()
            await self._clock.sleep(_COPY_SECONDS)

    async def copied(self) -> int | None:
        """Return how far the log of stored signals is copied; None while that cannot be told."""
        return self._copier.position() if self._copier else None

    async def _drain(self) -> None:
        try:
            self._feed.halt()
            if self._is_recovered:
                await anyio.to_thread.run_sync(self._feed.drain, limiter=self._spool_thread)
                await anyio.to_thread.run_sync(self._writer.step, limiter=self._writer_thread)
                if self._copier:
                    await self._copier.copy()
                await anyio.to_thread.run_sync(self._writer.finish, limiter=self._writer_thread)
        except Exception as error:  # noqa: BLE001 - what is left stays in segments; stopping goes on
            log.warning("analytics_drain", reason=str(error))
        finally:
            self._is_drained = True

    async def _break_off(self, drain: anyio.CancelScope) -> None:
        await self._clock.sleep(CLOSE_SECONDS)
        drain.cancel()
        with anyio.CancelScope(shield=True):
            while not self._is_drained:
                self._writer.interrupt()
                await self._clock.sleep(TICK)

    async def _keep(self, name: str, task: Callable[[], Awaitable[None]]) -> None:
        """Keep a loop alive: what it raises is counted, and told when it is something new; it starts again
        after a growing wait, short enough to go on within 5 s of when it can.
        """
        wait, told = _FIRST_WAIT, ""
        while not self._state:
            started = self._clock.monotonic()
            try:
                await task()
            except Exception as error:  # noqa: BLE001 - the owner of a loop
                self._restarts[name] += 1
                if str(error) != told:
                    log.warning("analytics_restart", task=name, reason=str(error))
                told = str(error)
            if self._clock.monotonic() - started > _LONGEST_WAIT:
                wait = _FIRST_WAIT
            await self._clock.sleep(0 if self._state else wait)
            wait = min(wait * 2, _LONGEST_WAIT)

    def _database(self) -> Database:
        database = self._writer.database
        if self._state or database is None:
            raise AnalyticsUnavailable(f"analytics is off: {self._state or self._writer.problem}")
        return database

    def _lag(self) -> float:
        """How old the oldest is that is not loaded yet."""
        waiting = [at for at in (self._feed.oldest, self._spool.oldest) if at is not None]
        return max(0.0, self._clock.time() - min(waiting)) if waiting else 0.0

    def _dropped(self) -> Counter[tuple[str, str]]:
        lost = Counter({(table, "unreadable"): count for table, count in self._writer.lost.copy().items()})
        return self._refused + self._spool.dropped.copy() + lost
