"""The newest rows, for who reads: what is spooled is loaded every few seconds, or when somebody asks."""

import contextlib
from collections.abc import Awaitable, Callable

import anyio
import anyio.to_thread

from exporters.analytics.settings import AnalyticsUnavailable
from integrations.clock import Clock

CatchUp = Callable[[], Awaitable[None]]
"""What a reader waits for before it reads."""

RECENT = 1.0
"""Seconds for which nothing is loaded for readers again: a board asks twenty questions at once."""

PATIENCE = 1.0
"""Seconds that a reader waits at most for the writer's thread to be free."""


async def nothing_newer() -> None:
    """For who reads what nobody writes."""


class CatchingUp:
    """Has the rows of now loaded before a question is answered. `load` runs on the writer's thread (`thread`)
    and takes one transaction at most, so that no reader waits for a backlog.
    """

    def __init__(self, load: Callable[[], None], *, thread: anyio.CapacityLimiter, clock: Clock) -> None:
        self._load = load
        self._thread = thread
        self._clock = clock
        self._lock = anyio.Lock()
        self._began = float("-inf")

    async def wait(self) -> None:
        """Wait until what is a second old is loaded, if that can be had soon; else who reads has to do
        without.
        """
        with anyio.move_on_after(PATIENCE) as patience:
            async with self._lock:
                now = self._clock.monotonic()
                if now - self._began < RECENT:
                    return
                self._began = now
                # What is wrong with the disk or the file is told by those who write.
                with contextlib.suppress(AnalyticsUnavailable, OSError):
                    await anyio.to_thread.run_sync(self._load, limiter=self._thread)
        if patience.cancelled_caught:
            # Who asks next would wait as long for the same, and few are answered at a time.
            self._began = self._clock.monotonic()
