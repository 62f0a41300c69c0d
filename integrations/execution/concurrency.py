"""The bulkhead: so many calls at once, so many more in line, served in the order of fairness.py.

A counter and a line; asyncio.Semaphore and anyio's CapacityLimiter have each lost slots to cancellation
(cpython #90155, anyio #947, #1145, #1170).
"""

import asyncio
from functools import cache

import anyio

from integrations.execution.adaptive import ConcurrencyLimit, FixedLimit
from integrations.execution.fairness import FairLine, Priority, Turn
from integrations.execution.outcome import RejectReason


class Bulkhead:
    """Slots for calls in flight. A slot is handed from the one who leaves to the next in line.

    `is_learning`: whether `succeeded` wants to hear of calls now; `overloaded` always may.
    """

    __slots__ = ("_bound", "_made", "is_learning", "limit", "rule", "running")

    def __init__(self, limit: int | ConcurrencyLimit, *, queue: int) -> None:
        self.running = 0
        self._bound = queue
        # Made for the first who waits; of most integrations nobody ever does.
        self._made: FairLine | None = None
        self.rule: ConcurrencyLimit = _fixed(limit) if isinstance(limit, int) else limit
        self._heed()

    @property
    def waiting(self) -> int:
        """How many calls stand in line."""
        return 0 if self._made is None else self._made.size

    def try_enter(self) -> bool:
        """Take a slot if one is free and nobody waits for it."""
        if self.running >= self.limit or (self._made is not None and self._made.size):
            return False
        self.running += 1
        return True

    async def enter(
        self, within: float, *, caller: str = "", priority: Priority = Priority.NORMAL
    ) -> RejectReason | None:
        """Wait for a slot at most `within` seconds; return why there is none, or None with a slot taken."""
        if self.try_enter():
            return None
        turn = Turn(caller, priority)
        if not self._line.join(turn):
            return RejectReason.BULKHEAD
        with anyio.move_on_after(within):
            await self._wait(turn)
            return None if turn.is_served else RejectReason.BULKHEAD
        return RejectReason.DEADLINE

    def leave(self) -> None:
        """Give the slot back."""
        self.running -= 1
        if self._made is not None and self._made.size:
            self.admit()

    def admit(self) -> None:
        """Let in whom the limit has room for, after it has grown."""
        if self._made is None:
            return
        while self.running < self.limit and (turn := self._line.head()) is not None:
            self._line.serve(turn)
            self.running += 1
            turn.rouse()

    def adopt(self, rule: ConcurrencyLimit, *, queue: int) -> None:
        """Take a rule for the limit, and a bound for the line; who waits already stays."""
        self.rule = rule
        self._bound = queue
        if self._made is not None:
            self._made.bound = queue
        self._heed()

    def succeeded(self, sent: float, ended: float) -> None:
        """A call that holds a slot has succeeded; times are the clock's `monotonic`."""
        self.rule.succeeded(sent, ended, running=self.running)
        self._heed()

    def overloaded(self, sent: float, ended: float) -> None:
        """A call that holds a slot failed as it does where there are too many."""
        self.rule.overloaded(sent, ended)
        self._heed()

    @property
    def _line(self) -> FairLine:
        if self._made is None:
            self._made = FairLine(self._bound)
        return self._made

    def _heed(self) -> None:
        self.limit = self.rule.limit
        self.is_learning = self.rule.is_learning
        self.admit()

    async def _wait(self, turn: Turn) -> None:
        try:
            await turn.came.wait()
        except asyncio.CancelledError:
            # The slot may have been handed over in the same turn of the loop that brought the cancellation.
            if turn.is_served:
                self.leave()
            self._line.leave(turn)
            raise


@cache
def _fixed(limit: int) -> FixedLimit:
    """A limit that never moves, for all who have the same."""
    return FixedLimit(limit)
