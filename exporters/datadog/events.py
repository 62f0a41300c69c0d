"""Datadog's events (API v1): incidents as they open, change and end; if wanted breakers and health too.

An incident's events share an aggregation key, under which Datadog shows them as one story. The API knows no
identity of an event: one whose answer was lost is sent again, and stands twice in its story then.
Source: Datadog's OpenAPI description (v1), from which lengths and ages are.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

import msgspec

from exporters.datadog.address import DatadogAddress
from exporters.datadog.tags import tag_of
from exporters.events import Event, EventKind, Events
from exporters.push.batchfile import Batch
from exporters.push.exporter import Address, Reply, Verdict
from exporters.settings import DatadogEventChoice, DatadogSettings

MAX_KEY, MAX_TITLE, MAX_TEXT = 100, 500, 4_000
"""Characters of an aggregation key and a text as Datadog says, and of a title, for which it says nothing."""
_WANTED: Mapping[DatadogEventChoice, frozenset[EventKind]] = {
    DatadogEventChoice.ALL: frozenset(EventKind),
    DatadogEventChoice.INCIDENTS: frozenset({EventKind.INCIDENT, EventKind.TRIAL}),
    DatadogEventChoice.NONE: frozenset(),
}
_BY_PEOPLE = frozenset({"acknowledged", "noted"})
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~])")


class DatadogEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event as Datadog takes it."""

    title: str
    text: str
    date_happened: int
    aggregation_key: str
    alert_type: str
    priority: str
    tags: list[str]
    host: str = ""


class DatadogEvents:
    """Datadog as an intake of events."""

    name = "datadog-events"
    keep = 17.5 * 3600.0

    def __init__(self, settings: DatadogSettings) -> None:
        self._settings = settings
        self._address = DatadogAddress(settings)
        self.secrets = (settings.api_key,)

    def encode(self, events: Events, /) -> Sequence[Batch]:
        """The requests that carry events: one each."""
        return [
            Batch(
                route="events",
                body=msgspec.json.encode(event),
                headers={"content-type": "application/json"},
                points=1,
                cut_at=float(event.date_happened),
            )
            for event in datadog_events(events, self._settings)
        ]

    def split(self, _: Batch) -> Sequence[Batch]:
        """Nothing: an event cannot be halved."""
        return ()

    def address(self, batch: Batch) -> Address:
        """Where events go, with the key."""
        return self._address.of(batch.route)

    def key_question(self) -> Batch:
        """The request that asks Datadog whether it knows the key."""
        return Batch(route="validate", body=b"", headers={}, points=0, cut_at=0.0)

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means."""
        return self._address.judge(reply)


def datadog_events(events: Events, settings: DatadogSettings) -> list[DatadogEvent]:
    """The events an operator wants to see at Datadog, in its words."""
    wanted = _WANTED[settings.events]
    return [_told(event, settings) for event in events.told() if event.kind in wanted]


def _told(event: Event, settings: DatadogSettings) -> DatadogEvent:
    is_by_people = event.fields.get("action") in _BY_PEOPLE
    tags = {
        "event": event.kind.value,
        "integration": event.integration,
        "vendor": event.vendor,
        "capability": event.capability,
        "state": str(event.fields.get("state", "")),
        **settings.tags,
    }
    return DatadogEvent(
        title=event.title[:MAX_TITLE],
        text=_text(event),
        date_happened=int(event.at),
        aggregation_key=_key(event.key),
        alert_type="user_update" if is_by_people else event.tone.value,
        priority="low" if is_by_people else "normal",
        tags=[tag_of(name, value) for name, value in tags.items() if value],
        host=settings.host,
    )


def _key(key: str) -> str:
    """A key that is too long is told from others by its hash."""
    return key if len(key) <= MAX_KEY else hashlib.sha256(key.encode()).hexdigest()


def _text(event: Event) -> str:
    """The reason and a link, as Markdown, which Datadog reads between `%%%`."""
    link = f"\n\n[Open it in Dialtone]({event.link})" if event.link else ""
    room = MAX_TEXT - len(f"%%% \n{link}\n %%%")
    reason = _MARKDOWN.sub(r"\\\1", (event.text or event.title).replace("%%%", "%"))
    return f"%%% \n{reason[:room]}{link}\n %%%"
