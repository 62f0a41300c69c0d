"""The record of a request that was never made, because there was no credential for it: it failed all the
same.
"""

import secrets
from typing import Protocol

from integrations.execution.outcome import Origin, Outcome
from integrations.integration import Integration
from integrations.manifest.plans import ActionPlan
from integrations.signals import CallRecord


class Ordered(Protocol):
    """For whom it was to be made; an Order is one."""

    @property
    def capability(self) -> str:
        """The action's group."""
        ...

    @property
    def origin(self) -> Origin:
        """On whose behalf."""
        ...

    @property
    def caller(self) -> str:
        """Who asked."""
        ...

    @property
    def trace_id(self) -> str:
        """The trace it belongs to, if any."""
        ...


def unsent_record(
    integration: Integration, plan: ActionPlan, order: Ordered, *, outcome: Outcome, at: float, step: str
) -> CallRecord:
    """Return the record, with a span of its own."""
    return CallRecord(
        at=at,
        call_id=outcome.call_id,
        run_id=outcome.run_id,
        integration=integration.id,
        vendor=integration.vendor,
        action=plan.name,
        capability=order.capability,
        effect=plan.action.effect,
        origin=order.origin,
        caller=order.caller,
        step=step,
        kind=outcome.kind,
        reason=outcome.reason,
        status=outcome.status,
        code=outcome.code,
        detail=outcome.detail,
        duration=outcome.duration,
        retry_after=outcome.retry_after,
        trace_id=order.trace_id or secrets.token_hex(16),
        span_id=outcome.call_id,
        sampled=True,
    )
