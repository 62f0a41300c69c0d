"""Takes inbound webhooks: judged, stored, and only then answered and published.

What is not taken is answered at once; of its receipts so many a second are stored, so that a stranger cannot
fill the disk, and all are counted.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence

import anyio
import msgspec
import structlog

from integrations.clock import Clock
from integrations.credentials.secret import Secret
from integrations.errors import UnknownIntegration
from integrations.integration import Integration
from integrations.manifest.inbound import Verification
from integrations.runs import Calls
from integrations.samples import Sample
from integrations.signals import Signal, WebhookReceipt
from integrations.webhooks.endpoint import Endpoint, Verdict
from integrations.webhooks.fetching import Fetch, VendorFetch
from integrations.webhooks.observed import Observed
from integrations.webhooks.pace import Pace
from integrations.webhooks.payload import InboundWebhook, WebhookAnswer
from integrations.webhooks.store import NewDelivery, URLKey, URLKeys, WebhookStore

NOTES_A_SECOND = 10.0
NOTE_SECONDS = 1.0
"""How long an answer waits for the receipt of what was not taken."""

OVERLAP = 86_400.0
"""Seconds for which the key before still opens a URL after a rotation."""

_KEY_BYTES = 32

log = structlog.get_logger("dialtone.webhooks")


class WebhookIntake:
    """One endpoint an integration whose vendor sends webhooks.

    `handles` says whether anybody handles an integration's deliveries, `arrived` is called after one is
    stored for which that holds.
    """

    def __init__(
        self,
        *,
        calls: Calls,
        clock: Clock,
        publish: Callable[[Signal], None],
        store: WebhookStore,
        keys: URLKeys,
        handles: Callable[[Integration], bool],
        arrived: Callable[[], None],
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._publish = publish
        self._store = store
        self._keys = keys
        self._handles = handles
        self._arrived = arrived
        self._endpoints: dict[str, Endpoint] = {}
        self._url_keys: dict[str, URLKey] = {}
        self._paces: dict[str, Pace] = {}
        self._observed = Observed(clock)
        self._notes = Pace(NOTES_A_SECOND, clock=clock)
        self._news: dict[str, anyio.Event] = {}
        self._unstored: dict[str, int] = {}
        self._throttled: dict[str, int] = {}

    async def load(self) -> None:
        """Take up what is stored: keys of URLs, and when each integration's last delivery came."""
        self._url_keys = {key.integration: key for key in await self._keys.load_keys()}
        self._observed.restore(await self._store.last_received())

    def open(self, integration: Integration) -> Endpoint | None:
        """Make an integration's endpoint, without taking it into use; None where its vendor sends nothing.

        Raises:
            ConfigurationError: when its settings do not fit its vendor.
        """
        webhooks = integration.manifest.webhooks
        if webhooks is None:
            return None

        def fetch(scheme: Verification) -> Fetch:
            return VendorFetch(integration, self._calls, clock=self._clock, hosts=scheme.hosts)

        return Endpoint(integration, webhooks, clock=self._clock, fetch=fetch, url_keys=self._keys_of)

    def adopt(self, integration: Integration, endpoint: Endpoint | None) -> None:
        """Take deliveries at this endpoint from now on."""
        self._endpoints.pop(integration.id, None)
        if endpoint is not None:
            self._endpoints[integration.id] = endpoint
            self._paces[integration.id] = Pace(integration.connection.webhooks.rate, clock=self._clock)
            self._observed.watch(integration, endpoint.webhooks)

    def close(self, integration_id: str) -> None:
        """Take no more deliveries of an integration."""
        self._endpoints.pop(integration_id, None)
        for kept in (self._paces, self._unstored, self._throttled, self._news):
            kept.pop(integration_id, None)
        self._observed.forget(integration_id)

    def endpoint(self, integration_id: str) -> Endpoint:
        """Where an integration's deliveries come in.

        Raises:
            UnknownIntegration: when there is none.
        """
        if integration_id not in self._endpoints:
            raise UnknownIntegration(integration_id, known=self._endpoints)
        return self._endpoints[integration_id]

    async def url_key(self, integration_id: str, *, rotate: bool = False) -> Secret:
        """The key of an integration's URL, made at the first asking; `rotate` makes another, and the one
        before counts for a day more.
        """
        known = self._url_keys.get(integration_id)
        if known is not None and not rotate:
            return known.current
        key = URLKey(
            integration=integration_id,
            current=Secret(secrets.token_urlsafe(_KEY_BYTES)),
            previous=known.current if known is not None else None,
            previous_until=self._clock.time() + OVERLAP if known is not None else 0.0,
        )
        await self._keys.save_key(key)
        self._url_keys[integration_id] = key
        return key.current

    async def take(self, integration_id: str, payload: InboundWebhook) -> WebhookAnswer:
        """Judge a delivery, store it, publish its receipt and return the answer.

        Raises:
            UnknownIntegration: when there is no endpoint of this id.
            Exception: what storage raised; then nothing was taken, and the vendor is to send it again.
        """
        endpoint = self.endpoint(integration_id)
        verdict = await endpoint.judge(payload)
        receipt = self._receipt(endpoint, payload, verdict)
        if verdict.verdict != "accepted":
            await self._note(receipt)
            self._publish(receipt)
            return WebhookAnswer(
                status=verdict.status, body=verdict.body, headers=verdict.headers, receipt=receipt
            )
        if wait := self._paces[integration_id].wait():
            self._throttled[integration_id] = self._throttled.get(integration_id, 0) + 1
            headers = {"retry-after": str(max(1, round(wait)))}
            return WebhookAnswer(status=503, headers=headers, receipt=receipt)
        return await self._accept(endpoint, payload, verdict=verdict, receipt=receipt)

    def news(self, integration_id: str) -> anyio.Event:
        """What is set once the integration's next new delivery is stored."""
        return self._news.setdefault(integration_id, anyio.Event())

    def samples(self) -> Iterable[Sample]:
        """When deliveries came, which are overdue, and what could not be taken."""
        yield from self._observed.samples()
        for integration, count in self._unstored.items():
            yield Sample("dialtone_webhooks_unstored_total", (integration,), count)
        for integration, count in self._throttled.items():
            yield Sample("dialtone_webhooks_throttled_total", (integration,), count)

    async def _accept(
        self, endpoint: Endpoint, payload: InboundWebhook, *, verdict: Verdict, receipt: WebhookReceipt
    ) -> WebhookAnswer:
        integration = endpoint.integration
        missing = self._observed.missing(integration.id, verdict.sequence)
        receipt = msgspec.structs.replace(receipt, missing=missing)
        is_handled = self._handles(integration)
        delivery = NewDelivery(
            receipt=receipt,
            delivery_key=verdict.delivery_key,
            content_key=verdict.content_key,
            headers=_kept(endpoint, payload),
            body=endpoint.kept_body(payload),
            handled=is_handled,
            window=endpoint.window,
        )
        try:
            is_new = await self._store.accept(delivery)
        except Exception:
            self._unstored[integration.id] = self._unstored.get(integration.id, 0) + 1
            raise
        if is_new:
            self._observed.received(receipt, verdict.sequence)
            if (news := self._news.pop(integration.id, None)) is not None:
                news.set()
        else:
            receipt = msgspec.structs.replace(receipt, verdict="duplicate", missing=0)
        self._publish(receipt)
        if is_new and is_handled:
            self._arrived()
        return WebhookAnswer(
            status=verdict.status, body=verdict.body, headers=verdict.headers, receipt=receipt
        )

    async def _note(self, receipt: WebhookReceipt) -> None:
        """Store the receipt of what was not taken, as far as it goes: the answer does not depend on it."""
        if self._notes.wait():
            return
        with anyio.move_on_after(NOTE_SECONDS):
            try:
                await self._store.note(receipt)
            except Exception as error:  # noqa: BLE001 - whatever storage raises; storage itself tells and counts
                log.debug("a receipt was not stored", reason=type(error).__name__)

    def _receipt(self, endpoint: Endpoint, payload: InboundWebhook, verdict: Verdict) -> WebhookReceipt:
        return WebhookReceipt(
            at=payload.received_at,
            integration=endpoint.integration.id,
            vendor=endpoint.integration.vendor,
            event_type=verdict.event_type,
            verdict=verdict.verdict,
            webhook_id=verdict.webhook_id,
            detail=verdict.detail,
            body_bytes=len(payload.body),
            lag=verdict.lag,
        )

    def _keys_of(self, integration_id: str) -> Sequence[Secret]:
        key = self._url_keys.get(integration_id)
        if key is None:
            return ()
        if key.previous is None or self._clock.time() >= key.previous_until:
            return (key.current,)
        return (key.current, key.previous)


def _kept(endpoint: Endpoint, payload: InboundWebhook) -> dict[str, str]:
    """Headers that are kept, and the trace in which whoever handles the delivery may go on."""
    kept = {name.lower(): text for name, text in payload.headers.items()}
    kept = {name: text for name, text in kept.items() if name in endpoint.kept_headers}
    return kept | {"traceparent": payload.traceparent} if payload.traceparent else kept
