"""What signals add to the timeline of an open incident, as one sentence each."""

from collections.abc import Iterator

from integrations.signals import (
    BreakerTransition,
    CredentialNotice,
    Indicator,
    QuotaSample,
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
        case BreakerTransition():
            where = f" ({signal.capability})" if signal.capability else ""
            text = f"The circuit{where} went from {signal.before} to {signal.after}: {signal.reason}"
            yield signal.integration, text, None
        case CredentialNotice():
            detail = f": {signal.detail}" if signal.detail else "."
            yield signal.integration, f"Credential {signal.event.replace('_', ' ')}{detail}", None
        case QuotaSample() if signal.throttled_until is not None:
            yield signal.integration, f"The vendor asks for quiet on {signal.bucket}.", None
        case VendorNotice(kind="status"):
            title = f": {signal.title}" if signal.title else "."
            for integration in signal.integrations:
                yield integration, f"{signal.vendor} says: {_WELL[signal.indicator]}{title}", signal.url
        case _:
            return
