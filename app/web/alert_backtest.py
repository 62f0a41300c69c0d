"""What alerting would have done, in words and as a picture: beside today's rules the proposed ones."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from statistics import median
from typing import NamedTuple

import msgspec

from app.web.comparing import Line
from app.web.words import NOTHING, number, span
from exporters.analytics.backtest.alerts.outcome import AlertBacktest, AlertSide, NotedAlert

Count = Callable[[AlertSide], int]
Found = Callable[[AlertSide], Sequence[float]]

WIDTH, HEIGHT = 720.0, 44.0
_TOP, _TALL = 18.0, 16.0
_MOST_NAMES = 6
_TOLD_EXACTLY = 600.0


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A rectangle of a picture: `kind` is incident (or what an objective's alert fires for), or told (when
    somebody was told of it first).
    """

    kind: str
    x: float
    y: float
    width: float
    height: float


def alert_lines(one: AlertBacktest) -> tuple[Line, ...]:
    """Both sides, one beside the other."""
    return (
        counts(one, "incidents", lambda side: len(side.incidents)),
        spans(one, "incidents open for", lambda side: [side.open_seconds], means="in sum"),
        spans(one, "opened after", _delays, means="median from the first failure on"),
        spans(one, "somebody told after", _hearing, means="median from the first failure on"),
        counts(one, "nobody told of", lambda side: side.untold, means="incidents"),
        counts(one, "alerts raised", lambda side: len(side.alerts)),
        counts(one, "  critical", lambda side: sum(each.severity == "critical" for each in side.alerts)),
        Line(name="  only here", today=number(len(one.saved)), proposed=number(len(one.added))),
        counts(one, "messages", lambda side: sum(side.messages.values())),
        *receivers(one),
        Line(
            name="incidents not noticed",
            today="",
            proposed=number(len(one.unnoticed)),
            means="of today's, any more",
        ),
    )


def describe_alerts(side: AlertSide) -> str:
    """Say in one sentence what a side made."""
    told = sum(side.messages.values())
    return (
        f"{number(len(side.incidents))} incidents, {number(len(side.alerts))} alerts, {number(told)} "
        f"messages to {number(len(side.messages))} receivers; nobody was told of {number(side.untold)}."
    )


class Stretch(NamedTuple):
    """A time in which an incident was open, or an objective's alert fired, and when who was told first."""

    start: float
    end: float | None
    told: Sequence[float]


def stretches(side: AlertSide) -> Iterable[Stretch]:
    """All of a side."""
    for incident in side.incidents:
        yield Stretch(incident.opened_at, incident.resolved_at, [told.at for told in incident.told])
    for alert in burns(side):
        yield Stretch(alert.at, alert.ended_at, [] if alert.told_at is None else [alert.told_at])


def burns(side: AlertSide) -> Sequence[NotedAlert]:
    """The alerts of objectives, which no incident stands for."""
    return [each for each in side.alerts if each.objective]


def alert_marks(side: AlertSide, *, start: float, end: float) -> tuple[Mark, ...]:
    """Draw what was open along a line of time, and above it when somebody was told."""
    return tuple(mark for each in stretches(side) for mark in _marks(each, start=start, end=end))


def is_open(side: AlertSide, *, start: float, end: float) -> bool:
    """Whether anything was open between two moments."""
    return any(each.start < end and _over(each, end) > start for each in stretches(side))


def is_told(side: AlertSide, *, start: float, end: float) -> bool:
    """Whether a receiver was told of something first between two moments."""
    return any(start <= at < end for each in stretches(side) for at in each.told)


def _over(each: Stretch, end: float) -> float:
    return end if each.end is None else each.end


def _marks(each: Stretch, *, start: float, end: float) -> Iterable[Mark]:
    scale = WIDTH / max(1e-9, end - start)
    first, last = max(each.start, start), min(_over(each, end), end)
    yield _mark("incident", (first - start) * scale, (last - first) * scale, y=_TOP, height=_TALL)
    for at in each.told:
        if start <= at < end:
            yield _mark("told", (at - start) * scale, 2.0, y=2.0, height=_TOP - 5)


def _mark(kind: str, x: float, width: float, *, y: float, height: float) -> Mark:
    return Mark(kind=kind, x=round(x, 2), y=y, width=round(max(1.5, width), 2), height=height)


def _delays(side: AlertSide) -> Sequence[float]:
    return [each.delay for each in side.incidents]


def _hearing(side: AlertSide) -> Sequence[float]:
    """How long after its first failure somebody was told of each."""
    told = ((each.told_at, each.first_failure_at) for each in side.incidents)
    return [at - first for at, first in told if at is not None]


def receivers(one: AlertBacktest) -> Iterable[Line]:
    """How many messages each receiver gets."""
    names = sorted({*one.today.messages, *one.proposed.messages})
    for name in names[:_MOST_NAMES]:
        yield counts(one, f"  to {name}", partial(_told, names=(name,)))
    if further := names[_MOST_NAMES:]:
        yield counts(one, f"  to {len(further)} more", partial(_told, names=further))


def _told(side: AlertSide, *, names: Sequence[str]) -> int:
    return sum(side.messages.get(name, 0) for name in names)


def counts(one: AlertBacktest, name: str, count: Count, *, means: str = "") -> Line:
    """A number on both sides."""
    return Line(name=name, today=number(count(one.today)), proposed=number(count(one.proposed)), means=means)


def spans(one: AlertBacktest, name: str, found: Found, *, means: str = "") -> Line:
    """The middle of lengths of time on both sides."""
    today, proposed = (_span(found(side)) for side in (one.today, one.proposed))
    return Line(name=name, today=today, proposed=proposed, means=means)


def _span(seconds: Sequence[float]) -> str:
    """The middle of several, told to the second where that matters."""
    if not seconds:
        return NOTHING
    middle = median(seconds)
    return span(middle) if middle >= _TOLD_EXACTLY else f"{middle:.0f} s"
