"""A histogram's values again, as near as its buckets say, for intakes that take values and no buckets."""

from functools import lru_cache
from itertools import pairwise

from exporters.native import Native
from exporters.push.window import Point, Spread

_DIGITS = 4

Weighted = tuple[float, int]
"""A value, and how often it was met; a plain tuple, because there are tens of thousands."""


def values_of(point: Point) -> list[float]:
    """One value for each that was counted, in rising order: the middle of its bucket, never outside of what
    was really met. Native buckets make it right to 1.1 %.
    """
    return [value for value, times in weighted_of(point) for _ in range(times)]


def weighted_of(point: Point) -> list[Weighted]:
    """The same values, each once with how often it was met."""
    spread = point.value
    if not isinstance(spread, Spread):
        return []
    return (
        _of_native(spread.native) if spread.native is not None else _of_classic(point.family.buckets, spread)
    )


def _of_native(native: Native) -> list[Weighted]:
    low, high, schema = native.low, native.high, native.schema
    values = [(0.0, native.zero)] if native.zero else []
    for place, times in sorted(native.buckets.items()):
        middle = _middle(place, schema)
        values.append((low if middle < low else min(middle, high), times))
    return values


@lru_cache(maxsize=4096)
def _middle(place: int, schema: int) -> float:
    return _short(2.0 ** ((place - 0.5) / 2.0**schema))


def _of_classic(bounds: tuple[float, ...], spread: Spread) -> list[Weighted]:
    middles = [(low + high) / 2 for low, high in pairwise((0.0, *bounds))]
    counted = zip((*middles, bounds[-1]), spread.counts, strict=True)
    return [(_short(middle), times) for middle, times in counted if times]


def _short(value: float) -> float:
    """Four digits, which is finer than the buckets and a third of the bytes."""
    return float(f"{value:.{_DIGITS}g}")
