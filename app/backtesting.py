"""What replays the past, as the API needs it."""

from typing import Protocol

from exporters.analytics.backtest.order import Order
from exporters.analytics.backtest.outcome import Backtest
from exporters.analytics.backtest.watched.order import WatchOrder
from exporters.analytics.backtest.watched.outcome import WatchedBacktest


class Backtester(Protocol):
    """Replays what was recorded under another policy."""

    async def backtest(self, order: Order, /, *, caller: str, query_id: str = "") -> Backtest:
        """Replay one integration.

        ValueError (for the id), QueryCancelled or AnalyticsUnavailable is raised.
        """
        ...

    async def watched(
        self, order: WatchOrder, /, *, caller: str, query_id: str = ""
    ) -> tuple[WatchedBacktest, ...]:
        """Replay objectives and heartbeats; raises the same."""
        ...
