"""What calls of one action pass, and what the records of all of them have in common."""

from collections.abc import Iterable

from msgspec.structs import replace

from integrations.execution.breaker import CircuitBreaker
from integrations.execution.call import Call, LineSpec
from integrations.execution.outcome import FailureKind, RejectReason
from integrations.execution.quota import Part, QuotaLine, VendorQuota
from integrations.signals import CallRecord


class Route:
    """What a call of one action passes, and what its records begin with: looked up once, then kept."""

    __slots__ = ("_refusal", "breaker", "parts", "queue", "quota", "template")

    def __init__(
        self,
        breaker: CircuitBreaker,
        quota: VendorQuota,
        queue: QuotaLine,
        *,
        declared: Iterable[Part],
        template: CallRecord,
    ) -> None:
        self.breaker = breaker
        self.quota = quota
        self.queue = queue
        self.parts: tuple[Part, ...] = (quota, *declared)
        self.template = template
        self._refusal: CallRecord | None = None

    @property
    def refusal(self) -> CallRecord:
        """What the record of a call begins with that an open circuit refuses."""
        if self._refusal is None:
            self._refusal = replace(
                self.template, kind=FailureKind.REJECTED, reason=RejectReason.OPEN_CIRCUIT
            )
        return self._refusal


def first_record(spec: LineSpec, call: Call) -> CallRecord:
    """What the records of calls like this one begin with."""
    return CallRecord(
        at=0.0,
        call_id="",
        run_id="",
        integration=spec.integration,
        vendor=spec.vendor,
        action=call.action,
        capability=call.capability,
        effect=call.effect,
        origin=call.origin,
    )
