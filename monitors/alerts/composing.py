"""Composing: a group, as it was judged, becomes the message that its receiver is sent."""

import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote

import msgspec

from monitors.alerts.alert import Alert
from monitors.alerts.event_types import event_type
from monitors.alerts.group import Group, is_critical
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.outbox import Message
from monitors.incident import Incident

MOST_ALERTS = 250
MOST_INCIDENTS = 20
LAST_ENTRIES = 10
MOST_CHILDREN = 1_000

_RENEWALS = frozenset({Reason.REPEAT, Reason.REMINDER, Reason.DIGEST})


def message_id(at: float) -> str:
    """A UUID of version 7 (RFC 9562, section 5.7) for a moment in UTC seconds."""
    bits = int(at * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    bits = bits & ~(0xF << 76) | 0x7 << 76
    return str(uuid.UUID(int=bits & ~(0x3 << 62) | 0x2 << 62))


class Composer:
    """Makes messages. `incident` finds an incident by its id; `at` is always UTC seconds."""

    def __init__(
        self,
        *,
        incident: Callable[[str], Incident | None],
        new_id: Callable[[float], str] = message_id,
        external_url: str = "",
    ) -> None:
        self._incident = incident
        self._new_id = new_id
        self.external_url = external_url

    def message(
        self,
        group: Group,
        alerts: Sequence[Alert],
        *,
        reason: Reason,
        at: float,
        children: tuple[str, ...] = (),
    ) -> Message:
        """The message that tells a group's receiver of these alerts of it; it is the next in the group's
        sequence. A renewal makes older messages of the group that are still queued needless, unless they
        tell of an end: a renewal does not.
        """
        ordered = sorted(alerts, key=lambda alert: (not alert.is_firing, alert.starts_at))
        notification = Notification(
            group_key=group.key,
            receiver=group.receiver,
            reason=reason,
            status="firing" if any(alert.is_firing for alert in alerts) else "resolved",
            sequence=group.sequence + 1,
            at=at,
            alerts=tuple(self._linked(alert) for alert in ordered[:MOST_ALERTS]),
            group_labels=group.labels,
            truncated_alerts=max(0, len(ordered) - MOST_ALERTS),
            incidents=self._incidents(ordered),
            children=children[:MOST_CHILDREN],
            level=group.level,
            external_url=self.external_url,
        )
        return Message(
            id=self._new_id(at),
            receiver=group.receiver,
            type=event_type(notification),
            subject=group.key,
            sequence=notification.sequence,
            created_at=at,
            content=msgspec.json.encode(notification),
            supersedes=reason in _RENEWALS,
            tells_of_ends=not all(alert.is_firing for alert in alerts),
            is_paging=is_critical(alerts),
        )

    def _linked(self, alert: Alert) -> Alert:
        """An alert with a link to its integration's page, unless it has one of its own."""
        integration = alert.labels.get("integration", "")
        if alert.link or not integration or not self.external_url:
            return alert
        page = f"{self.external_url.rstrip('/')}/integrations/{quote(integration, safe='')}"
        return msgspec.structs.replace(alert, link=page)

    def _incidents(self, alerts: Iterable[Alert]) -> tuple[Incident, ...]:
        ids = list(dict.fromkeys(alert.incident for alert in alerts if alert.incident))
        found = (self._incident(each) for each in ids[:MOST_INCIDENTS])
        return tuple(
            msgspec.structs.replace(incident, timeline=incident.timeline[-LAST_ENTRIES:])
            for incident in found
            if incident
        )
