"""A histogram's values again, as near as its buckets say, for intakes that take values and no buckets."""

from functools import lru_cache
from itertools import pairwise

from exporters.native import Native
from exporters.window import Point, Spread

_DIGITS = 4


def values_of(point: Point) -> list[float]:
    """One value for each that was counted, in rising order: the middle of its bucket, never outside of what
    was really met. Native buckets make it right to 1.1 %.
    """
    spread = point.value
    if not isinstance(spread, Spread):
        return []
    return (
        _of_native(spread.native) if spread.native is not None else _of_classic(point.family.buckets, spread)
    )


def _of_native(native: Native) -> list[float]:
    values = [0.0] * native.zero
    for place in sorted(native.buckets):
        middle = _middle(place, native.schema)
        values += [min(max(middle, native.low), native.high)] * native.buckets[place]
    return values


@lru_cache(maxsize=4096)
def _middle(place: int, schema: int) -> float:
    return _short(2.0 ** ((place - 0.5) / 2.0**schema))


def _of_classic(bounds: tuple[float, ...], spread: Spread) -> list[float]:
    middles = [(low + high) / 2 for low, high in pairwise((0.0, *bounds))]
    values: list[float] = []
    for middle, count in zip((*middles, bounds[-1]), spread.counts, strict=True):
        values += [_short(middle)] * count
    return values


def _short(value: float) -> float:
    """Four digits, which is finer than the buckets and a third of the bytes."""
    return float(f"{value:.{_DIGITS}g}")
