"""Stores confirmed health, then tells of it: a change is published only after the store has it.

While the store fails, what is not stored yet waits: for each integration its latest state and its changes in
order. Saving is tried again with back-off. At-least-once: a save whose answer was lost is made again.
"""

import random
from collections.abc import Callable, Iterable, Sequence

import anyio
import structlog

from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import HealthChange, Signal
from monitors.report import HealthStore, SavedHealth

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
MOST_CHANGES = 1_000
AT_ONCE = 64
SAVE_TIMEOUT = 15.0
"""Longer than a store's own deadline: a save given up here may still be made, and would be made twice."""
SETTLE_TIMEOUT = 5.0

log = structlog.get_logger("dialtone.health")


class _Unsaved:
    """One integration's latest state and the changes that led to it."""

    __slots__ = ("changes", "is_saving", "state")

    def __init__(self, state: SavedHealth) -> None:
        self.state = state
        self.changes: list[HealthChange] = []
        self.is_saving = False


class HealthSaver:
    """Takes states and changes without waiting, and stores them from `run`.

    An integration keeps at most 1,000 unsaved changes; above that the oldest is dropped and counted.
    Without a store, changes are published as if stored.
    """

    def __init__(
        self,
        *,
        store: HealthStore | None,
        clock: Clock,
        publish: Callable[[Signal], None],
        random: random.Random,
    ) -> None:
        self._store = store
        self._clock = clock
        self._publish = publish
        self._random = random
        self._unsaved: dict[str, _Unsaved] = {}
        self._wake = anyio.Event()
        self._saved = anyio.Event()
        self._is_running = False
        self._failed_in_a_row = 0
        self._failures = 0
        self._dropped = 0

    def note(self, state: SavedHealth, changes: Sequence[HealthChange]) -> None:
        """Take an integration's state of now and the changes that are new."""
        entry = self._unsaved.get(state.integration)
        if entry is None:
            entry = self._unsaved[state.integration] = _Unsaved(state)
        entry.state = state
        entry.changes.extend(changes)
        self._bound(entry)
        self._wake.set()

    async def settle(self, integration: str) -> None:
        """Wait until an integration is stored, at most five seconds: what is not stays in line."""
        if not self._is_running:
            await self.save_all()
            return
        with anyio.move_on_after(SETTLE_TIMEOUT):
            while integration in self._unsaved:
                await self._saved.wait()

    async def save_all(self) -> bool:
        """Store all that waits, some at a time; return whether all of it is stored. Stops at a failure."""
        for start in range(0, len(waiting := list(self._unsaved)), AT_ONCE):
            failures = self._failures
            async with anyio.create_task_group() as group:
                for integration in waiting[start : start + AT_ONCE]:
                    group.start_soon(self._save, integration)
            if self._failures > failures:
                return False
        return True

    async def run(self) -> None:
        """Store until cancelled; what waits then is left to `save_all`."""
        self._is_running = True
        try:
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                while not await self.save_all():
                    await self._clock.sleep(self._back_off())
        finally:
            self._is_running = False

    def samples(self) -> Iterable[Sample]:
        """What waits, what was dropped, and failed saves."""
        yield Sample("dialtone_queue_depth", ("health",), len(self._unsaved))
        yield Sample("dialtone_queue_dropped_total", ("health", "full"), self._dropped)
        yield Sample("dialtone_health_save_failures_total", (), self._failures)

    async def _save(self, integration: str) -> None:
        """Store one integration and publish its changes; what could not be stored stays in line."""
        entry = self._unsaved.get(integration)
        if entry is None or entry.is_saving:
            return
        state, changes = entry.state, entry.changes
        entry.is_saving, entry.changes = True, []
        stored = await self._store_one(state, changes)
        entry.is_saving = False
        if not stored:
            entry.changes = changes + entry.changes
            self._bound(entry)
            return
        if entry.state is state:
            del self._unsaved[integration]
        for change in changes:
            self._publish(change)
        self._saved.set()
        self._saved = anyio.Event()

    async def _store_one(self, state: SavedHealth, changes: Sequence[HealthChange]) -> bool:
        """Whether the store took it. Shielded: a save given up half-way would be made twice."""
        if self._store is None:
            return True
        try:
            with anyio.CancelScope(shield=True), anyio.fail_after(SAVE_TIMEOUT):
                await self._store.save_health(state, changes)
        except Exception as error:  # noqa: BLE001 - the store is kept trying, whatever it raises
            self._fail(error)
            return False
        if self._failed_in_a_row:
            log.info("health is stored again", after_failures=self._failed_in_a_row)
            self._failed_in_a_row = 0
        return True

    def _fail(self, error: Exception) -> None:
        if not self._failed_in_a_row:
            log.error("health cannot be stored; it is kept in memory and tried again", error=repr(error))
        self._failures += 1
        self._failed_in_a_row += 1

    def _back_off(self) -> float:
        """The next wait: doubling from 0.5 s to 30 s, between half and all of it."""
        doublings = min(self._failed_in_a_row - 1, 10)
        return min(LONGEST_WAIT, FIRST_WAIT * 2.0**doublings) * self._random.uniform(0.5, 1.0)

    def _bound(self, entry: _Unsaved) -> None:
        surplus = max(0, len(entry.changes) - MOST_CHANGES)
        del entry.changes[:surplus]
        self._dropped += surplus
