"""Two sides of alerting, one held against the other."""

from collections.abc import Iterator, Sequence

from exporters.analytics.backtest.alerts.outcome import AlertBacktest, AlertSide, NotedAlert, NotedIncident
from exporters.analytics.backtest.comparison import Change, Fidelity


def compared(
    changes: Sequence[Change],
    fidelity: Fidelity,
    sides: tuple[AlertSide, AlertSide],
    *,
    end: float,
    notes: Sequence[str],
) -> AlertBacktest:
    """Return both sides, today's first, and how they differ up to the end."""
    today, proposed = sides
    return AlertBacktest(
        changes=tuple(changes),
        fidelity=fidelity,
        today=today,
        proposed=proposed,
        saved=tuple(_only(today.alerts, proposed.alerts, end=end)),
        added=tuple(_only(proposed.alerts, today.alerts, end=end)),
        unnoticed=tuple(_unnoticed(today, proposed, end=end)),
        notes=tuple(notes),
    )


def _only(these: Sequence[NotedAlert], those: Sequence[NotedAlert], *, end: float) -> Iterator[NotedAlert]:
    """The alerts of one side in whose time the other raises none of that name."""
    for each in these:
        same = (one for one in those if (one.name, one.capability) == (each.name, each.capability))
        if not any(_meet((each.at, each.ended_at), (one.at, one.ended_at), end=end) for one in same):
            yield each


def _unnoticed(today: AlertSide, proposed: AlertSide, *, end: float) -> Iterator[NotedIncident]:
    for each in today.incidents:
        span = (each.first_failure_at, each.resolved_at)
        others = ((one.first_failure_at, one.resolved_at) for one in proposed.incidents)
        if not any(_meet(span, other, end=end) for other in others):
            yield each


def _meet(one: tuple[float, float | None], other: tuple[float, float | None], *, end: float) -> bool:
    """Whether two stretches of time have a moment in common."""
    first, last = (end if each[1] is None else each[1] for each in (one, other))
    return one[0] <= last and other[0] <= first
