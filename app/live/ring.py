"""The last signals, in order and numbered, each encoded at most once and only when somebody wants it."""

from array import array
from collections.abc import Callable
from operator import attrgetter
from typing import get_args

import msgspec

from integrations.signals import CallRecord, Signal

CAPACITY = 8_192
MAX_BYTES = 16 * 1024 * 1024

_PLAIN = 1_000
_ATTEMPT = 150
_BOUNDED = frozenset(
    {
        "integration",
        "vendor",
        "action",
        "capability",
        "step",
        "method",
        "route",
        "call_id",
        "run_id",
        "trace_id",
        "span_id",
        "parent_span_id",
        "sha256",
        "version",
    }
)
"""Texts that configuration, a manifest or Dialtone itself makes; the others come from outside."""


def _open_texts(kind: type[Signal]) -> Callable[[Signal], tuple[str, ...]]:
    names = [
        field.name
        for field in msgspec.structs.fields(kind)
        if field.type is str and field.name not in _BOUNDED
    ]
    if len(names) > 1:
        several: Callable[[Signal], tuple[str, ...]] = attrgetter(*names)
        return several
    return lambda signal: tuple(getattr(signal, name) for name in names)


_OPEN_TEXTS = {kind: _open_texts(kind) for kind in get_args(Signal)}


def weight(signal: Signal) -> int:
    """Return about how many bytes a signal takes in memory, without encoding it."""
    # Texts that are mostly empty are joined in less time than their lengths are added up in.
    plain = _PLAIN + len("".join(_OPEN_TEXTS[type(signal)](signal)))
    return plain + _ATTEMPT * len(signal.attempts) if isinstance(signal, CallRecord) else plain


class Ring:
    """Keeps the last signals, at most `capacity` of them and about `max_bytes`.

    The first signal ever is number 1, and numbers have no gap. `first` is the oldest that is kept, `end` the
    number that the next will get. The newest is always kept, whatever its size.
    """

    def __init__(self, epoch: str, *, capacity: int = CAPACITY, max_bytes: int = MAX_BYTES) -> None:
        self.epoch = epoch
        self.first = 1
        self.end = 1
        self.bytes = 0
        self._capacity = capacity
        self._max_bytes = max_bytes
        self._signals: list[Signal | None] = [None] * capacity
        self._events: dict[int, bytes] = {}
        self._weights = array("Q", bytes(8 * capacity))
        self._encoder = msgspec.json.Encoder()

    def append(self, signal: Signal) -> None:
        """Add a signal, and forget the oldest where a bound asks for it."""
        number = self.end
        if number - self.first == self._capacity:
            self._forget()
        slot = number % self._capacity
        self._signals[slot] = signal
        self._weights[slot] = size = weight(signal)
        self.bytes += size
        self.end = number + 1
        while self.bytes > self._max_bytes and self.first < number:
            self._forget()

    def signal(self, number: int) -> Signal:
        """Return a signal that is kept."""
        signal = self._signals[number % self._capacity]
        if signal is None or not self.first <= number < self.end:
            raise LookupError(f"signal {number} is not kept")
        return signal

    def event(self, number: int) -> bytes:
        """Return a kept signal as a server-sent event, encoded at the first call."""
        signal, event = self.signal(number), self._events.get(number)
        if event is None:
            tag = signal.__struct_config__.tag
            head = f"id: {self.identify(number)}\nevent: {tag}\ndata: "
            self._events[number] = event = head.encode() + self._encode(signal) + b"\n\n"
            self.bytes += len(event)
        return event

    def identify(self, number: int) -> str:
        """Return a number as an id that another process cannot take for one of its own."""
        return f"{self.epoch}-{number}"

    def number(self, identity: str) -> int | None:
        """Return the number of an id, or None when it is not of this process."""
        epoch, _, digits = identity.rpartition("-")
        if epoch != self.epoch or not digits.isdecimal() or not digits.isascii() or len(digits) > 20:
            return None
        number = int(digits)
        return number if number < self.end else None

    def _encode(self, signal: Signal) -> bytes:
        """Half a surrogate pair, which a vendor's text may hold, cannot be UTF-8 and becomes `?`."""
        try:
            return self._encoder.encode(signal)
        except UnicodeEncodeError:
            return self._encoder.encode(_writable(signal))

    def _forget(self) -> None:
        number = self.first
        slot = number % self._capacity
        self._signals[slot] = None
        self.bytes -= self._weights[slot]
        if self._events:
            self.bytes -= len(self._events.pop(number, b""))
        self.first = number + 1


def _writable(signal: Signal) -> Signal:
    texts = {name: value for name, value in msgspec.structs.asdict(signal).items() if type(value) is str}
    return msgspec.structs.replace(
        signal, **{name: text.encode(errors="replace").decode() for name, text in texts.items()}
    )
