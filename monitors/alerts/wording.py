"""What a notification says, in sentences for a tired person: what, since when, how sure and why, who is
affected, what the vendor says, what to do, and where to look.

Formats only arrange these texts: all of them are plain (plain.py), in English, with times in UTC. Nothing is
said here that the notification does not hold.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import urlsplit

import msgspec

from integrations.signals import Evidence, Health
from monitors.advice import advise
from monitors.alerts.alert import Alert
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.plain import and_more, plain
from monitors.incident import Impact, Incident
from monitors.report import CapabilityHealth

SEVERITIES = ("critical", "error", "warning", "info")
"""From worst to least; a severity that is none of them counts as the last but one."""

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
        Evidence.REPORTED: "Reported by a person or a program; no check has confirmed it yet.",
        Evidence.OPERATOR: "An operator set it so.",
        Evidence.VENDOR: "The vendor says so itself; our own calls have not failed yet.",
        Evidence.QUOTA: "The vendor's own count of what it still allows says so.",
        Evidence.CREDENTIAL: "The credential says so: it was refused, or has ended.",
        Evidence.WEBHOOK: "Webhooks that should have come have not.",
        Evidence.HEARTBEAT: "A sign of life that should have come has not.",
    }
)
_WHY_NOW: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.NEW_ALERTS: "New alerts have joined this group.",
        Reason.SOME_RESOLVED: "A part of this group is over.",
        Reason.REPEAT: "It still goes on; this is a reminder.",
        Reason.REMINDER: "It still goes on; this is a reminder.",
        Reason.CHANGED: "Something has changed since the last message.",
        Reason.DIGEST: "Too many messages in a minute: they are summed up in this one.",
        Reason.TEST: "This is a test of the receiver. Nothing is wrong, and nothing needs to be done.",
    }
)
_URL = "_url"
_TITLE = 240
_SENTENCE = 400
_SHORT = 60
_LONGEST_LINK = 2_000
_NO_LINK = frozenset(" \"'<>`|\\")


class Line(msgspec.Struct, frozen=True):
    """One thing to know: `name` says what about, as `Since`."""

    name: str
    text: str


class Link(msgspec.Struct, frozen=True):
    """Where to look; `url` is http or https. One that a vendor gave is named by its host."""

    text: str
    url: str


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """One alert, told. `so_far` are the latest steps of its incident, oldest first."""

    headline: str
    is_firing: bool
    severity: str
    lines: tuple[Line, ...]
    links: tuple[Link, ...]
    so_far: tuple[str, ...] = ()


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """A notification, told: `why_now` is empty for the first of its group; `left_out` counts alerts that the
    notification itself no longer holds.
    """

    title: str
    summary: str
    is_firing: bool
    severity: str
    why_now: str
    stories: tuple[Story, ...]
    left_out: int
    explains: str
    links: tuple[Link, ...]


def brief(notification: Notification) -> Brief:
    """What this notification says."""
    incidents = {incident.id: incident for incident in notification.incidents}
    stories = tuple(
        _story(
            alert,
            incidents.get(alert.incident),
            now=notification.at,
            external_url=notification.external_url,
        )
        for alert in notification.alerts
    )
    severity = worst_severity(notification)
    return Brief(
        title=_title(notification, stories, severity),
        summary=_summary(notification, stories),
        is_firing=notification.status == "firing",
        severity=severity,
        why_now=_why_now(notification),
        stories=stories,
        left_out=notification.truncated_alerts,
        explains=_explains(notification),
        links=_safe((Link("Dialtone", notification.external_url),)),
    )


def worst_severity(notification: Notification) -> str:
    """The worst severity among the alerts that fire, or among all when none does."""
    firing = [alert for alert in notification.alerts if alert.is_firing]
    found = [alert.labels.get("severity", "") for alert in firing or notification.alerts]
    return min(map(severity_of, found), key=SEVERITIES.index, default="info")


def severity_of(label: str) -> str:
    """A label's value as one of SEVERITIES; `none` is what an alert has that nobody needs to act on."""
    return "info" if label == "none" else label if label in SEVERITIES else "warning"


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
        return plain(f"{subject_of(incident)} {how}", limit=_TITLE)
    lasted = length(incident.resolved_at - incident.began_at)
    return plain(f"{subject_of(incident)} is well again after {lasted}", limit=_TITLE)


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


def _story(alert: Alert, incident: Incident | None, *, now: float, external_url: str) -> Story:
    lines = [*(_of_incident(incident, now=now) if incident else _of_alert(alert, now=now))]
    if alert.is_firing:
        lines.append(Line("What to do", _advised(alert, incident)))
    return Story(
        headline=_named(alert, incident),
        is_firing=alert.is_firing,
        severity=severity_of(alert.labels.get("severity", "")),
        lines=tuple(line for line in lines if line.text),
        links=_safe(_links(alert, external_url=external_url)),
        so_far=tuple(_steps(incident)) if incident else (),
    )


def _of_incident(incident: Incident, *, now: float) -> Iterator[Line]:
    yield Line("What", plain(incident.reason, limit=_SENTENCE))
    yield Line("Since" if incident.is_open else "When", _since(incident, now=now))
    if incident.is_open:
        yield Line("How sure", _SURE.get(incident.evidence, f"By {incident.evidence}."))
    yield Line("Affected", impact(incident.impact))
    yield Line("Vendor", plain(incident.vendor_says, limit=_SENTENCE))
    if (taken := incident.acknowledgement) and incident.is_open:
        reason = f": {plain(taken.reason, limit=200)}" if taken.reason else ""
        yield Line("Taken by", f"{plain(taken.actor, limit=100)}, since {clock(taken.at)}{reason}")


def _of_alert(alert: Alert, *, now: float) -> Iterator[Line]:
    yield Line("What", plain(alert.annotations.get("description", ""), limit=_SENTENCE))
    if alert.ends_at is None:
        yield Line("Since", f"{clock(alert.starts_at)}, {length(now - alert.starts_at)} ago")
    else:
        yield Line("When", f"{clock(alert.starts_at)}, until {clock(alert.ends_at)}")


def _advised(alert: Alert, incident: Incident | None) -> str:
    """What whoever configured the rule says to do, else what we do."""
    configured = alert.annotations.get("advice", "") or alert.annotations.get("what_to_do", "")
    return plain(configured or (advice(incident) if incident else ""), limit=_SENTENCE)


def _since(incident: Incident, *, now: float) -> str:
    if incident.resolved_at is not None:
        return f"{clock(incident.began_at)}, until {clock(incident.resolved_at)}"
    confirmed = f"; confirmed at {clock(incident.opened_at, day=False)}"
    again = f"; began again {incident.reopened} times since" if incident.reopened else ""
    return f"{clock(incident.began_at)}, {length(now - incident.began_at)} ago{confirmed}{again}"


def _steps(incident: Incident) -> Iterator[str]:
    for step in incident.timeline[-8:]:
        by = f" ({plain(step.actor, limit=100)})" if step.actor else ""
        yield f"{clock(step.at)}: {plain(step.text, limit=300)}{by}"


def _named(alert: Alert, incident: Incident | None) -> str:
    """The rule's summary, which is configuration, while it fires; else what became of the incident."""
    summary = alert.annotations.get("summary", "")
    if incident is not None and (not summary or not alert.is_firing):
        return headline(incident)
    named = summary or alert.labels.get("alertname", "An alert without a name")
    if alert.ends_at is None:
        return plain(named, limit=_TITLE)
    return plain(f"Over after {length(alert.ends_at - alert.starts_at)}: {named}", limit=_TITLE)


def _links(alert: Alert, *, external_url: str) -> Iterator[Link]:
    """Its own page, those of the rule's annotations, and what a vendor names: that by its host, so that one
    sees where it leads.
    """
    home = external_url.rstrip("/")
    if home and alert.link.startswith(f"{home}/") and alert.link != f"{home}/":
        yield Link("Details", alert.link)
    elif alert.link.startswith("https://") and alert.link.rstrip("/") != home:
        yield Link(plain(_host(alert.link), limit=60), alert.link)
    for name, value in sorted(alert.annotations.items()):
        if name.endswith(_URL):
            yield Link(plain(name.removesuffix(_URL).replace("_", " ").capitalize(), limit=60), value)


def is_link(url: str) -> bool:
    """Whether a text is an address that may be shown as a link: http or https, no longer than 2,000
    characters, without marks that end a link in a receiver's mark-up, and with a host that is what it seems.
    """
    return (
        url.startswith(("https://", "http://"))
        and len(url) <= _LONGEST_LINK
        and url.isascii()
        and url.isprintable()
        and not set(url) & _NO_LINK
        and bool(_host(url))
    )


def _host(url: str) -> str:
    """Where a URL leads, as it is written; empty for one that cannot be read, or that names a user before its
    host, as those do that are to look like another.
    """
    try:
        place = urlsplit(url).netloc
    except ValueError:
        return ""
    return "" if "@" in place else place


def _safe(links: Iterable[Link]) -> tuple[Link, ...]:
    return tuple(link for link in links if is_link(link.url))


def _title(notification: Notification, stories: tuple[Story, ...], severity: str) -> str:
    word = _word(notification, severity)
    return plain(f"{word}: {_summary(notification, stories)}", limit=_TITLE)


def _word(notification: Notification, severity: str) -> str:
    if notification.reason in {Reason.TEST, Reason.DIGEST}:
        return notification.reason.upper()
    return severity.upper() if notification.status == "firing" else "RESOLVED"


def _summary(notification: Notification, stories: tuple[Story, ...]) -> str:
    """What it is about without the word before it."""
    total = len(stories) + notification.truncated_alerts
    if total == 1:
        return stories[0].headline
    firing = sum(story.is_firing for story in stories) + notification.truncated_alerts
    shared = notification.group_labels.items()
    of = ", ".join(f"{name} {value}" for name, value in shared if name != "severity")
    about = f" of {of}" if of else ""
    if notification.status == "resolved":
        return plain(f"all {total} alerts{about} are over", limit=_TITLE)
    count = f"{total} alerts{about}"
    count = count if firing == total else f"{firing} of {count} still fire"
    headlines = [plain(story.headline, limit=_SHORT) for story in stories if story.is_firing]
    return plain(f"{count}: {and_more(headlines, limit=160)}", limit=_TITLE)


def _why_now(notification: Notification) -> str:
    if notification.reason is Reason.ESCALATION:
        return f"Nobody has taken it yet: it goes to level {notification.level} of its escalation."
    return _WHY_NOW.get(notification.reason, "")


def _explains(notification: Notification) -> str:
    children = [plain(child, limit=100) for child in notification.children]
    if not children:
        return ""
    return f"Explains {len(children)} more, held back: {and_more(children, limit=600)}."
