"""Group commit: many units in one transaction, each in a savepoint; a unit that fails rolls back alone."""

from collections.abc import Callable, Sequence
from typing import Generic

import anyio
import sqlalchemy as sa
import structlog

from app.storage import sqlite
from app.storage.units import T, Unit
from integrations.clock import Clock

FIRST_WAIT = 0.05
LONGEST_WAIT = 2.0
ROOM_BYTES = 256 * 1024

log = structlog.get_logger("dialtone.storage")


class Entry(Generic[T]):
    """A unit on its way through the storage thread, made on the event loop; `done` is set there too."""

    __slots__ = ("_result", "_unit", "abandoned", "done", "error")

    def __init__(self, unit: Unit[T]) -> None:
        self._unit = unit
        self._result: list[T] = []
        self.error: Exception | None = None
        self.abandoned = False
        self.done = anyio.Event()

    def attempt(self, connection: sa.Connection) -> None:
        """Run the unit in a savepoint; what it raises is kept, a failure of the disk is raised."""
        driver = sqlite.driver(connection)  # SQLAlchemy would compile the savepoint's statements each time.
        driver.execute("SAVEPOINT unit")
        try:
            self._result, self.error = [self._unit(connection)], None
        except Exception as error:
            if sqlite.is_storage_failure(error):
                raise
            driver.execute("ROLLBACK TO unit")
            self.error = error
        driver.execute("RELEASE unit")

    def answer(self) -> T:
        """Return the unit's result, or raise what it raised."""
        if self.error is not None:
            raise self.error
        return self._result[0]


class GroupCommit:
    """Commits groups on one connection and keeps account of it; used on the storage thread only.

    `reason` says why nothing can be stored at present, `wait` how long to pause before the next try.
    """

    def __init__(self, connection: sa.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self.reason: str | None = None
        self.wait = FIRST_WAIT
        self.commits = 0
        self.duration = 0.0

    def store(self, group: Sequence[Entry[object]]) -> list[Entry[object]]:
        """Commit the group as one, or after a failure one by one, so that one unit cannot hold up the rest.

        Returns those to try again.
        """
        if self.reason is None:
            return [] if self._commit([entry.attempt for entry in group]) else list(group)
        again = [entry for entry in group if not self._commit([entry.attempt])]
        if again:
            self._lengthen()
        return again

    def probe(self) -> None:
        """Find out whether storing works again, by making room for the next units."""
        if not (self._commit([_take_room]) and self._commit([_free_room])):
            self._lengthen()

    def close(self) -> None:
        """Close the connection, which also folds the WAL into the file."""
        sqlite.close(self._connection)

    def _lengthen(self) -> None:
        self.wait = min(2 * self.wait, LONGEST_WAIT)

    def _commit(self, attempts: Sequence[Callable[[sa.Connection], None]]) -> bool:
        before, started = sqlite.rows_changed(self._connection), self._clock.monotonic()
        try:
            with self._connection.begin():
                for attempt in attempts:
                    attempt(self._connection)
        except Exception as error:  # noqa: BLE001 - the thread lives on; the reason is kept, told and logged
            self._failed(error)
            return False
        if (
            sqlite.rows_changed(self._connection) > before
        ):  # Reading still works on a full disk and proves nothing.
            self._succeeded(self._clock.monotonic() - started)
        return True

    def _failed(self, error: Exception) -> None:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
        reason = f"{type(cause).__name__}: {cause}"
        if self.reason is None:
            log.error("storage fails", reason=reason)
        self.reason = reason

    def _succeeded(self, duration: float) -> None:
        self.commits += 1
        self.duration = duration
        if self.reason is not None:
            log.info("storage works again")
        self.reason = None
        self.wait = FIRST_WAIT


def _take_room(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS room (filler BLOB)")
    connection.exec_driver_sql("INSERT INTO room VALUES (zeroblob(?))", (ROOM_BYTES,))


def _free_room(connection: sa.Connection) -> None:
    connection.exec_driver_sql("DROP TABLE room")
