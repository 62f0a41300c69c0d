"""Standard Webhooks 1.0: the default for programs. `{type, timestamp, data}`, signed; docs/events/ describes
each type by a JSON Schema, made from the structs here.

A new field may come at any time; `schema_version` rises when one changes its meaning or goes.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec

from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.signals import Evidence, Health
from monitors.alerts.alert import Alert
from monitors.alerts.formats.drawing import Drawn, Letter, revealed
from monitors.alerts.formats.moments import rfc3339
from monitors.alerts.formats.sending import JSON, Once, fitted
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.receivers import WebhookReceiver
from monitors.alerts.signing import Signer
from monitors.incident import Acknowledgement, Impact, Incident

SCHEMA_VERSION: Literal[1] = 1
LARGEST = 256 * 1024
MOST_TIMELINE = 20


class EventAlert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of the group. `ends_at` is null while it fires; `incident` is the id of the one it tells of,
    empty for an alert about Dialtone itself.
    """

    status: Literal["firing", "resolved"]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: str
    ends_at: str | None
    fingerprint: str
    incident: str
    link: str


class EventTimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened in an incident."""

    at: str
    event: str
    text: str
    actor: str
    link: str


class EventAcknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Who works on it, since when and until when; null: until it is resolved."""

    actor: str
    at: str
    reason: str
    expires_at: str | None


class EventImpact(msgspec.Struct, frozen=True, kw_only=True):
    """What it cost callers so far; `source` is memory, or analytics once that has counted."""

    calls: int
    failures: int
    rejected: int
    callers: tuple[str, ...]
    source: str


class EventIncident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident that the alerts tell of. `capability` is empty for the integration as a whole, `parent` is
    the id of the incident that explains it, `vendor_says` what the vendor's status page says.
    """

    id: str
    version: int
    integration: str
    vendor: str
    capability: str
    state: Health
    kind: FailureKind | None
    evidence: Evidence
    reason: str
    began_at: str
    opened_at: str
    resolved_at: str | None
    parent: str
    vendor_says: str
    acknowledgement: EventAcknowledgement | None
    impact: EventImpact | None
    timeline: tuple[EventTimelineEntry, ...]


class EventData(msgspec.Struct, frozen=True, kw_only=True):
    """What an event tells. `sequence` rises by one with each event of the group to this receiver; `level` is
    the escalation level, 0 first; `children` are integrations whose trouble this one explains;
    `truncated_alerts` is how many alerts were left out.
    """

    schema_version: Literal[1]
    status: Literal["firing", "resolved"]
    reason: Reason
    receiver: str
    group_key: str
    group_labels: Mapping[str, str]
    sequence: int
    level: int
    alerts: tuple[EventAlert, ...]
    truncated_alerts: int
    incidents: tuple[EventIncident, ...]
    children: tuple[str, ...]
    external_url: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request; `timestamp` is when it was decided to tell it, in UTC (RFC 3339)."""

    type: str
    timestamp: str
    data: EventData


class StandardWebhookFormat(Once):
    """One receiver of Standard Webhooks."""

    def __init__(self, receiver: WebhookReceiver) -> None:
        self._url: Secret = receiver.url
        self._headers = receiver.headers
        self._signer = Signer(receiver.signing_secrets)

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """One signed request; its signature is of this try."""
        body = body_of(letter)
        signed = self._signer.headers(letter.message.id, letter.at, body)
        headers = {"content-type": JSON, **revealed(self._headers), **signed}
        return (Drawn(url=self._url.reveal(), headers=headers, body=body, idempotency=letter.message.id),)


def body_of(letter: Letter) -> bytes:
    """The event as JSON, the same at every try; alerts beyond 256 KiB are left out and counted."""
    notification = letter.notification

    def draw(told: int) -> bytes:
        event = Event(
            type=letter.message.type,
            timestamp=rfc3339(notification.at),
            data=_data(notification, told=told),
        )
        return msgspec.json.encode(event)

    return fitted(draw, count=len(notification.alerts), limit=LARGEST)


def _data(notification: Notification, *, told: int) -> EventData:
    alerts = notification.alerts[:told]
    known = {alert.incident for alert in alerts}
    return EventData(
        schema_version=SCHEMA_VERSION,
        status=notification.status,
        reason=notification.reason,
        receiver=notification.receiver,
        group_key=notification.group_key,
        group_labels=notification.group_labels,
        sequence=notification.sequence,
        level=notification.level,
        alerts=tuple(map(_alert, alerts)),
        truncated_alerts=notification.truncated_alerts + len(notification.alerts) - len(alerts),
        incidents=tuple(_incident(one) for one in notification.incidents if one.id in known),
        children=notification.children,
        external_url=notification.external_url,
    )


def _alert(alert: Alert) -> EventAlert:
    return EventAlert(
        status="firing" if alert.is_firing else "resolved",
        labels=alert.labels,
        annotations=alert.annotations,
        starts_at=rfc3339(alert.starts_at),
        ends_at=_moment(alert.ends_at),
        fingerprint=alert.fingerprint,
        incident=alert.incident,
        link=alert.link,
    )


def _incident(incident: Incident) -> EventIncident:
    return EventIncident(
        id=incident.id,
        version=incident.version,
        integration=incident.integration,
        vendor=incident.vendor,
        capability=incident.capability,
        state=incident.state,
        kind=incident.kind,
        evidence=incident.evidence,
        reason=incident.reason,
        began_at=rfc3339(incident.began_at),
        opened_at=rfc3339(incident.opened_at),
        resolved_at=_moment(incident.resolved_at),
        parent=incident.parent,
        vendor_says=incident.vendor_says,
        acknowledgement=_acknowledgement(incident.acknowledgement),
        impact=_impact(incident.impact),
        timeline=tuple(
            EventTimelineEntry(
                at=rfc3339(entry.at), event=entry.event, text=entry.text, actor=entry.actor, link=entry.link
            )
            for entry in incident.timeline[-MOST_TIMELINE:]
        ),
    )


def _acknowledgement(taken: Acknowledgement | None) -> EventAcknowledgement | None:
    if taken is None:
        return None
    return EventAcknowledgement(
        actor=taken.actor, at=rfc3339(taken.at), reason=taken.reason, expires_at=_moment(taken.expires_at)
    )


def _impact(impact: Impact | None) -> EventImpact | None:
    if impact is None:
        return None
    return EventImpact(
        calls=impact.calls,
        failures=impact.failures,
        rejected=impact.rejected,
        callers=impact.callers,
        source=impact.source,
    )


def _moment(at: float | None) -> str | None:
    return None if at is None else rfc3339(at)
