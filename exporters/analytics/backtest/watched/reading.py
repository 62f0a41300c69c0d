"""Carries out a backtest of objectives and heartbeats over what DuckDB holds."""

from collections.abc import Callable, Sequence

import duckdb

from exporters.analytics.backtest.alerts.reading import outages
from exporters.analytics.backtest.alerts.stream import SignalReader
from exporters.analytics.backtest.history import starts
from exporters.analytics.backtest.watched.heartbeats import Reported, run_heartbeat_backtest
from exporters.analytics.backtest.watched.objectives import Past, run_objective_backtests
from exporters.analytics.backtest.watched.order import WatchOrder, heartbeat_of
from exporters.analytics.backtest.watched.outcome import WatchedBacktest
from exporters.analytics.backtest.watched.stream import MOST_REPORTS, MOST_ROWS, WatchReader
from monitors.slo_counts import MINUTES_KEPT
from monitors.slo_report import DAY

_OF_OBJECTIVES = 0.9
"""What share of the work the replay of objectives is."""


def backtest_watched(
    cursor: duckdb.DuckDBPyConnection,
    order: WatchOrder,
    *,
    breathe: Callable[[], None],
    far: Callable[[float], None] = lambda _: None,
    most: int = MOST_ROWS,
    most_reports: int = MOST_REPORTS,
) -> tuple[WatchedBacktest, ...]:
    """Read what was recorded, and replay it under both settings. `breathe` is called now and then, and may
    raise to end the work; `far` is told which share of it is done.
    """

    def turn(share: float) -> None:
        far(share * _OF_OBJECTIVES)
        breathe()

    reader = WatchReader(cursor, breathe=breathe, most=most, most_reports=most_reports)
    away = _Away(cursor, order, breathe=breathe)
    objectives = run_objective_backtests(order, _past(reader, order, away), breathe=turn)
    heartbeats = tuple(
        _heartbeat(reader, order, name, away=away, breathe=breathe) for name in order.heartbeats
    )
    return (*objectives, *heartbeats)


class _Away:
    """When Dialtone did not run."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, order: WatchOrder, *, breathe: Callable[[], None]
    ) -> None:
        self._cursor = cursor
        self._end = order.end
        self._reader = SignalReader(cursor, "", vendor="", breathe=breathe)

    def since(self, start: float) -> Sequence[tuple[float, float]]:
        """From the last sign of life to the next start, each time since a moment."""
        return tuple(outages(self._reader, starts(self._cursor, start, self._end)))


def _past(reader: WatchReader, order: WatchOrder, away: _Away) -> Past:
    began = order.start - MINUTES_KEPT
    return Past(
        events=lambda names, start, end, limits: reader.events(names, start, end, limits=limits),
        hours=lambda slo, names, start, end: reader.hours(slo, integrations=names, start=start, end=end),
        changes=reader.changes(began, order.end),
        kept_from=reader.kept_from(order.end),
        recorded_from=reader.recorded_from(),
        outages=away.since(began),
        truncated_at=lambda: reader.truncated_at,
        widest=lambda: reader.widest,
    )


def _heartbeat(
    reader: WatchReader, order: WatchOrder, heartbeat: str, *, away: _Away, breathe: Callable[[], None]
) -> WatchedBacktest:
    recorded_from = reader.recorded_from()
    floor = max(recorded_from, order.known_since.get(heartbeat, order.start))
    success = reader.last_success(heartbeat, order.start)
    read_from = order.start - DAY if success is None else success - _longest(order, heartbeat)
    # One that was never heard of is due since it was configured.
    began = floor if success is None else max(floor, read_from)
    reports = reader.reports(heartbeat, max(floor, read_from), order.end)
    past = Reported(
        began=began,
        was_down=reader.was_down(heartbeat, max(floor, read_from)),
        reports=reports[: reader.most_reports],
        incidents=reader.incidents(heartbeat, began, order.end),
        recorded_from=recorded_from,
        outages=away.since(began),
        truncated_at=reports[-1].at if len(reports) > reader.most_reports else None,
    )
    return run_heartbeat_backtest(order, heartbeat, past, breathe=breathe)


def _longest(order: WatchOrder, heartbeat: str) -> float:
    """How long before its success a run that goes on may have begun."""
    found = (heartbeat_of(settings, heartbeat) for settings in (order.today, order.proposed))
    return min(DAY, max((each.longest or 0.0 for each in found if each is not None), default=0.0)) + 1.0
