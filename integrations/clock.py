"""Time, injected: everything that waits or stamps takes a Clock."""

import time
from typing import Protocol

import anyio


class Clock(Protocol):
    """Where time comes from. Tests pass one of their own."""

    def monotonic(self) -> float:
        """Seconds that never jump, for durations and deadlines; the event loop's own time."""
        ...

    def time(self) -> float:
        """UTC seconds since 1970, for stamps that leave the process."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; the caller holds the deadline."""
        ...


class SystemClock:
    """The machine's clocks."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
    sleep = staticmethod(anyio.sleep)
