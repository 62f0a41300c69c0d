"""Stored first, then told: the saver with a store that fails and comes back."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

import anyio
import msgspec
import pytest
import structlog

from app.storage.thread import DEADLINE
from integrations.samples import Sample
from integrations.signals import Evidence, Health, HealthChange, IncidentChange
from monitors.alerts.consequences import NOTHING, Consequences
from monitors.alerts.decisions import Flush
from monitors.incident import Incident
from monitors.report import SavedHealth
from monitors.saving import CROWD, GATHERING, MOST_CHANGES, HealthSaver
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.signals import RecordingSubscriber
from tests.monitors.doubles import FakeStore


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Desk:
    """A saver with its doubles."""

    def __init__(self, store: FakeStore | None) -> None:
        self.clock = LoopClock()
        self.store = store
        self.published = RecordingSubscriber()
        self.saver = HealthSaver(store=store, clock=self.clock, publish=self.published, random=Random(1))

    def note(self, *, integration: str = "wiki", state: Health = Health.DOWN, changes: int = 1) -> None:
        saved = SavedHealth(integration=integration, capabilities=(), state=state, since=1.0)
        self.saver.note(saved, [change(integration, number) for number in range(changes)])

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(self.saver.run)
            await anyio.lowlevel.checkpoint()
            yield
            group.cancel_scope.cancel()

    def sample(self, metric: str) -> float:
        return next(sample.value for sample in self.saver.samples() if sample.metric == metric)


def change(integration: str = "wiki", number: int = 0) -> HealthChange:
    return HealthChange(
        at=2.0 + number,
        integration=integration,
        vendor="wikis",
        capability="read",
        before=Health.UP,
        after=Health.DOWN,
        evidence=Evidence.CHECK,
        reason="3 checks in a row failed.",
        since=1.0,
    )


class WatchfulStore(FakeStore):
    """Notices what had been published when it was asked to save."""

    def __init__(self) -> None:
        super().__init__()
        self.published = RecordingSubscriber()
        self.told_before: list[int] = []

    async def save_health(
        self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        self.told_before.append(len(self.published.signals))
        await super().save_health(states, changes, consequences)


async def test_a_change_is_stored_before_it_is_told() -> None:
    store = WatchfulStore()
    desk = Desk(store)
    store.published = desk.published
    async with desk.open():
        desk.note()
        await desk.saver.settle("wiki")
    assert store.told_before == [0]
    assert len(desk.published.signals) == len(store.changes) == 1


async def test_without_a_store_changes_are_told() -> None:
    desk = Desk(None)
    desk.note()
    await desk.saver.settle("wiki")
    assert len(desk.published.signals) == 1


async def test_while_the_store_fails_nothing_is_told_and_nothing_is_lost() -> None:
    store = FakeStore()
    desk = Desk(store)
    store.error = OSError("disk full")
    async with desk.open():
        desk.note()
        await desk.clock.sleep(120)
        desk.note(state=Health.UP)
        assert desk.published.signals == []
        assert desk.sample("dialtone_queue_depth") == 1
        store.error = None
        await desk.clock.sleep(60)
    assert len(store.changes) == len(desk.published.signals) == 2
    assert (await store.load_health())[0].state is Health.UP
    assert desk.sample("dialtone_queue_depth") == 0


async def test_a_store_that_fails_is_asked_ever_less_often() -> None:
    store = FakeStore()
    desk = Desk(store)
    store.error = OSError("disk full")
    async with desk.open():
        desk.note()
        await desk.clock.sleep(600)
        store.error = None
        await desk.clock.sleep(31)
    assert 20 <= store.saves <= 60
    assert desk.sample("dialtone_health_save_failures_total") == store.saves - 1


async def test_a_failing_store_is_logged_once_and_its_recovery_once() -> None:
    store = FakeStore()
    desk = Desk(store)
    store.error = OSError("disk full")
    with structlog.testing.capture_logs() as logs:
        async with desk.open():
            desk.note()
            await desk.clock.sleep(120)
            store.error = None
            await desk.clock.sleep(60)
    assert [entry["log_level"] for entry in logs] == ["error", "info"]


async def test_a_store_that_hangs_is_given_up_and_asked_again() -> None:
    class HangingStore(FakeStore):
        async def save_health(
            self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
        ) -> None:
            self.saves += 1
            if self.saves == 1:
                await anyio.sleep_forever()
            await super().save_health(states, changes, consequences)

    store = HangingStore()
    desk = Desk(store)
    async with desk.open():
        desk.note()
        await desk.clock.sleep(20)
    assert len(desk.published.signals) == 1


class QueueingStore(FakeStore):
    """As SQLite's: a unit not stored by the deadline is withdrawn, one whose caller left stays."""

    def __init__(self) -> None:
        super().__init__()
        self.room = anyio.Event()
        self.left_in_line = 0

    async def save_health(
        self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        try:
            with anyio.fail_after(DEADLINE):
                await self.room.wait()
        except anyio.get_cancelled_exc_class():
            self.left_in_line += 1
            raise
        await super().save_health(states, changes, consequences)


async def test_a_save_is_not_left_in_the_stores_line_to_be_made_twice() -> None:
    store = QueueingStore()
    desk = Desk(store)
    async with desk.open():
        desk.note()
        await desk.clock.sleep(120)
        store.room.set()
        await desk.clock.sleep(31)
    assert store.left_in_line == 0
    assert len(store.changes) == 1


async def test_changes_keep_their_order_across_failures() -> None:
    store = FakeStore()
    desk = Desk(store)
    store.error = OSError("disk full")
    async with desk.open():
        desk.note(changes=3)
        await desk.clock.sleep(2)
        saved = SavedHealth(integration="wiki", capabilities=(), state=Health.UP, since=1.0)
        desk.saver.note(saved, [change(number=number) for number in (3, 4)])
        await desk.clock.sleep(2)
        store.error = None
        await desk.clock.sleep(60)
    assert [stored.at for stored in store.changes] == [2.0, 3.0, 4.0, 5.0, 6.0]


class SlowStore(FakeStore):
    """Takes a second for each save, and fails the first."""

    def __init__(self, *, is_failing: bool) -> None:
        super().__init__()
        self.is_failing = is_failing

    async def save_health(
        self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        await anyio.sleep(1)
        self.error = OSError("disk full") if self.is_failing and self.saves == 0 else None
        await super().save_health(states, changes, consequences)


@pytest.mark.parametrize("is_failing", [False, True], ids=["which succeeds", "which fails"])
async def test_what_comes_during_a_save_is_stored_after_it(is_failing: bool) -> None:
    store = SlowStore(is_failing=is_failing)
    desk = Desk(store)
    async with desk.open():
        desk.note(changes=2)
        await desk.clock.sleep(0.5)
        saved = SavedHealth(integration="wiki", capabilities=(), state=Health.UP, since=1.0)
        desk.saver.note(saved, [change(number=2)])
        await desk.clock.sleep(10)
        assert (await store.load_health())[0].state is Health.UP
    assert [stored.at for stored in store.changes] == [2.0, 3.0, 4.0]
    assert desk.published.signals == store.changes


async def test_above_the_bound_the_oldest_change_is_dropped_and_counted() -> None:
    desk = Desk(FakeStore())
    desk.note(changes=MOST_CHANGES + 5)
    assert desk.sample("dialtone_queue_dropped_total") == 5
    await desk.saver.settle("wiki")
    assert len(desk.published.signals) == MOST_CHANGES


async def test_what_waits_at_the_end_can_be_stored_after_the_saver_has_stopped() -> None:
    store = FakeStore()
    desk = Desk(store)
    async with desk.open():
        desk.note()
    assert await desk.saver.save_all()
    assert len(store.changes) == len(desk.published.signals) == 1


async def test_waiting_for_a_broken_store_has_an_end() -> None:
    store = FakeStore()
    desk = Desk(store)
    store.error = OSError("disk full")
    async with desk.open():
        began = desk.clock.monotonic()
        desk.note()
        await desk.saver.settle("wiki")
        assert desk.clock.monotonic() - began == pytest.approx(5.0, abs=0.1)


async def test_many_integrations_are_stored_together() -> None:
    store = FakeStore()
    desk = Desk(store)
    async with desk.open():
        for number in range(500):
            desk.note(integration=f"wiki-{number}")
        await desk.clock.sleep(1)
    assert len(store.states) == len(desk.published.signals) == 500
    assert store.saves <= 2


@pytest.mark.parametrize(("integrations", "saves"), [(CROWD, 2), (CROWD - 1, 5)])
async def test_after_many_at_once_more_may_gather(integrations: int, saves: int) -> None:
    store = FakeStore()
    desk = Desk(store)
    async with desk.open():
        for number in range(integrations):
            desk.note(integration=f"wiki-{number}")
        await desk.clock.sleep(GATHERING / 8)
        for number in range(4):
            desk.note(integration=f"late-{number}")
            await desk.clock.sleep(GATHERING / 8)
        await desk.clock.sleep(GATHERING)
    assert store.saves == saves
    assert len(desk.published.signals) == integrations + 4


def test_its_samples_name_its_queue() -> None:
    desk = Desk(FakeStore())
    assert Sample("dialtone_queue_depth", ("health",), 0) in list(desk.saver.samples())


def incident(version: int) -> Incident:
    return Incident(
        id="inc-1",
        integration="wiki",
        vendor="wikis",
        capability="",
        state=Health.DOWN,
        evidence=Evidence.CHECK,
        reason="no answer",
        began_at=1.0,
        opened_at=2.0,
        version=version,
    )


def opened() -> IncidentChange:
    return IncidentChange(
        at=2.0,
        incident="inc-1",
        integration="wiki",
        vendor="wikis",
        capability="",
        event="opened",
        state=Health.DOWN,
        opened_at=2.0,
    )


class Journal(FakeStore):
    """Writes down the units in the order they were stored."""

    def __init__(self) -> None:
        super().__init__()
        self.units: list[str] = []

    async def save_health(
        self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        await super().save_health(states, changes, consequences)
        self.units.append(",".join(f"{each.id} v{each.version}" for each in consequences.incidents))

    async def save_flush(self, flush: Flush) -> None:
        await anyio.lowlevel.checkpoint()
        if self.error:
            raise self.error
        self.units.append("flush")


def journalling() -> tuple[Journal, Desk]:
    store = Journal()
    desk = Desk(store)
    desk.saver = HealthSaver(
        store=store, flushes=store, clock=desk.clock, publish=desk.published, random=Random(1)
    )
    return store, desk


async def test_a_change_and_what_follows_from_it_are_one_unit() -> None:
    store, desk = journalling()
    desk.saver.then(lambda _: Consequences(incidents=(incident(1),), signals=(opened(),)))
    async with desk.open():
        desk.note()
        await desk.saver.stored()
    assert (store.saves, store.units) == (1, ["inc-1 v1"])
    assert desk.published.signals == [change(), opened()]


async def test_of_a_row_that_changes_often_the_newest_is_stored() -> None:
    store, desk = journalling()
    for version in range(1, 6):
        desk.saver.keep(Consequences(incidents=(incident(version),)))
    await desk.saver.stored()
    assert store.units == ["inc-1 v5"]


@pytest.mark.parametrize("fails", [False, True], ids=["at once", "after failures"])
async def test_decisions_are_stored_after_what_they_rest_on_and_before_what_came_later(fails: bool) -> None:
    store, desk = journalling()
    store.error = OSError("disk full") if fails else None
    async with desk.open():
        desk.saver.keep(Consequences(incidents=(incident(1),)))
        desk.saver.flush(Flush())
        desk.saver.keep(Consequences(incidents=(incident(2),)))
        await desk.clock.sleep(3)
        desk.saver.keep(Consequences(incidents=(incident(3),)))
        store.error = None
        await desk.saver.stored()
    assert store.units in (["inc-1 v1", "flush", "inc-1 v2", "inc-1 v3"], ["inc-1 v1", "flush", "inc-1 v3"])


async def test_what_comes_while_decisions_cannot_be_stored_waits_behind_them() -> None:
    store, desk = journalling()
    store.error = OSError("disk full")
    async with desk.open():
        desk.saver.flush(Flush())
        await desk.clock.sleep(5)
        desk.saver.keep(Consequences(incidents=(incident(1),)))
        desk.note()
        await desk.clock.sleep(5)
        store.error = None
        await desk.saver.stored()
    assert store.units == ["flush", "inc-1 v1"]


async def test_nothing_to_keep_is_no_unit() -> None:
    store, desk = journalling()
    desk.saver.keep(NOTHING)
    await desk.saver.stored()
    assert store.saves == 0


async def test_waiting_for_what_is_stored_does_not_wait_for_what_comes_later() -> None:
    store, desk = journalling()
    async with desk.open():
        desk.note()
        await desk.saver.stored()
        store.error = OSError("disk full")
        before = desk.clock.monotonic()
        await desk.saver.stored()
    assert desk.clock.monotonic() - before < 0.1


class WritingStore(Journal):
    """Writes rows out, as a database does."""

    async def save_health(
        self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        msgspec.json.encode((states, changes, consequences))
        await super().save_health(states, changes, consequences)


async def test_what_can_never_be_written_holds_up_nothing_else() -> None:
    store = WritingStore()
    desk = Desk(store)
    half = "half a character: \ud800"
    async with desk.open():
        desk.note()
        desk.note(integration="chat", changes=0)
        unfit = msgspec.structs.replace(incident(1), reason=half)
        bad = msgspec.structs.replace(change(), reason=half)
        desk.saver.keep(
            Consequences(incidents=(unfit, msgspec.structs.replace(incident(2), id="inc-2"))), changes=[bad]
        )
        await desk.saver.stored()
    assert set(store.states) == {"wiki", "chat"}
    assert store.units == ["inc-2 v2"]
    assert store.changes == [change()]
    assert Sample("dialtone_queue_dropped_total", ("health", "unfit"), 2) in list(desk.saver.samples())
