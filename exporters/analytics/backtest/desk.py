"""Carries out backtests: one at a time, on a thread of its own that lets others work, within a time limit."""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread
import duckdb
import msgspec

from exporters.analytics.backtest.alerts.outcome import AlertBacktest
from exporters.analytics.backtest.alerts.proposal import AlertOrder
from exporters.analytics.backtest.alerts.reading import Window, backtest_alerts
from exporters.analytics.backtest.alerts.run import WARM_UP as ALERTS_WARM_UP
from exporters.analytics.backtest.alerts.run import Otherwise
from exporters.analytics.backtest.history import MOST_CALLS, History
from exporters.analytics.backtest.order import Order
from exporters.analytics.backtest.outcome import Backtest
from exporters.analytics.backtest.recorded import RecordedCall
from exporters.analytics.backtest.run import WARM_UP, Instead, run_backtest
from exporters.analytics.database import Database, break_off, reason
from exporters.analytics.running import QueryCancelled, RunningQueries, RunningQuery
from exporters.analytics.settings import AnalyticsBusy, AnalyticsUnavailable, QueryTimeout
from integrations.clock import Clock
from integrations.signals import QueryRun, Signal

NAME = "backtest"
SECONDS = 120.0
"""How long one may take."""

WAITING = 4
"""How many may wait for the one that runs."""

_BREATH = 0.001
"""Seconds for others after every few hundred rows: a replay is Python, and would hold up the event loop."""

_AGAIN = 0.05


_ERRORS: Mapping[type[Exception], str] = {AnalyticsBusy: "busy", QueryTimeout: "timeout"}

_OF_CALLS = 0.6
"""What share of the work the replay of calls is, where alerting is replayed too."""


class _Ended(Exception):  # noqa: N818 - it is no error of the replay's
    """The replay was told to stop."""


class Backtests:
    """Replays what `database` holds (it raises AnalyticsUnavailable where there is none), and publishes a
    QueryRun for each.
    """

    def __init__(
        self,
        *,
        database: Callable[[], Database],
        clock: Clock,
        publish: Callable[[Signal], None],
        seconds: float = SECONDS,
        most_calls: int = MOST_CALLS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._publish = publish
        self._seconds = seconds
        self._most_calls = most_calls
        self._limiter = anyio.CapacityLimiter(1)
        self._waiting = 0
        self._work: _Work | None = None
        self._running = RunningQueries()

    def running(self) -> tuple[RunningQuery, ...]:
        """Those that run or wait, the oldest first; of the one that runs, how far it is."""
        work = self._work
        return tuple(
            msgspec.structs.replace(each, progress=work.progress)
            if work is not None and each.id == work.id
            else each
            for each in self._running.listed()
        )

    def cancel(self, query_id: str) -> None:
        """End one.

        Raises:
            LookupError: when none of this id runs or waits.
        """
        self._running.cancel(query_id)

    async def backtest(self, order: Order, *, caller: str, query_id: str = "") -> Backtest:
        """Replay one integration. `query_id` is what it is listed and ended by.

        Raises:
            ValueError: when there is a query of this id, or it is none.
            AnalyticsUnavailable: when there is no database; AnalyticsBusy, QueryTimeout, QueryCancelled.
        """
        began = self._clock.monotonic()
        query = RunningQuery(
            id=self._running.named(query_id),
            caller=caller,
            query=f"{NAME} {order.integration}",
            started_at=self._clock.time(),
        )
        error, calls = "unavailable", 0
        try:
            result = await self._running.run(query, partial(self._in_turn, order, query.id))
            error, calls = "", result.calls
        except AnalyticsUnavailable as raised:
            error = _ERRORS.get(type(raised), error)
            raise
        except (QueryCancelled, anyio.get_cancelled_exc_class()):
            error = "cancelled"
            raise
        finally:
            took = self._clock.monotonic() - began
            at = self._clock.time()
            self._publish(QueryRun(at=at, query=NAME, caller=caller, duration=took, rows=calls, error=error))
        return result

    async def _in_turn(self, order: Order, query_id: str) -> Backtest:
        if self._waiting > WAITING:
            raise AnalyticsBusy(f"{WAITING} backtests wait already; try again in a moment")
        self._waiting += 1
        try:
            async with self._limiter:
                return await self._run(order, query_id)
        finally:
            self._waiting -= 1

    async def _run(self, order: Order, query_id: str) -> Backtest:
        """Run it on a thread; after its time, or when its caller leaves, it is told to stop."""
        work = self._work = _Work(self._database(), order, query_id, most_calls=self._most_calls)
        try:
            return await self._carried_out(work)
        finally:
            self._work = None

    async def _carried_out(self, work: "_Work") -> Backtest:
        is_late = False
        async with anyio.create_task_group() as watched:

            async def watch() -> None:
                nonlocal is_late
                try:
                    await self._clock.sleep(self._seconds)
                    is_late = True
                finally:
                    with anyio.CancelScope(shield=True):
                        while not work.done.is_set():
                            work.stop()
                            await self._clock.sleep(_AGAIN)

            watched.start_soon(watch)
            try:
                await anyio.to_thread.run_sync(work.run, limiter=anyio.CapacityLimiter(1))
            finally:
                # Who is cancelled before the thread has begun waits for none.
                work.done.set()
            watched.cancel_scope.cancel()
        # The thread is waited for even when the caller has left; only now does that come through.
        await anyio.lowlevel.checkpoint_if_cancelled()
        if work.result is not None:
            return work.result
        if is_late:
            raise QueryTimeout(f"the backtest took longer than {self._seconds:g} s; narrow its window")
        raise AnalyticsUnavailable(f"the backtest could not be carried out: {work.error}")


class _Work:
    """One backtest on its thread."""

    def __init__(self, database: Database, order: Order, query_id: str, *, most_calls: int) -> None:
        self.id = query_id
        self.progress = 0.0
        self.result: Backtest | None = None
        self.error = ""
        self.done = threading.Event()
        self._stopped = threading.Event()
        self._database = database
        self._order = order
        self._most_calls = most_calls
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def run(self) -> None:
        """Carry it out, and keep its result or its error."""
        try:
            with self._database.reading() as cursor:
                self._cursor = cursor
                self.result = self._replayed(cursor)
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

    def _replayed(self, cursor: duckdb.DuckDBPyConnection) -> Backtest:
        order = self._order
        history = History(
            cursor,
            order.integration,
            start=order.start,
            end=order.end,
            breathe=self._breathe,
            most_calls=self._most_calls,
        )
        recorded, truncated_at = history.recorded(), history.truncated_at()
        instead = Instead() if order.alerts is not None and order.today != order.proposed else None
        calls = self._followed(history.calls(), end=truncated_at or order.end)
        found = run_backtest(
            order, calls=calls, recorded=recorded, truncated_at=truncated_at, instead=instead
        )
        if order.alerts is None:
            return found
        alerts = self._alerts(cursor, order.alerts, history, end=found.end, instead=instead)
        return msgspec.structs.replace(found, alerts=alerts)

    def _alerts(
        self,
        cursor: duckdb.DuckDBPyConnection,
        order: AlertOrder,
        history: History,
        *,
        end: float,
        instead: Instead | None,
    ) -> AlertBacktest:
        """Alerting, over what the proposed policy made of the calls where there is one."""
        start, connection = self._order.start, order.connection
        calls_from, otherwise = start - WARM_UP, None
        if instead is not None:
            ends = instead.ends.calls(integration=connection.id, vendor=connection.vendor)
            otherwise = Otherwise(calls_from, ends, instead.told(connection.id, connection.vendor))
        window = Window(start, end, calls_from, history.starts(start - ALERTS_WARM_UP))
        return backtest_alerts(
            cursor, order, window, otherwise=otherwise, breathe=self._breathe, far=self._far
        )

    def _followed(self, calls: Iterable[RecordedCall], *, end: float) -> Iterator[RecordedCall]:
        """The calls, and with each how far it is."""
        began = self._order.start - WARM_UP
        whole = (end - began) / (_OF_CALLS if self._order.alerts is not None else 1.0)
        for call in calls:
            self.progress = (call.began - began) / whole
            yield call

    def _far(self, share: float) -> None:
        """How far the replay of alerting is."""
        self.progress = _OF_CALLS + share * (1.0 - _OF_CALLS)

    def _breathe(self) -> None:
        if self._stopped.wait(_BREATH):
            raise _Ended
