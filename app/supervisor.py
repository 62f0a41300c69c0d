"""Owners of background tasks: each task is restarted with back-off when it fails, and never takes another
down.
"""

from collections.abc import Awaitable, Callable, Iterable

import anyio
import structlog
from anyio.abc import TaskGroup

from integrations.clock import Clock
from integrations.samples import Sample

FIRST_WAIT = 1.0
LONGEST_WAIT = 60.0
STOP_SECONDS = 30.0

log = structlog.get_logger("dialtone.supervisor")


class Supervisor:
    """Runs named tasks until stopped. A task that returns is done; one that raises is started again.

    The wait doubles from 1 s to 60 s and starts over once a task has run for longer than that. Stopping
    cancels tasks in the reverse order of their start.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._restarts: dict[str, int] = {}
        self._scopes: dict[str, anyio.CancelScope] = {}
        self._ended: dict[str, anyio.Event] = {}

    def start(self, group: TaskGroup, name: str, task: Callable[[], Awaitable[None]]) -> None:
        """Start a task under a name that its metric and its log lines carry."""
        self._restarts[name] = 0
        self._scopes[name] = anyio.CancelScope()
        self._ended[name] = anyio.Event()
        group.start_soon(self._keep, name, task, name=name)

    async def stop(self, name: str) -> None:
        """Cancel a task and wait until it has ended."""
        if scope := self._scopes.get(name):
            scope.cancel()
            await self._ended[name].wait()

    async def stop_all(self) -> None:
        """Cancel all tasks, the last one started first."""
        for name in reversed(list(self._scopes)):
            await self.stop(name)

    async def finish(self, part: str, ending: Callable[[], Awaitable[None]]) -> None:
        """Let a part end within 30 s; one that fails or hangs is logged, and keeps no other from ending."""
        with anyio.move_on_after(STOP_SECONDS) as limit:
            try:
                await ending()
            except Exception:
                log.exception("stopping failed", part=part)
        if limit.cancelled_caught:
            log.error("stopping takes too long", part=part, seconds=STOP_SECONDS)

    def samples(self) -> Iterable[Sample]:
        """Restarts by task."""
        for name, count in self._restarts.items():
            yield Sample("dialtone_task_restarts_total", (name,), count)

    async def _keep(self, name: str, task: Callable[[], Awaitable[None]]) -> None:
        try:
            with self._scopes[name]:
                wait, began = FIRST_WAIT, self._clock.monotonic()
                while not await self._attempt(name, task, wait=wait):
                    ran = self._clock.monotonic() - began
                    await self._clock.sleep(wait)
                    wait = FIRST_WAIT if ran > LONGEST_WAIT else min(wait * 2, LONGEST_WAIT)
                    began = self._clock.monotonic()
        finally:
            self._ended[name].set()

    async def _attempt(self, name: str, task: Callable[[], Awaitable[None]], *, wait: float) -> bool:
        """Run a task once; return whether it is done. The owner keeps it alive, so each failure is
        counted.
        """
        try:
            await task()
        except Exception:
            self._restarts[name] += 1
            log.exception("task failed", task=name, again_in=wait)
            return False
        return True
