"""What signals add to the timeline of an open incident, as one sentence each: what a person wants to read of
it, and not what comes again every few minutes while it lasts (a circuit's trial calls, tokens bought).
"""

from collections.abc import Iterator

from integrations.signals import (
    BreakerState,
    BreakerTransition,
    CredentialNotice,
    Indicator,
    Signal,
    VendorNotice,
)

Line = tuple[str, str, str | None]
"""Integration, sentence, and the link to what the vendor says; None for what the vendor did not say."""

_WELL = {
    Indicator.OPERATIONAL: "all is well",
    Indicator.MAINTENANCE: "maintenance",
    Indicator.DEGRADED: "degraded",
    Indicator.PARTIAL_OUTAGE: "partial outage",
    Indicator.MAJOR_OUTAGE: "major outage",
}


def evidence_of(signal: Signal) -> Iterator[Line]:
    """The lines of a signal, by integration."""
    match signal:
        case BreakerTransition() if _is_told(signal):
            where = f" ({signal.capability})" if signal.capability else ""
            text = f"The circuit{where} went from {signal.before} to {signal.after}: {signal.reason}"
            yield signal.integration, text, None
        case CredentialNotice() if signal.event != "refreshed":
            detail = f": {signal.detail}" if signal.detail else "."
            yield signal.integration, f"Credential {signal.event.replace('_', ' ')}{detail}", None
        case VendorNotice(kind="status"):
            title = f": {signal.title}" if signal.title else "."
            for integration in signal.integrations:
                yield integration, f"{signal.vendor} says: {_WELL[signal.indicator]}{title}", signal.url
        case _:
            return


def _is_told(change: BreakerTransition) -> bool:
    """Whether a circuit is open now that was closed, or the other way about."""
    return change.after is BreakerState.CLOSED or BreakerState.HALF_OPEN not in {change.before, change.after}
