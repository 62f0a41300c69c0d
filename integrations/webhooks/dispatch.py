"""Hands stored deliveries to their handlers: at least once, again after a failure, and at last not any more.

A delivery waits in storage, so a restart goes on where the process before ended; a handler may see one twice
and tells by its id. After MAX_ATTEMPTS it is a dead letter, which an operator may replay.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

import anyio
import structlog
from anyio.abc import TaskGroup

from integrations.clock import Clock
from integrations.samples import Sample
from integrations.webhooks.store import Delivery, Settled, WebhookQueue

MAX_ATTEMPTS = 8
FIRST_WAIT = 5.0
LONGEST_WAIT = 3600.0
HANDLER_SECONDS = 30.0
AT_ONCE = 64
AT_ONCE_EACH = 16
"""Handlers that run at once, in all and of one integration, so that a slow one leaves room for others."""

LOOK_SECONDS = 60.0
"""How long the queue is not looked at when nothing is known to be due."""
LOOK_AGAIN_SECONDS = 1.0
"""The same while handlers run, whose deliveries are in the queue still."""

Handler = Callable[[Delivery], Awaitable[None]]

log = structlog.get_logger("dialtone.webhooks")


class Dispatcher:
    """Runs handlers, found by an integration's id or, where it has none of its own, by its vendor.

    `vendor_of` tells an integration's vendor, None for one that is gone.
    """

    def __init__(self, *, queue: WebhookQueue, clock: Clock, vendor_of: Callable[[str], str | None]) -> None:
        self._queue = queue
        self._clock = clock
        self._vendor_of = vendor_of
        self._handlers: dict[str, Handler] = {}
        self._active: dict[int, str] = {}
        self._settled: list[Settled] = []
        self._wake = anyio.Event()
        self._attempts: Counter[tuple[str, str]] = Counter()
        self._dead: Counter[str] = Counter()

    def register(self, name: str, handler: Handler) -> None:
        """Let a handler have the deliveries of an integration (its id), or of all of a vendor
        (`vendor:NAME`).

        Raises:
            ValueError: when there is one already.
        """
        if name in self._handlers:
            raise ValueError(f"{name} has a webhook handler already")
        self._handlers[name] = handler

    def handler(self, integration: str) -> Handler | None:
        """Who handles an integration's deliveries."""
        vendor = self._vendor_of(integration)
        return self._handlers.get(integration) or self._handlers.get(f"vendor:{vendor}")

    def wake(self) -> None:
        """Look at the queue: something new is in it."""
        self._wake.set()

    async def run(self) -> None:
        """Hand on deliveries until cancelled; what is cut off half-way goes out again after the start."""
        self._active.clear()
        async with anyio.create_task_group() as group:
            while True:
                self._wake = anyio.Event()
                await self._settle()
                found = await self._start_due(group)
                if not found and not self._settled:
                    with anyio.move_on_after(await self._pause()):
                        await self._wake.wait()

    def samples(self) -> Iterable[Sample]:
        """Attempts by their result, dead letters, and what is being handled."""
        for (integration, result), count in self._attempts.items():
            yield Sample("dialtone_webhook_handler_attempts_total", (integration, result), count)
        for integration, count in self._dead.items():
            yield Sample("dialtone_webhook_dead_letters_total", (integration,), count)
        yield Sample("dialtone_queue_depth", ("webhooks",), len(self._active))

    async def _start_due(self, group: TaskGroup) -> int:
        room = AT_ONCE - len(self._active)
        if room <= 0:
            return 0
        running = Counter(self._active.values())
        busy = [name for name, count in running.items() if count >= AT_ONCE_EACH]
        due = await self._queue.due(self._clock.time(), limit=AT_ONCE + room, busy=busy)
        new = [one for one in due if one.id not in self._active]
        started = 0
        for delivery in new:
            if started < room and running[delivery.integration] < AT_ONCE_EACH:
                running[delivery.integration] += 1
                started += 1
                self._active[delivery.id] = delivery.integration
                group.start_soon(self._attempt, delivery)
        return started

    async def _attempt(self, delivery: Delivery) -> None:
        handler = self.handler(delivery.integration)
        attempts = delivery.attempts + 1
        if handler is None:
            self._finish(Settled(id=delivery.id, state="kept", attempts=delivery.attempts))
            return
        error = await _error_of(handler, delivery)
        if not error:
            settled = Settled(id=delivery.id, state="handled", attempts=attempts)
        elif attempts >= MAX_ATTEMPTS:
            settled = Settled(id=delivery.id, state="dead", attempts=attempts, error=error)
            self._dead[delivery.integration] += 1
            log.error("a webhook became a dead letter", integration=delivery.integration, id=delivery.id)
        else:
            due = self._clock.time() + min(FIRST_WAIT * 2 ** (attempts - 1), LONGEST_WAIT)
            settled = Settled(id=delivery.id, state="waiting", attempts=attempts, due=due, error=error)
        self._attempts[delivery.integration, "failed" if error else "ok"] += 1
        self._finish(settled)

    def _finish(self, settled: Settled) -> None:
        self._settled.append(settled)
        self.wake()

    async def _settle(self) -> None:
        """Store what became of attempts; only then may a delivery be taken from the queue again."""
        if self._settled:
            done, self._settled = self._settled, []
            try:
                await self._queue.settle(done)
            except BaseException:
                self._settled = done + self._settled
                raise
            for settled in done:
                self._active.pop(settled.id, None)

    async def _pause(self) -> float:
        due = await self._queue.next_due()
        if self._active:
            return LOOK_AGAIN_SECONDS
        if due is None:
            return LOOK_SECONDS
        return min(LOOK_SECONDS, max(0.0, due - self._clock.time()))


async def _error_of(handler: Handler, delivery: Delivery) -> str:
    """Why the handler failed, by its exception's name only: the text could hold what was delivered."""
    try:
        with anyio.fail_after(HANDLER_SECONDS):
            await handler(delivery)
    except Exception as error:  # noqa: BLE001 - a handler is foreign code; each failure is counted and retried
        return type(error).__name__
    return ""
