"""What to do about a bad state, in one sentence for a tired person."""

from collections.abc import Mapping
from types import MappingProxyType

from integrations.execution.outcome import FailureKind
from integrations.signals import Evidence, Health
from monitors.report import CapabilityHealth

_ADVICE: Mapping[FailureKind, str] = MappingProxyType(
    {
        FailureKind.TIMEOUT: "See {vendor}'s status page; if it is green, test the network from here.",
        FailureKind.CONNECTION: (
            "See {vendor}'s status page; if it is green, look at the firewall and the proxy."
        ),
        FailureKind.TLS: (
            "Look at {vendor}'s certificate, and at the authorities this machine trusts (network.ca_file)."
        ),
        FailureKind.DNS: "Test this machine's name server, then the spelling of {vendor}'s host name.",
        FailureKind.THROTTLED: (
            "Send {vendor} fewer calls or ask for a higher limit; calls go on when its wait is over."
        ),
        FailureKind.UNAUTHORIZED: "Renew the token: {vendor} answered 401.",
        FailureKind.FORBIDDEN: "Give the token the permissions it lacks: {vendor} answered 403.",
        FailureKind.NOT_FOUND: (
            "Correct this integration's configuration: {vendor} has nothing at the address asked for."
        ),
        FailureKind.CLIENT_ERROR: (
            "Correct this integration's configuration: {vendor} refused the request as wrong."
        ),
        FailureKind.SERVER_ERROR: "See {vendor}'s status page and wait: the fault is theirs.",
        FailureKind.MALFORMED: (
            "See what answers in {vendor}'s place (a proxy's error page?) and whether its API changed."
        ),
        FailureKind.VENDOR_ERROR: (
            "Look up the error word in {vendor}'s documentation: it answered, and said no."
        ),
        FailureKind.EXPECTATION: "Compare {vendor}'s answer with what config.expect asks for.",
        FailureKind.TOO_LARGE: (
            "Raise policy.max_body, or check something smaller: {vendor}'s answer is over the limit."
        ),
    }
)

_BREAKER = (
    "Look at the last failed calls to {vendor}; the circuit closes by itself once {vendor} answers again."
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
    if worst.kind is not None and worst.kind in _ADVICE:
        return _ADVICE[worst.kind]
    if worst.evidence is Evidence.BREAKER:
        return _BREAKER
    return _REPORTED if worst.evidence is Evidence.REPORTED else _UNKNOWN
