"""The watch over heartbeats, and the keys of their URLs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from integrations.signals import Evidence, Health, HealthChange, HeartbeatReport
from monitors.heartbeat import Beat, HeartbeatState
from monitors.heartbeat_keys import OVERLAP, HeartbeatKey, HeartbeatKeys
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.heartbeats import HeartbeatWatch
from tests.fakes.clock import VIRTUAL_TIME, FakeClock, LoopClock

BACKUP = HeartbeatSettings(id="backup", name="Nightly backup", period=600, grace=60)
SYNC = HeartbeatSettings(id="sync", period=300, grace=30)


@pytest.fixture
def anyio_backend() -> tuple[str, object]:
    return VIRTUAL_TIME


class MemoryStore:
    """Keeps states; fails while `is_down`, and takes `seconds` to store."""

    def __init__(self) -> None:
        self.states: dict[str, HeartbeatState] = {}
        self.saves: list[int] = []
        self.is_down = False
        self.seconds = 0.01

    async def save_heartbeats(self, states: Sequence[HeartbeatState], /) -> None:
        await anyio.sleep(self.seconds)
        if self.is_down:
            raise OSError("disk full")
        self.saves.append(len(states))
        self.states |= {state.id: state for state in states}

    async def load_heartbeats(self) -> Sequence[HeartbeatState]:
        return tuple(self.states.values())


class Watching:
    def __init__(
        self,
        *settings: HeartbeatSettings,
        store: MemoryStore | None = None,
        utc: float = 1_800_000_000.0,
    ) -> None:
        self.clock = LoopClock(utc=utc)
        self.store = store or MemoryStore()
        self.changes: list[HealthChange] = []
        self.settings = settings or (BACKUP, SYNC)
        self.published: list[HeartbeatReport] = []
        self.watch = HeartbeatWatch(
            clock=self.clock, report=self.changes.extend, publish=self.published.append, store=self.store
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[HeartbeatWatch]:
        await self.watch.load()
        self.watch.configure(self.settings)
        async with anyio.create_task_group() as group:
            group.start_soon(self.watch.run)
            await anyio.sleep(0.1)
            yield self.watch
            group.cancel_scope.cancel()

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(change.integration, change.after.value) for change in self.changes]


async def test_one_that_is_not_heard_of_is_reported_like_an_integration_and_again_when_it_is() -> None:
    watching = Watching()
    async with watching.running() as watch:
        await watch.hear("backup", Beat.SUCCESS)
        await anyio.sleep(661.5)
        assert watching.told == [
            ("heartbeat:backup", "up"),
            ("heartbeat:sync", "down"),
            ("heartbeat:backup", "down"),
        ]
        down = watching.changes[-1]
        assert (down.vendor, down.capability, down.before, down.evidence) == (
            "heartbeat",
            "",
            Health.UP,
            Evidence.HEARTBEAT,
        )
        await watch.hear("backup", Beat.SUCCESS)
        assert watching.told[-1] == ("heartbeat:backup", "up")


async def test_each_beat_is_published_without_what_the_job_wrote() -> None:
    watching = Watching()
    canary = "hunter2-canary"
    async with watching.running() as watch:
        await watch.hear("backup", Beat.START, run=canary, text=canary)
        await watch.hear("backup", Beat.FAIL, run=canary, exit_status=3, text=canary)
        await watch.hear("backup", Beat.LOG, text=canary)
    begun, failed, logged = watching.published
    assert (failed.heartbeat, failed.beat, failed.exit_status) == ("backup", "fail", 3)
    assert begun.run == failed.run != ""
    assert (logged.beat, logged.run) == ("log", "")
    assert canary not in repr(watching.published)
    assert begun.at < failed.at < logged.at


async def test_a_beat_is_stored_before_it_is_answered() -> None:
    watching = Watching()
    async with watching.running() as watch:
        assert await watch.hear("backup", Beat.FAIL, exit_status=2, text="no space left")
        stored = watching.store.states["backup"]
        assert (stored.health, stored.exit_status, stored.text) == (Health.DOWN, 2, "no space left")


async def test_a_thousand_beats_at_once_are_stored_together() -> None:
    many = tuple(HeartbeatSettings(id=f"job-{n}", period=600) for n in range(1000))
    watching = Watching(*many)
    async with watching.running() as watch:
        watching.store.saves.clear()
        async with anyio.create_task_group() as group:
            for each in many:
                group.start_soon(watch.hear, each.id, Beat.SUCCESS)
        assert len(watching.store.saves) <= 10
        assert len(watching.store.states) == 1000


async def test_a_beat_that_cannot_be_stored_counts_and_is_stored_later() -> None:
    watching = Watching()
    async with watching.running() as watch:
        watching.store.is_down = True
        began = watching.clock.monotonic()
        assert not await watch.hear("backup", Beat.SUCCESS)
        assert watching.clock.monotonic() - began == pytest.approx(5.0, abs=0.1)
        assert watch.status("backup").state.health is Health.UP
        watching.store.is_down = False
        await anyio.sleep(31)
        assert watching.store.states["backup"].health is Health.UP


async def test_beats_without_end_keep_nobody_waiting() -> None:
    watching = Watching()
    watching.store.seconds = 0.2
    async with watching.running() as watch, anyio.create_task_group() as group:

        async def hammer() -> None:
            while True:
                group.start_soon(watch.hear, "backup", Beat.LOG)
                await anyio.sleep(0.01)

        group.start_soon(hammer)
        began = watching.clock.monotonic()
        assert await watch.hear("backup", Beat.SUCCESS)
        assert watching.clock.monotonic() - began < 1
        group.cancel_scope.cancel()


async def test_a_restart_forgets_nothing_and_announces_nothing_twice() -> None:
    first = Watching()
    async with first.running() as watch:
        await watch.hear("backup", Beat.SUCCESS)
        await watch.hear("sync", Beat.FAIL)

    second = Watching(store=first.store, utc=1_800_000_000.0 + 60)
    async with second.running() as watch:
        assert second.changes == []
        assert watch.status("backup").state.health is Health.UP
        assert watch.status("sync").state.health is Health.DOWN
        await anyio.sleep(550)
        assert second.changes == []
        await anyio.sleep(60)
        assert second.told == [("heartbeat:backup", "down")]


async def test_after_a_long_absence_nobody_is_called_overdue_before_he_could_report_again() -> None:
    first = Watching(BACKUP)
    async with first.running() as watch:
        await watch.hear("backup", Beat.SUCCESS)

    second = Watching(BACKUP, store=first.store, utc=1_800_000_000.0 + 86_400)
    async with second.running() as watch:
        await anyio.sleep(650)
        assert second.changes == []
        await watch.hear("backup", Beat.SUCCESS)
        await anyio.sleep(650)
        assert second.changes == []


async def test_a_clock_that_was_set_back_before_a_start_gives_no_job_more_time() -> None:
    first = Watching(BACKUP)
    async with first.running() as watch:
        await watch.hear("backup", Beat.SUCCESS)

    second = Watching(BACKUP, store=first.store, utc=1_800_000_000.0 - 3_600)
    async with second.running():
        await anyio.sleep(670)
        assert second.told == [("heartbeat:backup", "down")]


async def test_a_jump_of_the_clock_makes_nobody_overdue() -> None:
    watching = Watching(BACKUP)
    async with watching.running() as watch:
        await watch.hear("backup", Beat.SUCCESS)
        watching.clock._utc += 3600
        await anyio.sleep(300)
        assert watching.told == [("heartbeat:backup", "up")]


async def test_what_the_engine_may_not_have_stored_is_reported_again_at_the_start() -> None:
    first = Watching()
    async with first.running() as watch:
        await watch.hear("backup", Beat.SUCCESS)
        await watch.hear("sync", Beat.FAIL)

    second = Watching(store=first.store)
    async with second.running() as watch:
        watch.settle(["heartbeat:backup", "slack"])
        assert [(one.integration, one.before.value, one.after.value) for one in second.changes] == [
            ("heartbeat:backup", "down", "up"),
            ("heartbeat:sync", "unknown", "down"),
        ]


async def test_another_configuration_keeps_what_is_known() -> None:
    watching = Watching()
    async with watching.running() as watch:
        await watch.hear("backup", Beat.SUCCESS)
        watch.configure([HeartbeatSettings(id="backup", period=100, grace=10)])
        assert set(watch.known) == {"backup"}
        assert watch.status("backup").state.health is Health.UP
        with pytest.raises(LookupError):
            await watch.hear("sync", Beat.SUCCESS)
        await anyio.sleep(112)
        assert watching.told[-1] == ("heartbeat:backup", "down")


async def test_what_was_heard_last_is_stored_when_it_stops() -> None:
    watching = Watching()
    async with watching.running() as watch:
        watch._take(
            watch._watched["backup"], HeartbeatState(id="backup", known_since=1, anchor=1, since=1), at=1
        )
    assert watching.store.states["backup"].anchor == 1


async def test_rules_know_heartbeats_by_name_and_labels() -> None:
    watching = Watching()
    async with watching.running() as watch:
        subject = watch.subject("heartbeat:backup")
        assert subject is not None
        assert (subject.vendor, subject.vendor_name) == ("heartbeat", "Nightly backup")
        assert watch.subject("backup") is None
        assert watch.subject("heartbeat:nobody") is None


async def test_the_metrics_tell_state_duration_and_beats() -> None:
    watching = Watching()
    async with watching.running() as watch:
        await watch.hear("backup", Beat.START)
        await anyio.sleep(5)
        await watch.hear("backup", Beat.SUCCESS)
        samples = {(one.metric, one.labels): one.value for one in watch.samples()}
        assert samples["dialtone_heartbeat_up", ("backup",)] == 1
        assert ("dialtone_heartbeat_up", ("sync",)) not in samples
        assert samples["dialtone_heartbeat_duration_seconds", ("backup",)] == pytest.approx(5, abs=0.1)
        assert samples["dialtone_heartbeat_beats_total", ("backup", "start")] == 1


class MemoryKeys:
    def __init__(self) -> None:
        self.keys: dict[str, HeartbeatKey] = {}

    async def save_key(self, key: HeartbeatKey, /) -> None:
        self.keys[key.id] = key

    async def load_keys(self) -> Sequence[HeartbeatKey]:
        return tuple(self.keys.values())


async def test_a_key_is_made_once_and_opens_its_own_heartbeat_only() -> None:
    store, clock = MemoryKeys(), FakeClock()
    keys = HeartbeatKeys(store=store, clock=clock)
    key = (await keys.key("backup")).reveal()
    assert (await keys.key("backup")).reveal() == key
    assert len(key) == 43
    known = {"backup", "sync"}
    assert keys.opens("backup", key, known=known)
    assert not keys.opens("sync", key, known=known)
    assert not keys.opens("backup", key[:-1] + ("A" if key[-1] != "A" else "B"), known=known)
    assert not keys.opens("backup", key, known={"sync"})

    again = HeartbeatKeys(store=store, clock=clock)
    await again.load()
    assert again.opens("backup", key, known=known)
    assert key not in repr(store.keys)


async def test_a_rotated_key_counts_for_a_day() -> None:
    clock = FakeClock()
    keys = HeartbeatKeys(store=MemoryKeys(), clock=clock)
    before = (await keys.key("backup")).reveal()
    after = (await keys.key("backup", rotate=True)).reveal()
    assert after != before
    assert keys.opens("backup", before, known={"backup"})
    assert keys.opens("backup", after, known={"backup"})
    clock.advance(OVERLAP + 1)
    assert not keys.opens("backup", before, known={"backup"})
    assert keys.opens("backup", after, known={"backup"})
