"""The signal bus: hands each signal to each subscriber, at once and without waiting."""

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec.structs import force_setattr

from integrations.samples import Sample
from integrations.signals import Signal


class Subscriber(Protocol):
    """Who wants signals. Never awaits, takes at most about 2 µs; slower work goes into a queue of its own."""

    def on_signal(self, signal: Signal) -> None:
        """Take one signal, on the event loop."""
        ...


class SignalBus:
    """Publishes on the event loop; other threads go through `loop.call_soon_threadsafe(bus.publish,
    signal)`.
    """

    def __init__(self) -> None:
        self._subscribers: dict[str, Subscriber] = {}
        self._hear: tuple[tuple[str, Callable[[Signal], None]], ...] = ()
        self._errors: dict[str, int] = {}
        self._seq = 0

    def subscribe(self, name: str, subscriber: Subscriber) -> None:
        """Add a subscriber under a name that its metric carries."""
        self._subscribers[name] = subscriber
        self._errors.setdefault(name, 0)
        self._hear = tuple((name, each.on_signal) for name, each in self._subscribers.items())

    def publish(self, signal: Signal) -> None:
        """Number the signal and hand it on; a subscriber that raises is counted and harms nobody."""
        self._seq = number = self._seq + 1
        force_setattr(signal, "seq", number)
        for name, hear in self._hear:
            try:
                hear(signal)
            except Exception:  # noqa: BLE001 - one bad subscriber must not stop the others or the call path
                self._errors[name] += 1

    def samples(self) -> Iterable[Sample]:
        """Caught exceptions by subscriber, and the signals published so far."""
        yield Sample("dialtone_signals_total", (), self._seq)
        for name, count in self._errors.items():
            yield Sample("dialtone_subscriber_errors_total", (name,), count)
