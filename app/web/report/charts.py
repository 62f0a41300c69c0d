"""The pictures of a report. Light is good and dark is bad, so that they are read in grey too."""

import datetime as dt
from collections.abc import Sequence

from app.web.chart import Bar, Chart, Label
from app.web.report.wording import Times, availability, count, length, part
from app.web.words import number
from exporters.analytics.report.outcome import IncidentLine, Part, QuotaLine, Report
from exporters.analytics.report.period import Period

WIDTH = 720.0
STRIP = 200.0
_LEFT = 150.0
_LANE = 18.0
_GAP = 0.84
MOST_LANES = 12


def strip(days: Sequence[Part], report: Report, *, objective: float | None) -> Chart:
    """A square a day: light where the objective was kept, darker where not, empty where nothing counted."""
    step = STRIP / max(1, len(days))
    bars = tuple(
        Bar(
            kind=_kind(each, objective),
            x=round(place * step, 2),
            y=1.0 if _kind(each, objective) == "none" else 0.5,
            width=round(step * _GAP, 2),
            height=14.0,
            title=f"{day}: {_told(each)}",
        )
        for place, (day, each) in enumerate(zip(report.days, days, strict=True))
    )
    bad = sum(bar.kind in {"missed", "lost"} for bar in bars)
    seen = sum(bar.kind != "none" for bar in bars)
    return Chart(width=STRIP, height=15.0, bars=bars, text=f"{bad} of {count(seen, 'day')} below it")


def _kind(each: Part, objective: float | None) -> str:
    """A day is lost when it fell ten times as far below the objective as it may."""
    if each.ratio is None:
        return "none"
    allowed = 1 - (99.9 if objective is None else objective) / 100
    missing = 1 - each.ratio
    if missing <= allowed + 1e-12:
        return "kept"
    return "missed" if missing < 10 * allowed else "lost"


def _told(each: Part) -> str:
    if each.ratio is None:
        return "nothing counted"
    return f"{availability(each.ratio)}, {number(each.bad)} bad of {number(each.good + each.bad)}"


STRIP_KEY = (
    ("kept", "day kept"),
    ("missed", "day missed"),
    ("lost", "missed tenfold"),
    ("none", "nothing counted"),
)


def use(report: Report) -> Chart:
    """Runs a day: the dark foot are those that failed, above it those that were refused."""
    height, foot, left = 150.0, 18.0, 46.0
    days = report.use.days
    most = max([1, *(runs for runs, _, _ in days)])
    step = (WIDTH - left) / max(1, len(days))
    scale = (height - foot - 12) / most
    bars: list[Bar] = []
    for place, (runs, failed, refused) in enumerate(days):
        title = f"{report.days[place]}: {count(runs, 'run')}, {_lost(failed, refused)}"
        base = height - foot
        for kind, share in (
            ("failed", failed),
            ("rejected", refused),
            ("calls", max(0, runs - failed - refused)),
        ):
            if share > 0:
                base -= share * scale
                bars.append(
                    Bar(
                        kind=kind,
                        x=round(left + place * step, 2),
                        y=round(base, 2),
                        width=round(step * _GAP, 2),
                        height=round(share * scale, 2),
                        title=title,
                    )
                )
    top = Label(x=left - 6, y=18, text=number(most), anchor="end")
    zero = Label(x=left - 6, y=height - foot, text="0", anchor="end")
    labels = (top, zero, *_day_labels(report, left=left, width=WIDTH - left, y=height - 4))
    busiest = max(range(len(days)), key=lambda place: days[place][0], default=0)
    text = (
        f"{count(report.use.runs, 'run')} in all, {_lost(report.use.failed, report.use.refused)}; "
        f"most on {report.days[busiest]}, {number(days[busiest][0])}."
    )
    return Chart(
        width=WIDTH, height=height, bars=tuple(bars), labels=labels, text=text, title="Runs a day",
        key=(("calls", "went well"), ("failed", "failed"), ("rejected", "refused")),
    )  # fmt: skip


def _lost(failed: int, refused: int) -> str:
    return f"{number(failed)} failed" + (f" and {number(refused)} were refused" if refused else "")


def _day_labels(report: Report, *, left: float, width: float, y: float) -> tuple[Label, ...]:
    """About ten days are named."""
    days = report.days
    every = max(1, -(-len(days) // 10))
    step = width / max(1, len(days))
    return tuple(
        Label(
            x=round(left + place * step + step * _GAP / 2, 2),
            y=y,
            text=_short(days[place], is_first=place == 0),
            anchor="middle",
        )
        for place in range(0, len(days), every)
    )


def _short(day: str, *, is_first: bool) -> str:
    read = dt.date.fromisoformat(day)
    return f"{read.day} {read:%b}" if is_first or read.day == 1 else str(read.day)


def incidents(report: Report, times: Times) -> Chart:
    """A lane an integration, the most hit first; a bar is an incident."""
    period, lanes = report.period, _lanes(report.incidents.lines)
    height = _LANE * len(lanes) + 20
    scale = (WIDTH - _LEFT) / (period.end - period.start)
    bars = [
        Bar(kind="lane", x=_LEFT, y=round(place * _LANE + 2, 2), width=WIDTH - _LEFT, height=_LANE - 4)
        for place in range(len(lanes))
    ]
    labels = [Label(x=0, y=round(place * _LANE + 13, 2), text=_cut(name)) for place, name in enumerate(lanes)]
    bars += [
        _spell(line, period, times, lane=lanes.index(line.integration), scale=scale)
        for line in report.incidents.lines
        if line.integration in lanes
    ]
    if period.until < period.end:
        x = _LEFT + (period.until - period.start) * scale
        bars.append(Bar(kind="future", x=round(x, 2), y=0, width=round(WIDTH - x, 2), height=height - 20))
    labels += _day_labels(report, left=_LEFT, width=WIDTH - _LEFT, y=height - 4)
    return Chart(
        width=WIDTH,
        height=height,
        bars=tuple(bars),
        labels=tuple(labels),
        title="When",
        text=f"{count(report.incidents.count, 'incident')} in {count(len(lanes), 'integration')}.",
        key=tuple((state, state) for state in ("down", "unauthorized", "throttled", "degraded")),
    )


def _lanes(lines: Sequence[IncidentLine]) -> list[str]:
    return list(dict.fromkeys(line.integration for line in lines))[:MOST_LANES]


def _spell(line: IncidentLine, period: Period, times: Times, *, lane: int, scale: float) -> Bar:
    start = max(line.opened_at, period.start)
    width = max(2.0, line.seconds * scale)
    return Bar(
        kind=line.state,
        x=round(min(_LEFT + (start - period.start) * scale, WIDTH - width), 2),
        y=round(lane * _LANE + 2, 2),
        width=round(width, 2),
        height=_LANE - 4,
        title=f"{line.integration} {line.state}, {times.moment(line.opened_at)}, {length(line.seconds)}",
    )


def _cut(name: str, most: int = 22) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def pair(runs: float, before: float | None, most: float) -> Chart:
    """Two bars, one above the other: now, and the time before."""
    width = 120.0
    scale = width / max(1e-9, most)
    bars = [Bar(kind="calls", x=0, y=1, width=round(max(0.5, runs * scale), 2), height=8)]
    if before is not None:
        bars.append(Bar(kind="before", x=0, y=10, width=round(max(0.5, before * scale), 2), height=5))
    return Chart(width=width, height=16.0, bars=tuple(bars))


def share_bar(line: QuotaLine) -> Chart:
    """How much of a bucket was left at its least."""
    width = 120.0
    left = min(1.0, max(0.0, line.share or 0.0))
    bars = (
        Bar(kind="lane", x=0, y=3, width=width, height=9),
        Bar(
            kind="lost" if left < 0.1 else "calls", x=0, y=3, width=round(max(1.0, width * left), 2), height=9
        ),
    )
    return Chart(width=width, height=15, bars=bars, text=f"{part(line.share)} left")
