"""What is done beside delivering: pages that cannot be delivered go to the receivers that stand in, what is
done is forgotten, and what waits is counted.
"""

from collections.abc import Callable, Iterable, Sequence

import structlog

from integrations.clock import Clock
from integrations.samples import Sample
from monitors.alerts.condition import Conditions
from monitors.alerts.outbox import (
    KEEP_DEAD_DAYS,
    KEEP_DONE_DAYS,
    Backlog,
    Delivery,
    Finished,
    Message,
    Outbox,
    OutboxKeeping,
)

LOOK_SECONDS = 5.0
TRIM_SECONDS = 3600.0
JUMP_SECONDS = 60.0
"""A wall clock that moves by so much more than time passed has been set; for so long no page is overdue."""

_DAY = 86_400.0

log = structlog.get_logger("dialtone.alerts")


class Aftercare:
    """Looks after the outbox every few seconds. `copy` makes a message for the stand-in, None where there is
    none; `wake` is called when it put something into the outbox. `copies` counts them all.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        keeping: OutboxKeeping,
        conditions: Conditions,
        copy: Callable[[Delivery], Message | None],
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._outbox = outbox
        self._keeping = keeping
        self._conditions = conditions
        self._copy = copy
        self._clock = clock
        self._wake = wake
        self._backlog: Sequence[Backlog] = ()
        self._offset = clock.time() - clock.monotonic()
        self._held_until = self._trim_at = clock.monotonic()
        self.copies = self.errors = 0

    async def run(self) -> None:
        """Do so until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:  # noqa: BLE001 - storage fails in its own ways; it is tried again
                self.errors += 1
                log.warning("the outbox could not be looked after", error=type(error).__name__)
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Do all that is due now."""
        if not self._has_jumped():
            await self._copy_overdue()
        self._backlog = await self._keeping.backlog()
        if self._clock.monotonic() >= self._trim_at:
            await self._trim()
            self._trim_at = self._clock.monotonic() + TRIM_SECONDS

    def samples(self) -> Iterable[Sample]:
        """What waits, since when, what is dead, and how often a stand-in was told."""
        now = self._clock.time()
        for one in self._backlog:
            only = (one.receiver,)
            yield Sample("dialtone_outbox_messages", only, one.waiting)
            oldest = 0.0 if one.oldest_at is None else max(0.0, now - one.oldest_at)
            yield Sample("dialtone_outbox_oldest_seconds", only, oldest)
            yield Sample("dialtone_outbox_dead_letters", only, one.dead)
        yield Sample("dialtone_outbox_copies_total", (), self.copies)

    def _has_jumped(self) -> bool:
        now, offset = self._clock.monotonic(), self._clock.time() - self._clock.monotonic()
        if abs(offset - self._offset) > JUMP_SECONDS:
            self._held_until = now + JUMP_SECONDS
        self._offset = offset
        return now < self._held_until

    async def _copy_overdue(self) -> None:
        failing = self._conditions.failing()
        late = await self._outbox.overdue(self._clock.time(), failing) if failing else ()
        if not late:
            return
        copies = [copy for copy in map(self._copy, late) if copy is not None]
        ids = tuple(delivery.message.id for delivery in late)
        finished = Finished(at=self._clock.time(), messages=tuple(copies), copied=ids)
        await self._outbox.finish(finished)
        self.copies += len(copies)
        self._wake()

    async def _trim(self) -> None:
        now = self._clock.time()
        while await self._keeping.trim(
            done_before=now - KEEP_DONE_DAYS * _DAY, dead_before=now - KEEP_DEAD_DAYS * _DAY
        ):
            pass
