"""The outbox on a real PostgreSQL: the same tests as on SQLite, and two processes that claim at once."""

import anyio
import pytest
import sqlalchemy as sa

from app.storage import tables
from app.storage.outbox import OutboxRows
from app.storage.storage import Storage
from monitors.alerts.outbox import Crowd
from tests.app.storage.test_outbox_keeping import (
    test_a_delivered_message_is_sent_again_only_when_it_is_named,
    test_a_start_makes_all_that_waits_due_and_tells_how_receivers_did,
    test_a_start_waits_for_no_lease_of_a_clock_that_was_ahead,
    test_dead_letters_are_chosen_by_receiver_and_time,
    test_dead_letters_are_replayed_under_their_ids_and_only_once,
    test_deliveries_are_read_newest_first_page_by_page,
    test_replayed_messages_of_a_subject_go_in_their_order_behind_what_is_there,
    test_the_dead_are_kept_longer_than_the_done,
    test_what_waits_and_what_is_dead_by_receiver,
)
from tests.app.storage.test_outbox_rows import (
    box,
    claim,
    delivered,
    finish,
    message,
    test_a_failed_first_holds_back_its_subject_and_no_other,
    test_a_finished_message_is_not_brought_back,
    test_a_message_is_claimed_with_all_that_it_holds,
    test_a_message_that_is_there_already_stays_as_it_is,
    test_a_newer_message_supersedes_those_that_wait,
    test_a_receiver_has_at_most_so_many_at_once_and_others_have_theirs,
    test_a_renewal_that_is_stored_twice_does_not_supersede_itself,
    test_a_repeated_message_ends_with_the_next_of_its_subject,
    test_conditions_are_replaced_by_the_receivers_name,
    test_failing_receivers_get_one_at_a_time_and_no_more_places_than_theirs,
    test_messages_of_one_unit_supersede_one_another,
    test_of_a_subject_only_the_first_is_sent_and_then_the_next,
    test_one_that_is_being_sent_is_superseded_only_when_it_fails,
    test_paging_messages_are_overdue_after_a_minute_until_they_are_copied,
    test_paging_messages_go_first_and_then_the_oldest,
    test_the_next_moment_is_the_earliest_of_all_receivers_or_a_leases_end,
    test_what_is_being_sent_is_not_claimed_again_before_its_lease_ends,
    test_what_tells_of_an_end_is_not_superseded_and_goes_before,
)
from tests.real.test_storage_on_postgresql import server
from tests.real.test_storage_on_postgresql import storage as shared

__all__ = [
    "box",
    "server",
    "shared",
    "test_a_delivered_message_is_sent_again_only_when_it_is_named",
    "test_a_failed_first_holds_back_its_subject_and_no_other",
    "test_a_finished_message_is_not_brought_back",
    "test_a_message_is_claimed_with_all_that_it_holds",
    "test_a_message_that_is_there_already_stays_as_it_is",
    "test_a_newer_message_supersedes_those_that_wait",
    "test_a_receiver_has_at_most_so_many_at_once_and_others_have_theirs",
    "test_a_renewal_that_is_stored_twice_does_not_supersede_itself",
    "test_a_repeated_message_ends_with_the_next_of_its_subject",
    "test_a_start_makes_all_that_waits_due_and_tells_how_receivers_did",
    "test_a_start_waits_for_no_lease_of_a_clock_that_was_ahead",
    "test_conditions_are_replaced_by_the_receivers_name",
    "test_dead_letters_are_chosen_by_receiver_and_time",
    "test_dead_letters_are_replayed_under_their_ids_and_only_once",
    "test_deliveries_are_read_newest_first_page_by_page",
    "test_failing_receivers_get_one_at_a_time_and_no_more_places_than_theirs",
    "test_messages_of_one_unit_supersede_one_another",
    "test_of_a_subject_only_the_first_is_sent_and_then_the_next",
    "test_one_that_is_being_sent_is_superseded_only_when_it_fails",
    "test_paging_messages_are_overdue_after_a_minute_until_they_are_copied",
    "test_paging_messages_go_first_and_then_the_oldest",
    "test_replayed_messages_of_a_subject_go_in_their_order_behind_what_is_there",
    "test_the_dead_are_kept_longer_than_the_done",
    "test_the_next_moment_is_the_earliest_of_all_receivers_or_a_leases_end",
    "test_what_is_being_sent_is_not_claimed_again_before_its_lease_ends",
    "test_what_tells_of_an_end_is_not_superseded_and_goes_before",
    "test_what_waits_and_what_is_dead_by_receiver",
]

pytest.importorskip("psycopg")


@pytest.fixture
async def storage(shared: Storage) -> Storage:
    """The server is one for all tests, its rows are not."""

    def empty(connection: sa.Connection) -> None:
        for table in (tables.outbox, tables.outbox_subject, tables.receiver_condition, tables.signal_log):
            connection.execute(sa.delete(table))

    await shared.outbox._units.run(empty)
    return shared


async def test_two_processes_that_claim_at_once_never_get_the_same(storage: Storage) -> None:
    names = [f"m{number}" for number in range(200)]
    await storage.outbox.enqueue([message(name, subject=name, receiver=name) for name in names])
    claimed: list[str] = []

    async def claim(box: OutboxRows) -> None:
        for _ in range(10):
            found = await box.claim(now=200.0, lease=25.0, limit=20, crowd=Crowd(at_once=4))
            claimed.extend(one.message.id for one in found)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(claim, OutboxRows(storage.outbox._units))

    assert len(claimed) == len(set(claimed))
    assert sorted(claimed) == sorted(names)


async def test_messages_that_come_while_others_end_never_wait_for_nobody(storage: Storage) -> None:
    """A new message must not be put behind one that ends at the same moment."""
    sent = 0

    async def write() -> None:
        for number in range(150):
            await storage.outbox.enqueue([message(f"m{number}", sequence=number)])

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            group.start_soon(write)
            while sent < 150:
                claimed = await claim(storage.outbox)
                await finish(storage.outbox, *map(delivered, claimed))
                sent += len(claimed)
    assert sent == 150
