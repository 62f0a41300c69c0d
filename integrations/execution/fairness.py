"""Who is served next of those who wait for the same thing, and who must go when the line is full.

Higher priorities are served first, but not for ever: one that was passed over `PATIENCE` times is next.
Within a priority callers take turns by start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): each
caller has a tag that moves on by the cost of what it got, and the least tag is next, so a thousand turns of
one caller do not stand before the first of another. Within a caller it is first come, first served.
"""

from collections import deque
from enum import IntEnum

import anyio

from integrations.execution.outcome import Origin

PATIENCE = 8
_KEPT = 64


class Priority(IntEnum):
    """How urgent a call is. PAGE is an alert's delivery; callers choose among the others."""

    PAGE = 0
    HIGH = 1
    NORMAL = 2
    LOW = 3


PRIORITY_OF = {
    Origin.DELIVERY: Priority.PAGE,
    Origin.CHECK: Priority.HIGH,
    Origin.CREDENTIAL: Priority.HIGH,
    Origin.TRAFFIC: Priority.NORMAL,
    Origin.STATUS: Priority.NORMAL,
    Origin.EXPORT: Priority.LOW,
}
"""The priority of calls that name none."""


class Turn:
    """One who waits. `came` is set when it is served, sent away, or should look again.

    The caller is who shares a turn with nobody else: a token, whatever finer name was added behind a slash.
    """

    __slots__ = ("caller", "came", "cost", "is_served", "is_waiting", "nap", "number", "priority")

    def __init__(self, caller: str, priority: Priority, cost: float = 1.0) -> None:
        self.caller = caller.partition("/")[0]
        self.priority = priority
        self.cost = cost
        self.came = anyio.Event()
        self.nap: anyio.CancelScope | None = None
        self.number = 0
        self.is_waiting = self.is_served = False

    def rouse(self) -> None:
        """Let it look again, wherever it waits."""
        self.came.set()
        if self.nap is not None:
            self.nap.cancel()


class _Queue:
    """The turns of one caller; `tag` is the virtual time at which its first one may start."""

    __slots__ = ("cost", "tag", "turns")

    def __init__(self) -> None:
        self.turns: deque[Turn] = deque()
        self.cost = 0.0
        self.tag = 0.0


class _Rank:
    """All who wait with one priority. `passed` counts what others were given since it was last served."""

    __slots__ = ("_queues", "_time", "cost", "passed", "size")

    def __init__(self) -> None:
        self.size = 0
        self.cost = 0.0
        self.passed = 0
        self._time = 0.0
        self._queues: dict[str, _Queue] = {}

    def push(self, turn: Turn) -> None:
        queue = self._queues.get(turn.caller)
        if queue is None:
            queue = self._queues[turn.caller] = _Queue()
        if not queue.turns:
            queue.tag = max(queue.tag, self._time)
        queue.turns.append(turn)
        queue.cost += turn.cost
        self.cost += turn.cost
        self.size += 1

    def head(self) -> Turn:
        waiting = (queue for queue in self._queues.values() if queue.turns)
        return min(waiting, key=lambda queue: (queue.tag, queue.turns[0].number)).turns[0]

    def serve(self, turn: Turn) -> None:
        queue = self._queues[turn.caller]
        self.passed = 0
        self._time = queue.tag
        queue.tag += turn.cost or 1.0
        self.remove(turn)

    def remove(self, turn: Turn) -> None:
        queue = self._queues[turn.caller]
        queue.turns.remove(turn)
        queue.cost = queue.cost - turn.cost if queue.turns else 0.0
        self.cost -= turn.cost
        self.size -= 1
        if not self.size:
            self.cost, self.passed, self._time = 0.0, 0, 0.0
            self._queues.clear()
        elif len(self._queues) > self.size + _KEPT:
            # Callers without a turn are remembered for what they got last, but not without bound.
            self._queues = {caller: queue for caller, queue in self._queues.items() if queue.turns}

    def waiting(self, caller: str) -> int:
        queue = self._queues.get(caller)
        return 0 if queue is None else len(queue.turns)

    def newest_of_longest(self) -> tuple[Turn, int]:
        turns = max((queue.turns for queue in self._queues.values()), key=len)
        return turns[-1], len(turns)

    def before(self, turn: Turn) -> float:
        """What is served before one who comes now: its own caller's turns, and as much of each other's."""
        own = self._queues.get(turn.caller)
        ahead = 0.0 if own is None else own.cost
        others = (queue.cost for queue in self._queues.values() if queue is not own)
        return ahead + sum(min(theirs, ahead + turn.cost) for theirs in others)


class FairLine:
    """A line of at most `bound` turns. Most never hold one: what a turn needs is made with the first."""

    __slots__ = ("_made", "_numbers", "bound", "size")

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self.size = 0
        self._made: tuple[_Rank, ...] = ()
        self._numbers = 0

    def head(self) -> Turn | None:
        """Who is next."""
        if not self.size:
            return None
        waiting = [rank for rank in self._ranks if rank.size]
        return next((rank for rank in waiting if rank.passed >= PATIENCE), waiting[0]).head()

    def join(self, turn: Turn) -> bool:
        """Stand in line; False when it is full of those who have no more than their share.

        Who has more than its share, or a lower priority, is sent away instead: its newest turn, roused, and
        no longer waiting.
        """
        if self.size >= self.bound:
            excess = self._excess(turn)
            if excess is None:
                return False
            self.leave(excess)
            excess.rouse()
        turn.number = self._numbers
        self._numbers += 1
        turn.is_waiting = True
        self._ranks[turn.priority].push(turn)
        self.size += 1
        return True

    def has_room(self, turn: Turn) -> bool:
        """Whether `join` would take this turn."""
        return self.size < self.bound or self._excess(turn) is not None

    def leave(self, turn: Turn) -> None:
        """Give up, unserved. Nothing happens when the turn has already been sent away."""
        if turn.is_waiting:
            turn.is_waiting = False
            self._ranks[turn.priority].remove(turn)
            self.size -= 1

    def serve(self, turn: Turn) -> None:
        """Let the head go: it has got what it waited for."""
        turn.is_served, turn.is_waiting = True, False
        self._ranks[turn.priority].serve(turn)
        for rank in self._ranks[turn.priority + 1 :]:
            if rank.size:
                rank.passed += 1
        self.size -= 1

    def ahead(self, turn: Turn) -> float:
        """Return the cost of what will be served before this turn if it joins now and nobody comes after."""
        before = self._ranks[turn.priority].before(turn)
        higher = sum(rank.cost for rank in self._ranks[: turn.priority])
        return before + min(higher, PATIENCE * (before + turn.cost))

    @property
    def _ranks(self) -> tuple[_Rank, ...]:
        self._made = self._made or tuple(_Rank() for _ in Priority)
        return self._made

    def _excess(self, turn: Turn) -> Turn | None:
        """Who must go for a newcomer: of a lower priority, never its last one; of its own, who has more.

        A priority that has nobody in line gets one place from a higher one, else it would wait for ever.
        """
        own = self._ranks[turn.priority]
        spare = self._ranks[turn.priority + 1 :] if own.size else self._ranks
        for rank in reversed(spare):
            if rank.size > 1:
                return rank.newest_of_longest()[0]
        if not own.size:
            return None
        newest, longest = own.newest_of_longest()
        return newest if longest > own.waiting(turn.caller) + 1 else None
