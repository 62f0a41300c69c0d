"""A running relay over an outbox without its thread, and what hears of receivers that fail."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import anyio

from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.signals import DeliveryAttempt
from monitors.alerts.alert import Alert
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.outbox import Message
from monitors.alerts.receivers import Directory, Receiver, WebhookReceiver
from monitors.alerts.relay import Relay
from monitors.alerts.schedule import Sent
from tests.fakes.clock import LoopClock
from tests.fakes.outbox import ANSWERED, Box, FakeSender
from tests.fakes.signals import RecordingSubscriber


def receiver(name: str = "pager", **more: object) -> WebhookReceiver:
    return WebhookReceiver(name=name, url=Secret("https://hooks.example/x"), **more)  # type: ignore[arg-type]


class Told:
    """Hears of receivers that fail."""

    def __init__(self) -> None:
        self.raised: list[Alert] = []
        self.ended: list[str] = []

    def raise_alert(self, alert: Alert) -> None:
        self.raised.append(alert)

    def end_alert(self, labels: Mapping[str, str]) -> None:
        self.ended.append(labels["receiver"])


class Scene:
    """A running relay with its receivers' senders."""

    def __init__(self, box: Box, senders: dict[str, FakeSender], receivers: tuple[Receiver, ...]) -> None:
        self.box = box
        self.clock = LoopClock()
        self.senders = senders
        self.signals = RecordingSubscriber()
        self.told = Told()
        self.directory = Directory(receivers or tuple(receiver(name) for name in senders))
        self.relay = self.new_relay()

    def new_relay(self) -> Relay:
        return Relay(
            outbox=self.box.rows,
            keeping=self.box.keeping,
            directory=self.directory,
            senders=lambda one: self.senders[one.name],
            clock=self.clock,
            publish=self.signals.on_signal,
            reports=self.told,
            rng=random.Random(7),
        )

    async def put(self, *messages: Message) -> None:
        await self.box.rows.enqueue(messages)
        self.relay.wake()

    def attempts(self) -> list[DeliveryAttempt]:
        return [signal for signal in self.signals.signals if isinstance(signal, DeliveryAttempt)]


@asynccontextmanager
async def scene(box: Box, *receivers: Receiver, **senders: FakeSender) -> AsyncIterator[Scene]:
    made = Scene(box, senders, receivers)
    await made.relay.load()
    async with anyio.create_task_group() as group:
        group.start_soon(made.relay.run)
        await anyio.sleep(0.1)
        yield made
        group.cancel_scope.cancel()


def hanging(seconds: float) -> Callable[[Letter], Awaitable[Sent]]:
    async def answer(letter: Letter) -> Sent:
        with anyio.move_on_after(10.0):
            await anyio.sleep(seconds)
            return ANSWERED
        return Sent(kind=FailureKind.TIMEOUT, detail="no answer in time")

    return answer
