"""The last hour as a small drawing: a line for latency, bars for errors, and the same in words."""

from collections.abc import Sequence

import msgspec

from app.web.words import clock_time, latency, plural, share
from monitors.report import MinuteStats

WIDTH = 300.0
HEIGHT = 44.0
_TOP = 3.0
_LEAST_SCALE = 0.1
_LEAST_BAR = 5.0


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A minute with errors."""

    x: float
    y: float
    width: float
    height: float


class Sparkline(msgspec.Struct, frozen=True, kw_only=True):
    """What the template draws: SVG path data in a box of WIDTH x HEIGHT, and `text` for those who read."""

    line: str
    area: str
    bars: tuple[Bar, ...]
    text: str


def draw(minutes: Sequence[MinuteStats]) -> Sparkline:
    """Draw minutes, from oldest to newest, over the full width."""
    step = WIDTH / max(1, len(minutes))
    scale = max([_LEAST_SCALE, *(one.p95 for one in minutes if one.p95 is not None)])
    runs = _runs(minutes, step=step, scale=scale)
    return Sparkline(
        line=" ".join(_path(run) for run in runs),
        area=" ".join(_closed(run) for run in runs),
        bars=tuple(_bar(index, one, step) for index, one in enumerate(minutes) if one.failures),
        text=describe(minutes),
    )


def _runs(minutes: Sequence[MinuteStats], *, step: float, scale: float) -> list[list[tuple[float, float]]]:
    """Minutes without calls leave a gap; a lone minute is drawn as a short line."""
    runs: list[list[tuple[float, float]]] = [[]]
    for index, one in enumerate(minutes):
        if one.p95 is None:
            runs.append([])
            continue
        y = HEIGHT - (HEIGHT - _TOP) * one.p95 / scale
        runs[-1].append((index * step + step / 2, y))
    return [run if len(run) > 1 else _short(run[0], step) for run in runs if run]


def _short(point: tuple[float, float], step: float) -> list[tuple[float, float]]:
    x, y = point
    return [(x - step / 2, y), (x + step / 2, y)]


def _path(run: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in run)


def _closed(run: Sequence[tuple[float, float]]) -> str:
    return f"{_path(run)}L{run[-1][0]:.1f} {HEIGHT:.0f}L{run[0][0]:.1f} {HEIGHT:.0f}Z"


def _bar(index: int, one: MinuteStats, step: float) -> Bar:
    ratio = one.failures / max(1, one.calls)
    height = max(_LEAST_BAR, min(1.0, ratio) * HEIGHT)
    width = round(step * 0.7, 2)
    return Bar(
        x=round(index * step + step * 0.15, 2), y=round(HEIGHT - height, 1), width=width, height=height
    )


def describe(minutes: Sequence[MinuteStats]) -> str:
    """Say in one sentence what the drawing shows."""
    calls = sum(one.calls for one in minutes)
    if not calls:
        return "Last hour: no calls."
    return f"Last hour: {plural(calls, 'call')}; {_slowest(minutes)}; {_errors(minutes)}."


def _slowest(minutes: Sequence[MinuteStats]) -> str:
    timed = [(one.p95, one.start) for one in minutes if one.p95 is not None]
    if not timed:
        return "no latency measured"
    p95, start = max(timed)
    return f"slowest minute {latency(p95)} (p95) at {clock_time(start)[:5]} UTC"


def _errors(minutes: Sequence[MinuteStats]) -> str:
    failing = [one for one in minutes if one.failures]
    if not failing:
        return "no errors"
    worst = max(failing, key=lambda one: one.failures / max(1, one.calls))
    ratio = share(min(1.0, worst.failures / max(1, worst.calls)))
    return (
        f"errors in {plural(len(failing), 'minute')}, at worst {ratio} at {clock_time(worst.start)[:5]} UTC"
    )
