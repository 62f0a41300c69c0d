"""Windows: what changed between two looks at the MetricTable, cut once for all push exporters.

A window that an exporter could not keep is merged into the next one, so that nothing is lost: counts add up,
the newest gauge counts.
"""

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import NamedTuple

import msgspec

from exporters.catalogue import Family
from exporters.native import Native, rise, together
from exporters.table import Buckets, Reading

Key = tuple[str, tuple[str, ...]]
"""A family's name and the label values."""


class Spread(NamedTuple):
    """A histogram's share of a window: values in each bucket (not cumulated), their sum, and native buckets
    with the least and the greatest value, where the table keeps them.
    """

    counts: tuple[int, ...]
    total: float
    native: Native | None = None

    @property
    def observations(self) -> int:
        """How many values."""
        return sum(self.counts)


class Point(NamedTuple):
    """One series in a window: a counter's rise, a gauge's last value, or a histogram's spread. `total` is the
    same since the counting began, for intakes that want it so.
    """

    family: Family
    labels: tuple[str, ...]
    value: float | Spread
    total: float | Spread


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What happened after `began`, up to `ended`; the counting began at `started` (all UTC seconds). Counters
    that did not rise and histograms without a value have no point. `left_out` is how many had a number that
    is none (NaN, infinite), which no intake takes.
    """

    started: float
    began: float
    ended: float
    points: tuple[Point, ...]
    left_out: int = 0

    def followed_by(self, later: "Window") -> "Window":
        """Both windows as one."""
        return merged(self, later)


class Cutter:
    """Cuts windows from readings of the whole table. `began` is when the counting began, `ended` when the
    last window did, as UTC seconds.
    """

    def __init__(self, *, began: float) -> None:
        self._started = self.ended = began
        self._last: dict[Key, float | Spread] = {}

    def cut(self, readings: Iterable[Reading], *, at: float) -> Window:
        """The window that ends now. A series that shrank was counted anew: all of it is a rise."""
        seen: dict[Key, float | Spread] = {}
        points = []
        left_out = 0
        for family, labels, value in readings:
            key = (family.name, labels)
            now = Spread(value.counts, value.total, value.native) if isinstance(value, Buckets) else value
            if not isfinite(now.total if isinstance(now, Spread) else now):
                left_out += 1
                continue
            if family.kind == "gauge":
                points.append(Point(family, labels, now, now))
                continue
            seen[key] = now
            rise = _rise(self._last.get(key), now)
            if rise is not None:
                points.append(Point(family, labels, rise, now))
        window = Window(
            started=self._started,
            began=self.ended,
            ended=max(at, self.ended),
            points=tuple(points),
            left_out=left_out,
        )
        self._last, self.ended = seen, window.ended
        return window


def merged(earlier: Window, later: Window) -> Window:
    """Both windows as one."""
    points = {(point.family.name, point.labels): point for point in earlier.points}
    for point in later.points:
        key = (point.family.name, point.labels)
        before = points.get(key)
        points[key] = point if before is None else _sum(before, point)
    return Window(
        started=earlier.started,
        began=earlier.began,
        ended=later.ended,
        points=tuple(points.values()),
        left_out=earlier.left_out + later.left_out,
    )


def labelled(point: Point) -> Mapping[str, str]:
    """The labels of a point by name; those without a value are left out, as Prometheus means them."""
    return {name: value for name, value in zip(point.family.labels, point.labels, strict=True) if value}


def _rise(before: float | Spread | None, now: float | Spread) -> float | Spread | None:
    """What came since `before`, or None when nothing did."""
    if isinstance(now, Spread):
        rise = now if not isinstance(before, Spread) else _spread_rise(before, now)
        return rise if any(rise.counts) else None
    start = before if isinstance(before, float | int) and before <= now else 0.0
    return now - start if now > start else None


def _spread_rise(before: Spread, now: Spread) -> Spread:
    counts = tuple(new - old for new, old in zip(now.counts, before.counts, strict=True))
    if min(counts) < 0:
        return now
    native = rise(before.native, now.native) if now.native is not None else None
    return Spread(counts, now.total - before.total, native)


def _sum(before: Point, after: Point) -> Point:
    if isinstance(before.value, Spread) and isinstance(after.value, Spread):
        counts = tuple(map(sum, zip(before.value.counts, after.value.counts, strict=True)))
        old, new = before.value.native, after.value.native
        native = new if old is None or new is None else together(old, new)
        return after._replace(value=Spread(counts, before.value.total + after.value.total, native))
    if after.family.kind == "gauge" or isinstance(before.value, Spread) or isinstance(after.value, Spread):
        return after
    return after._replace(value=before.value + after.value)
