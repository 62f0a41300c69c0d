"""Windows: what changed between two looks at the MetricTable, cut once for all push exporters.

A window that an exporter could not keep is merged into the next one, so that nothing is lost: counts add up,
the newest gauge counts.
"""

from collections.abc import Collection, Iterable, Mapping
from math import isfinite
from typing import NamedTuple

import msgspec

from exporters.catalogue import EXPOSED, Family
from exporters.native import Native, rise, together
from exporters.push.repeating import Turns
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


class Ended(NamedTuple):
    """A series that is there no longer."""

    family: Family
    labels: tuple[str, ...]


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What happened after `began`, up to `ended`; the counting began at `started` (all UTC seconds). Counters
    that did not rise and histograms without a value have no point. `left_out` is how many had a number that
    is none (NaN, infinite), which no intake takes. `gone` are series that were there when the window before
    ended, `idle` those of the series without a rise that are to be told again, where somebody wants that.
    """

    started: float
    began: float
    ended: float
    points: tuple[Point, ...]
    left_out: int = 0
    gone: tuple[Ended, ...] = ()
    idle: tuple[Point, ...] = ()

    def followed_by(self, later: "Window") -> "Window":
        """Both windows as one."""
        return merged(self, later)


class Cutter:
    """Cuts windows from readings of the whole table. `began` is when the counting began, `ended` when the
    last window did, as UTC seconds. `tells_gone`: windows tell which series are there no longer;
    `repeats_idle`: they tell again of those that stand still.
    """

    def __init__(self, *, began: float, tells_gone: bool = False, repeats_idle: bool = False) -> None:
        self._started = self.ended = began
        self._turns = Turns() if repeats_idle else None
        self._last: dict[Key, float | Spread] = {}
        self._missing: Mapping[Key, float | Spread] = {}
        self._gauges: Collection[Key] | None = () if tells_gone else None
        self._parting: tuple[Key, ...] = ()

    def cut(self, readings: Iterable[Reading], *, at: float, departed: Iterable[Reading] = ()) -> Window:
        """The window that ends now. A series that shrank was counted anew: all of it is a rise. `departed`
        are the last readings of series that were removed before `readings` began: what came until then
        belongs to the window.
        """
        cut = _Cut(self._last, self._missing, self._turns)
        for reading in departed:
            cut.take_last(reading)
        for reading in readings:
            cut.take(reading)
        window = Window(
            started=self._started,
            began=self.ended,
            ended=max(at, self.ended),
            points=cut.points,
            left_out=cut.left_out,
            gone=self._gone(cut),
            idle=cut.idle,
        )
        if self._turns is not None:
            self._turns.advance(seconds=window.ended - window.began)
        # What is removed while readings are made is missing there, and among the departed of the next window.
        self._missing = {
            key: value for key, value in self._last.items() if key not in cut.seen and key not in cut.anew
        }
        self._last, self.ended = cut.seen, window.ended
        return window

    def _gone(self, cut: "_Cut") -> tuple[Ended, ...]:
        """What was there before and is not now. What departed with a last point has its end in the window
        after that one, for a point and an end cannot have the same time.
        """
        if self._gauges is None:
            return ()
        keys = [*(key for key in (*self._last, *self._gauges) if key not in cut.parted), *self._parting]
        self._gauges, self._parting = cut.gauges, tuple(cut.parted)
        return tuple(
            Ended(EXPOSED[key[0]], key[1])
            for key in dict.fromkeys(keys)
            if key not in cut.seen and key not in cut.gauges
        )


class _Cut:
    """One cut in the making: `seen` are counters and histograms as they are now, `gauges` those gauges that
    there are, `anew` those that were removed and would begin at zero again, `parted` their last points.
    `turns` says which of those that stand still are told; without it none is.
    """

    def __init__(
        self,
        last: Mapping[Key, float | Spread],
        missing: Mapping[Key, float | Spread],
        turns: Turns | None,
    ) -> None:
        self._last = last
        self._missing = missing
        self._turns = turns
        self._idle: list[Point] = []
        self.anew: set[Key] = set()
        self._points: list[Point] = []
        self.parted: dict[Key, Point] = {}
        self.seen: dict[Key, float | Spread] = {}
        self.gauges: set[Key] = set()
        self.left_out = 0

    @property
    def points(self) -> tuple[Point, ...]:
        """All that there are."""
        return (*self._points, *self.parted.values())

    @property
    def idle(self) -> tuple[Point, ...]:
        """Those that stand still and are told."""
        return tuple(self._idle)

    def take(self, reading: Reading) -> None:
        """Take a series as it is."""
        family, labels = reading.family, reading.labels
        now = self._finite(reading)
        if now is None:
            return
        key = (family.name, labels)
        if family.kind == "gauge":
            self.gauges.add(key)
            self._points.append(Point(family, labels, now, now))
            return
        self.seen[key] = now
        point = _point(reading, now, None if key in self.anew else self._last.get(key))
        if point is not None:
            before = self.parted.pop(key, None)
            self._points.append(point if before is None else _sum(before, point))
        elif self._turns is not None and key not in self.parted and self._turns.is_due(labels):
            self._idle.append(Point(family, labels, 0.0, now))

    def take_last(self, reading: Reading) -> None:
        """Take a series that was removed; one with the same labels that comes after it begins at zero."""
        now = self._finite(reading)
        if now is None or reading.family.kind == "gauge":
            return
        key = (reading.family.name, reading.labels)
        before = None if key in self.anew else self._last.get(key, self._missing.get(key))
        point = _point(reading, now, before)
        if point is not None:
            self.parted[key] = _sum(self.parted[key], point) if key in self.parted else point
        self.anew.add(key)

    def _finite(self, reading: Reading) -> float | Spread | None:
        value = reading.value
        now = Spread(value.counts, value.total, value.native) if isinstance(value, Buckets) else value
        if isfinite(now.total if isinstance(now, Spread) else now):
            return now
        self.left_out += 1
        return None


def merged(earlier: Window, later: Window) -> Window:
    """Both windows as one."""
    points = {(point.family.name, point.labels): point for point in earlier.points}
    for point in later.points:
        key = (point.family.name, point.labels)
        before = points.get(key)
        points[key] = point if before is None else _sum(before, point)
    for family, labels in later.gone:
        if family.kind == "gauge":
            points.pop((family.name, labels), None)
    return Window(
        started=earlier.started,
        began=earlier.began,
        ended=later.ended,
        points=tuple(points.values()),
        left_out=earlier.left_out + later.left_out,
        gone=_still_gone(earlier, later),
        idle=_still_idle(earlier, later, points),
    )


def _still_gone(earlier: Window, later: Window) -> tuple[Ended, ...]:
    """What ended in either, and has no point after its end."""
    told = (*later.points, *later.idle) if earlier.gone else ()
    back = {(point.family.name, point.labels) for point in told}
    ended = dict.fromkeys(one for one in earlier.gone if (one.family.name, one.labels) not in back)
    return tuple(ended | dict.fromkeys(later.gone))


def _still_idle(earlier: Window, later: Window, risen: Collection[Key]) -> tuple[Point, ...]:
    """What stood still in either and is there: neither a point of the whole nor at its end."""
    idle = {(point.family.name, point.labels): point for point in (*earlier.idle, *later.idle)}
    ended = {(family.name, labels) for family, labels in later.gone} if idle else ()
    return tuple(point for key, point in idle.items() if key not in risen and key not in ended)


def labelled(point: Point) -> Mapping[str, str]:
    """The labels of a point by name; those without a value are left out, as Prometheus means them."""
    return {name: value for name, value in zip(point.family.labels, point.labels, strict=True) if value}


def _point(reading: Reading, now: float | Spread, before: float | Spread | None) -> Point | None:
    rise = _rise(before, now)
    return None if rise is None else Point(reading.family, reading.labels, rise, now)


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
