"""What calls of one action pass, and what the records of all of them have in common."""

from collections.abc import Iterable
from functools import lru_cache

from msgspec.structs import replace

from integrations.execution.breaker import CircuitBreaker
from integrations.execution.outcome import Effect, FailureKind, Origin, RejectReason
from integrations.execution.quota import Part, QuotaLine, VendorQuota
from integrations.signals import CallRecord

RouteKey = tuple[str, str, str, Effect]
"""Capability, action, bucket and effect: calls of an integration with the same pass the same."""


class Route:
    """What a call of one action passes, and what its records begin with: looked up once, then kept."""

    __slots__ = ("_refusal", "breaker", "key", "parts", "queue", "quota", "template")

    def __init__(
        self,
        key: RouteKey,
        breaker: CircuitBreaker,
        *,
        quota: VendorQuota,
        queue: QuotaLine,
        declared: Iterable[Part],
        vendor: str,
    ) -> None:
        self.key = key
        self.breaker = breaker
        self.quota = quota
        self.queue = queue
        self.parts: tuple[Part, ...] = (quota, *declared)
        self.template = _first_record(key, vendor)
        self._refusal: CallRecord | None = None

    @property
    def refusal(self) -> CallRecord:
        """What the record of a call begins with that an open circuit refuses."""
        if self._refusal is None:
            self._refusal = _refused(self.key, self.template.vendor)
        return self._refusal


@lru_cache(maxsize=4096)
def _first_record(key: RouteKey, vendor: str) -> CallRecord:
    """What the records of a vendor's calls begin with that have this key; their integrations share it."""
    capability, action, _, effect = key
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
