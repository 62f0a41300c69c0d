"""What a line's breakers and quotas say as metrics."""

from collections.abc import Iterable, Mapping

from integrations.execution.status import BreakerStatus, QuotaStatus
from integrations.samples import Sample
from integrations.signals import BreakerState

_STATES = tuple((state, state.value) for state in BreakerState)


def breaker_samples(
    name: str, breaker: BreakerStatus, spent: Mapping[BreakerState, float]
) -> Iterable[Sample]:
    """A breaker's state, how long it was in each that it was in, how near it is to opening, its ratios, and
    when it lets calls through again.
    """
    labels, current = (name, breaker.capability), breaker.state
    for state, value in _STATES:
        yield Sample("dialtone_breaker_state", (*labels, value), 1.0 if state is current else 0.0)
    yield Sample("dialtone_breaker_since_timestamp_seconds", labels, breaker.since)
    for state, seconds in spent.items():
        yield Sample("dialtone_breaker_time_seconds_total", (*labels, state.value), seconds)
    if breaker.trip_distance is not None:
        yield Sample("dialtone_breaker_trip_distance_ratio", labels, breaker.trip_distance)
    if breaker.failure_ratio is not None and breaker.slow_ratio is not None:
        yield Sample("dialtone_breaker_failure_ratio", labels, breaker.failure_ratio)
        yield Sample("dialtone_breaker_slow_ratio", labels, breaker.slow_ratio)
    if breaker.open_until is not None:
        yield Sample("dialtone_breaker_open_until_timestamp_seconds", labels, breaker.open_until)


def quota_samples(name: str, quota: QuotaStatus) -> Iterable[Sample]:
    """A bucket's level, as far as it is known."""
    values = (
        ("dialtone_quota_limit", quota.limit),
        ("dialtone_quota_remaining", quota.remaining),
        ("dialtone_quota_reset_timestamp_seconds", quota.reset_at),
        ("dialtone_quota_exhaustion_timestamp_seconds", quota.exhausted_at),
        ("dialtone_throttled_until_timestamp_seconds", quota.throttled_until),
    )
    for metric, value in values:
        if value is not None:
            yield Sample(metric, (name, quota.bucket), value)
