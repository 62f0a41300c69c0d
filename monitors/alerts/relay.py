"""The relay: claims what is due in the outbox, has it delivered, and stores what came of it.

A delivery is in the outbox until its end is stored, so nothing is lost by a kill at any moment; what was
sent and not yet noted is sent again under the same id. While storage fails nothing is claimed, and what came
of deliveries waits in memory, AT_ONCE at most. A receiver that fails is tried one delivery at a time, and all
of those together use half of the places, so that they hold up nobody else.
"""

import random
from collections.abc import Callable, Iterable

import anyio
import structlog
from anyio.abc import TaskGroup

from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import Signal
from monitors.alerts.aftercare import Aftercare
from monitors.alerts.condition import FAILING_AFTER, Conditions, Reports
from monitors.alerts.courier import Courier, Result
from monitors.alerts.outbox import (
    LEASE_SECONDS,
    Condition,
    Crowd,
    Delivery,
    Finished,
    Outbox,
    OutboxKeeping,
)
from monitors.alerts.receivers import Directory, Receiver
from monitors.alerts.sending import AT_ONCE as AT_ONCE_EACH
from monitors.alerts.sending import Sender
from monitors.alerts.steady import SteadyClock

AT_ONCE = 256
FAILING_AT_ONCE = AT_ONCE // 2
LOOK_SECONDS = 30.0
"""How long the outbox is not looked at when nothing is known to be due."""
BUSY_SECONDS = 1.0
"""The same while what is due has no place."""
STORAGE_PAUSE = 0.5
DRAIN_SECONDS = 10.0

log = structlog.get_logger("dialtone.alerts")


class Relay:
    """Delivers what the outbox holds. `senders` gives the sender of a receiver, `reports` hears of receivers
    that fail.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        keeping: OutboxKeeping,
        directory: Directory,
        senders: Callable[[Receiver], Sender],
        clock: Clock,
        publish: Callable[[Signal], None],
        reports: Reports | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._outbox = outbox
        self._keeping = keeping
        self._directory = directory
        self._clock = clock
        self._steady = SteadyClock(clock)
        self._publish = publish
        self.conditions = Conditions(clock=clock, reports=reports)
        self._courier = Courier(
            directory=directory,
            conditions=self.conditions,
            senders=senders,
            clock=clock,
            steady=self._steady,
            rng=random.Random() if rng is None else rng,  # noqa: S311 - jitter is no secret
        )
        self._active: dict[str, str] = {}
        self._results: list[Result] = []
        self._wake = anyio.Event()
        self._is_closing = False
        self._storage_errors = 0
        self._aftercare = Aftercare(
            outbox=outbox,
            keeping=keeping,
            conditions=self.conditions,
            copy=self._courier.copy_for_stand_in,
            clock=clock,
            wake=self.wake,
        )

    def wake(self) -> None:
        """Look at the outbox: something new is in it."""
        self._wake.set()

    async def load(self) -> None:
        """Take up how receivers did, and make all that waits due: after a start it goes first."""
        stored = await self._keeping.rouse(self._steady.now())
        known = [one for one in stored if self._directory.find(one.receiver) is not None]
        self.conditions.load(known)
        gone = tuple(Condition(receiver=one.receiver) for one in stored if one not in known)
        if gone:
            await self._stored(Finished(at=self._clock.time(), conditions=gone))

    async def run(self) -> None:
        """Deliver until cancelled; what is cut off half-way goes out again after the start."""
        self._active.clear()
        async with anyio.create_task_group() as group:
            group.start_soon(self._aftercare.run)
            while True:
                self._wake = anyio.Event()
                if not await self._turn(group):
                    with anyio.move_on_after(await self._pause()):
                        await self._wake.wait()

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Claim nothing more and let what is on its way end, within this time; `run` goes on meanwhile."""
        self._is_closing = True
        with anyio.move_on_after(seconds):
            while self._active or self._results:
                await self._clock.sleep(0.01)

    async def enable(self, receiver: str) -> None:
        """Send to a disabled receiver again, from now on."""
        condition = self.conditions.enable(receiver)
        await self._outbox.finish(Finished(at=self._clock.time(), conditions=(condition,)))
        self.wake()

    async def forget(self, receivers: Iterable[str]) -> None:
        """Receivers are no longer configured."""
        if gone := self.conditions.forget(receivers):
            await self._stored(Finished(at=self._clock.time(), conditions=gone))

    @property
    def in_flight(self) -> int:
        """Deliveries that are on their way, or whose end is not stored yet."""
        return len(self._active)

    def samples(self) -> Iterable[Sample]:
        """What waits, since when, what is dead, and what came of attempts."""
        yield from self._aftercare.samples()
        for receiver in self._directory.all():
            condition = self.conditions.of(receiver.name)
            yield Sample("dialtone_receiver_failures", (receiver.name,), condition.failures)
            is_disabled = float(condition.disabled_at is not None)
            yield Sample("dialtone_receiver_disabled", (receiver.name,), is_disabled)
        yield Sample("dialtone_relay_errors_total", ("storage",), self._storage_errors)
        yield Sample("dialtone_relay_errors_total", ("format",), self._courier.errors)
        yield Sample("dialtone_queue_depth", ("deliveries",), len(self._active))

    # One turn.

    async def _turn(self, group: TaskGroup) -> bool:
        """Store what came of deliveries, and start what is due; False when there is nothing to do now."""
        results, self._results = self._results, []
        claimed: list[Delivery] = []
        async with anyio.create_task_group() as units:
            # Both at once, so that storage commits them together.
            if results:
                units.start_soon(self._store, results)
            units.start_soon(self._claim, claimed)
        for delivery in claimed:
            self._active[delivery.message.id] = delivery.message.receiver
            group.start_soon(self._deliver, delivery)
        return bool(claimed) or bool(results)

    async def _store(self, results: list[Result]) -> None:
        attempts = tuple(result.attempt for result in results if result.attempt is not None)
        copies = tuple(result.copy for result in results if result.copy is not None)
        finished = Finished(
            at=self._clock.time(),
            deliveries=tuple(result.delivery for result in results),
            attempts=attempts,
            conditions=_latest(results),
            messages=copies,
            copied=tuple(result.delivery.message.id for result in results if result.copy is not None),
        )
        if await self._stored(finished):
            self._aftercare.copies += len(copies)
            for result in results:
                self._active.pop(result.delivery.message.id, None)
            for attempt in attempts:
                self._publish(attempt)
        else:
            self._results = results + self._results
            await self._clock.sleep(STORAGE_PAUSE)

    async def _stored(self, finished: Finished) -> bool:
        try:
            await self._outbox.finish(finished)
        except Exception as error:  # noqa: BLE001 - storage fails in its own ways; nothing is lost meanwhile
            self._fail_storage(error)
            return False
        return True

    async def _claim(self, claimed: list[Delivery]) -> None:
        room = AT_ONCE - len(self._active)
        if room <= 0 or self._is_closing:
            return
        failing = self.conditions.failing(times=FAILING_AFTER)
        crowd = Crowd(
            at_once=AT_ONCE_EACH,
            failing=failing,
            failing_room=FAILING_AT_ONCE - sum(name in failing for name in self._active.values()),
        )
        try:
            found = await self._outbox.claim(
                now=self._steady.now(), lease=LEASE_SECONDS, limit=room, crowd=crowd
            )
        except Exception as error:  # noqa: BLE001 - the same
            self._fail_storage(error)
            await self._clock.sleep(STORAGE_PAUSE)
            return
        claimed += [delivery for delivery in found if delivery.message.id not in self._active]

    async def _deliver(self, delivery: Delivery) -> None:
        result = await self._courier.deliver(delivery)
        self._results.append(result)
        self.wake()

    async def _pause(self) -> float:
        """How long there is nothing to do, unless it is woken."""
        if self._results:
            return 0.0
        if self._is_closing:
            return LOOK_SECONDS
        try:
            due = await self._outbox.next_due()
        except Exception as error:  # noqa: BLE001 - the same
            self._fail_storage(error)
            return STORAGE_PAUSE
        if due is None:
            return LOOK_SECONDS
        wait = due - self._steady.now()
        return min(LOOK_SECONDS, wait) if wait > 0 else BUSY_SECONDS

    def _fail_storage(self, error: Exception) -> None:
        self._storage_errors += 1
        if self._storage_errors == 1 or self._storage_errors % 100 == 0:
            log.error("the outbox cannot be stored", error=type(error).__name__, times=self._storage_errors)


def _latest(results: Iterable[Result]) -> tuple[Condition, ...]:
    """The last condition of each receiver."""
    conditions = {result.condition.receiver: result.condition for result in results if result.condition}
    return tuple(conditions.values())
