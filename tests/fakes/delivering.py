"""The whole way of deliveries on real sockets and a real disk: storage, executor, senders and relay."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec

from app.storage.storage import Storage, open_storage
from integrations.clock import Clock
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.pool import Pools
from integrations.signals import Signal
from monitors.alerts.outbox import Message, Outbox, new_message_id
from monitors.alerts.receivers import Directory, Receiver, WebhookReceiver
from monitors.alerts.relay import Relay
from monitors.alerts.senders import Senders
from monitors.alerts.sending import Sender
from tests.fakes.outbox import notification

SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def local(name: str, url: str, **more: object) -> WebhookReceiver:
    """A receiver on this machine."""
    known: dict[str, object] = {
        "name": name, "url": Secret(url), "signing_secrets": (Secret(SIGNING),),
        "allow_networks": ("127.0.0.0/8",),
    }  # fmt: skip
    return WebhookReceiver(**{**known, **more})  # type: ignore[arg-type]  # known by their names


class Delivering:
    """All parts, started."""

    def __init__(self, storage: Storage, executor: Executor, relay: Relay, senders: Senders) -> None:
        self.storage = storage
        self.executor = executor
        self.relay = relay
        self.senders = senders

    async def put(self, messages: Sequence[Message]) -> None:
        await self.storage.outbox.enqueue(messages)
        self.relay.wake()


@asynccontextmanager
async def delivering(
    folder: Path,
    receivers: Sequence[Receiver],
    *,
    clock: Clock,
    publish: Callable[[Signal], None] = lambda _: None,
    outbox: Callable[[Outbox], Outbox] = lambda same: same,
    sender: Callable[[Sender], Sender] = lambda same: same,
    pools: Pools | None = None,
) -> AsyncIterator[Delivering]:
    """Start all parts; `outbox` and `sender` may wrap theirs."""
    storage = open_storage(None, state_dir=folder, clock=clock)
    await storage.start()
    executor = Executor(clock=clock, publish=publish, transport=(pools or Pools(clock)).open, drain=0.5)
    senders = Senders(calls=executor, clock=clock)
    relay = Relay(
        outbox=outbox(storage.outbox),
        keeping=storage.outbox_keeping,
        directory=Directory(receivers),
        senders=lambda receiver: sender(senders(receiver)),
        clock=clock,
        publish=publish,
    )
    await relay.load()
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(relay.run)
            yield Delivering(storage, executor, relay, senders)
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await executor.aclose()
            await storage.aclose()


def told(receiver: str, *, subject: str, sequence: int, at: float, paging: bool = False) -> Message:
    """A message of ordinary size."""
    return Message(
        id=new_message_id(at),
        receiver=receiver,
        type="integration.failed",
        subject=subject,
        sequence=sequence,
        created_at=at,
        content=msgspec.json.encode(notification(receiver, sequence=sequence, group_key=subject)),
        is_paging=paging,
    )
