"""Heartbeats: jobs and events that must be heard of, and are told of like integrations when they are not.

A beat counts in memory at once and is stored within a moment; whoever brings it waits for that, a few seconds
at most, for a beat that could not be stored still counts. However many come at once are stored together.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

import anyio
import msgspec
import structlog

from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import Evidence, Health, HealthChange, HeartbeatReport
from monitors.alerts.facts import Subject
from monitors.alerts.steady import SteadyClock
from monitors.heartbeat import Beat, Heard, HeartbeatState, expected, first, hear, look, next_look, taken_up
from monitors.heartbeat_settings import HeartbeatSettings

TICK = 1.0
STORED_WITHIN = 5.0
SAVE_SECONDS = 15.0
LAST_SAVE = 5.0
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0

VENDOR = "heartbeat"
_PREFIX = "heartbeat:"
_DIGITS = 16

_ADVICE = "Look whether the job runs, and whether it reaches Dialtone."

log = structlog.get_logger("dialtone.heartbeats")


class HeartbeatStore(Protocol):
    """Where heartbeats are kept; each call is one atomic unit."""

    async def save_heartbeats(self, states: Sequence[HeartbeatState], /) -> None:
        """Replace these."""
        ...

    async def load_heartbeats(self) -> Sequence[HeartbeatState]:
        """Return all that is stored."""
        ...


class HeartbeatStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a heartbeat is: as it is configured, what was heard, and when it is expected next (UTC seconds)."""

    settings: HeartbeatSettings
    state: HeartbeatState
    expected_at: float
    is_late: bool


def subject_of(heartbeat: str) -> str:
    """What a heartbeat is called where integrations are: in incidents, alerts and their labels."""
    return f"{_PREFIX}{heartbeat}"


def about(settings: HeartbeatSettings) -> Subject:
    """What rules may know of a heartbeat."""
    labels = {key: value for key, value in msgspec.structs.asdict(settings.labels).items() if value}
    called = settings.name or settings.id
    return Subject(vendor=VENDOR, vendor_name=called, labels=labels, advice=_ADVICE)


def change_of(state: HeartbeatState, *, before: Health, at: float) -> HealthChange:
    """A heartbeat's confirmed change, as the engine takes it."""
    return HealthChange(
        at=at,
        integration=subject_of(state.id),
        vendor=VENDOR,
        capability="",
        before=before,
        after=state.health,
        evidence=Evidence.HEARTBEAT,
        reason=state.reason,
        since=state.since,
    )


def told_of(heartbeat: str, heard: Heard) -> HeartbeatReport:
    """A beat as a signal, without what the job wrote: of its run's name only a digest is told."""
    run = hashlib.sha256(heard.run.encode()).hexdigest()[:_DIGITS] if heard.run else ""
    return HeartbeatReport(
        at=heard.at, heartbeat=heartbeat, beat=heard.beat.value, run=run, exit_status=heard.exit_status
    )


class _Watched:
    def __init__(self, settings: HeartbeatSettings, state: HeartbeatState) -> None:
        self.settings = settings
        self.state = state
        self.due: float | None = 0.0


class HeartbeatWatch:
    """Watches heartbeats. `await load()`, `configure()`, `run()` in a task.

    Confirmed changes go to `report`, which stores them with what follows from them; `publish` is told of each
    beat. Called on the event loop.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        report: Callable[[Sequence[HealthChange]], None],
        publish: Callable[[HeartbeatReport], object] = lambda _: None,
        store: HeartbeatStore | None = None,
        steady: SteadyClock | None = None,
    ) -> None:
        self._clock = clock
        self._report = report
        self._publish = publish
        self._store = store
        self._steady = steady or SteadyClock(clock)
        self._started_at = self._steady.now()
        self._stored: dict[str, HeartbeatState] = {}
        self._watched: dict[str, _Watched] = {}
        self._unsaved: set[str] = set()
        self._saved_beats: dict[str, int] = {}
        self._wake = anyio.Event()
        self._saved = anyio.Event()
        self._is_running = False
        self._beats: Counter[tuple[str, Beat]] = Counter()
        self._errors = 0

    async def load(self) -> None:
        """Read what is stored, so that a restart neither forgets nor announces anything twice."""
        if self._store is not None:
            self._stored = {state.id: state for state in await self._store.load_heartbeats()}

    def configure(self, heartbeats: Sequence[HeartbeatSettings]) -> None:
        """Watch these from now on; what is known of those that stay is kept."""
        before, now = self._watched, self._steady.now()
        self._watched = {}
        for settings in heartbeats:
            known = before.get(settings.id)
            stored = known.state if known else self._stored.pop(settings.id, None)
            state = taken_up(stored, now=now) if stored else first(settings, at=now)
            watched = self._watched[settings.id] = _Watched(settings, state)
            if stored is None:
                self._unsaved.add(settings.id)
            self._look(watched, now)
        for name in before.keys() - self._watched.keys():
            self._stored[name] = before[name].state

    def settle(self, open_incidents: Iterable[str]) -> None:
        """Report again what the engine of before a restart may not have stored; `open_incidents` are subjects
        with an open incident.
        """
        known = set(open_incidents)
        for watched in self._watched.values():
            is_open = subject_of(watched.settings.id) in known
            if is_open is not (watched.state.health is Health.DOWN):
                before = Health.DOWN if is_open else Health.UNKNOWN
                self._tell(watched.state, before=before, at=self._steady.now())

    async def run(self) -> None:
        """Look who is overdue, and store, until cancelled; what was heard then is stored before it ends."""
        self._is_running = True
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._keep_saving)
                while True:
                    now = self._steady.now()
                    for watched in tuple(self._watched.values()):
                        if watched.due is not None and watched.due <= now:
                            self._look(watched, now)
                    await self._clock.sleep(TICK)
        finally:
            self._is_running = False
            with anyio.move_on_after(LAST_SAVE, shield=True):
                await self._save()

    @property
    def known(self) -> Collection[str]:
        """The ids of all heartbeats."""
        return self._watched.keys()

    async def hear(
        self, heartbeat: str, beat: Beat, *, run: str = "", exit_status: int | None = None, text: str = ""
    ) -> bool:
        """Take a beat; return whether it was stored in time. It counts in any case.

        Raises:
            LookupError: when there is no such heartbeat.
        """
        watched, now = self._watched[heartbeat], self._steady.now()
        heard = Heard(beat=beat, at=now, run=run, exit_status=exit_status, text=text)
        self._beats[heartbeat, beat] += 1
        self._publish(told_of(heartbeat, heard))
        self._take(watched, hear(watched.state, heard), at=now)
        return await self._wait_until_saved(heartbeat, watched.state.beats)

    def statuses(self) -> list[HeartbeatStatus]:
        """How all heartbeats are."""
        return [self._status(watched) for watched in self._watched.values()]

    def status(self, heartbeat: str) -> HeartbeatStatus:
        """How one is.

        Raises:
            LookupError: when there is no such heartbeat.
        """
        return self._status(self._watched[heartbeat])

    def subject(self, name: str) -> Subject | None:
        """What rules may know of the heartbeat with this name among integrations; None for other names."""
        watched = self._watched.get(name.removeprefix(_PREFIX)) if name.startswith(_PREFIX) else None
        return about(watched.settings) if watched is not None else None

    def samples(self) -> Iterable[Sample]:
        """How heartbeats are, and what was heard of them since the start."""
        for name, watched in self._watched.items():
            state = watched.state
            if state.health is not Health.UNKNOWN:
                yield Sample("dialtone_heartbeat_up", (name,), float(state.health is Health.UP))
            if state.last_success_at is not None:
                yield Sample(
                    "dialtone_heartbeat_last_success_timestamp_seconds", (name,), state.last_success_at
                )
            if state.duration is not None:
                yield Sample("dialtone_heartbeat_duration_seconds", (name,), state.duration)
            yield Sample("dialtone_heartbeat_runs", (name,), len(state.runs))
        for (name, beat), count in self._beats.items():
            yield Sample("dialtone_heartbeat_beats_total", (name, beat.value), count)
        yield Sample("dialtone_heartbeat_save_errors_total", (), self._errors)

    def _status(self, watched: _Watched) -> HeartbeatStatus:
        due = expected(watched.settings, watched.state)
        return HeartbeatStatus(
            settings=watched.settings,
            state=watched.state,
            expected_at=due,
            is_late=due < self._steady.now(),
        )

    def _look(self, watched: _Watched, now: float) -> None:
        after = look(watched.settings, watched.state, now=now, started_at=self._started_at)
        self._take(watched, after, at=now)

    def _take(self, watched: _Watched, after: HeartbeatState, *, at: float) -> None:
        before, watched.state = watched.state, after
        watched.due = next_look(watched.settings, after, started_at=self._started_at)
        if after is before:
            return
        if after.health is not before.health:
            self._tell(after, before=before.health, at=at)
        self._unsaved.add(after.id)
        self._wake.set()

    def _tell(self, state: HeartbeatState, *, before: Health, at: float) -> None:
        self._report([change_of(state, before=before, at=at)])

    async def _wait_until_saved(self, heartbeat: str, beats: int) -> bool:
        if self._store is None:
            return True
        if not self._is_running:
            return await self._save()
        with anyio.move_on_after(STORED_WITHIN):
            while self._saved_beats.get(heartbeat, 0) < beats:
                await self._saved.wait()
            return True
        return False

    async def _keep_saving(self) -> None:
        wait = FIRST_WAIT
        while True:
            if await self._save():
                wait = FIRST_WAIT
                await self._wake.wait()
            else:
                await self._clock.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    async def _save(self) -> bool:
        """Store all that has changed in one unit; return whether that worked."""
        self._wake = anyio.Event()
        states = [self._watched[name].state for name in self._unsaved if name in self._watched]
        if self._store is None or not states:
            self._unsaved.clear()
            return True
        try:
            with anyio.fail_after(SAVE_SECONDS):
                await self._store.save_heartbeats(states)
        except Exception as error:  # noqa: BLE001 - the store is kept trying, whatever it raises
            self._errors += 1
            log.warning("heartbeats cannot be stored yet; they count", error=type(error).__name__)
            return False
        stored = {state.id: state for state in states}
        self._unsaved = {
            name
            for name in self._unsaved & self._watched.keys()
            if stored.get(name) is not self._watched[name].state
        }
        self._saved_beats |= {state.id: state.beats for state in states}
        self._saved.set()
        self._saved = anyio.Event()
        return True
