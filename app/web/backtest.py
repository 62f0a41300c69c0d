"""A backtest as a page that stands on its own: no script, nothing fetched, drawn in SVG, and fit to print."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from app.web.alert_backtest import HEIGHT as ALERTS_HEIGHT
from app.web.alert_backtest import Mark, alert_lines, alert_marks, describe_alerts
from app.web.chart import Bar, Chart
from app.web.comparing import Line
from app.web.drawing import Drawing
from app.web.watched_backtest import (
    describe_watched,
    watched_lines,
    what_is_given_back,
    what_was_heard,
)
from app.web.words import latency, number, share, span
from exporters.analytics.backtest.outcome import Backtest, Side
from exporters.analytics.backtest.tally import Bucket, Tally
from exporters.analytics.backtest.watched.outcome import WatchedBacktest

WIDTH, HEIGHT = 720.0, 110.0
_LANE = 14.0


class Lane(NamedTuple):
    """Incidents of one side over time, and the same in words."""

    marks: tuple[Mark, ...]
    text: str


class AlertPicture(NamedTuple):
    """What alerting made of it, on both sides: `what` is what today's rules are held against, `opened` what a
    bar stands for.
    """

    lines: tuple[Line, ...]
    today: Lane
    proposed: Lane
    what: str = "openings and ends of incidents"
    opened: str = "incident open"


def page(backtests: Sequence[Backtest], watched: Sequence[WatchedBacktest] = ()) -> str:
    """Return the page."""
    drawing = Drawing(version="")
    shown = [
        (one, lines(one), picture(one.today, one), picture(one.proposed, one), _alerts(one))
        for one in backtests
    ]
    return drawing.draw(
        "backtest.html",
        shown=shown,
        watched=[(one, what_was_heard(one), _watched(one)) for one in watched],
        width=WIDTH,
        alerts_height=ALERTS_HEIGHT,
        when=when,
        span=span,
    )


def _alerts(one: Backtest) -> AlertPicture | None:
    if one.alerts is None:
        return None
    today, proposed = (
        Lane(alert_marks(side, start=one.start, end=one.end), describe_alerts(side))
        for side in (one.alerts.today, one.alerts.proposed)
    )
    return AlertPicture(alert_lines(one.alerts), today, proposed)


def _watched(one: WatchedBacktest) -> AlertPicture:
    today, proposed = (
        Lane(alert_marks(side, start=one.start, end=one.end), describe_watched(one, side))
        for side in (one.alerts.today, one.alerts.proposed)
    )
    opened = "incident open" if one.kind == "heartbeat" else "alert fires"
    return AlertPicture(watched_lines(one), today, proposed, what=what_is_given_back(one), opened=opened)


def when(at: float) -> str:
    """Return a moment to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def lines(one: Backtest) -> tuple[Line, ...]:
    """Both policies, side by side."""
    today, proposed = one.today.tally, one.proposed.tally
    return (
        _line("calls", today=today.calls, proposed=proposed.calls),
        _line("succeeded", today=today.succeeded, proposed=proposed.succeeded),
        _line("failed", today=today.failed, proposed=proposed.failed),
        _line("breaker openings", today=one.today.openings, proposed=one.proposed.openings),
        Line(
            name="time not closed",
            today=_span(one.today.guarded_seconds),
            proposed=_span(one.proposed.guarded_seconds),
            means="all breakers together",
        ),
        _line("refused by a breaker", today=today.rejected, proposed=proposed.rejected),
        _line(
            "  would have succeeded", today=today.lost, proposed=proposed.lost, means="refused for nothing"
        ),
        _line("  would have failed", today=today.spared, proposed=proposed.spared, means="failures avoided"),
        _line(
            "  cannot be told",
            today=today.refused + today.unknown,
            proposed=proposed.refused + proposed.unknown,
        ),
        _line("attempts at the vendor", today=today.attempts, proposed=proposed.attempts),
        Line(
            name="time spent on failures",
            today=_span(today.waited),
            proposed=_span(proposed.waited),
            means="waits of callers",
        ),
        Line(
            name="success", today=_success(today), proposed=_success(proposed), means="of calls let through"
        ),
        _line(
            "assumed from checks",
            today=today.assumed,
            proposed=proposed.assumed,
            means="not known from calls",
        ),
    )


def _line(name: str, *, today: int, proposed: int, means: str = "") -> Line:
    return Line(name=name, today=number(today), proposed=number(proposed), means=means)


def _span(seconds: float) -> str:
    return span(seconds) if seconds >= 1 else latency(seconds)


def _success(tally: Tally) -> str:
    decided = tally.succeeded + tally.failed
    return share(tally.succeeded / decided if decided else None)


def picture(side: Side, one: Backtest) -> Chart:
    """Draw one side over time: a bar a stretch, and above it when breakers were not closed."""
    most = max([1, *(bucket.calls for bucket in side.buckets)])
    step = WIDTH / max(1, len(side.buckets))
    bars = (
        bar
        for place, each in enumerate(side.buckets)
        for bar in _bars(each, x=place * step, step=step, most=most)
    )
    spells = _spells(side, one)
    return Chart(width=WIDTH, height=HEIGHT, bars=(*bars, *spells), text=describe(side))


def describe(side: Side) -> str:
    """Say in one sentence what the picture shows."""
    tally = side.tally
    return (
        f"{number(tally.calls)} calls, {number(tally.failed)} failed, {number(tally.rejected)} refused; "
        f"breakers opened {number(side.openings)} times and were not closed for "
        f"{_span(side.guarded_seconds)} in all."
    )


def _bars(bucket: Bucket, *, x: float, step: float, most: int) -> Iterable[Bar]:
    """From below: failed, refused, the rest."""
    base = HEIGHT
    rest = bucket.calls - bucket.failed - bucket.rejected
    for kind, count in (("failed", bucket.failed), ("rejected", bucket.rejected), ("calls", rest)):
        height = (HEIGHT - _LANE) * count / most
        if count:
            base -= height
            yield Bar(
                kind=kind,
                x=round(x, 2),
                y=round(base, 2),
                width=round(step * 0.85, 2),
                height=round(height, 2),
            )


def _spells(side: Side, one: Backtest) -> Iterable[Bar]:
    scale = WIDTH / max(1e-9, one.end - one.start)
    for spell in side.spells:
        over = one.end if spell.seconds is None else spell.start + spell.seconds
        first, last = max(spell.start, one.start), min(over, one.end)
        width = max(1.5, (last - first) * scale)
        yield Bar(
            kind=spell.state.value,
            x=round((first - one.start) * scale, 2),
            y=1.0,
            width=round(width, 2),
            height=_LANE - 5,
        )
