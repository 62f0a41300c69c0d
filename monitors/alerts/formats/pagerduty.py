"""PagerDuty's Events API v2: trigger, acknowledge and resolve of one alert a group (PagerDuty's description
of the API, and https://developer.pagerduty.com/docs/events-api-v2 for the limits).
"""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec

from monitors.alerts.formats.drawing import Drawn, Letter
from monitors.alerts.formats.moments import rfc3339
from monitors.alerts.formats.sending import Once, dedup_key, fitted, is_taken, posted
from monitors.alerts.formats.telling import untold
from monitors.alerts.links import Link
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.plain import and_more, shortened
from monitors.alerts.receivers import PagerDutyReceiver
from monitors.alerts.wording import Brief, Story, brief

LONGEST_SUMMARY = 1024
LARGEST = 512_000
_MOST_LINKS = 20


class PagerDutyFormat(Once):
    """One integration of a service at PagerDuty."""

    def __init__(self, receiver: PagerDutyReceiver) -> None:
        self._receiver = receiver

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """One event; a test is triggered and resolved at once, under a key of its own. A digest of alerts
        that are over tells nothing: others, of digests before it, may still fire under the same key.
        """
        told = letter.notification
        key = dedup_key(told)
        if told.reason is Reason.TEST:
            key = hashlib.sha256(letter.message.id.encode()).hexdigest()
            return self._trigger(told, key=key), self._event("resolve", key=key)
        if told.status == "resolved":
            return () if told.reason is Reason.DIGEST else (self._event("resolve", key=key),)
        if told.reason is Reason.CHANGED and is_taken(told):
            return (self._event("acknowledge", key=key),)
        return (self._trigger(told, key=key),)

    def _event(self, action: str, *, key: str) -> Drawn:
        return posted(self._receiver.url.reveal(), self._keys(action, key=key))

    def _trigger(self, told: Notification, *, key: str) -> Drawn:
        said = brief(told)
        links = [
            {"href": link.url, "text": link.text} for link in _links(said) if link.url.startswith("http")
        ]

        def body(count: int) -> bytes:
            return msgspec.json.encode(
                self._keys("trigger", key=key)
                | {"payload": _payload(told, said, count=count), "links": links[:_MOST_LINKS]}
                | {"client": self._receiver.client}
                | ({"client_url": told.external_url} if told.external_url else {})
            )

        return posted(self._receiver.url.reveal(), fitted(body, count=len(said.stories), limit=LARGEST))

    def _keys(self, action: str, *, key: str) -> dict[str, object]:
        return {
            "routing_key": self._receiver.routing_key.reveal(),
            "event_action": action,
            "dedup_key": key,
        }


def _payload(told: Notification, said: Brief, *, count: int) -> dict[str, object]:
    integrations = sorted({alert.labels.get("integration", "") for alert in told.alerts} - {""})
    return {
        "summary": shortened(said.summary, LONGEST_SUMMARY),
        "source": and_more(integrations, limit=255) or "dialtone",
        "severity": said.severity,
        "timestamp": rfc3339(min((alert.starts_at for alert in told.alerts), default=told.at)),
        "component": _shared(told, "vendor"),
        "group": ", ".join(f"{name}={value}" for name, value in told.group_labels.items()),
        "class": _shared(told, "alertname"),
        "custom_details": dict(_details(said, count=count)),
    }


def _shared(told: Notification, label: str) -> str:
    return and_more(sorted({alert.labels.get(label, "") for alert in told.alerts} - {""}), limit=255)


def _details(said: Brief, *, count: int) -> Iterator[tuple[str, object]]:
    if said.why_now:
        yield "why now", said.why_now
    if said.explains:
        yield "explains", said.explains
    if count == 1 and len(said.stories) == 1:
        yield from _story(said.stories[0]).items()
    else:
        yield "alerts", [{"headline": story.headline, **_story(story)} for story in said.stories[:count]]
    if rest := untold(said, told=count, limit=10_000):
        yield "not told in full", rest


def _story(story: Story) -> Mapping[str, object]:
    told: dict[str, object] = {line.name.lower(): line.text for line in story.lines}
    return told | ({"so far": list(story.so_far)} if story.so_far else {})


def _links(said: Brief) -> Iterator[Link]:
    for story in said.stories:
        yield from story.links
    yield from said.links
