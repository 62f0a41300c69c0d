"""A subscriber that remembers."""

from typing import TypeVar

from integrations.signals import Signal

S = TypeVar("S")


class RecordingSubscriber:
    """Keeps every signal in order; also usable as `publish`."""

    def __init__(self) -> None:
        self.signals: list[Signal] = []

    def on_signal(self, signal: Signal) -> None:
        self.signals.append(signal)

    __call__ = on_signal

    def of(self, kind: type[S]) -> list[S]:
        """The signals of one kind."""
        return [signal for signal in self.signals if isinstance(signal, kind)]
