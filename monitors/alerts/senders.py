"""The senders of all receivers, each made when it is first needed and again when its receiver changes."""

from collections.abc import Callable, Collection
from functools import partial
from importlib import import_module

from integrations.clock import Clock
from monitors.alerts.formats.table import format_for
from monitors.alerts.receivers import EmailReceiver, Receiver
from monitors.alerts.sending import Calls, HTTPSender, Sender


class Senders:
    """Gives the sender of a receiver. `own_port` is the port Dialtone listens on, where nothing is sent."""

    def __init__(
        self, expected: Collection[Receiver] = (), *, calls: Calls, clock: Clock, own_port: int = 0
    ) -> None:
        self._calls = calls
        self._clock = clock
        self._own_port = own_port
        self._open_mail: Callable[[EmailReceiver], Sender] | None = None
        self._senders: dict[str, tuple[Receiver, Sender]] = {}
        self.prepare(expected)

    def __call__(self, receiver: Receiver) -> Sender:
        """The sender of a receiver, as it is configured now.

        Raises:
            ValueError: when the receiver's secrets or proxy cannot be used.
            OSError: when its CA file cannot be read.
        """
        known = self._senders.get(receiver.name)
        if known is not None and known[0] == receiver:
            return known[1]
        sender = self._new(receiver)
        self._senders[receiver.name] = receiver, sender
        return sender

    def prepare(self, receivers: Collection[Receiver]) -> None:
        """Load what sends mail, or through a proxy, where any of them wants it; the first alert would hold up
        the loop.
        """
        if any(isinstance(receiver, EmailReceiver) for receiver in receivers):
            self._mail()
        if any(receiver.network.proxy is not None for receiver in receivers):
            import_module("integrations.execution.proxied")

    async def keep(self, receivers: Collection[str]) -> None:
        """Let go of all others."""
        for name in [name for name in self._senders if name not in receivers]:
            _, sender = self._senders.pop(name)
            await sender.aclose()

    def _new(self, receiver: Receiver) -> Sender:
        if isinstance(receiver, EmailReceiver):
            return self._mail()(receiver)
        return HTTPSender(
            receiver,
            format_for(receiver),
            calls=self._calls,
            clock=self._clock,
            own_port=self._own_port,
        )

    def _mail(self) -> Callable[[EmailReceiver], Sender]:
        if self._open_mail is None:
            from monitors.alerts.mail import Connections, MailSender

            self._open_mail = partial(MailSender, clock=self._clock, connect=Connections())
        return self._open_mail
