"""ServiceNow Event Management: one event an alert, pushed to /api/global/em/jsonv2 (ServiceNow's pages
"Pushing events to the instance using web service API" and "Event field format for event collection",
release australia).

`message_key` is the alert's fingerprint, so that events of one alert update one alert there, and severity 0
with resolution_state Closing ends it.
"""

import base64
from urllib.parse import urlsplit

import msgspec

from monitors.alerts.alert import Alert
from monitors.alerts.formats.drawing import Drawn, Letter
from monitors.alerts.formats.moments import rfc3339
from monitors.alerts.formats.sending import Once, below, posted
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.plain import shortened
from monitors.alerts.receivers import ServiceNowReceiver
from monitors.alerts.wording import Story, brief

PATH = "/api/global/em/jsonv2"
LONGEST_NAME = 100
LONGEST_DESCRIPTION = 4_000
MOST_RECORDS = 500
_CLEAR = "0"
_SEVERITIES = {"critical": "1", "error": "2", "warning": "4", "info": "5"}


class ServiceNowFormat(Once):
    """One instance."""

    def __init__(self, receiver: ServiceNowReceiver) -> None:
        self._receiver = receiver

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """All alerts of the group, in as few requests as may be; a test begins and ends at once."""
        told = letter.notification
        records = [
            self._record(told, alert, story)
            for alert, story in zip(told.alerts, brief(told).stories, strict=True)
        ]
        if told.reason is Reason.TEST:
            records += [record | _CLOSING for record in records]
        return tuple(
            posted(self._url(), {"records": records[start : start + MOST_RECORDS]}, headers=self._headers())
            for start in range(0, len(records), MOST_RECORDS)
        )

    def _url(self) -> str:
        url = self._receiver.url.reveal()
        return url if urlsplit(url).path.strip("/") else below(url, PATH)

    def _headers(self) -> dict[str, str]:
        receiver = self._receiver
        if receiver.token is not None:
            return {"accept": "application/json", "authorization": f"Bearer {receiver.token.reveal()}"}
        password = receiver.password.reveal() if receiver.password else ""
        pair = base64.b64encode(f"{receiver.username}:{password}".encode()).decode()
        return {"accept": "application/json", "authorization": f"Basic {pair}"}

    def _record(self, told: Notification, alert: Alert, story: Story) -> dict[str, str]:
        labels = alert.labels
        described = "\n".join((story.headline, *(f"{line.name}: {line.text}" for line in story.lines)))
        record = {
            "source": shortened(self._receiver.source, LONGEST_NAME),
            "event_class": shortened(told.external_url or self._receiver.source, LONGEST_NAME),
            "node": shortened(labels.get("integration", "") or "dialtone", LONGEST_NAME),
            "resource": shortened(labels.get("capability", "") or labels.get("vendor", ""), LONGEST_NAME),
            "metric_name": shortened(labels.get("alertname", ""), LONGEST_NAME),
            "type": shortened(labels.get("alertname", ""), LONGEST_NAME),
            "message_key": f"dialtone:{alert.fingerprint}",
            "severity": _SEVERITIES[story.severity],
            "description": shortened(described, LONGEST_DESCRIPTION),
            "additional_info": _more(alert, story),
            "time_of_event": _time_of(alert, told),
            "resolution_state": "New",
        }
        return record if alert.is_firing else record | _CLOSING


_CLOSING = {"severity": _CLEAR, "resolution_state": "Closing"}


def _more(alert: Alert, story: Story) -> str:
    """A JSON text, as the field asks; the severity in our words, the labels, and where to look."""
    links = {link.text.lower().replace(" ", "_") + "_link": link.url for link in story.links}
    return msgspec.json.encode({**alert.labels, **links}).decode()


def _time_of(alert: Alert, told: Notification) -> str:
    moment = alert.ends_at if alert.ends_at is not None else max(alert.starts_at, alert.updated_at)
    return rfc3339(moment or told.at)[:19].replace("T", " ")
