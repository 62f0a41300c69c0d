"""Carries out a backtest of alerting over what DuckDB holds."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import duckdb

from exporters.analytics.backtest.alerts.outcome import AlertBacktest
from exporters.analytics.backtest.alerts.proposal import AlertOrder
from exporters.analytics.backtest.alerts.run import WARM_UP, Happened, Otherwise, run_alert_backtest
from exporters.analytics.backtest.alerts.stream import MOST_CALLS, SignalReader

_AFTER = 1.0
"""Seconds after the last sign of life in which Dialtone is taken to have run."""


class Window(NamedTuple):
    """The time that is counted, when calls are replayed from (before there may be too many), and when
    Dialtone was started since WARM_UP before it.
    """

    start: float
    end: float
    calls_from: float
    starts: Sequence[float] = ()


def backtest_alerts(
    cursor: duckdb.DuckDBPyConnection,
    order: AlertOrder,
    window: Window,
    *,
    otherwise: Otherwise | None,
    breathe: Callable[[], None],
    far: Callable[[float], None] = lambda _: None,
) -> AlertBacktest:
    """Read what was recorded, and replay it under both rules. `breathe` is called now and then, and may raise
    to end the work; `far` is told which share of it is done.
    """
    connection, end = order.connection, window.end
    reader = SignalReader(cursor, connection.id, vendor=connection.vendor, breathe=breathe)
    began = window.start - WARM_UP
    calls_from = began if reader.call_count(began, end) <= MOST_CALLS else window.calls_from
    happened = Happened(
        calls=partial(reader.calls, calls_from, end),
        checks=reader.checks(began, end),
        took=reader.seconds_of_checks(began, end),
        others=reader.others(began, end),
        outages=tuple(outages(reader, window.starts)),
    )

    def turn(share: float) -> None:
        far(share)
        breathe()

    return run_alert_backtest(order, happened, start=window.start, end=end, otherwise=otherwise, breathe=turn)


def outages(reader: SignalReader, starts: Sequence[float]) -> Iterator[tuple[float, float]]:
    """When Dialtone did not run: from the last thing it recorded to its start."""
    for at in starts:
        last = reader.last_sign(at)
        yield min(at, at if last is None else last + _AFTER), at
