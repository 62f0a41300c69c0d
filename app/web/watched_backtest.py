"""What an objective or a heartbeat would have told of, in words: today's settings and the proposed ones."""

from collections.abc import Callable, Sequence

from app.web.alert_backtest import alert_lines, burns, counts, describe_alerts, receivers, spans
from app.web.comparing import Line
from app.web.words import NOTHING, number, plural, share
from exporters.analytics.backtest.alerts.outcome import AlertSide
from exporters.analytics.backtest.watched.outcome import Spent, WatchedBacktest


def watched_lines(one: WatchedBacktest) -> tuple[Line, ...]:
    """Both sides, one beside the other."""
    if one.kind == "heartbeat":
        return alert_lines(one.alerts)
    alerts = one.alerts
    return (
        _spent(one, "good requests", lambda spent: number(spent.good)),
        _spent(one, "bad requests", lambda spent: number(spent.bad)),
        _spent(one, "budget left at the end", lambda spent: share(spent.budget_left)),
        counts(alerts, "alerts raised", lambda side: len(side.alerts)),
        counts(alerts, "  critical", lambda side: sum(each.severity == "critical" for each in side.alerts)),
        Line(name="  only here", today=number(len(alerts.saved)), proposed=number(len(alerts.added))),
        spans(alerts, "fired for", lambda side: [_fired(side, one)], means="in sum"),
        spans(alerts, "raised after", _delays, means="median from the first bad request on"),
        counts(alerts, "nobody told of", lambda side: sum(each.told_at is None for each in burns(side))),
        counts(alerts, "messages", lambda side: sum(side.messages.values())),
        *receivers(alerts),
    )


def describe_watched(one: WatchedBacktest, side: AlertSide) -> str:
    """Say in one sentence what a side made."""
    if one.kind == "heartbeat":
        return describe_alerts(side)
    told = sum(side.messages.values())
    return (
        f"{plural(len(side.alerts), 'alert')}, {plural(told, 'message')} to "
        f"{plural(len(side.messages), 'receiver')}."
    )


def what_is_given_back(one: WatchedBacktest) -> str:
    """Name what a replay of today is held against."""
    is_job = one.kind == "heartbeat"
    return "openings and ends of incidents" if is_job else "changes of its alert"


def what_was_heard(one: WatchedBacktest) -> str:
    """Say how much was recorded."""
    return plural(one.heard, "report" if one.kind == "heartbeat" else "request")


def _spent(one: WatchedBacktest, name: str, told: Callable[[Spent], str]) -> Line:
    today, proposed = (NOTHING if each is None else told(each) for each in (one.today, one.proposed))
    return Line(name=name, today=today, proposed=proposed)


def _delays(side: AlertSide) -> Sequence[float]:
    return [each.delay for each in burns(side) if each.delay is not None]


def _fired(side: AlertSide, one: WatchedBacktest) -> float:
    ends = ((each, one.end if each.ended_at is None else each.ended_at) for each in burns(side))
    return sum(min(end, one.end) - max(each.at, one.start) for each, end in ends)
