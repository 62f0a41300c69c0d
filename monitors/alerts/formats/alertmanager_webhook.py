"""Alertmanager's webhook, version 4: byte for byte what Alertmanager 0.25 sends for the same alerts.

Order of fields and of alerts, escapes and the zero time are Go's and Alertmanager's (template.Data,
webhook.Message and types.AlertSlice of prometheus/alertmanager); tests/real/test_alertmanager_push.py holds
them against a running one.
"""

import re
from collections.abc import Mapping
from functools import cmp_to_key

from monitors.alerts.alert import Alert
from monitors.alerts.formats import go_json
from monitors.alerts.formats.drawing import Drawn, Letter, revealed
from monitors.alerts.formats.moments import ZERO, rfc3339
from monitors.alerts.formats.sending import JSON, Once
from monitors.alerts.notification import Notification, Reason, common
from monitors.alerts.receivers import AlertmanagerWebhookReceiver

Fields = dict[str, go_json.Value]

_FIRST_LABELS = ("job", "instance")
_REASONS = {Reason.REMINDER: Reason.REPEAT.value, Reason.ESCALATION: Reason.REPEAT.value}
_THEIRS = frozenset(
    {Reason.FIRST, Reason.NEW_ALERTS, Reason.SOME_RESOLVED, Reason.ALL_RESOLVED, Reason.REPEAT}
)


class AlertmanagerWebhookFormat(Once):
    """One receiver that is written for Alertmanager."""

    def __init__(self, receiver: AlertmanagerWebhookReceiver) -> None:
        self._receiver = receiver

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """One request with the whole group."""
        told = letter.notification
        alerts, left_out = chosen(told, most=self._receiver.max_alerts)
        newer = self._receiver.newer_fields
        fields = data(told, alerts, newer=newer)
        fields |= {"version": "4", "groupKey": told.group_key, "truncatedAlerts": left_out}
        headers = {**revealed(self._receiver.headers), "content-type": JSON}
        return (Drawn(url=self._receiver.url.reveal(), headers=headers, body=go_json.encode(fields)),)


def chosen(notification: Notification, *, most: int) -> tuple[tuple[Alert, ...], int]:
    """The alerts to send, in Alertmanager's order, and how many are left out; `most` 0 sends all."""
    alerts = tuple(sorted(notification.alerts, key=cmp_to_key(_order)))
    kept = alerts[:most] if most else alerts
    return kept, len(alerts) - len(kept) + notification.truncated_alerts


def data(notification: Notification, alerts: tuple[Alert, ...], *, newer: bool) -> Fields:
    """The fields of Alertmanager's template.Data."""
    labels, annotations = common(alerts)
    fields: Fields = {
        "receiver": _quoted_meta(notification.receiver),
        "status": "firing" if any(alert.is_firing for alert in alerts) else "resolved",
        "alerts": [alert_fields(alert) for alert in alerts],
    }
    if newer:
        fields["notification_reason"] = _reason(notification.reason)
    fields |= {
        "groupLabels": ordered(notification.group_labels),
        "commonLabels": labels,
        "commonAnnotations": annotations,
    }
    if newer:
        fields["routeLabels"] = ordered(notification.route_labels)
    fields["externalURL"] = notification.external_url
    return fields


def alert_fields(alert: Alert) -> Fields:
    """One alert of the list."""
    return {
        "status": "firing" if alert.is_firing else "resolved",
        "labels": ordered(alert.labels),
        "annotations": ordered(alert.annotations),
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": ZERO if alert.ends_at is None else rfc3339(alert.ends_at),
        "generatorURL": alert.link,
        "fingerprint": alert.fingerprint,
    }


def ordered(texts: Mapping[str, str]) -> dict[str, str]:
    """A map in the order in which Go writes its keys."""
    return dict(sorted(texts.items()))


def _reason(reason: Reason) -> str:
    """In words that Alertmanager has too, for receivers that know no others."""
    return reason.value if reason in _THEIRS else _REASONS.get(reason, "unknown")


def _quoted_meta(text: str) -> str:
    """Alertmanager sends a receiver's name with the marks of regular expressions escaped (Go's QuoteMeta)."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def _order(one: Alert, other: Alert) -> int:
    first, second = _by_first_labels(one), _by_first_labels(other)
    if first != second:
        return -1 if first < second else 1
    return _before(one.labels, other.labels)


def _by_first_labels(alert: Alert) -> tuple[tuple[bool, str], tuple[bool, str], int]:
    """Alerts with a job come before those without one, then those with an instance, then those with fewer
    labels.
    """
    job, instance = ((name not in alert.labels, alert.labels.get(name, "")) for name in _FIRST_LABELS)
    return job, instance, len(alert.labels)


def _before(one: Mapping[str, str], other: Mapping[str, str]) -> int:
    """Label sets of one size: the first name, in order, that is missing or has another value decides."""
    for name in sorted({*one, *other}):
        if one.get(name) == other.get(name):
            continue
        is_before = name not in one or (name in other and one[name] < other[name])
        return -1 if is_before else 1
    return 0
