"""Equal reads at once share one run.

The run goes on in a task of its own, which ends with its last waiter: one who leaves takes nothing from the
others. Each waiter keeps its own deadline. A read never joins one that began before a write was done.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import anyio
import msgspec
from anyio.abc import TaskGroup

from integrations.clock import Clock
from integrations.execution.outcome import FailureKind, Outcome, RejectReason

MOST_WAITERS = 1_000
"""So many may wait for one run; the next one begins another."""

_ENOUGH_TIME = 0.5
_MOST_IDLE = 64
_IN_ORDER = msgspec.json.Encoder(order="deterministic")
_UNWRITABLE = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)

Live = Callable[[], Awaitable[Outcome]]


class ReadKey(NamedTuple):
    """What makes two reads equal; `digest` stands for params and credential, and tells neither."""

    integration: str
    action: str
    digest: bytes


class Waited(NamedTuple):
    """What a waiter got, and whether the run was begun by another one."""

    outcome: Outcome
    is_shared: bool


def read_key(integration: str, action: str, *, params: Mapping[str, object], rest: object) -> ReadKey | None:
    """Return the key of a read; `rest` is what else makes a difference. None: these params have no key."""
    try:
        written = _IN_ORDER.encode((params, rest))
    except _UNWRITABLE:
        return None
    return ReadKey(integration, action, hashlib.blake2b(written, digest_size=16).digest())


class _Flight:
    """One run under way, and who waits for it."""

    __slots__ = ("deadline", "error", "has_ended", "live", "outcome", "place", "scope", "turns")

    def __init__(self, place: tuple[ReadKey, int], live: Live, deadline: float) -> None:
        self.place = place
        self.live = live
        self.deadline = deadline
        self.scope = anyio.CancelScope()
        self.turns: set[asyncio.Future[None]] = set()
        self.has_ended = False
        self.outcome: Outcome | None = None
        self.error: Exception | None = None

    def admits(self, now: float, deadline: float) -> bool:
        """Whether it has a good part of the time left that a newcomer has, and room."""
        return self.deadline - now >= _ENOUGH_TIME * (deadline - now) and len(self.turns) < MOST_WAITERS

    def result(self) -> Outcome:
        """What became of it, once it has ended."""
        if self.error is not None:
            raise self.error
        if self.outcome is None:
            detail = "Dialtone was stopped before the answer came"
            return Outcome(kind=FailureKind.CANCELLED, detail=detail)
        return self.outcome

    def came_too_early(self, now: float, deadline: float) -> bool:
        """Whether it ended by its own deadline, while who waits has time left."""
        outcome = self.outcome
        if outcome is None or now < self.deadline or now >= deadline:
            return False
        return outcome.kind is FailureKind.TIMEOUT or outcome.reason is RejectReason.DEADLINE


class Sharing:
    """Runs shared reads while `run` does; without it each read makes a run of its own."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._group: TaskGroup | None = None
        self._idle: list[asyncio.Future[_Flight]] = []
        self._flights: dict[tuple[ReadKey, int], _Flight] = {}
        self._writes: dict[str, int] = {}

    @property
    def under_way(self) -> int:
        """Shared runs that go on now."""
        return len(self._flights)

    async def run(self) -> None:
        """Own the tasks of shared runs, until cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                await anyio.sleep_forever()
            finally:
                self._group = None
                self._idle.clear()

    def written(self, integration: str) -> None:
        """A write is done, however it ended: reads from now on see what it did."""
        if self._flights:
            self._writes[integration] = self._writes.get(integration, 0) + 1
        else:
            # No read is under way that did not see it.
            self._writes.clear()

    async def share(self, key: ReadKey, live: Live, *, deadline: float, leave: Callable[[], None]) -> Waited:
        """Return what the run under way gives, or begin one with `live`, which ends by `deadline` itself.

        `leave` is called when a waiter for another's run is cancelled.

        Raises:
            Exception: whatever `live` raises, to all who wait for it.
        """
        while self._group is not None:
            place = key, self._writes.get(key.integration, 0)
            flight, now = self._flights.get(place), self._clock.monotonic()
            if flight is None or not flight.admits(now, deadline):
                flight = self._begin(self._group, _Flight(place, live, deadline))
                await self._wait(flight, None)
                return Waited(flight.result(), is_shared=False)
            try:
                is_in_time = await self._wait(flight, deadline - now)
            except asyncio.CancelledError:
                leave()
                raise
            if not is_in_time:
                return Waited(_late(), is_shared=True)
            if not flight.came_too_early(self._clock.monotonic(), deadline):
                return Waited(flight.result(), is_shared=True)
        return Waited(await live(), is_shared=False)

    def _begin(self, group: TaskGroup, flight: _Flight) -> _Flight:
        self._flights[flight.place] = flight
        while self._idle:
            call = self._idle.pop()
            if not call.done():
                call.set_result(flight)
                return flight
        group.start_soon(self._work, flight)
        return flight

    async def _work(self, flight: _Flight) -> None:
        """A task that makes one shared run after the other: a new task for each takes three times as long."""
        await self._fly(flight)
        while len(self._idle) < _MOST_IDLE:
            call: asyncio.Future[_Flight] = asyncio.get_running_loop().create_future()
            self._idle.append(call)
            await self._fly(await self._next(call))

    async def _next(self, call: asyncio.Future[_Flight]) -> _Flight:
        try:
            return await call
        except asyncio.CancelledError:
            # The run may have been handed over in the same turn of the loop that brought the cancellation.
            if call.done() and not call.cancelled():
                self._end(call.result())
            raise

    async def _fly(self, flight: _Flight) -> None:
        try:
            with flight.scope:
                flight.outcome = await flight.live()
        except Exception as error:  # noqa: BLE001 - it belongs to who waits, and must not end the other runs
            flight.error = error
        finally:
            self._end(flight)

    def _end(self, flight: _Flight) -> None:
        flight.has_ended = True
        self._forget(flight)
        for turn in flight.turns:
            if not turn.done():
                turn.set_result(None)

    def _forget(self, flight: _Flight) -> None:
        if self._flights.get(flight.place) is flight:
            del self._flights[flight.place]

    async def _wait(self, flight: _Flight, within: float | None) -> bool:
        """Whether it ended within so many seconds. Who began it needs no timer: it ends by that deadline."""
        turn = asyncio.get_running_loop().create_future()
        flight.turns.add(turn)
        try:
            if within is None:
                await turn
                return True
            with anyio.move_on_after(within):
                await turn
                return True
            return False
        finally:
            flight.turns.discard(turn)
            if not flight.turns and not flight.has_ended:
                self._forget(flight)
                flight.scope.cancel()


def _late() -> Outcome:
    return Outcome(kind=FailureKind.TIMEOUT, detail="no answer in time from the run of an equal read")
