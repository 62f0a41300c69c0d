"""Alerts posted to Alertmanager's own API, as Prometheus posts them: to every peer, again and again.

Alertmanager forgets an alert whose end has come, so a firing one is sent with an end four minutes ahead and
again every minute; a resolved one for five minutes more, for peers that were away (docs/alerts_api.md of
prometheus/alertmanager; Prometheus's own notifier does the same).
"""

import re
from collections.abc import Mapping

import msgspec

from monitors.alerts.alert import Alert
from monitors.alerts.formats.alertmanager_webhook import ordered
from monitors.alerts.formats.drawing import Drawn, Letter, revealed
from monitors.alerts.formats.moments import rfc3339
from monitors.alerts.formats.sending import Once, below, posted
from monitors.alerts.links import is_link
from monitors.alerts.notification import Reason
from monitors.alerts.receivers import AlertmanagerReceiver

PATH = "/api/v2/alerts"
AGAIN = 60.0
AHEAD = 240.0
RESOLVED_FOR = 300.0

_UNFIT = re.compile(r"[^a-zA-Z0-9_]")


class AlertmanagerFormat(Once):
    """One Alertmanager, or all peers of one."""

    def __init__(self, receiver: AlertmanagerReceiver) -> None:
        self._receiver = receiver

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """The same request to every peer."""
        body = msgspec.json.encode([_posted(alert, at=letter.at) for alert in letter.notification.alerts])
        headers = revealed(self._receiver.headers)
        return tuple(posted(below(url.reveal(), PATH), body, headers=headers) for url in self._receiver.urls)

    def repeat_after(self, letter: Letter) -> float | None:
        """In a minute while anything fires, and until five minutes after the last end; a test never."""
        told = letter.notification
        if told.reason is Reason.TEST:
            return None
        if any(alert.is_firing for alert in told.alerts):
            return AGAIN
        ended = max((alert.ends_at or 0.0 for alert in told.alerts), default=0.0)
        return AGAIN if letter.at + AGAIN <= max(ended, told.at) + RESOLVED_FOR else None


def _posted(alert: Alert, *, at: float) -> dict[str, object]:
    ends_at = at + AHEAD if alert.ends_at is None else alert.ends_at
    told: dict[str, object] = {
        "labels": _named(alert.labels),
        "annotations": _named(alert.annotations),
        "startsAt": rfc3339(alert.starts_at),
        "endsAt": rfc3339(ends_at),
    }
    # It refuses all alerts of a request for one address that is none.
    return told | {"generatorURL": alert.link} if is_link(alert.link) else told


def _named(texts: Mapping[str, str]) -> dict[str, str]:
    """Names as every Alertmanager takes them (before 0.27 letters, digits and underscores only)."""
    fit = {_fit(name): value for name, value in texts.items()}
    return ordered(fit)


def _fit(name: str) -> str:
    fit = _UNFIT.sub("_", name)
    return f"_{fit}" if fit[:1].isdigit() or not fit else fit
