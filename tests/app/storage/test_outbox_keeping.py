"""The outbox beside its messages' way: what waits, is dead, is forgotten, and is sent once more."""

from collections.abc import Sequence

import msgspec
import pytest

from app.storage.outbox_keeping import Numbered, Wanted
from app.storage.storage import Storage
from monitors.alerts.outbox import Backlog, Condition, Crowd, Delivery, DeliveryState, Finished, Replay
from tests.app.storage.test_outbox_rows import message

CROWD = Crowd(at_once=99)


async def end(storage: Storage, state: DeliveryState, *names: str, at: float = 1_000.0) -> None:
    """Put messages in and let them end so."""
    await storage.outbox.enqueue([message(name, subject=name) for name in names])
    claimed = await storage.outbox.claim(now=200.0, lease=9.0, limit=999, crowd=CROWD)
    ended = [
        msgspec.structs.replace(one, state=state, finished_at=at)
        for one in claimed
        if one.message.id in names
    ]
    await storage.outbox.finish(Finished(at=at, deliveries=tuple(ended)))


async def states(storage: Storage) -> dict[str, str]:
    found = await storage.outbox_keeping.deliveries(Wanted(limit=999))
    return {one.delivery.message.id: one.delivery.state.value for one in found}


def ids(found: Sequence[Numbered]) -> list[str]:
    return [one.delivery.message.id for one in found]


async def claimable(storage: Storage) -> Sequence[Delivery]:
    return await storage.outbox.claim(now=9_999.0, lease=9.0, limit=999, crowd=CROWD)


async def test_what_waits_and_what_is_dead_by_receiver(storage: Storage) -> None:
    await end(storage, DeliveryState.DEAD, "d1", "d2")
    await storage.outbox.enqueue(
        [message("w1", created_at=150.0), message("w2", created_at=140.0, sequence=2)]
    )
    await storage.outbox.enqueue([message("x", receiver="chat", created_at=7.0)])

    assert await storage.outbox_keeping.backlog() == [
        Backlog(receiver="chat", waiting=1, oldest_at=7.0),
        Backlog(receiver="pager", waiting=2, oldest_at=140.0, dead=2),
    ]


async def test_dead_letters_are_replayed_under_their_ids_and_only_once(storage: Storage) -> None:
    await end(storage, DeliveryState.DEAD, "d1", "d2")
    keeping = storage.outbox_keeping

    assert await keeping.replay(Replay(ids=("d1",))) == 1
    assert await keeping.replay(Replay(ids=("d1",))) == 0
    assert await keeping.replay(Replay(receiver="pager")) == 1
    (first, second) = await claimable(storage)
    assert {first.message.id, second.message.id} == {"d1", "d2"}
    assert (first.attempts, first.last_error, first.finished_at) == (0, "", None)


async def test_a_delivered_message_is_sent_again_only_when_it_is_named(storage: Storage) -> None:
    await end(storage, DeliveryState.DELIVERED, "m1")
    keeping = storage.outbox_keeping

    assert await keeping.replay(Replay(receiver="pager")) == 0
    assert await keeping.replay(Replay(ids=("m1",))) == 1
    assert len(await claimable(storage)) == 1


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Replay(since=2_000.0), {"late"}),
        (Replay(until=1_999.0), {"early"}),
        (Replay(since=1_000.0, until=2_000.0), {"early", "late"}),
        (Replay(receiver="other"), set()),
        (Replay(), {"early", "late"}),
    ],
)
async def test_dead_letters_are_chosen_by_receiver_and_time(
    storage: Storage, order: Replay, expected: set[str]
) -> None:
    await end(storage, DeliveryState.DEAD, "early", at=1_000.0)
    await end(storage, DeliveryState.DEAD, "late", at=2_000.0)

    assert await storage.outbox_keeping.replay(order) == len(expected)
    assert {one.message.id for one in await claimable(storage)} == expected


async def test_replayed_messages_of_a_subject_go_in_their_order_behind_what_is_there(
    storage: Storage,
) -> None:
    outbox = storage.outbox
    for number in (1, 2):
        await outbox.enqueue([message(f"m{number}", sequence=number)])
        (claimed,) = await outbox.claim(now=200.0, lease=9.0, limit=9, crowd=CROWD)
        dead = msgspec.structs.replace(claimed, state=DeliveryState.DEAD, finished_at=5.0)
        await outbox.finish(Finished(at=5.0, deliveries=(dead,)))
    await outbox.enqueue([message("m3", sequence=3)])
    assert await storage.outbox_keeping.replay(Replay()) == 2

    order = []
    while claimed_now := await outbox.claim(now=200.0, lease=9.0, limit=9, crowd=CROWD):
        (one,) = claimed_now
        order.append(one.message.id)
        done = msgspec.structs.replace(one, state=DeliveryState.DELIVERED, delivered_at=6.0, finished_at=6.0)
        await outbox.finish(Finished(at=6.0, deliveries=(done,)))
    assert order == ["m3", "m1", "m2"]


async def test_the_dead_are_kept_longer_than_the_done(storage: Storage) -> None:
    await end(storage, DeliveryState.DEAD, "dead")
    await end(storage, DeliveryState.DELIVERED, "done")
    await storage.outbox.enqueue([message("waits")])
    keeping = storage.outbox_keeping

    assert await keeping.trim(done_before=1_001.0, dead_before=999.0) == 1
    assert set(await states(storage)) == {"dead", "waits"}
    assert await keeping.trim(done_before=1_001.0, dead_before=1_001.0) == 1
    assert await keeping.trim(done_before=9e9, dead_before=9e9) == 0
    assert set(await states(storage)) == {"waits"}


async def test_a_start_waits_for_no_lease_of_a_clock_that_was_ahead(storage: Storage) -> None:
    await storage.outbox.enqueue([message("m1")])
    await storage.outbox.claim(now=4_000.0, lease=45.0, limit=9, crowd=CROWD)

    await storage.outbox_keeping.rouse(300.0)

    assert await storage.outbox.claim(now=344.0, lease=45.0, limit=9, crowd=CROWD) == []
    assert len(await storage.outbox.claim(now=345.0, lease=45.0, limit=9, crowd=CROWD)) == 1


async def test_a_start_makes_all_that_waits_due_and_tells_how_receivers_did(storage: Storage) -> None:
    await storage.outbox.enqueue([message("m1")])
    (one,) = await storage.outbox.claim(now=200.0, lease=9.0, limit=9, crowd=CROWD)
    later = msgspec.structs.replace(one, state=DeliveryState.QUEUED, due_at=9_000.0)
    failing, fine = Condition(receiver="pager", failures=3), Condition(receiver="chat")
    await storage.outbox.finish(Finished(at=1.0, deliveries=(later,), conditions=(failing, fine)))

    assert await storage.outbox_keeping.rouse(300.0) == [failing]
    assert len(await storage.outbox.claim(now=300.0, lease=9.0, limit=9, crowd=CROWD)) == 1


async def test_deliveries_are_read_newest_first_page_by_page(storage: Storage) -> None:
    await storage.outbox.enqueue([message(f"m{number}", subject=str(number)) for number in range(5)])
    keeping = storage.outbox_keeping

    first = await keeping.deliveries(Wanted(limit=2))
    second = await keeping.deliveries(Wanted(limit=9, before=first[-1].number))

    assert ids(first) + ids(second) == ["m4", "m3", "m2", "m1", "m0"]
    assert ids(await keeping.deliveries(Wanted(subject="3"))) == ["m3"]
    assert ids(await keeping.deliveries(Wanted(receiver="other"))) == []


async def test_what_waits_for_its_turn_is_shown_as_queued(storage: Storage) -> None:
    await storage.outbox.enqueue([message("m1"), message("m2", sequence=2)])

    queued = await storage.outbox_keeping.deliveries(Wanted(state=DeliveryState.QUEUED))
    assert ids(queued) == ["m2", "m1"]
    assert {one.delivery.state for one in queued} == {DeliveryState.QUEUED}


async def test_a_proof_is_really_committed(storage: Storage) -> None:
    def commits() -> float:
        return next(one.value for one in storage.samples() if one.metric == "dialtone_storage_commits_total")

    before = commits()
    await storage.outbox_keeping.prove(1.0)
    await storage.outbox_keeping.prove(2.0)

    assert commits() == before + 2
