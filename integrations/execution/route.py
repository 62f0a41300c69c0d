"""What calls of one action pass, and what the records of all of them have in common."""

from collections.abc import Iterable
from functools import lru_cache

from msgspec.structs import replace

from integrations.execution.breaker import CircuitBreaker
from integrations.execution.outcome import Effect, FailureKind, Origin, RejectReason
from integrations.execution.quota import Part, QuotaLine, VendorQuota
from integrations.signals import BreakerState, CallRecord

RouteKey = tuple[str, str, str, Effect, bool]
"""Capability, action, bucket, effect, and whether it is a check's: calls of an integration with the same pass
the same.
"""

_CLOSED = BreakerState.CLOSED


class Route:
    """What a call of one action passes, and what its records begin with: looked up once, then kept.

    `breaker` is None where none stands in the way: checks pass every circuit, and none counts them. `watched`
    is the one whose state is told all the same; without one it is closed. `queue` is None where there is no
    limit, neither declared nor known.
    """

    __slots__ = ("_refusal", "breaker", "key", "parts", "queue", "quota", "template", "watched")

    def __init__(
        self,
        key: RouteKey,
        *,
        vendor: str,
        breaker: CircuitBreaker | None = None,
        quota: VendorQuota | None = None,
        declared: Iterable[Part] = (),
        queue: QuotaLine | None = None,
    ) -> None:
        self.key = key
        self.watched = breaker
        self.breaker = None if key[-1] else breaker
        self.quota = quota
        self.queue = queue
        self.parts: tuple[Part, ...] = (*declared,) if quota is None else (quota, *declared)
        self.template = _first_record(key, vendor)
        self._refusal: CallRecord | None = None

    @property
    def state(self) -> BreakerState:
        """The state of the breaker; one that was never needed is closed."""
        return _CLOSED if self.watched is None else self.watched.state

    @property
    def refusal(self) -> CallRecord:
        """What the record of a call begins with that an open circuit refuses."""
        if self._refusal is None:
            self._refusal = _refused(self.key, self.template.vendor)
        return self._refusal


@lru_cache(maxsize=4096)
def free_route(key: RouteKey, vendor: str) -> Route:
    """What calls pass that nothing holds up: the same for all integrations of a vendor."""
    return Route(key, vendor=vendor)


@lru_cache(maxsize=4096)
def _first_record(key: RouteKey, vendor: str) -> CallRecord:
    """What the records of a vendor's calls begin with that have this key; their integrations share it."""
    capability, action, _, effect, _ = key
    return CallRecord(
        at=0.0,
        call_id="",
        run_id="",
        integration="",
        vendor=vendor,
        action=action,
        capability=capability,
        effect=effect,
        origin=Origin.TRAFFIC,
    )


@lru_cache(maxsize=4096)
def _refused(key: RouteKey, vendor: str) -> CallRecord:
    return replace(_first_record(key, vendor), kind=FailureKind.REJECTED, reason=RejectReason.OPEN_CIRCUIT)
