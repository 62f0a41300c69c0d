"""Whoever asks analytics and leaves at once is let go, and the next is answered."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from exporters.analytics.backtest.order import Order as BacktestOrder
from exporters.analytics.store import AnalyticsStore
from integrations.clock import SystemClock
from integrations.execution.policy import Policy
from tests.exporters.analytics.generated import SETTINGS
from tests.exporters.analytics.report.asked import order

REPORT = order("2027-01-15", "2027-01-16")
BACKTEST = BacktestOrder(integration="shop", today=Policy(), proposed=Policy(), start=0.0, end=10.0)
ASKS: dict[str, Callable[[AnalyticsStore], Awaitable[object]]] = {
    "query": lambda store: store.query("top_errors", {}, caller="ann"),
    "backtest": lambda store: store.backtests.backtest(BACKTEST, caller="ann"),
    "report": lambda store: store.reports.report(REPORT, caller="ann"),
}


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
async def test_who_leaves_before_the_thread_begins_holds_up_nobody(tmp_path: Path, ask) -> None:
    store = AnalyticsStore(tmp_path, clock=SystemClock(), settings=SETTINGS)
    await store.start()
    with anyio.fail_after(10):
        for steps in range(5):
            async with anyio.create_task_group() as group:
                group.start_soon(ask, store)
                for _ in range(steps):
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
        await ask(store)
    await store.aclose()
