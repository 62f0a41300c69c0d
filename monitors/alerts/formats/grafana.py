"""Grafana's webhook, version 1, for receivers that are written for it: Alertmanager's fields, with a state, a
title and a text (Grafana's page on the webhook notifier, v11).
"""

from monitors.alerts.alert import Alert
from monitors.alerts.formats import go_json
from monitors.alerts.formats.alertmanager_webhook import Fields, alert_fields, chosen, data
from monitors.alerts.formats.drawing import Drawn, Letter, revealed
from monitors.alerts.formats.sending import JSON, Once
from monitors.alerts.formats.telling import as_text
from monitors.alerts.receivers import GrafanaReceiver
from monitors.alerts.wording import brief

_ONLY_ORGANISATION = 1
_LONGEST_TEXT = 16_000


class GrafanaFormat(Once):
    """One receiver that is written for Grafana."""

    def __init__(self, receiver: GrafanaReceiver) -> None:
        self._receiver = receiver

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """One request with the whole group."""
        told = letter.notification
        alerts, left_out = chosen(told, most=self._receiver.max_alerts)
        said = brief(told)
        fields = data(told, alerts, newer=False)
        fields |= {
            "receiver": told.receiver,
            "orgId": _ONLY_ORGANISATION,
            "alerts": [_alert(alert) for alert in alerts],
            "version": "1",
            "groupKey": told.group_key,
            "truncatedAlerts": left_out,
            "title": said.title,
            "state": "alerting" if told.status == "firing" else "ok",
            "message": as_text(said, limit=_LONGEST_TEXT),
        }
        headers = {**revealed(self._receiver.headers), "content-type": JSON}
        return (Drawn(url=self._receiver.url.reveal(), headers=headers, body=go_json.encode(fields)),)


def _alert(alert: Alert) -> Fields:
    return alert_fields(alert) | {
        "silenceURL": "",
        "dashboardURL": alert.annotations.get("dashboard_url", ""),
        "panelURL": "",
        "values": {},
    }
