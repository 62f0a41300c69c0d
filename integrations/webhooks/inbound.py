"""The face of inbound webhooks: endpoints, deliveries, handlers and keys of URLs, over one persistence."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import anyio

from integrations.clock import Clock
from integrations.credentials.secret import Secret
from integrations.integration import Integration
from integrations.runs import Calls
from integrations.samples import Sample
from integrations.signals import Signal
from integrations.webhooks.dispatch import Dispatcher, Handler
from integrations.webhooks.endpoint import Endpoint
from integrations.webhooks.intake import WebhookIntake
from integrations.webhooks.memory import MemoryStore
from integrations.webhooks.payload import InboundWebhook, WebhookAnswer
from integrations.webhooks.store import URLKeys, WebhookQueue, WebhookStore


class Persistence(NamedTuple):
    """Who keeps deliveries, their queue, and the keys of URLs."""

    store: WebhookStore
    queue: WebhookQueue
    keys: URLKeys


def in_memory() -> Persistence:
    """Keep all of it in this process alone."""
    memory = MemoryStore()
    return Persistence(memory, memory, memory)


class Inbound:
    """Inbound webhooks of all integrations. `find` returns an integration that is registered, or None."""

    def __init__(
        self,
        persistence: Persistence,
        *,
        calls: Calls,
        clock: Clock,
        publish: Callable[[Signal], None],
        find: Callable[[str], Integration | None],
    ) -> None:
        self._find = find
        self._dispatcher = Dispatcher(queue=persistence.queue, clock=clock, vendor_of=self._vendor_of)
        self._intake = WebhookIntake(
            calls=calls,
            clock=clock,
            publish=publish,
            store=persistence.store,
            keys=persistence.keys,
            handles=lambda integration: self._dispatcher.handler(integration.id) is not None,
            arrived=self._dispatcher.wake,
        )

    async def load(self) -> None:
        """Take up what is stored, once, before integrations are opened."""
        await self._intake.load()

    async def run(self) -> None:
        """Hand deliveries to their handlers until cancelled."""
        await self._dispatcher.run()

    def wake(self) -> None:
        """Look for deliveries that wait: an operator has put some back."""
        self._dispatcher.wake()

    def register(self, handler: Handler, *, integration_id: str = "", vendor: str = "") -> None:
        """Let a handler have what an integration, or every integration of a vendor, receives from now on.

        Raises:
            ValueError: when not exactly one is named, or it has a handler already.
        """
        if bool(integration_id) == bool(vendor):
            raise ValueError("a webhook handler is for an integration_id or a vendor")
        self._dispatcher.register(integration_id or f"vendor:{vendor}", handler)

    def open(self, integration: Integration) -> Endpoint | None:
        """Make an integration's endpoint; see WebhookIntake."""
        return self._intake.open(integration)

    def adopt(self, integration: Integration, endpoint: Endpoint | None) -> None:
        """Take deliveries at this endpoint from now on."""
        self._intake.adopt(integration, endpoint)

    def close(self, integration_id: str) -> None:
        """Take no more deliveries of an integration."""
        self._intake.close(integration_id)

    def endpoint(self, integration_id: str) -> Endpoint:
        """Where an integration's deliveries come in; UnknownIntegration when there is no such place."""
        return self._intake.endpoint(integration_id)

    def is_handled(self, integration_id: str) -> bool:
        """Whether anybody handles an integration's deliveries."""
        return self._dispatcher.handler(integration_id) is not None

    async def url_key(self, integration_id: str, *, rotate: bool = False) -> Secret:
        """The key of an integration's URL; see WebhookIntake."""
        return await self._intake.url_key(integration_id, rotate=rotate)

    def news(self, integration_id: str) -> anyio.Event:
        """What is set once the integration's next new delivery is stored."""
        return self._intake.news(integration_id)

    async def take(self, integration_id: str, payload: InboundWebhook) -> WebhookAnswer:
        """Take a delivery; see WebhookIntake."""
        return await self._intake.take(integration_id, payload)

    def samples(self) -> Iterable[Sample]:
        """What came, what is overdue, and what became of it."""
        yield from self._intake.samples()
        yield from self._dispatcher.samples()

    def _vendor_of(self, integration_id: str) -> str | None:
        integration = self._find(integration_id)
        return integration.vendor if integration is not None else None
