"""What is said of an incident: in sentences, with times in UTC."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from integrations.signals import Evidence, Health
from monitors.advice import advise
from monitors.alerts.plain import and_more, plain
from monitors.incident import Acknowledgement, Impact, Incident
from monitors.report import CapabilityHealth

TITLE = 240
SENTENCE = 400
"""Characters of a title, and of one thing to know."""
_STEPS = 8

_IS = MappingProxyType(
    {
        Health.UP: "is up",
        Health.DEGRADED: "is degraded",
        Health.DOWN: "is down",
        Health.THROTTLED: "is throttled",
        Health.UNAUTHORIZED: "does not let us in",
        Health.UNKNOWN: "cannot be judged",
        Health.PAUSED: "is paused",
    }
)
_SURE: Mapping[Evidence, str] = MappingProxyType(
    {
        Evidence.CHECK: "Confirmed by Dialtone's own checks, several in a row.",
        Evidence.TRAFFIC: "Confirmed by calls of your own programs that failed.",
        Evidence.BREAKER: "So many live calls failed that the circuit was opened.",
        Evidence.REPORTED: "Reported by a person or a program.",
        Evidence.OPERATOR: "An operator set it so.",
        Evidence.VENDOR: "The vendor says so itself.",
        Evidence.QUOTA: "The vendor's own count of what it still allows says so.",
        Evidence.CREDENTIAL: "The credential says so: it was refused, or has ended.",
        Evidence.WEBHOOK: "Webhooks that should have come have not.",
        Evidence.HEARTBEAT: "A sign of life that should have come has not.",
    }
)


def clock(moment: float, *, day: bool = True) -> str:
    """A moment as `22 Nov 21:40 UTC`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%d %b %H:%M UTC" if day else "%H:%M UTC")


def length(seconds: float) -> str:
    """A stretch of time in the unit in which people say it."""
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


def subject_of(incident: Incident) -> str:
    """What an incident is about: `slack-prod (slack)`, `slack-prod (slack), write`."""
    says_more = incident.vendor not in {"", "http", incident.integration}
    vendor = f" ({incident.vendor})" if says_more else ""
    return f"{incident.integration}{vendor}" + (f", {incident.capability}," if incident.capability else "")


def headline(incident: Incident) -> str:
    """What an incident is, in one sentence without a full stop."""
    if incident.resolved_at is None:
        how = "goes up and down" if incident.flapping else _IS[incident.state]
        return plain(f"{subject_of(incident)} {how}", limit=TITLE)
    lasted = length(incident.resolved_at - incident.began_at)
    return plain(f"{subject_of(incident)} is well again after {lasted}", limit=TITLE)


def advice(incident: Incident) -> str:
    """What to do about an incident."""
    judged = CapabilityHealth(
        capability=incident.capability,
        state=incident.state,
        since=incident.began_at,
        reason=incident.reason,
        evidence=incident.evidence,
        kind=incident.kind,
        judged=True,
    )
    return advise(judged, vendor=incident.vendor or incident.integration)


def impact(told: Impact | None) -> str:
    """Who is affected, as far as is known."""
    if told is None:
        return "Not known yet."
    if not told.calls and not told.rejected:
        return "Nobody called it since then."
    share = f" ({told.failures / told.calls:.0%})" if told.calls else ""
    text = f"{told.failures:,} of {told.calls:,} calls failed{share}"
    text += f", {told.rejected:,} were refused at once" if told.rejected else ""
    callers = and_more([plain(caller, limit=64) for caller in told.callers], limit=300)
    return text + (f"; callers: {callers}." if callers else ".")


def since(incident: Incident, *, now: float) -> str:
    """Since when, or from when until when."""
    if incident.resolved_at is not None:
        return f"{clock(incident.began_at)}, until {clock(incident.resolved_at)}"
    confirmed = f"; confirmed at {clock(incident.opened_at, day=False)}"
    again = f"; began again {incident.reopened} times since" if incident.reopened else ""
    return f"{clock(incident.began_at)}, {length(now - incident.began_at)} ago{confirmed}{again}"


def evidence(incident: Incident) -> str:
    """How sure it is: what it rests on."""
    return _SURE.get(incident.evidence, f"By {incident.evidence}.")


def taken_by(taken: Acknowledgement) -> str:
    """Who works on it."""
    reason = f": {plain(taken.reason, limit=200)}" if taken.reason else ""
    return f"{plain(taken.actor, limit=100)}, since {clock(taken.at)}{reason}"


def steps(incident: Incident) -> Iterator[str]:
    """The latest things that happened, oldest first."""
    for step in incident.timeline[-_STEPS:]:
        by = f" ({plain(step.actor, limit=100)})" if step.actor else ""
        yield f"{clock(step.at)}: {plain(step.text, limit=300)}{by}"
