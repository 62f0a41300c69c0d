"""What to do about a bad state, in one sentence for a tired person."""

from collections.abc import Mapping
from types import MappingProxyType

from integrations.execution.outcome import FailureKind
from integrations.manifest.evaluate import CERTIFICATE_ENDS
from integrations.signals import Evidence, Health
from monitors.report import CapabilityHealth

_ADVICE: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.TIMEOUT: "See whether {vendor} is up (its status page); if so, test the network here.",
        FailureKind.CONNECTION: (
            "See whether {vendor} is up (its status page); if so, look at the firewall and the proxy."
        ),
        FailureKind.TLS: (
            "Look at {vendor}'s certificate, the authorities trusted here (network.ca_file), and whether it "
            "speaks TLS there at all."
        ),
        FailureKind.DNS: "Test this machine's name server, then the spelling of {vendor}'s host name.",
        FailureKind.THROTTLED: (
            "Send {vendor} fewer calls or ask for a higher limit; calls go on when its wait is over."
        ),
        FailureKind.UNAUTHORIZED: "Renew the credential: {vendor} does not accept it.",
        FailureKind.FORBIDDEN: "Give the credential the permissions it lacks: {vendor} refused this request.",
        FailureKind.NOT_FOUND: (
            "Correct this integration's configuration: {vendor} has nothing at the address asked for."
        ),
        FailureKind.CLIENT_ERROR: (
            "Correct this integration's configuration: {vendor} refused the request as wrong."
        ),
        FailureKind.SERVER_ERROR: "See {vendor}'s status page, or ask who runs it: the fault is on its side.",
        FailureKind.MALFORMED: (
            "See what answers in {vendor}'s place (a proxy's error page?) and whether its API changed."
        ),
        FailureKind.VENDOR_ERROR: (
            "Look up the error word in {vendor}'s documentation: it answered, and said no."
        ),
        FailureKind.EXPECTATION: (
            "Ask who runs {vendor} why it answers so; if it is right, correct the condition (config.expect)."
        ),
        FailureKind.TOO_LARGE: (
            "Raise policy.max_body, or check something smaller: {vendor}'s answer is over the limit."
        ),
    }
)

_CERTIFICATE = "Renew the certificate of {vendor}, and see why it did not renew by itself."
_BREAKER = (
    "See what failed (`dialtone query top_errors`); the circuit closes by itself once {vendor} answers again."
)
_REPORTED = (
    "Ask whoever reported it what failed at {vendor}; the next checks that succeed take the report back."
)
_UNKNOWN = "Look at Dialtone's log: the check of {vendor} could not be carried out."


def advise(worst: CapabilityHealth, *, vendor: str) -> str:
    """What to do about the worst capability of an integration of this vendor; empty when it is up."""
    if worst.state is Health.UP or not worst.judged:
        return ""
    return _template(worst).format(vendor=vendor)


def _template(worst: CapabilityHealth) -> str:
    if worst.kind is FailureKind.EXPECTATION and CERTIFICATE_ENDS in worst.reason:
        return _CERTIFICATE
    if worst.kind is not None and worst.kind in _ADVICE:
        return _ADVICE[worst.kind]
    if worst.evidence is Evidence.BREAKER:
        return _BREAKER
    return _REPORTED if worst.evidence is Evidence.REPORTED else _UNKNOWN
