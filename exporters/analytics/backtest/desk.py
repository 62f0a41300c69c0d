"""Carries out backtests, one at a time."""

from collections.abc import Callable, Iterable, Iterator

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
from exporters.analytics.backtest.watched.order import WatchOrder
from exporters.analytics.backtest.watched.outcome import WatchedBacktest
from exporters.analytics.backtest.watched.reading import backtest_watched
from exporters.analytics.catching_up import CatchUp, nothing_newer
from exporters.analytics.database import Database
from exporters.analytics.long_work import SECONDS, LongWork
from exporters.analytics.running import RunningQuery
from integrations.clock import Clock
from integrations.signals import Signal

NAME = "backtest"

_MOST_WORDS = 200
_OF_CALLS = 0.6
"""What share of the work the replay of calls is, where alerting is replayed too."""


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
        catch_up: CatchUp = nothing_newer,
    ) -> None:
        self._clock = clock
        self._most_calls = most_calls
        self._work = LongWork(
            NAME, database=database, clock=clock, publish=publish, seconds=seconds, catch_up=catch_up
        )

    def running(self) -> tuple[RunningQuery, ...]:
        """Those that run or wait, the oldest first; of the one that runs, how far it is."""
        return self._work.running()

    def cancel(self, query_id: str) -> None:
        """End one.

        Raises:
            LookupError: when none of this id runs or waits.
        """
        self._work.queries.cancel(query_id)

    async def backtest(self, order: Order, *, caller: str, query_id: str = "") -> Backtest:
        """Replay one integration. `query_id` is what it is listed and ended by.

        Raises:
            ValueError: when there is a query of this id, or it is none.
            AnalyticsUnavailable: when there is no database; AnalyticsBusy, QueryTimeout, QueryCancelled.
        """
        query = RunningQuery(
            id=self._work.queries.named(query_id),
            caller=caller,
            query=f"{NAME} {order.integration}",
            started_at=self._clock.time(),
        )
        replaying = _Replaying(order, most_calls=self._most_calls)
        return await self._work.carry_out(replaying, query, rows=lambda result: result.calls)

    async def watched(
        self, order: WatchOrder, *, caller: str, query_id: str = ""
    ) -> tuple[WatchedBacktest, ...]:
        """Replay objectives and heartbeats. `query_id` is what it is listed and ended by.

        Raises:
            ValueError: when there is a query of this id, or it is none.
            AnalyticsUnavailable: when there is no database; AnalyticsBusy, QueryTimeout, QueryCancelled.
        """
        query = RunningQuery(
            id=self._work.queries.named(query_id),
            caller=caller,
            query=f"{NAME} {', '.join((*order.objectives, *order.heartbeats))}"[:_MOST_WORDS],
            started_at=self._clock.time(),
        )
        return await self._work.carry_out(
            _ReplayingWatched(order), query, rows=lambda found: sum(each.heard for each in found)
        )


class _ReplayingWatched:
    """One backtest of objectives and heartbeats, and how far it is."""

    def __init__(self, order: WatchOrder) -> None:
        self.progress: float | None = 0.0
        self._order = order

    def carry_out(
        self, cursor: duckdb.DuckDBPyConnection, breathe: Callable[[], None]
    ) -> tuple[WatchedBacktest, ...]:
        """Replay them."""
        return backtest_watched(cursor, self._order, breathe=breathe, far=self._far)

    def _far(self, share: float) -> None:
        self.progress = share


class _Replaying:
    """One backtest, and how far it is."""

    def __init__(self, order: Order, *, most_calls: int) -> None:
        self.progress: float | None = 0.0
        self._order = order
        self._most_calls = most_calls

    def carry_out(self, cursor: duckdb.DuckDBPyConnection, breathe: Callable[[], None]) -> Backtest:
        """Replay it."""
        order = self._order
        history = History(
            cursor,
            order.integration,
            start=order.start,
            end=order.end,
            breathe=breathe,
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
        alerts = self._alerts(cursor, order.alerts, history, end=found.end, instead=instead, breathe=breathe)
        return msgspec.structs.replace(found, alerts=alerts)

    def _alerts(
        self,
        cursor: duckdb.DuckDBPyConnection,
        order: AlertOrder,
        history: History,
        *,
        end: float,
        instead: Instead | None,
        breathe: Callable[[], None],
    ) -> AlertBacktest:
        """Alerting, over what the proposed policy made of the calls where there is one."""
        start, connection = self._order.start, order.connection
        calls_from, otherwise = start - WARM_UP, None
        if instead is not None:
            ends = instead.ends.calls(integration=connection.id, vendor=connection.vendor)
            otherwise = Otherwise(calls_from, ends, instead.told(connection.id, connection.vendor))
        window = Window(start, end, calls_from, history.starts(start - ALERTS_WARM_UP))
        return backtest_alerts(cursor, order, window, otherwise=otherwise, breathe=breathe, far=self._far)

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
