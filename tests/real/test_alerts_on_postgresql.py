"""Groups, decisions and silences on a real PostgreSQL: the same tests as on SQLite; needs what
test_storage_on_postgresql.py needs.
"""

import pytest
import sqlalchemy as sa

from app.storage import tables
from app.storage.storage import Storage
from monitors.alerts.store import AlertStore
from tests.app.storage.test_alert_rows import (
    test_a_flush_stores_groups_messages_decisions_and_incidents_as_one,
    test_a_flush_that_is_stored_twice_is_stored_once,
    test_a_group_is_one_row_a_receiver_and_forgotten_alone,
    test_decisions_are_read_by_incident_newest_first_up_to_a_limit,
    test_groups_are_stored_with_the_change_that_made_them_due,
    test_old_decisions_are_forgotten_a_thousand_at_a_time,
    test_silences_are_replaced_by_id_and_deleted,
)
from tests.real.test_storage_on_postgresql import server, storage

__all__ = [
    "server",
    "storage",
    "test_a_flush_stores_groups_messages_decisions_and_incidents_as_one",
    "test_a_flush_that_is_stored_twice_is_stored_once",
    "test_a_group_is_one_row_a_receiver_and_forgotten_alone",
    "test_decisions_are_read_by_incident_newest_first_up_to_a_limit",
    "test_groups_are_stored_with_the_change_that_made_them_due",
    "test_old_decisions_are_forgotten_a_thousand_at_a_time",
    "test_silences_are_replaced_by_id_and_deleted",
]

pytest.importorskip("psycopg")

_MINE = (tables.alert_group, tables.alert_decision, tables.silence, tables.outbox, tables.incident)


@pytest.fixture
async def store(storage: Storage) -> AlertStore:
    """The server is one for all tests, its rows are not."""

    def empty(connection: sa.Connection) -> None:
        for table in _MINE:
            connection.execute(sa.delete(table))

    await storage.alerts._units.run(empty)
    return storage.alerts
