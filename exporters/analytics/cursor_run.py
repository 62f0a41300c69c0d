"""One piece of work on a cursor, on a thread, that can be broken off from outside."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import duckdb

from exporters.analytics.database import Database, break_off

T = TypeVar("T")
OnCursor = Callable[[duckdb.DuckDBPyConnection], T]


class CursorRun(Generic[T]):
    """Does it, on a cursor of its own; afterwards `found` holds what it gave, or `error` what it raised of
    the `expected`. `expired` is for who breaks it off because its time is up.
    """

    def __init__(
        self, database: Database, work: OnCursor[T], *, expected: tuple[type[Exception], ...]
    ) -> None:
        self.found: list[T] = []
        self.error: Exception | None = None
        self.expired = False
        self.done = threading.Event()
        self._database = database
        self._work = work
        self._expected = expected
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def work(self) -> None:
        """Do it, and keep what it gives or its error."""
        try:
            with self._database.reading() as cursor:
                self._cursor = cursor
                self.found.append(self._work(cursor))
        except self._expected as error:
            self.error = error
        finally:
            self._cursor = None
            self.done.set()

    def interrupt(self) -> None:
        """Break it off, if it runs."""
        cursor = self._cursor
        if cursor is not None:
            break_off(cursor)
