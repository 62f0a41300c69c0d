"""The outbox in SQLite: each message waits its turn, is claimed once, and ends once."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from app.storage import outbox as rows
from app.storage.outbox import OutboxRows
from app.storage.storage import Storage, open_storage
from app.storage.tables import outbox
from integrations.clock import SystemClock
from integrations.signals import DeliveryAttempt
from monitors.alerts.outbox import (
    FALL_BACK_SECONDS,
    Condition,
    Crowd,
    Delivery,
    DeliveryState,
    Finished,
    Message,
    Outbox,
    new_message_id,
)

Done = msgspec.structs.replace


def message(name: str, **more: object) -> Message:
    known: dict[str, object] = {
        "id": name, "receiver": "pager", "type": "integration.failed", "subject": "s", "sequence": 1,
        "created_at": 100.0, "content": b"{}",
    }  # fmt: skip
    return Message(**{**known, **more})  # type: ignore[arg-type]  # known by their names


@pytest.fixture
def box(storage: Storage) -> OutboxRows:
    return storage.outbox


async def claim(box: Outbox, *, now: float = 200.0, limit: int = 99, at_once: int = 4) -> Sequence[Delivery]:
    return await box.claim(now=now, lease=25.0, limit=limit, crowd=Crowd(at_once=at_once))


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.message.id for delivery in deliveries]


def delivered(delivery: Delivery, *, at: float = 201.0, reference: str = "") -> Delivery:
    return Done(
        delivery, state=DeliveryState.DELIVERED, attempts=delivery.attempts + 1, delivered_at=at,
        finished_at=at, vendor_reference=reference,
    )  # fmt: skip


def again(delivery: Delivery, *, at: float) -> Delivery:
    return Done(delivery, state=DeliveryState.QUEUED, attempts=delivery.attempts + 1, due_at=at)


async def finish(box: Outbox, *deliveries: Delivery, **more: object) -> None:
    await box.finish(Finished(at=201.0, deliveries=deliveries, **more))  # type: ignore[arg-type] # the same


async def states(storage: Storage) -> dict[str, str]:
    query = sa.select(outbox.c.id, outbox.c.state)
    return dict(await storage._units.run(lambda connection: connection.execute(query).all()))


async def test_a_message_is_claimed_with_all_that_it_holds(box: OutboxRows) -> None:
    one = message("m1", is_paging=True, content=b'{"a": 1}', sequence=7)
    await box.enqueue([one])

    (claimed,) = await claim(box)

    assert claimed.message == one
    assert claimed.state is DeliveryState.SENDING
    assert claimed.lease_until == 225.0


async def test_what_is_being_sent_is_not_claimed_again_before_its_lease_ends(box: OutboxRows) -> None:
    await box.enqueue([message("m1")])
    await claim(box, now=200.0)

    assert await claim(box, now=224.9) == []
    assert ids(await claim(box, now=225.0)) == ["m1"]


async def test_of_a_subject_only_the_first_is_sent_and_then_the_next(box: OutboxRows) -> None:
    await box.enqueue([message("m1", sequence=1), message("m2", sequence=2), message("m3", sequence=3)])

    (first,) = await claim(box)
    assert await claim(box) == []
    await finish(box, delivered(first))
    (second,) = await claim(box)

    assert ids([first, second]) == ["m1", "m2"]


async def test_a_failed_first_holds_back_its_subject_and_no_other(box: OutboxRows) -> None:
    await box.enqueue([message("a1", subject="a"), message("a2", subject="a", sequence=2)])
    await box.enqueue([message("b1", subject="b")])
    first, other = await claim(box)
    await finish(box, again(first, at=500.0), delivered(other))

    assert await claim(box, now=499.0) == []
    assert ids(await claim(box, now=500.0)) == ["a1"]


async def test_a_receiver_has_at_most_so_many_at_once_and_others_have_theirs(box: OutboxRows) -> None:
    many = [message(f"p{number}", subject=str(number)) for number in range(10)]
    await box.enqueue([*many, message("x", receiver="chat", created_at=150.0)])

    assert ids(await claim(box, at_once=4)) == ["p0", "p1", "p2", "p3", "x"]
    assert await claim(box, at_once=4) == []


async def test_a_receiver_with_some_in_flight_gets_only_the_rest(box: OutboxRows) -> None:
    await box.enqueue([message(f"p{number}", subject=str(number)) for number in range(10)])
    first = await claim(box, at_once=4)
    await finish(box, delivered(first[0]), delivered(first[1]))

    assert ids(await claim(box, at_once=4)) == ["p4", "p5"]


async def test_paging_messages_go_first_and_then_the_oldest(box: OutboxRows) -> None:
    await box.enqueue([message("old", subject="o", created_at=110.0)])
    await box.enqueue([message("new", subject="n", created_at=120.0)])
    await box.enqueue([message("page", subject="p", created_at=130.0, is_paging=True)])

    assert ids(await claim(box, limit=2)) == ["page", "old"]


async def test_what_is_not_due_is_left(box: OutboxRows) -> None:
    await box.enqueue([message("m1")])
    (first,) = await claim(box)
    await finish(box, again(first, at=300.0))

    assert await claim(box, now=299.9) == []
    assert await box.next_due() == 300.0


async def test_a_new_message_is_due_at_once_whatever_its_clock_says(box: OutboxRows) -> None:
    await box.enqueue([message("m1", created_at=99_999.0)])

    assert ids(await claim(box, now=200.0)) == ["m1"]


async def test_failing_receivers_get_one_at_a_time_and_no_more_places_than_theirs(box: OutboxRows) -> None:
    names = [f"bad{number}" for number in range(4)]
    await box.enqueue(
        [message(f"{name}-{turn}", receiver=name, subject=str(turn)) for name in names for turn in (1, 2)]
    )
    await box.enqueue([message("good", receiver="good")])

    crowd = Crowd(at_once=4, failing=frozenset(names), failing_room=3)
    claimed = await box.claim(now=200.0, lease=25.0, limit=99, crowd=crowd)

    assert ids(claimed) == ["bad0-1", "bad1-1", "bad2-1", "good"]


async def test_a_newer_message_supersedes_those_that_wait(box: OutboxRows, storage: Storage) -> None:
    await box.enqueue([message("m1"), message("m2", sequence=2)])
    await box.enqueue([message("m3", sequence=3, supersedes=True)])

    assert ids(await claim(box)) == ["m3"]
    assert await states(storage) == {"m1": "superseded", "m2": "superseded", "m3": "sending"}


async def test_messages_of_one_unit_supersede_one_another(box: OutboxRows, storage: Storage) -> None:
    await box.enqueue([message("m1"), message("m2", sequence=2, supersedes=True)])

    assert await states(storage) == {"m1": "superseded", "m2": "queued"}


async def test_what_tells_of_an_end_is_not_superseded_and_goes_before(
    box: OutboxRows, storage: Storage
) -> None:
    await box.enqueue([message("m1"), message("m2", sequence=2, tells_of_ends=True)])
    await box.enqueue([message("m3", sequence=3, supersedes=True)])

    assert await states(storage) == {"m1": "superseded", "m2": "queued", "m3": "behind"}
    (second,) = await claim(box)
    await finish(box, again(second, at=300.0))
    assert ids(await claim(box, now=300.0)) == ["m2"]


async def test_a_renewal_that_is_stored_twice_does_not_supersede_itself(
    box: OutboxRows, storage: Storage
) -> None:
    renewal, newer = message("m1", supersedes=True), message("m2", sequence=2)
    await box.enqueue([renewal])
    await box.enqueue([newer])

    await box.enqueue([renewal])

    assert await states(storage) == {"m1": "queued", "m2": "behind"}


async def test_a_message_that_is_sent_again_and_again_goes_on_when_it_is_stored_twice(
    box: OutboxRows, storage: Storage
) -> None:
    await box.enqueue([message("m1")])
    (first,) = await claim(box)
    await finish(box, Done(again(first, at=260.0), delivered_at=201.0))

    await box.enqueue([message("m1")])

    assert await states(storage) == {"m1": "queued"}


async def test_one_that_is_being_sent_is_superseded_only_when_it_fails(
    box: OutboxRows, storage: Storage
) -> None:
    await box.enqueue([message("m1")])
    (sending,) = await claim(box)
    await box.enqueue([message("m2", sequence=2, supersedes=True)])
    assert await claim(box) == []

    await finish(box, again(sending, at=300.0))

    assert ids(await claim(box)) == ["m2"]
    assert (await states(storage))["m1"] == "superseded"


async def test_a_repeated_message_ends_with_the_next_of_its_subject(
    box: OutboxRows, storage: Storage
) -> None:
    await box.enqueue([message("m1")])
    (first,) = await claim(box)
    await finish(box, Done(again(first, at=260.0), delivered_at=201.0))
    assert ids(await claim(box, now=260.0)) == ["m1"]
    await finish(box, Done(again(first, at=320.0), delivered_at=201.0))

    await box.enqueue([message("m2", sequence=2)])

    assert await states(storage) == {"m1": "delivered", "m2": "queued"}


async def test_a_repeated_message_ends_when_news_came_while_it_was_sent(
    box: OutboxRows, storage: Storage
) -> None:
    await box.enqueue([message("m1")])
    (first,) = await claim(box)
    await box.enqueue([message("m2", sequence=2)])

    await finish(box, Done(again(first, at=260.0), delivered_at=201.0))

    assert await states(storage) == {"m1": "delivered", "m2": "queued"}


async def test_what_the_receiver_called_a_message_is_known_to_the_next_of_its_subject(
    box: OutboxRows,
) -> None:
    await box.enqueue([message("m1"), message("m2", sequence=2), message("x", subject="other")])
    first, other = await claim(box)
    await finish(box, delivered(first, reference="ts-1"), delivered(other))

    (second,) = await claim(box)

    assert second.vendor_reference == "ts-1"


async def test_no_message_is_given_what_another_receiver_or_subject_was_called(box: OutboxRows) -> None:
    known = {("a", "one"): "a-1", ("a", "two"): "a-2", ("b", "one"): "b-1", ("b", "two"): ""}
    for name, (receiver, subject) in enumerate(known):
        await box.enqueue([message(f"m{name}", receiver=receiver, subject=subject)])
    sent = await claim(box)
    await finish(
        box,
        *(delivered(one, reference=known[one.message.receiver, one.message.subject]) for one in sent),
    )
    for name, (receiver, subject) in enumerate(known):
        await box.enqueue([message(f"n{name}", receiver=receiver, subject=subject, sequence=2)])

    found = {(one.message.receiver, one.message.subject): one.vendor_reference for one in await claim(box)}

    assert found == known


async def test_a_message_that_is_there_already_stays_as_it_is(box: OutboxRows) -> None:
    await box.enqueue([message("m1")])
    await box.enqueue([message("m1", content=b"other")])

    assert [one.message.content for one in await claim(box)] == [b"{}"]


async def test_a_finished_message_is_not_brought_back(box: OutboxRows, storage: Storage) -> None:
    await box.enqueue([message("m1")])
    (first,) = await claim(box, now=200.0)
    (second,) = await claim(box, now=300.0)
    await finish(box, delivered(second))
    await finish(box, again(first, at=400.0))

    assert await claim(box, now=500.0) == []
    assert await states(storage) == {"m1": "delivered"}


async def test_attempts_are_in_the_log_of_signals(box: OutboxRows, storage: Storage) -> None:
    await box.enqueue([message("m1")])
    (first,) = await claim(box)
    attempt = DeliveryAttempt(
        at=1.0, message="m1", receiver="pager", format="webhook", type="t", attempt=1, result="delivered"
    )

    await finish(box, delivered(first), attempts=(attempt,))

    assert [signal for _, signal in await storage.signals.signals_after(0, 9)] == [attempt]


async def test_the_next_moment_is_the_earliest_of_all_receivers_or_a_leases_end(box: OutboxRows) -> None:
    assert await box.next_due() is None
    await box.enqueue([message("m1"), message("m2", receiver="a"), message("m3", receiver="z")])
    first, second, third = await claim(box)
    await finish(box, again(first, at=400.0), again(second, at=300.0), again(third, at=350.0))
    assert await box.next_due() == 300.0

    await box.enqueue([message("m4", receiver="q")])
    assert await box.next_due() == 0.0
    await claim(box, now=200.0)

    assert await box.next_due() == 225.0


async def test_paging_messages_are_overdue_after_a_minute_until_they_are_copied(box: OutboxRows) -> None:
    await box.enqueue([message("m1", is_paging=True), message("m2", subject="b")])
    late = 100.0 + FALL_BACK_SECONDS
    assert await box.overdue(late - 0.1, {"pager"}) == []
    assert await box.overdue(late, {"chat"}) == []
    assert ids(await box.overdue(late, {"pager"})) == ["m1"]

    copy = message("copy", receiver="chat")
    await finish(box, copied=("m1",), messages=(copy,))

    assert await box.overdue(late, {"pager"}) == []
    assert "copy" in ids(await claim(box))


async def test_a_page_does_not_wait_an_hour_for_a_clock_that_was_set_back(box: OutboxRows) -> None:
    await box.enqueue([message("m1", is_paging=True, created_at=4_000.0)])

    assert ids(await box.overdue(4_000.0, ["pager"])) == []
    assert ids(await box.overdue(400.0, ["pager"])) == ["m1"]


async def test_a_delivered_paging_message_is_not_overdue(box: OutboxRows) -> None:
    await box.enqueue([message("m1", is_paging=True)])
    (first,) = await claim(box)
    await finish(box, delivered(first))

    assert await box.overdue(9_999.0, {"pager"}) == []


async def test_a_start_claims_at_once_what_the_process_before_was_sending(tmp_path: Path) -> None:
    before = open_storage(None, state_dir=tmp_path, clock=SystemClock())
    await before.start()
    box = OutboxRows(before._units)
    await box.enqueue([message("m1")])
    await claim(box, now=200.0)
    await before.aclose()

    after = open_storage(None, state_dir=tmp_path, clock=SystemClock())
    await after.start()

    assert ids(await claim(OutboxRows(after._units), now=200.1)) == ["m1"]
    await after.aclose()


async def test_a_unit_that_fails_leaves_nothing_of_its_messages(storage: Storage) -> None:
    def unit(connection: sa.Connection) -> None:
        rows.insert(connection, [message("m1")])
        raise LookupError("on purpose")

    with pytest.raises(LookupError):
        await storage._units.run(unit)

    assert await states(storage) == {}


async def test_claims_look_at_few_rows_however_long_the_queues_are(storage: Storage) -> None:
    """The plan uses the partial indexes; a scan of the table would show as SCAN outbox without USING."""
    for statement, values in (
        (rows._CANDIDATES, {"now": 1.0, "at_once": 4}),
        (rows._NEXT_DUE, {}),
        (rows._PROMOTE, {"receiver": "a", "subject": "b"}),
        (rows._END_OLDER, {"id": "c", "now": 1.0, "receiver": "a", "subject": "b", "supersedes": True}),
    ):
        explain = sa.text(f"EXPLAIN QUERY PLAN {statement.text}")
        plan = await storage._units.run(
            lambda connection, explain=explain, values=values: [  # type: ignore[misc]  # bound at once
                str(row[3]) for row in connection.execute(explain, values)
            ]
        )
        scans = [line for line in plan if "outbox" in line and "SCAN" in line and "INDEX" not in line]
        assert scans == [], plan


async def test_conditions_are_replaced_by_the_receivers_name(box: OutboxRows, storage: Storage) -> None:
    await finish(box, conditions=(Condition(receiver="pager", failures=1),))
    await finish(box, conditions=(Condition(receiver="pager", failures=2), Condition(receiver="chat")))

    bodies = await storage._units.run(
        lambda connection: connection.execute(sa.text("SELECT receiver, body FROM receiver_condition")).all()
    )
    read = {name: msgspec.json.decode(body, type=Condition) for name, body in bodies}
    assert read["pager"].failures == 2
    assert set(read) == {"pager", "chat"}


def test_ids_of_messages_are_uuids_of_version_7_that_sort_by_time() -> None:
    made = [new_message_id(1_800_000_000.0 + number) for number in range(50)]

    assert made == sorted(made)
    assert len(set(made)) == 50
    assert all(one[14] == "7" and one[19] in "89ab" for one in made)
