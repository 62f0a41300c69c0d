"""The feed: signals are put in on the event loop and come out in batches, on the spool's own thread.

That thread waits by itself. To have the loop wake for each batch, hand it on and hear that it is written was
measured to cost two thirds of analytics, where checks come every 6 ms.
"""

import contextlib
import threading
from queue import Empty, SimpleQueue

from exporters.analytics.spool import Spool
from integrations.clock import Clock
from integrations.signals import Signal

TICK = 0.01
"""Seconds that a signal waits at most for others before it goes to the spool."""

_SEAL_TICK = 0.25
"""Seconds after which it is looked whether segments are old enough, when nothing comes."""


class Feed:
    """Holds signals until they are spooled, at most `room` of them."""

    def __init__(self, spool: Spool, *, clock: Clock, room: int) -> None:
        self.room = room
        self._spool = spool
        self._clock = clock
        self._signals: SimpleQueue[Signal | None] = SimpleQueue()
        self._is_halted = False
        # An Event would do, but to wait for one takes four times the CPU.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._turn = threading.Lock()
        self._is_holding = False
        self._empty_at = clock.time()

    @property
    def depth(self) -> int:
        """How many signals wait."""
        return self._signals.qsize()

    @property
    def oldest(self) -> float | None:
        """UTC seconds before which no signal waits."""
        return self._empty_at if self._is_holding or self.depth else None

    def put(self, signal: Signal) -> bool:
        """Take a signal, if there is room. Never waits."""
        signals = self._signals
        if signals.qsize() >= self.room:
            return False
        signals.put(signal)
        return True

    def open(self) -> None:
        """Before `run`, also where it was halted before."""
        self._is_halted = False

    def run(self) -> None:
        """Spool what comes, on the calling thread, until halted. What `write` raises ends it."""
        with self._turn:
            while not self._is_halted:
                self._spool_next()

    def halt(self) -> None:
        """Have `run` come to its end soon; what it has taken is spooled before. From any thread."""
        self._is_halted = True
        self._signals.put(None)
        self._bell.put(None)

    def drain(self) -> None:
        """Spool and seal all that is left, once `run` has come to its end."""
        with self._turn:
            self._write([])
            self._spool.seal(everything=True)

    def _spool_next(self) -> None:
        try:
            first = self._signals.get(timeout=_SEAL_TICK)
        except Empty:
            self._empty_at = self._clock.time()
            self._spool.seal()
            return
        self._is_holding = True
        with contextlib.suppress(Empty):
            self._bell.get(timeout=TICK)
        self._write([first])

    def _write(self, batch: list[Signal | None]) -> None:
        """Spool what was taken and all that waits by now."""
        self._is_holding = True
        now = self._clock.time()
        try:
            batch += [self._signals.get_nowait() for _ in range(self._signals.qsize())]
            self._spool.write(signal for signal in batch if signal is not None)
            self._empty_at = now
        finally:
            self._is_holding = False
