"""A desk of webhooks to which nothing has come, without storage."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

from app.storage.storage import Storage
from app.storage.stored_webhook import StoredWebhook, Wanted
from app.webhooks import WebhookDesk
from integrations.clock import Clock
from integrations.execution.call import Answer, Call
from integrations.webhooks.inbound import Inbound, in_memory


class NothingRead:
    """Reads that find nothing."""

    async def webhooks(self, _: Wanted) -> Sequence[StoredWebhook]:
        return []

    async def deliveries(self, _: Wanted) -> Sequence[tuple[StoredWebhook, bytes | None]]:
        return []

    async def webhook(self, *_: object) -> None:
        return None


class NoCalls:
    """Makes no call."""

    async def execute(self, call: Call) -> Answer:
        raise AssertionError(f"nothing is to be called, and {call.action} was")


def empty_desk(clock: Clock) -> WebhookDesk:
    """A desk without integrations."""
    inbound = Inbound(in_memory(), calls=NoCalls(), clock=clock, publish=lambda _: None, find=lambda _: None)
    storage = cast("Storage", SimpleNamespace(webhooks=None, webhook_reading=NothingRead()))
    return WebhookDesk(inbound, storage=storage, clock=clock)
