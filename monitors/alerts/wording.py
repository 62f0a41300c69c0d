"""What a notification says, in sentences for a tired person: what, since when, how sure and why, who is
affected, what the vendor says, what to do, and where to look.

Formats only arrange these texts: all of them are plain (plain.py), in English, with times in UTC. Nothing is
said here that the notification does not hold.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from monitors.alerts.alert import Alert
from monitors.alerts.links import Link, links_of, safe
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.plain import and_more, plain
from monitors.alerts.sentences import (
    SENTENCE,
    TITLE,
    advice,
    clock,
    evidence,
    headline,
    impact,
    length,
    since,
    steps,
    taken_by,
)
from monitors.incident import Incident

SEVERITIES = ("critical", "error", "warning", "info")
"""From worst to least; a severity that is none of them counts as the last but one."""

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
_SHORT = 60


class Line(msgspec.Struct, frozen=True):
    """One thing to know: `name` says what about, as `Since`."""

    name: str
    text: str


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
        links=safe((Link("Dialtone", notification.external_url),)),
    )


def worst_severity(notification: Notification) -> str:
    """The worst severity among the alerts that fire, or among all when none does."""
    firing = [alert for alert in notification.alerts if alert.is_firing]
    found = [alert.labels.get("severity", "") for alert in firing or notification.alerts]
    return min(map(severity_of, found), key=SEVERITIES.index, default="info")


def severity_of(label: str) -> str:
    """A label's value as one of SEVERITIES; `none` is what an alert has that nobody needs to act on."""
    return "info" if label == "none" else label if label in SEVERITIES else "warning"


def _story(alert: Alert, incident: Incident | None, *, now: float, external_url: str) -> Story:
    lines = [*(_of_incident(incident, now=now) if incident else _of_alert(alert, now=now))]
    if alert.is_firing:
        lines.append(Line("What to do", _advised(alert, incident)))
    return Story(
        headline=_named(alert, incident),
        is_firing=alert.is_firing,
        severity=severity_of(alert.labels.get("severity", "")),
        lines=tuple(line for line in lines if line.text),
        links=links_of(alert, external_url=external_url),
        so_far=tuple(steps(incident)) if incident else (),
    )


def _of_incident(incident: Incident, *, now: float) -> Iterator[Line]:
    yield Line("What", plain(incident.reason, limit=SENTENCE))
    yield Line("Since" if incident.is_open else "When", since(incident, now=now))
    if incident.is_open:
        yield Line("How sure", evidence(incident))
    yield Line("Affected", impact(incident.impact))
    yield Line("Vendor", plain(incident.vendor_says, limit=SENTENCE))
    if (taken := incident.acknowledgement) and incident.is_open:
        yield Line("Taken by", taken_by(taken))


def _of_alert(alert: Alert, *, now: float) -> Iterator[Line]:
    yield Line("What", plain(alert.annotations.get("description", ""), limit=SENTENCE))
    if alert.ends_at is None:
        yield Line("Since", f"{clock(alert.starts_at)}, {length(now - alert.starts_at)} ago")
    else:
        yield Line("When", f"{clock(alert.starts_at)}, until {clock(alert.ends_at)}")


def _advised(alert: Alert, incident: Incident | None) -> str:
    """What whoever configured the rule says to do, else what we do."""
    configured = alert.annotations.get("advice", "") or alert.annotations.get("what_to_do", "")
    return plain(configured or (advice(incident) if incident else ""), limit=SENTENCE)


def _named(alert: Alert, incident: Incident | None) -> str:
    """The rule's summary, which is configuration, while it fires; else what became of the incident."""
    summary = alert.annotations.get("summary", "")
    if incident is not None and (not summary or not alert.is_firing):
        return headline(incident)
    named = summary or alert.labels.get("alertname", "An alert without a name")
    if alert.ends_at is None:
        return plain(named, limit=TITLE)
    return plain(f"Over after {length(alert.ends_at - alert.starts_at)}: {named}", limit=TITLE)


def _title(notification: Notification, stories: tuple[Story, ...], severity: str) -> str:
    word = _word(notification, severity)
    return plain(f"{word}: {_summary(notification, stories)}", limit=TITLE)


def _word(notification: Notification, severity: str) -> str:
    if notification.reason in {Reason.TEST, Reason.DIGEST}:
        return notification.reason.upper()
    return severity.upper() if notification.status == "firing" else "RESOLVED"


def _summary(notification: Notification, stories: tuple[Story, ...]) -> str:
    """What it is about without the word before it."""
    total = len(stories) + notification.truncated_alerts
    if total == len(stories) == 1:
        return stories[0].headline
    firing = sum(story.is_firing for story in stories) + notification.truncated_alerts
    shared = notification.group_labels.items()
    of = ", ".join(f"{name} {value}" for name, value in shared if name != "severity")
    about = f" of {of}" if of else ""
    if notification.status == "resolved":
        return plain(f"all {total} alerts{about} are over", limit=TITLE)
    count = f"{total} alerts{about}"
    count = count if firing == total else f"{firing} of {count} still fire"
    headlines = [plain(story.headline, limit=_SHORT) for story in stories if story.is_firing]
    return plain(f"{count}: {and_more(headlines, limit=160)}", limit=TITLE)


def _why_now(notification: Notification) -> str:
    if notification.reason is Reason.ESCALATION:
        return f"Nobody has taken it yet: it goes to level {notification.level} of its escalation."
    return _WHY_NOW.get(notification.reason, "")


def _explains(notification: Notification) -> str:
    children = [plain(child, limit=100) for child in notification.children]
    if not children:
        return ""
    return f"Explains {len(children)} more, held back: {and_more(children, limit=600)}."
