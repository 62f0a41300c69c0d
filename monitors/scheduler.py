"""Starts rounds of checks when they are due: one timer, one heap, each round in a task of its own."""

from collections.abc import Awaitable, Callable
from math import inf

import anyio
import anyio.lowlevel
import structlog
from anyio import TaskHandle
from anyio.abc import TaskGroup

from integrations.clock import Clock
from monitors.timetable import Round, Timetable

SHORTEST_WAIT = 0.001

log = structlog.get_logger("dialtone.scheduler")


class Scheduler:
    """Runs `work` for each round that the timetable lets start; it returns whether a result is unconfirmed.

    A `work` that raises is counted and harms no other. `run` owns all rounds: when it is cancelled, they are.
    Times are the clock's monotonic ones, which must be the event loop's.
    """

    def __init__(
        self, *, clock: Clock, timetable: Timetable, work: Callable[[Round], Awaitable[bool]]
    ) -> None:
        self._clock = clock
        self._timetable = timetable
        self._work = work
        self._running: dict[str, tuple[Round, TaskHandle[None]]] = {}
        self._group: TaskGroup | None = None
        self._wake = anyio.Event()
        self._alarm = inf
        self.errors = 0

    async def run(self) -> None:
        """Start rounds until cancelled."""
        async with anyio.create_task_group() as group:
            self._group = group
            try:
                while True:
                    for begun in self._timetable.take(self._clock.monotonic()):
                        self._launch(begun, group)
                    await self._rest()
            finally:
                self._group = None

    def add(self, key: str, *, vendor: str, interval: float, retry_interval: float) -> None:
        """Run an integration's rounds from now on, or change their times."""
        now = self._clock.monotonic()
        self._timetable.add(key, vendor=vendor, interval=interval, retry_interval=retry_interval, now=now)
        self._nudge()

    def remove(self, key: str) -> None:
        """Forget an integration, and stop its round if one runs."""
        self._timetable.remove(key)
        if running := self._running.get(key):
            running[1].cancel()

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
        if key not in self._running:
            begun = self._timetable.begin(key, now=self._clock.monotonic())
            if self._group is None:
                async with anyio.create_task_group() as group:
                    self._launch(begun, group)
                return
            self._launch(begun, self._group)
        await self._running[key][1].wait()

    def _launch(self, begun: Round, group: TaskGroup) -> None:
        self._running[begun.key] = begun, group.create_task(self._run_round(begun))

    async def _run_round(self, begun: Round) -> None:
        is_unconfirmed = False
        try:
            is_unconfirmed = await self._work(begun)
        except Exception:
            self.errors += 1
            log.exception("round of checks failed", integration=begun.key)
        finally:
            running = self._running.get(begun.key)
            if running and running[0] is begun:
                del self._running[begun.key]
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
