"""Starts rounds of checks when they are due: one timer, one heap, and tasks that carry out one round after
the other. A task for each round was measured to cost a tenth of a check.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context, copy_context
from math import inf

import anyio
import anyio.lowlevel
import structlog
from anyio import TaskHandle
from anyio.abc import TaskGroup

from integrations.clock import Clock
from integrations.deadlines import Cancellable
from monitors.timetable import Round, Timetable

SHORTEST_WAIT = 0.001

MOST_IDLE = 64
"""Tasks that wait for a round; one that ends its round beside so many others ends with it."""

log = structlog.get_logger("dialtone.scheduler")


class _Hand:
    """A task that carries out rounds, the one it has, and who waits for the end of that. `is_over`: it will
    carry out no other.
    """

    __slots__ = ("begun", "given", "handle", "is_over", "waiting")

    def __init__(self, begun: Round) -> None:
        self.begun = begun
        self.given: asyncio.Future[None] | None = None
        self.handle: TaskHandle[None] | None = None
        self.is_over = False
        self.waiting: list[asyncio.Future[None]] = []

    def take(self, begun: Round) -> bool:
        """Carry out another round; not if the task is being cancelled."""
        if self.given is None or self.given.done():
            return False
        self.begun = begun
        self.given.set_result(None)
        return True

    def cancel(self) -> None:
        """Stop the round, and the task with it."""
        self.is_over = True
        if self.handle is not None:
            self.handle.cancel()

    def end(self) -> asyncio.Future[None]:
        """What is done when its round has ended."""
        ended = asyncio.get_running_loop().create_future()
        self.waiting.append(ended)
        return ended

    def tell(self) -> None:
        """The round has ended."""
        for ended in self.waiting:
            if not ended.done():
                ended.set_result(None)
        self.waiting.clear()


class Scheduler:
    """Runs `work` for each round that the timetable lets start, with what cancels the round; it returns
    whether a result is unconfirmed.

    A `work` that raises is counted and harms no other; one that was cancelled may still end as any other, but
    wait for nothing more. `run` owns all rounds: when it is cancelled, they are.
    Times are the clock's monotonic ones, which must be the event loop's.
    """

    def __init__(
        self, *, clock: Clock, timetable: Timetable, work: Callable[[Round, Cancellable], Awaitable[bool]]
    ) -> None:
        self._clock = clock
        self._timetable = timetable
        self._work = work
        self._running: dict[str, _Hand] = {}
        self._idle: list[_Hand] = []
        self._group: TaskGroup | None = None
        self._context: Context | None = None
        self._wake = anyio.Event()
        self._alarm = inf
        self.errors = 0

    async def run(self) -> None:
        """Start rounds until cancelled."""
        # Rounds that others ask for run in it too, or what their tasks carry along would stay.
        self._context = copy_context()
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                while True:
                    for begun in self._timetable.take(self._clock.monotonic()):
                        self._launch(begun, group)
                    await self._rest()
            finally:
                self._group = None
                self._idle.clear()

    def add(self, key: str, *, vendor: str, interval: float, retry_interval: float) -> None:
        """Run an integration's rounds from now on, or change their times."""
        now = self._clock.monotonic()
        self._timetable.add(key, vendor=vendor, interval=interval, retry_interval=retry_interval, now=now)
        self._nudge()

    def remove(self, key: str) -> None:
        """Forget an integration, and stop its round if one runs."""
        self._timetable.remove(key)
        if running := self._running.get(key):
            running.cancel()

    def switch_off(self, key: str) -> None:
        """Start no more rounds of an integration."""
        self._timetable.switch_off(key)

    def switch_on(self, key: str) -> None:
        """Start its rounds again, the first soon."""
        self._timetable.switch_on(key, now=self._clock.monotonic())
        self._nudge()

    async def run_now(self, key: str) -> None:
        """Run a round at once and wait for its end; one that runs already is joined.

        The round goes on when the caller is cancelled, as long as `run` runs; without `run` it is the
        caller's own.
        """
        running = self._running.get(key)
        if running is None:
            begun = self._timetable.begin(key, now=self._clock.monotonic())
            if self._group is None:
                await self._run_alone(begun)
                return
            running = self._launch(begun, self._group)
        await running.end()

    def _launch(self, begun: Round, group: TaskGroup) -> _Hand:
        hand = self._idle.pop() if self._idle else None
        if hand is None or not hand.take(begun):
            hand = _Hand(begun)
            hand.handle = group.create_task(self._work_on(hand), context=self._context)
        self._running[begun.key] = hand
        return hand

    async def _run_alone(self, begun: Round) -> None:
        self._running[begun.key] = hand = _Hand(begun)
        hand.is_over = True
        async with anyio.create_task_group() as group:
            hand.handle = group.create_task(self._work_on(hand))

    async def _work_on(self, hand: _Hand) -> None:
        """Carry out one round after the other, until there are enough others who wait for one."""
        loop = asyncio.get_running_loop()
        while True:
            is_unconfirmed = False
            try:
                is_unconfirmed = await self._work(hand.begun, hand)
            except Exception:
                self.errors += 1
                log.exception("round of checks failed", integration=hand.begun.key)
            finally:
                self._end_round(hand, is_unconfirmed=is_unconfirmed)
            if hand.is_over or len(self._idle) >= MOST_IDLE:
                return
            hand.given = loop.create_future()
            self._idle.append(hand)
            await hand.given

    def _end_round(self, hand: _Hand, *, is_unconfirmed: bool) -> None:
        begun = hand.begun
        if self._running.get(begun.key) is hand:
            del self._running[begun.key]
        hand.tell()
        self._timetable.finish(begun, now=self._clock.monotonic(), is_unconfirmed=is_unconfirmed)
        self._nudge()

    def _nudge(self) -> None:
        if self._timetable.next_due() < self._alarm:
            self._wake.set()

    async def _rest(self) -> None:
        """Let others have the loop until the next due time or a nudge; if some are due yet, for one turn."""
        self._alarm = self._timetable.next_due()
        wait = self._alarm - self._clock.monotonic()
        if wait <= 0.0:
            await anyio.lowlevel.checkpoint()
            return
        self._wake = anyio.Event()
        with anyio.move_on_after(max(wait, SHORTEST_WAIT)):
            await self._wake.wait()
