"""What a line tells of its breakers and quotas, as signals."""

from integrations.execution.breaker import Transition
from integrations.execution.call import LineSpec
from integrations.execution.status import SavedQuota
from integrations.signals import BreakerTransition, QuotaSample


def transition_told(
    spec: LineSpec, capability: str, transition: Transition, *, at: float
) -> BreakerTransition:
    """A change of a breaker's state, at a UTC second."""
    return BreakerTransition(
        at=at,
        integration=spec.integration,
        vendor=spec.vendor,
        capability=capability,
        **transition._asdict(),
    )


def quota_told(spec: LineSpec, quota: SavedQuota, *, at: float) -> QuotaSample:
    """A bucket's level, at a UTC second."""
    return QuotaSample(
        at=at,
        integration=spec.integration,
        vendor=spec.vendor,
        bucket=quota.bucket,
        limit=quota.limit,
        remaining=quota.remaining,
        reset_at=quota.reset_at,
        throttled_until=quota.throttled_until,
    )
