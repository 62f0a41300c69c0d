"""What a replay of objectives and heartbeats rests on, in sentences."""

from collections.abc import Iterator
from datetime import UTC, datetime

from exporters.analytics.backtest.alerts.outcome import AlertSide
from exporters.analytics.backtest.watched.order import WatchOrder


def moment(at: float) -> str:
    """Return a moment in words, to the minute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def notes(order: WatchOrder, recorded_from: float, proposed: AlertSide, *, what: str) -> Iterator[str]:
    """Yield what holds for both kinds; `what` is recorded from a moment on."""
    if recorded_from > order.start:
        yield f"{what} are recorded from {moment(recorded_from)} on: of what was before nothing can be told."
    if order.proposed.route is None:
        yield "No route is configured: nobody would be told of anything."
    if proposed.left_out:
        yield f"{proposed.left_out} incidents and alerts were too many to be told one by one."
    for key in order.ignored:
        yield f"{key} changes nothing here: what is counted is what was recorded."
    yield "Messages are those about this one alone: where routes group several, others may share them."
