"""Stores confirmed health and what follows from it, then tells of it: a signal is published only after the
store has it.

One writer: a unit holds everything that came up since the last one, and units are stored one after another.
So a change is in one transaction with its incident, alerts and due groups; no row is overwritten by an older
self; and what is decided on due groups (a flush) is stored after what made them due.

While the store fails, what is not stored yet waits: the newest rows, and all changes in order. Saving is
tried again with back-off. At-least-once: a save whose answer was lost is made again.
"""

import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import anyio
import msgspec
import structlog

from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import HealthChange, Signal
from monitors.alerts.consequences import Consequences, merged
from monitors.alerts.decisions import Flush
from monitors.report import HealthStore, SavedHealth

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
MOST_CHANGES = 1_000
SAVE_TIMEOUT = 15.0
"""Longer than a store's own deadline: a save given up here may still be made, and would be made twice."""
SETTLE_TIMEOUT = 5.0

CROWD = 16
GATHERING = 0.1
"""Seconds in which more may gather after so many integrations were stored at once: as in the first seconds,
or when much fails together. Each transaction takes the interpreter from the event loop; the first checks of
ten thousand integrations took a twentieth less CPU so.
"""

log = structlog.get_logger("dialtone.health")

Follow = Callable[[Sequence[HealthChange]], Consequences]


class FlushStore(Protocol):
    """Where decisions on due groups are kept; each call is one atomic unit."""

    async def save_flush(self, flush: Flush) -> None:
        """Store what was decided; the same twice does no harm."""
        ...


class _Unit:
    """What is stored together: either states, changes and consequences, or one flush."""

    __slots__ = ("changes", "consequences", "flush", "number", "states")

    def __init__(self, number: int, *, flush: Flush | None = None) -> None:
        self.number = number
        self.flush = flush
        self.states: dict[str, SavedHealth] = {}
        self.changes: list[HealthChange] = []
        self.consequences: list[Consequences] = []

    def absorb(self, later: "_Unit") -> None:
        self.number = later.number
        self.states |= later.states
        self.changes += later.changes
        self.consequences = [merged((*self.consequences, *later.consequences))]

    def leave_out_unfit(self) -> int:
        """Drop what no store could ever write, a text of half a character say; return how much it was."""
        whole = merged(self.consequences)
        fit = msgspec.structs.replace(
            whole,
            incidents=tuple(filter(_fits, whole.incidents)),
            signals=tuple(filter(_fits, whole.signals)),
            standing=tuple(filter(_fits, whole.standing)),
            groups=tuple(filter(_fits, whole.groups)),
        )
        states = {name: state for name, state in self.states.items() if _fits(state)}
        changes = list(filter(_fits, self.changes))
        before = len(self.states) + len(self.changes) + _size(whole)
        self.states, self.changes, self.consequences = states, changes, [fit]
        return before - len(states) - len(changes) - _size(fit)

    def bound(self) -> int:
        """Drop the oldest changes of those who have too many; return how many."""
        if len(self.changes) <= MOST_CHANGES:
            return 0
        surplus = Counter(change.integration for change in self.changes)
        kept = []
        for change in self.changes:
            if surplus[change.integration] > MOST_CHANGES:
                surplus[change.integration] -= 1
            else:
                kept.append(change)
        dropped = len(self.changes) - len(kept)
        self.changes = kept
        return dropped


class HealthSaver:
    """Takes states, changes and decisions without waiting, and stores them from `run`.

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
        flushes: FlushStore | None = None,
    ) -> None:
        self._store = store
        self._flushes = flushes
        self._clock = clock
        self._publish = publish
        self._random = random
        self._follow: Follow | None = None
        self._units: deque[_Unit] = deque()
        self._given = 0
        self._stored = 0
        self._turn = anyio.Lock()
        self._in_flight: _Unit | None = None
        self._wake = anyio.Event()
        self._saved = anyio.Event()
        self._is_running = False
        self._failed_in_a_row = 0
        self._failures = 0
        self._dropped = 0
        self._unfit = 0

    def then(self, follow: Follow) -> None:
        """Let every change be followed by its consequences, which are stored in one unit with it."""
        self._follow = follow

    def note(self, state: SavedHealth, changes: Sequence[HealthChange]) -> None:
        """Take an integration's state of now and the changes that are new."""
        unit = self._open_unit()
        unit.states[state.integration] = state
        self._add(unit, changes)

    def keep(self, consequences: Consequences, *, changes: Sequence[HealthChange] = ()) -> None:
        """Take what follows from something else than an integration's own health, and changes of what is no
        integration; their consequences are among those given.
        """
        if not consequences and not changes:
            return
        unit = self._open_unit()
        unit.changes += changes
        unit.consequences.append(consequences)
        self._wake.set()

    def flush(self, flush: Flush) -> None:
        """Take what was decided on due groups; it is stored after all that was taken before."""
        self._given += 1
        self._units.append(_Unit(self._given, flush=flush))
        self._wake.set()

    async def settle(self, integration: str) -> None:
        """Wait until an integration is stored, at most five seconds: what is not stays in line."""
        if not self._is_running:
            await self.save_all()
            return
        with anyio.move_on_after(SETTLE_TIMEOUT):
            while any(integration in unit.states for unit in self._units):
                await self._saved.wait()

    async def stored(self) -> None:
        """Wait until all that was taken so far is stored, however long that is."""
        if not self._is_running:
            await self.save_all()
            return
        wanted = self._given
        while self._stored < wanted:
            await self._saved.wait()

    async def save_all(self) -> bool:
        """Store all that waits; return whether all of it is stored. Stops at a failure."""
        while self._units:
            if not await self._save_first():
                return False
        return True

    async def run(self) -> None:
        """Store until cancelled; what waits then is left to `save_all`."""
        self._is_running = True
        try:
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                while self._units:
                    is_crowd = len(self._units[0].states) >= CROWD
                    if not await self._save_first():
                        await self._clock.sleep(self._back_off())
                    elif is_crowd:
                        await self._clock.sleep(GATHERING)
        finally:
            self._is_running = False

    def samples(self) -> Iterable[Sample]:
        """What waits, what was dropped, and failed saves."""
        waiting = {integration for unit in self._units for integration in unit.states}
        yield Sample("dialtone_queue_depth", ("health",), len(waiting))
        yield Sample("dialtone_queue_dropped_total", ("health", "full"), self._dropped)
        yield Sample("dialtone_queue_dropped_total", ("health", "unfit"), self._unfit)
        yield Sample("dialtone_health_save_failures_total", (), self._failures)

    def _open_unit(self) -> _Unit:
        """The last unit, unless it is being stored or is a flush."""
        last = self._units[-1] if self._units else None
        if last is None or last is self._in_flight or last.flush is not None:
            self._given += 1
            last = _Unit(self._given)
            self._units.append(last)
        return last

    def _add(self, unit: _Unit, changes: Sequence[HealthChange]) -> None:
        unit.changes += changes
        if changes and self._follow is not None:
            unit.consequences.append(self._follow(changes))
        self._dropped += unit.bound()
        self._wake.set()

    async def _save_first(self) -> bool:
        async with self._turn:
            return not self._units or await self._save(self._units[0])

    async def _save(self, unit: _Unit) -> bool:
        """Store one unit and publish its signals; what could not be stored stays in line."""
        self._in_flight = unit
        consequences = merged(unit.consequences)
        is_stored = await self._store_one(unit, consequences)
        self._in_flight = None
        if not is_stored:
            self._join(unit)
            return False
        self._units.popleft()
        self._stored = unit.number
        for change in unit.changes:
            self._publish(change)
        for signal in consequences.signals:
            self._publish(signal)
        self._saved.set()
        self._saved = anyio.Event()
        return True

    async def _store_one(self, unit: _Unit, consequences: Consequences) -> bool:
        """Whether the store took it. Shielded: a save given up half-way would be made twice."""
        if self._store is None:
            return True
        try:
            with anyio.CancelScope(shield=True), anyio.fail_after(SAVE_TIMEOUT):
                if unit.flush is None:
                    states, changes = tuple(unit.states.values()), tuple(unit.changes)
                    await self._store.save_health(states, changes, consequences)
                elif self._flushes is not None:
                    await self._flushes.save_flush(unit.flush)
        except Exception as error:  # noqa: BLE001 - the store is kept trying, whatever it raises
            self._fail(error)
            if isinstance(error, ValueError | TypeError):
                self._leave_out_unfit(unit)
            return False
        if self._failed_in_a_row:
            log.info("health is stored again", after_failures=self._failed_in_a_row)
            self._failed_in_a_row = 0
        return True

    def _leave_out_unfit(self, unit: _Unit) -> None:
        if unfit := unit.leave_out_unfit():
            log.error("some of it can never be stored and is left out", rows=unfit)
            self._unfit += unfit

    def _join(self, unit: _Unit) -> None:
        """What came while a unit could not be stored is stored with it."""
        while unit.flush is None and len(self._units) > 1 and self._units[1].flush is None:
            later = self._units[1]
            del self._units[1]
            unit.absorb(later)
        self._dropped += unit.bound()

    def _fail(self, error: Exception) -> None:
        if not self._failed_in_a_row:
            log.error("health cannot be stored; it is kept in memory and tried again", error=repr(error))
        self._failures += 1
        self._failed_in_a_row += 1

    def _back_off(self) -> float:
        """The next wait: doubling from 0.5 s to 30 s, between half and all of it."""
        doublings = min(self._failed_in_a_row - 1, 10)
        return min(LONGEST_WAIT, FIRST_WAIT * 2.0**doublings) * self._random.uniform(0.5, 1.0)


def _fits(row: msgspec.Struct) -> bool:
    """Whether a row can be written."""
    try:
        msgspec.json.encode(row)
    except (ValueError, TypeError):
        return False
    return True


def _size(rows: Consequences) -> int:
    return len(rows.incidents) + len(rows.signals) + len(rows.standing) + len(rows.groups)
