"""What a line tells of its breakers and quotas, as signals."""

from typing import Protocol

from integrations.execution.breaker import Transition
from integrations.execution.call import LineSpec
from integrations.execution.status import SavedQuota
from integrations.signals import BreakerTransition, QuotaSample


class Tells(Protocol):
    """Who tells of breakers' transitions: a line."""

    def tell_transition(self, capability: str, transition: Transition) -> None:
        """Publish what became of the breaker of one capability."""
        ...


class Teller:
    """What a breaker calls at each transition; a partial of a bound method takes five times as much."""

    __slots__ = ("_capability", "_line")

    def __init__(self, line: Tells, capability: str) -> None:
        self._line = line
        self._capability = capability

    def __call__(self, transition: Transition) -> None:
        """Tell of one."""
        self._line.tell_transition(self._capability, transition)


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
