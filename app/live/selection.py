"""Which signals a reader of the live view wants."""

from collections.abc import Callable
from typing import get_args

import msgspec

from integrations.execution.outcome import Origin
from integrations.signals import (
    APIRequest,
    BreakerState,
    BreakerTransition,
    CallRecord,
    CheckResult,
    ContractDrift,
    CredentialNotice,
    DeliveryAttempt,
    Health,
    HealthChange,
    HeartbeatReport,
    IncidentChange,
    Indicator,
    ObjectiveChange,
    QueryRun,
    Signal,
    VendorNotice,
    WebhookReceipt,
)

KINDS: dict[str, type[Signal]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Signal)}
"""The signals by their tag."""

ANY: frozenset[str] = frozenset()
_GOOD_WEBHOOKS = frozenset({"accepted", "duplicate", "handshake"})
_WORSE = frozenset({"opened", "worsened", "reopened"})
_UNDELIVERED = frozenset({"failed", "dead", "disabled"})


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Filters that must all hold; an empty set lets everything pass.

    A signal without the field that a filter reads does not pass it. `failed` asks for failures only.
    """

    kinds: frozenset[str] = ANY
    integrations: frozenset[str] = ANY
    vendors: frozenset[str] = ANY
    capabilities: frozenset[str] = ANY
    origins: frozenset[str] = ANY
    failed: bool = False

    def matches(self, signal: Signal) -> bool:
        """Whether a signal passes every filter."""
        return (
            (not self.kinds or signal.__struct_config__.tag in self.kinds)
            and (not self.integrations or getattr(signal, "integration", None) in self.integrations)
            and (not self.vendors or getattr(signal, "vendor", None) in self.vendors)
            and (not self.capabilities or getattr(signal, "capability", None) in self.capabilities)
            and (not self.origins or origin(signal) in self.origins)
            and (not self.failed or is_failure(signal))
        )


def origin(signal: Signal) -> Origin | None:
    """Return on whose behalf a request was made; None for what is no request to a vendor."""
    if isinstance(signal, CallRecord):
        return signal.origin
    return Origin.CHECK if isinstance(signal, CheckResult) else None


def is_failure(signal: Signal) -> bool:
    """Whether a signal tells of something that went wrong; a recovery does not."""
    tells = _FAILURES.get(type(signal))
    return tells is not None and tells(signal)


def _is_bad(change: HealthChange) -> bool:
    """Unknown is bad only when a failure made it so: our configuration is wrong."""
    if change.after is Health.UNKNOWN:
        return change.kind is not None
    return change.after not in {Health.UP, Health.PAUSED}


_FAILURES: dict[type[Signal], Callable[..., bool]] = {
    CallRecord: lambda call: call.kind is not None,
    CheckResult: lambda check: check.kind is not None,
    HealthChange: _is_bad,
    BreakerTransition: lambda change: change.after is BreakerState.OPEN,
    CredentialNotice: lambda notice: notice.event not in {"reread", "refreshed"},
    VendorNotice: lambda notice: notice.indicator not in {Indicator.OPERATIONAL, Indicator.MAINTENANCE},
    ContractDrift: lambda _: True,
    WebhookReceipt: lambda receipt: receipt.verdict not in _GOOD_WEBHOOKS,
    IncidentChange: lambda change: change.event in _WORSE,
    DeliveryAttempt: lambda attempt: attempt.result in _UNDELIVERED,
    ObjectiveChange: lambda change: change.after == "critical" or (bool(change.after) and not change.before),
    HeartbeatReport: lambda report: report.beat == "fail",
    APIRequest: lambda request: request.status >= 400,
    QueryRun: lambda run: bool(run.error),
}
