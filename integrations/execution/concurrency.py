"""The bulkhead: so many calls at once, so many more in line, first come first served.

A counter and a deque; asyncio.Semaphore and anyio's CapacityLimiter have each lost slots to cancellation
(cpython #90155, anyio #947, #1145, #1170).
"""

import asyncio
from collections import deque

import anyio

from integrations.execution.outcome import RejectReason


class Bulkhead:
    """Slots for calls in flight. A slot is handed from the one who leaves to the first in line."""

    def __init__(self, limit: int, *, queue: int) -> None:
        self.limit = limit
        self.queue = queue
        self.running = 0
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many calls stand in line."""
        return len(self._line)

    def try_enter(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self.running >= self.limit or self._line:
            return False
        self.running += 1
        return True

    async def enter(self, within: float) -> RejectReason | None:
        """Wait for a slot at most `within` seconds; return why there is none, or None with a slot taken."""
        if self.try_enter():
            return None
        if len(self._line) >= self.queue:
            return RejectReason.BULKHEAD
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        with anyio.move_on_after(within):
            await self._wait(turn)
            return None
        return RejectReason.DEADLINE

    def leave(self) -> None:
        """Give the slot back."""
        self.running -= 1
        if self._line:
            self.admit()

    def admit(self) -> None:
        """Let in whom the limit has room for, after it has grown."""
        while self._line and self.running < self.limit:
            turn = self._line.popleft()
            if not turn.done():
                self.running += 1
                turn.set_result(None)

    async def _wait(self, turn: asyncio.Future[None]) -> None:
        try:
            await turn
        except asyncio.CancelledError:
            # The slot may have been handed over in the same turn of the loop that brought the cancellation.
            if turn.done() and not turn.cancelled():
                self.leave()
            elif turn in self._line:
                self._line.remove(turn)
            raise
