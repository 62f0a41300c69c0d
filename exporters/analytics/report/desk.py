"""Makes reports: one at a time, on a thread of its own that lets others work, within a time limit."""

import threading
from collections.abc import Callable, Mapping
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread
import duckdb

from exporters.analytics.database import Database, break_off, reason
from exporters.analytics.report.compiling import compile_report
from exporters.analytics.report.order import Order
from exporters.analytics.report.outcome import Report
from exporters.analytics.running import QueryCancelled, RunningQueries, RunningQuery
from exporters.analytics.settings import AnalyticsBusy, AnalyticsUnavailable, QueryTimeout
from integrations.clock import Clock
from integrations.signals import QueryRun, Signal

NAME = "report"
SECONDS = 120.0
"""How long one may take."""

WAITING = 4
"""How many may wait for the one that is made."""

_ERRORS: Mapping[type[Exception], str] = {AnalyticsBusy: "busy", QueryTimeout: "timeout"}
_BREATH = 0.001
_AGAIN = 0.05


class _Ended(Exception):  # noqa: N818 - it is no error of the report's
    """The work was told to stop."""


class Reports:
    """Makes reports of what `database` holds (it raises AnalyticsUnavailable where there is none), and
    publishes a QueryRun for each.
    """

    def __init__(
        self,
        *,
        database: Callable[[], Database],
        clock: Clock,
        publish: Callable[[Signal], None],
        seconds: float = SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._publish = publish
        self._seconds = seconds
        self._limiter = anyio.CapacityLimiter(1)
        self._waiting = 0
        self._running = RunningQueries()

    def running(self) -> tuple[RunningQuery, ...]:
        """Those that are made or wait, the oldest first."""
        return self._running.listed()

    def cancel(self, query_id: str) -> None:
        """End one.

        Raises:
            LookupError: when none of this id is made or waits.
        """
        self._running.cancel(query_id)

    async def report(self, order: Order, *, caller: str) -> Report:
        """Make one.

        Raises:
            AnalyticsUnavailable: when there is no database; AnalyticsBusy, QueryTimeout, QueryCancelled.
        """
        began, error = self._clock.monotonic(), "unavailable"
        query = RunningQuery(
            id=self._running.named(""), caller=caller, query=NAME, started_at=self._clock.time()
        )
        try:
            made = await self._running.run(query, partial(self._in_turn, order))
            error = ""
        except AnalyticsUnavailable as raised:
            error = _ERRORS.get(type(raised), error)
            raise
        except (QueryCancelled, anyio.get_cancelled_exc_class()):
            error = "cancelled"
            raise
        finally:
            self._tell(caller, took=self._clock.monotonic() - began, error=error)
        return made

    def _tell(self, caller: str, *, took: float, error: str) -> None:
        rows = int(not error)
        at = self._clock.time()
        self._publish(QueryRun(at=at, query=NAME, caller=caller, duration=took, rows=rows, error=error))

    async def _in_turn(self, order: Order) -> Report:
        if self._waiting > WAITING:
            raise AnalyticsBusy(f"{WAITING} reports wait already; try again in a moment")
        self._waiting += 1
        try:
            async with self._limiter:
                return await self._run(order)
        finally:
            self._waiting -= 1

    async def _run(self, order: Order) -> Report:
        """Run it on a thread; after its time, or when its caller leaves, it is told to stop."""
        work = _Work(self._database(), order, made_at=self._clock.time())
        async with anyio.create_task_group() as watched:
            watched.start_soon(self._watch, work)
            try:
                await anyio.to_thread.run_sync(work.run, limiter=anyio.CapacityLimiter(1))
            finally:
                # Who is cancelled before the thread has begun waits for none.
                work.done.set()
            watched.cancel_scope.cancel()
        # The thread is waited for even when the caller has left; only now does that come through.
        await anyio.lowlevel.checkpoint_if_cancelled()
        if work.report is not None:
            return work.report
        if work.is_late:
            raise QueryTimeout(f"the report took longer than {self._seconds:g} s; narrow its time")
        raise AnalyticsUnavailable(f"the report could not be made: {work.error}")

    async def _watch(self, work: "_Work") -> None:
        try:
            await self._clock.sleep(self._seconds)
            work.is_late = True
        finally:
            with anyio.CancelScope(shield=True):
                while not work.done.is_set():
                    work.stop()
                    await self._clock.sleep(_AGAIN)


class _Work:
    """One report on its thread."""

    def __init__(self, database: Database, order: Order, *, made_at: float) -> None:
        self.report: Report | None = None
        self.error = ""
        self.is_late = False
        self.done = threading.Event()
        self._stopped = threading.Event()
        self._database = database
        self._order = order
        self._made_at = made_at
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def run(self) -> None:
        """Make it, and keep it or its error."""
        try:
            with self._database.reading() as cursor:
                self._cursor = cursor
                self.report = compile_report(
                    cursor, self._order, made_at=self._made_at, breathe=self._breathe
                )
        except _Ended:
            self.error = "it was stopped"
        except (duckdb.Error, AnalyticsUnavailable) as error:
            self.error = reason(error)
        finally:
            self._cursor = None
            self.done.set()

    def stop(self) -> None:
        """Break it off."""
        self._stopped.set()
        cursor = self._cursor
        if cursor is not None:
            break_off(cursor)

    def _breathe(self) -> None:
        if self._stopped.wait(_BREATH):
            raise _Ended
