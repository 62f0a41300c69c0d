"""What a line, its breakers and its quotas say of themselves: as they are now, and as metrics."""

from collections.abc import Iterable, Mapping

from integrations.execution.injection import fault_samples
from integrations.execution.line import Line
from integrations.execution.status import BreakerStatus, LineStatus, QuotaStatus
from integrations.samples import Sample
from integrations.signals import BreakerState

_STATES = tuple((state, state.value) for state in BreakerState)


def line_status(line: Line) -> LineStatus:
    """All limits of one integration as they are now."""
    return LineStatus(
        integration=line.spec.integration,
        in_flight=line.in_flight,
        waiting=line.waiting,
        concurrency=line.concurrency,
        concurrency_maximum=line.spec.concurrency,
        retry_tokens=line.retry_tokens,
        retry_budget=line.policy.retry.budget,
        breakers=tuple([line.breaker_status(name) for name in line.spec.capabilities]),
        quotas=() if line.buckets is None else line.buckets.statuses(),
        fault=line.fault,
    )


def line_samples(line: Line) -> Iterable[Sample]:
    """All metrics of one integration."""
    name = line.spec.integration
    only = (name,)
    yield Sample("dialtone_calls_in_flight", only, line.in_flight)
    yield Sample("dialtone_calls_waiting", only, line.waiting)
    yield Sample("dialtone_concurrency_limit", only, line.concurrency)
    yield Sample("dialtone_retry_budget_tokens", only, line.retry_tokens)
    yield Sample("dialtone_pool_orphans", only, line.transport.orphans)
    yield Sample("dialtone_executor_errors_total", only, line.errors)
    for capability in line.spec.capabilities:
        yield from breaker_samples(name, line.breaker_status(capability), line.state_seconds(capability))
    for quota in tuple(line.quotas.values()):
        yield from quota_samples(name, quota.status(0))
    yield from fault_samples(
        name, is_on=line.fault is not None, strikes=line.strikes if line.was_injected else {}
    )


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
