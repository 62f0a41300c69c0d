"""Receivers as people see them: how each does, a test, its deliveries, dead letters and their replay."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from app.desks.record import Record
from app.storage.outbox_keeping import Numbered, Wanted
from integrations.clock import Clock
from monitors.alerts.condition import Conditions
from monitors.alerts.outbox import Backlog, Condition, Delivery, Replay
from monitors.alerts.receivers import Directory, Receiver
from monitors.alerts.sending import Sender
from monitors.alerts.settings import AlertSettings
from monitors.alerts.trial import Trial, try_out


class SeenReceiver(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver, how it does, and what waits for it."""

    receiver: Receiver
    condition: Condition
    backlog: Backlog


class Relay(Protocol):
    """Who delivers."""

    @property
    def conditions(self) -> Conditions:
        """How receivers do."""
        ...

    def wake(self) -> None:
        """Look at the outbox."""
        ...

    async def enable(self, receiver: str, /) -> None:
        """Send to a disabled receiver again."""
        ...


class Deliveries(Protocol):
    """What is in the outbox."""

    async def backlog(self) -> Sequence[Backlog]:
        """What waits and what is dead, by receiver."""
        ...

    async def deliveries(self, wanted: Wanted, /) -> Sequence[Numbered]:
        """Deliveries, the newest first."""
        ...

    async def delivery(self, message: str, /) -> Delivery | None:
        """One by the id of its message."""
        ...

    async def replay(self, order: Replay, /) -> int:
        """Queue messages again; return how many."""
        ...


class ReceiverDesk:
    """Reads the outbox; what is sent again or tried goes on record."""

    def __init__(
        self,
        *,
        relay: Relay,
        rows: Deliveries,
        senders: Callable[[Receiver], Sender],
        directory: Directory,
        settings: Callable[[], AlertSettings],
        record: Record,
        clock: Clock,
    ) -> None:
        self._relay = relay
        self._rows = rows
        self._senders = senders
        self._directory = directory
        self._settings = settings
        self._record = record
        self._clock = clock

    @property
    def names(self) -> Sequence[str]:
        """Of all receivers."""
        return tuple(receiver.name for receiver in self._directory.all())

    def find(self, name: str) -> Receiver | None:
        """One by its name."""
        return self._directory.find(name)

    async def all(self) -> Sequence[SeenReceiver]:
        """All of them, in the order of the configuration."""
        backlog = await self._backlog()
        return [self._seen(receiver, backlog) for receiver in self._directory.all()]

    async def one(self, receiver: Receiver) -> SeenReceiver:
        """One of them."""
        return self._seen(receiver, await self._backlog())

    async def test(self, receiver: Receiver, *, actor: str) -> Trial:
        """Send a real message that says that it is a test, at once and once."""
        await self._record(actor, "receiver_test", reason=receiver.name)
        external_url = self._settings().external_url
        return await try_out(
            receiver, self._senders(receiver), clock=self._clock, external_url=external_url, actor=actor
        )

    async def enable(self, receiver: Receiver, *, actor: str, reason: str) -> SeenReceiver:
        """Send to a disabled receiver again."""
        await self._relay.enable(receiver.name)
        await self._record(actor, "receiver_enable", reason=f"{receiver.name}: {reason}")
        return await self.one(receiver)

    async def deliveries(self, wanted: Wanted) -> Sequence[Numbered]:
        """Deliveries, the newest first."""
        return await self._rows.deliveries(wanted)

    async def delivery(self, message: str) -> Delivery | None:
        """One by the id of its message."""
        return await self._rows.delivery(message)

    async def replay(self, order: Replay, *, actor: str, reason: str) -> int:
        """Send messages again under their own ids; return how many, at most 5,000."""
        count = await self._rows.replay(order)
        if count:
            await self._record(actor, "delivery_replay", reason=f"{reason} ({count})")
            self._relay.wake()
        return count

    async def _backlog(self) -> Mapping[str, Backlog]:
        return {one.receiver: one for one in await self._rows.backlog()}

    def _seen(self, receiver: Receiver, backlog: Mapping[str, Backlog]) -> SeenReceiver:
        name = receiver.name
        return SeenReceiver(
            receiver=receiver,
            condition=self._relay.conditions.of(name),
            backlog=backlog.get(name) or Backlog(receiver=name),
        )
