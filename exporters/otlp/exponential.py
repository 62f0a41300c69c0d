"""Native buckets as OpenTelemetry's exponential histograms have them.

Both have the same bounds. OpenTelemetry numbers a bucket by its lower bound, Prometheus by its upper one, and
OpenTelemetry sends a run of buckets with the empty ones between them.
Source: https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram
"""

from collections.abc import Sequence

from exporters.native import Native, coarser

MOST_BUCKETS = 160
"""What OpenTelemetry's SDKs send at most, and intakes are made for."""


def exponential(native: Native) -> tuple[int, int, Sequence[int]]:
    """The scale, the number of the first bucket, and the counts from it on; as fine as the most buckets let
    it be.
    """
    if not native.buckets:
        return native.schema, 0, ()
    low, high, by = min(native.buckets), max(native.buckets), 0
    while -(-high >> by) - -(-low >> by) >= MOST_BUCKETS:
        by += 1
    buckets = coarser(native.buckets, by=by) if by else native.buckets
    first, last = -(-low >> by), -(-high >> by)
    counts = [0] * (last - first + 1)
    for place, count in buckets.items():
        counts[place - first] = count
    return native.schema - by, first - 1, counts
