"""Native histograms: buckets that grow by a constant factor, as Prometheus and OpenTelemetry define them.

Bucket `i` of a schema holds values above `2**((i - 1) / 2**schema)` and up to `2**(i / 2**schema)`. Schema 5
has 32 buckets an octave, each 2.2 % wide. When a histogram needs more than 160, pairs are merged, which is
the next lower schema.
Source: https://prometheus.io/docs/specs/native_histograms/
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from math import frexp
from typing import NamedTuple

FINEST = 5
COARSEST = -4
MOST_BUCKETS = 160
ZERO_THRESHOLD = 2.0**-128
"""Values up to this are counted as zero; Prometheus' own default."""

_BOUNDS = {schema: [2.0 ** (i / 2**schema - 1) for i in range(2**schema)] for schema in range(1, FINEST + 1)}
"""The bounds between 1/2 and 1, which frexp leads every value to."""


class Native(NamedTuple):
    """A native histogram, copied. `low` and `high` are the least and the greatest value since it was last
    cut; `buckets` maps an index to a count.
    """

    schema: int
    zero: int
    buckets: Mapping[int, int]
    low: float
    high: float


class NativeHistogram:
    """Counts values of 0 and above."""

    __slots__ = ("_buckets", "_high", "_low", "_schema", "_zero")

    def __init__(self) -> None:
        self._schema = FINEST
        self._zero = 0
        self._buckets: dict[int, int] = {}
        self._low = float("inf")
        self._high = 0.0

    def add(self, values: Sequence[float]) -> None:
        """Count values."""
        if not values:
            return
        self._low, self._high = min(self._low, *values), max(self._high, *values)
        buckets, schema = self._buckets, self._schema
        for value in values:
            if value <= ZERO_THRESHOLD:
                self._zero += 1
                continue
            place = index(value, schema)
            buckets[place] = buckets.get(place, 0) + 1
        while len(self._buckets) > MOST_BUCKETS and self._schema > COARSEST:
            self._schema -= 1
            self._buckets = coarser(self._buckets, by=1)

    def copy(self, *, cut: bool) -> Native:
        """What was counted so far; `cut` begins a new window for the least and the greatest value."""
        copied = Native(self._schema, self._zero, dict(self._buckets), self._low, self._high)
        if cut:
            self._low, self._high = float("inf"), 0.0
        return copied


def index(value: float, schema: int) -> int:
    """The bucket that a value above 0 belongs to."""
    fraction, exponent = frexp(value)
    if schema > 0:
        bounds = _BOUNDS[schema]
        return bisect_left(bounds, fraction) + (exponent - 1) * len(bounds)
    if fraction == 0.5:
        exponent -= 1
    return (exponent + (1 << -schema) - 1) >> -schema


def upper_bound(place: int, schema: int) -> float:
    """The greatest value of a bucket."""
    return float(2.0 ** (place / 2.0**schema))


def coarser(buckets: Mapping[int, int], *, by: int) -> dict[int, int]:
    """The same counts in a schema that is lower `by` so many: each step merges two buckets into one."""
    merged: dict[int, int] = {}
    for place, count in buckets.items():
        above = -(-place >> by)
        merged[above] = merged.get(above, 0) + count
    return merged


def rise(before: Native | None, now: Native) -> Native:
    """What came between two copies, in the schema of the later one."""
    if before is None:
        return now
    old = coarser(before.buckets, by=before.schema - now.schema)
    buckets = {place: count - old.get(place, 0) for place, count in now.buckets.items()}
    return now._replace(
        zero=now.zero - before.zero, buckets={place: count for place, count in buckets.items() if count > 0}
    )


def together(before: Native, after: Native) -> Native:
    """Two windows as one, in the coarser of both schemas."""
    schema = min(before.schema, after.schema)
    buckets = coarser(before.buckets, by=before.schema - schema)
    for place, count in coarser(after.buckets, by=after.schema - schema).items():
        buckets[place] = buckets.get(place, 0) + count
    return Native(
        schema=schema,
        zero=before.zero + after.zero,
        buckets=buckets,
        low=min(before.low, after.low),
        high=max(before.high, after.high),
    )
