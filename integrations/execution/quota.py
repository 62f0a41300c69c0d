"""What a vendor still allows, and the line for it: fair between callers, refused early when too long.

A VendorQuota is fed by the vendor's own headers (IETF draft-ietf-httpapi-ratelimit-headers-10; Retry-After
wins over RateLimit). An Allowance is a token bucket for what the vendor's documentation declares. Both speak
the same three words: `wait`, `draw`, `give_back`.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import anyio

from integrations.clock import Clock
from integrations.execution.call import QuotaReading
from integrations.execution.fairness import FairLine, Priority, Turn
from integrations.execution.status import QuotaStatus, SavedQuota
from integrations.manifest.schema import Limit

_SAME_WINDOW = 1.5
_UNSTATED_BURST = 10.0
_MOMENT = 1e-3
_TELLING = 20.0
"""A forecast needs this part of a period to rest on."""


class Part(Protocol):
    """One limit that a call draws on. `now` is monotonic seconds."""

    def wait(self, now: float, cost: float, ahead: float = 0.0) -> float:
        """Return the seconds until `cost` may be taken, after `ahead` has been; 0 is now."""
        ...

    def draw(self, now: float, cost: float) -> float:
        """Take `cost` if that may be, and return 0; else return what `wait` does."""
        ...

    def give_back(self, cost: float) -> None:
        """Undo `draw`: the request was never made."""
        ...


class VendorQuota:
    """One bucket as the vendor last said, less what has been taken since."""

    __slots__ = (
        "_assumed_end",
        "_clock",
        "_first",
        "_in_flight",
        "_window",
        "bucket",
        "limit",
        "remaining",
        "reset_at",
        "streak",
        "throttled_until",
    )

    def __init__(self, bucket: str, clock: Clock) -> None:
        self.bucket = bucket
        self._clock = clock
        self.limit: float | None = None
        self.remaining: float | None = None
        self.reset_at: float | None = None
        self.throttled_until: float | None = None
        self._in_flight = 0.0
        self._window = 0.0
        self._assumed_end: float | None = None
        self._first: tuple[float, float] | None = None
        self.streak = 0

    def wait(self, now: float, cost: float, ahead: float = 0.0) -> float:
        """Return the seconds until `cost` may be taken; 0 is now, or when nothing is known against it."""
        if self.remaining is None and self.throttled_until is None:
            return 0.0
        throttled = 0.0
        if self.throttled_until is not None:
            throttled = self.throttled_until - now
            if throttled <= 0:
                self.throttled_until = None
        if self.remaining is None:
            return max(0.0, throttled)
        ends = self._window_end(now)
        if self.remaining is None or self.remaining >= cost + ahead or ends is None:
            return max(0.0, throttled)
        return max(throttled, ends - now)

    def _window_end(self, now: float) -> float | None:
        """When the window that holds `now` ends, as the vendor said or else as those before it did."""
        ends = self._assumed_end if self.reset_at is None else self.reset_at
        if ends is None or now < ends:
            return ends
        # A full new window, as far as anyone knows; calls in flight may fall into it.
        self.remaining = None if self.limit is None else self.limit - self._in_flight
        self.reset_at = None
        self._assumed_end = now + self._window - (now - ends) % self._window if self._window else None
        self._begin(now)
        return self._assumed_end

    def draw(self, now: float, cost: float) -> float:
        """Count one call as on its way, if it may go; return the seconds to wait otherwise."""
        if self.remaining is None and self.throttled_until is None:
            self._in_flight += cost
            return 0.0
        wait = self.wait(now, cost)
        if wait <= 0.0:
            self._in_flight += cost
            if self.remaining is not None:
                self.remaining -= cost
        return wait

    def give_back(self, cost: float) -> None:
        """Undo `draw`."""
        self.settle(cost)
        if self.remaining is not None:
            self.remaining += cost

    def settle(self, cost: float) -> None:
        """Count one call as answered; the vendor may have counted it in a window that has begun since."""
        if self.reset_at is not None or self._assumed_end is not None:
            self._window_end(self._clock.monotonic())
        self._in_flight -= cost

    def learn(self, reading: QuotaReading) -> None:
        """Take what an answer said, after `settle` of the call that brought it.

        Within a window less remains, never more, for answers overtake one another. In a new window the calls
        in flight are taken off: the vendor may not have counted them yet.
        """
        now, utc = self._clock.monotonic(), self._clock.time()
        reset_at = None if reading.reset_at is None else now + (reading.reset_at - utc)
        same = reset_at is not None and self.reset_at is not None and reset_at - self.reset_at < _SAME_WINDOW
        if reading.limit is not None:
            self.limit = reading.limit
        if reading.remaining is not None:
            self.remaining = self._believed(reading.remaining, same=same)
        if reset_at is not None and not same:
            self._set_reset(reset_at, now)
            self._begin(now)

    def _set_reset(self, at: float, now: float) -> None:
        """Windows are as long as the longest that is known: what is left of one may be its whole."""
        self.reset_at, self._assumed_end = at, None
        self._window = max(self._window, at - now)

    def _begin(self, now: float) -> None:
        """From now on it is seen how fast this window is used up."""
        self._first = None if self.remaining is None else (now, self.remaining)

    def _exhausted_at(self, now: float) -> float | None:
        """When it will be used up, at the rate since this window was first seen; None when it lasts."""
        ends = self._assumed_end if self.reset_at is None else self.reset_at
        if self._first is None or self.remaining is None or ends is None:
            return None
        if self.remaining <= 0:
            return now
        began, at_first = self._first
        passed, used = now - began, at_first - self.remaining
        if used <= 0 or passed < (ends - began) / _TELLING:
            return None
        when = now + self.remaining * passed / used
        return when if when < ends else None

    def _believed(self, remaining: float, *, same: bool) -> float:
        if same and self.remaining is not None:
            return min(self.remaining, remaining)
        return remaining - self._in_flight

    def throttle(self, seconds: float | None, *, base: float, cap: float) -> None:
        """Take nothing for so many seconds, or for a doubling pause when the vendor names none.

        A named pause wins over what the vendor said of its window.
        """
        now = self._clock.monotonic()
        if seconds is not None and self.reset_at is not None:
            self.reset_at = now + seconds
        elif seconds is not None and self._assumed_end is not None:
            self._assumed_end = now + seconds
        if seconds is None:
            seconds = min(cap, base * 2.0 ** min(self.streak, 32))
            self.streak += 1
        self.throttled_until = max(self.throttled_until or 0.0, now + seconds)

    def status(self, waiting: int) -> QuotaStatus:
        """Return what it is now."""
        now = self._clock.monotonic()
        self.wait(now, 0.0)
        return QuotaStatus(
            bucket=self.bucket,
            limit=self.limit,
            remaining=None if self.remaining is None else max(0.0, self.remaining),
            reset_at=self._utc(self.reset_at),
            throttled_until=self._utc(self.throttled_until),
            exhausted_at=self._utc(self._exhausted_at(now)),
            waiting=waiting,
        )

    def saved(self) -> SavedQuota:
        """Return what must survive a restart."""
        status = self.status(0)
        return SavedQuota(
            bucket=status.bucket,
            limit=status.limit,
            remaining=status.remaining,
            reset_at=status.reset_at,
            throttled_until=status.throttled_until,
        )

    def restore(self, saved: SavedQuota) -> None:
        """Take up what was saved, its times moved from the wall clock."""
        now, utc = self._clock.monotonic(), self._clock.time()
        self.limit, self.remaining = saved.limit, saved.remaining
        if saved.reset_at is not None:
            self._set_reset(now + (saved.reset_at - utc), now)
            self._begin(now)
        if saved.throttled_until is not None and saved.throttled_until > utc:
            self.throttled_until = now + (saved.throttled_until - utc)

    def _utc(self, monotonic: float | None) -> float | None:
        if monotonic is None:
            return None
        return self._clock.time() + (monotonic - self._clock.monotonic())


class Allowance:
    """A declared limit as a token bucket.

    With a stated burst it holds that many tokens and fills at the stated rate. Without one it holds a tenth
    of the rate (at least 1) and fills so much slower that no window of `per` seconds sees more than `rate`.
    """

    def __init__(self, limit: Limit, clock: Clock) -> None:
        self._clock = clock
        self.name = limit.id
        self.capacity = float(limit.burst) if limit.burst else max(1.0, limit.rate / _UNSTATED_BURST)
        per_window = limit.rate if limit.burst else limit.rate - self.capacity + 1.0
        self._rate = per_window / limit.per
        self._level = self.capacity
        self._at = clock.monotonic()

    @property
    def level(self) -> float:
        """How many tokens it holds now."""
        self.wait(self._clock.monotonic(), 0.0)
        return self._level

    def wait(self, now: float, cost: float, ahead: float = 0.0) -> float:
        """Return the seconds until `cost` may be taken; a cost over the capacity waits for a full bucket."""
        if now > self._at:
            self._level = min(self.capacity, self._level + (now - self._at) * self._rate)
            self._at = now
        missing = min(cost, self.capacity) + ahead - self._level
        # Rounding may leave a billionth of a token missing that no clock's step can bring.
        return missing / self._rate if missing > 1e-9 else 0.0

    def draw(self, now: float, cost: float) -> float:
        """Take tokens out, if there are enough; return the seconds to wait otherwise."""
        wait = self.wait(now, cost)
        if wait <= 0.0:
            self._level -= cost
        return wait

    def give_back(self, cost: float) -> None:
        """Put them back."""
        self._level = min(self.capacity, self._level + cost)


class QuotaLine:
    """The line for one bucket and the `declared` limits that hold for it too, in the order of fairness.py.

    Only its head looks at the clock; it naps until the parts may give enough.
    """

    __slots__ = ("_bound", "_clock", "_made", "bucket", "declared")

    def __init__(self, clock: Clock, *, bound: int, bucket: str = "", declared: tuple[str, ...] = ()) -> None:
        self.bucket = bucket
        self.declared = declared
        self._clock = clock
        self._bound = bound
        self._made: FairLine | None = None

    @property
    def waiting(self) -> int:
        """How many calls stand in line."""
        return 0 if self._made is None else self._made.size

    def adopt(self, bound: int) -> None:
        """Take another bound; who waits already stays."""
        self._bound = bound
        if self._made is not None:
            self._made.bound = bound

    def try_take(self, parts: Sequence[Part], cost: float, now: float) -> bool:
        """Take from all parts, if all have enough and nobody is in line."""
        made = self._made
        if made is not None and made.size:
            return False
        if len(parts) == 1:
            return parts[0].draw(now, cost) <= 0.0
        return _draw(parts, cost, now) <= 0.0

    def expected(
        self,
        parts: Sequence[Part],
        cost: float,
        now: float,
        *,
        caller: str = "",
        priority: Priority = Priority.NORMAL,
    ) -> float:
        """Return the seconds that a call which came now would wait; inf when the line is full.

        An estimate: who comes later with a higher priority is not in it.
        """
        return self._expected(parts, Turn(caller, priority, cost), now)

    async def take(
        self,
        parts: Sequence[Part],
        cost: float,
        within: float,
        *,
        caller: str = "",
        priority: Priority = Priority.NORMAL,
    ) -> float:
        """Wait in line and take; return 0 when taken, else the wait, above 0, that was too long."""
        now = self._clock.monotonic()
        turn = Turn(caller, priority, cost)
        expected = self._expected(parts, turn, now)
        if expected > within or not self._line.join(turn):
            return max(expected, _MOMENT)
        try:
            with anyio.move_on_after(within):
                return await self._take_in_turn(turn, parts, now + within)
            return max(self._expected(parts, turn, self._clock.monotonic()), _MOMENT)
        finally:
            self._line.leave(turn)
            self.wake()

    def wake(self) -> None:
        """Let the head look again: it is another, something was given back, or the vendor said something."""
        head = None if self._made is None else self._made.head()
        if head is not None:
            head.rouse()

    @property
    def _line(self) -> FairLine:
        """Made for the first who asks how long it would wait: most have none."""
        if self._made is None:
            self._made = FairLine(self._bound)
        return self._made

    def _expected(self, parts: Sequence[Part], turn: Turn, now: float) -> float:
        if not self._line.has_room(turn):
            return math.inf
        ahead = self._line.ahead(turn)
        return max((part.wait(now, turn.cost, ahead) for part in parts), default=0.0)

    async def _take_in_turn(self, turn: Turn, parts: Sequence[Part], deadline: float) -> float:
        while turn.is_waiting:
            if self._line.head() is not turn:
                turn.came = anyio.Event()
                await turn.came.wait()
                continue
            now = self._clock.monotonic()
            wait = _draw(parts, turn.cost, now)
            if wait <= 0.0:
                self._line.serve(turn)
                return 0.0
            if now + wait > deadline:
                return wait
            await self._nap(turn, wait)
        return math.inf

    async def _nap(self, turn: Turn, seconds: float) -> None:
        try:
            with anyio.CancelScope() as turn.nap:
                await self._clock.sleep(seconds)
        finally:
            turn.nap = None


def _draw(parts: Sequence[Part], cost: float, now: float) -> float:
    """Draw from all parts or from none; return 0, or the longest wait."""
    for place, part in enumerate(parts):
        if part.draw(now, cost) > 0.0:
            for drawn in parts[:place]:
                drawn.give_back(cost)
            return max(part.wait(now, cost) for part in parts)
    return 0.0
