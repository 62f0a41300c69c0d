"""New Relic's Event API: incidents, breaker transitions and changes of health as custom events.

`FROM DialtoneIncident SELECT *` shows them; `story_id` joins those of one incident, and `event_id` is the
same when New Relic took one twice. The API answers 200 before it looks at the events: what is wrong with one
shows in `FROM NrIntegrationError` only.

Sources: New Relic's OpenAPI description of the Event API and its page on custom event data. The two disagree
on the oldest event taken (48 and 24 hours); the longer one is tried.
"""

import gzip
from collections.abc import Callable, Mapping, Sequence

import msgspec

from exporters.events import Event, EventKind, Events, Value
from exporters.newrelic.metrics import address, fresh_id, key_hint, resealed, sealed
from exporters.newrelic.words import MAX_VALUE
from exporters.push.batchfile import Batch
from exporters.push.exporter import Address, Reply, Verdict
from exporters.push.judging import judge
from exporters.push.packing import Limits, halves, packed
from exporters.settings import NewRelicSettings

LIMITS = Limits(items=2_000, plain_bytes=1_000_000, bytes=900_000)
_HOSTS: Mapping[str, str] = {
    "us": "insights-collector.newrelic.com",
    "eu": "insights-collector.eu01.nr-data.net",
    "gov": "gov-insights-collector.newrelic.com",
}
TYPES: Mapping[EventKind, str] = {
    EventKind.INCIDENT: "DialtoneIncident",
    EventKind.BREAKER_TRANSITION: "DialtoneBreakerTransition",
    EventKind.HEALTH_CHANGE: "DialtoneHealthChange",
    EventKind.TRIAL: "DialtoneTrial",
}
_WORTHLESS = frozenset({400, 404, 405, 409, 410, 411, 415})

Item = dict[str, str | float]


class NewRelicEvents:
    """New Relic as an intake of events."""

    name = "newrelic-events"
    keep = 47 * 3600.0

    def __init__(
        self, settings: NewRelicSettings, *, version: str, new_id: Callable[[], str] | None = None
    ) -> None:
        self._settings = settings
        self.secrets = (settings.license_key,)
        self._version = version
        self._new_id = new_id or fresh_id
        host = _HOSTS[settings.region]
        self._url = settings.events_url or f"https://{host}/v1/accounts/{settings.account}/events"

    def encode(self, events: Events, /) -> Sequence[Batch]:
        """The requests that carry events."""
        parts = packed(
            [self._item(event) for event in events.told()],
            encode=msgspec.json.encode,
            seal=lambda plain, points: self._sealed(plain, points, cut_at=events.ended),
            limits=LIMITS,
        )
        return list(parts)

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch as two, each under an id of its own."""
        parts = halves(msgspec.json.decode(gzip.decompress(batch.body)))
        return resealed(batch, [(msgspec.json.encode(half), len(half)) for half in parts])

    def address(self, _: Batch) -> Address:
        """Where batches go, with the key."""
        return address(self._url, self._settings, version=self._version)

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means."""
        hint = key_hint(self._settings) or "is it a license key of `account_id`, and `region` right?"
        return judge(reply, vendor="New Relic", worthless=_WORTHLESS, key_hint=hint)

    def _item(self, event: Event) -> Item:
        """An event as New Relic has it: flat, texts and numbers only, none of them empty."""
        own: Mapping[str, Value] = {
            **self._settings.attributes,
            **event.fields,
            "event_id": event.id,
            "story_id": event.key,
            "title": event.title,
            "reason": event.text,
            "tone": event.tone.value,
            "integration": event.integration,
            "vendor": event.vendor,
            "capability": event.capability,
            "link": event.link,
        }
        told = {name: _plain(value) for name, value in own.items() if value != ""}
        return {"eventType": TYPES[event.kind], "timestamp": int(event.at * 1000), **told}

    def _sealed(self, plain: bytes, points: int, *, cut_at: float) -> Batch:
        return sealed(plain, points, route="events", cut_at=cut_at, request_id=self._new_id())


def _plain(value: Value) -> str | float:
    """A value as the API takes it: it knows no boolean."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value[:MAX_VALUE] if isinstance(value, str) else value
