"""A notification: one group of alerts as one receiver is to be told of it, before a format draws it.

It is stored whole in the outbox, so that what is sent later, again, or after a restart says what was decided
then. Formats are pure functions of it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

import msgspec

from monitors.alerts.alert import Alert
from monitors.incident import Incident


class Reason(StrEnum):
    """Why a notification goes out; the first six are Alertmanager's words for it (notification_reason)."""

    FIRST = "first notification"
    NEW_ALERTS = "new alerts added"
    SOME_RESOLVED = "some alerts resolved"
    ALL_RESOLVED = "all alerts resolved"
    REPEAT = "repeat interval elapsed"
    CHANGED = "alerts changed"
    ESCALATION = "escalation"
    REMINDER = "reminder"
    DIGEST = "digest"
    TEST = "test"


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """What a receiver is told. `group_key` is stable for the life of the group and `sequence` rises by one
    with each notification of it to this receiver. `alerts` are the group's, firing ones first;
    `truncated_alerts` is how many were left out. `incidents` are those the alerts tell of, `children` what
    this group's parent explains (ids of integrations). `level` is the escalation level, 0 first.
    """

    group_key: str
    receiver: str
    reason: Reason
    status: Literal["firing", "resolved"]
    sequence: int
    at: float
    alerts: tuple[Alert, ...]
    group_labels: Mapping[str, str]
    route_labels: Mapping[str, str] = {}
    truncated_alerts: int = 0
    incidents: tuple[Incident, ...] = ()
    children: tuple[str, ...] = ()
    level: int = 0
    external_url: str = ""


def common(alerts: tuple[Alert, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """The labels and the annotations that all alerts share, as Alertmanager's commonLabels and
    commonAnnotations.
    """
    return _shared([alert.labels for alert in alerts]), _shared([alert.annotations for alert in alerts])


def _shared(maps: list[Mapping[str, str]]) -> dict[str, str]:
    first, *rest = maps or [{}]
    return {
        name: value for name, value in sorted(first.items()) if all(each.get(name) == value for each in rest)
    }
