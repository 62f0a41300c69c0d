"""What watching stores: parents, counts of objectives, heartbeats and their keys."""

from app.storage.storage import Storage
from integrations.credentials.secret import Secret
from integrations.signals import Health
from monitors.heartbeat import Beat, HeartbeatState
from monitors.heartbeat_keys import HeartbeatKey, KeyStore
from monitors.heartbeats import HeartbeatStore
from monitors.parent import Certainty, Parent, ParentKind
from monitors.parents import ParentStore
from monitors.slo import SLOStore
from monitors.slo_counts import SavedHour


def parent(key: str) -> Parent:
    return Parent(
        key=key,
        kind=ParentKind.VENDOR,
        certainty=Certainty.CONFIRMED,
        name="GitHub",
        reason="3 of 3 fail together",
        since=1.5,
        confirmed_at=2.5,
        children=("a", "b"),
        vendor="github",
    )


async def test_parents_come_back_as_they_were_and_those_that_are_over_are_gone(storage: Storage) -> None:
    store: ParentStore = storage.parents
    await store.save_parents([parent("vendor:a"), parent("vendor:b")])
    await store.save_parents([parent("vendor:b")])
    assert await store.load_parents() == [parent("vendor:b")]
    await store.save_parents([])
    assert await store.load_parents() == []


async def test_hours_are_replaced_and_old_ones_and_those_of_no_objective_deleted(storage: Storage) -> None:
    store: SLOStore = storage.slo
    first = SavedHour(key="a", hour=10, good=5, bad=1, minutes={3: (5, 1)})
    await store.save_hours(
        [first, SavedHour(key="a", hour=9, good=1, bad=0), SavedHour(key="b", hour=10, good=1, bad=1)],
        before={"a": 0, "b": 0},
    )
    later = SavedHour(key="a", hour=10, good=8, bad=1, minutes={3: (5, 1), 59: (3, 0)})
    await store.save_hours([later], before={"a": 10})
    assert await store.load_hours() == [later]
    await store.save_hours([], before={})
    assert await store.load_hours() == []


async def test_heartbeats_come_back_as_they_were(storage: Storage) -> None:
    store: HeartbeatStore = storage.heartbeats
    state = HeartbeatState(
        id="backup",
        known_since=1.0,
        anchor=2.0,
        health=Health.DOWN,
        since=3.0,
        reason="It is overdue.",
        last_beat=Beat.FAIL,
        last_beat_at=3.0,
        exit_status=2,
        runs={"r": 2.5},
        text="no space left",
        beats=7,
    )
    await store.save_heartbeats([state])
    await store.save_heartbeats([])
    assert await store.load_heartbeats() == [state]


async def test_keys_come_back_and_the_newest_counts(storage: Storage) -> None:
    store: KeyStore = storage.heartbeats
    first = HeartbeatKey(id="backup", current=Secret("one"))
    second = HeartbeatKey(id="backup", current=Secret("two"), previous=first.current, previous_until=99.0)
    await store.save_key(first)
    await store.save_key(second)
    (found,) = await store.load_keys()
    assert found.current.reveal() == "two"
    assert found.previous is not None
    assert (found.previous.reveal(), found.previous_until) == ("one", 99.0)
