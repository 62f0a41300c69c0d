"""Work beside the loading of rows: on a cursor and a thread of its own, broken off when its caller leaves."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import duckdb

from exporters.analytics.database import Database, break_off
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.clock import Clock

_INTERRUPT_AGAIN = 0.05

T = TypeVar("T")
OnCursor = Callable[[duckdb.DuckDBPyConnection], T]


class Beside:
    """Does one piece of work at a time, unless `disk_problem` says why nothing may be written. `database`
    returns the one that is open, or None.
    """

    def __init__(
        self, *, database: Callable[[], Database | None], disk_problem: Callable[[], str], clock: Clock
    ) -> None:
        self._database = database
        self._disk_problem = disk_problem
        self._clock = clock
        self._thread = anyio.CapacityLimiter(1)

    async def disk_problem(self) -> str:
        """Return why nothing may be written now, or nothing."""
        return await anyio.to_thread.run_sync(self._disk_problem, limiter=self._thread)

    async def do(self, work: OnCursor[T]) -> T:
        """Do it, and return what it gives.

        Raises:
            AnalyticsUnavailable: the database is closed, or the disk has too little room.
            duckdb.Error, OSError: the work's own.
        """
        database = self._database()
        if database is None:
            raise AnalyticsUnavailable("the database was closed meanwhile")
        run = _Run(database, work, disk_problem=self._disk_problem)
        async with anyio.create_task_group() as watched:
            watched.start_soon(self._break_off, run)
            try:
                await anyio.to_thread.run_sync(run.work, limiter=self._thread)
            finally:
                # Who is cancelled before the thread has begun waits for none.
                run.done.set()
            watched.cancel_scope.cancel()
        # The thread is waited for even when this was cancelled; only now does that come through.
        await anyio.lowlevel.checkpoint_if_cancelled()
        if run.error is not None:
            raise run.error
        return run.found[0]

    async def _break_off(self, run: "_Run[T]") -> None:
        try:
            await anyio.Event().wait()
        finally:
            with anyio.CancelScope(shield=True):
                while not run.done.is_set():
                    run.interrupt()
                    await self._clock.sleep(_INTERRUPT_AGAIN)


class _Run(Generic[T]):
    """One piece of work, on its thread; afterwards `found` holds what it gave, or `error` what it raised."""

    def __init__(self, database: Database, work: OnCursor[T], *, disk_problem: Callable[[], str]) -> None:
        self.found: list[T] = []
        self.error: Exception | None = None
        self.done = threading.Event()
        self._database = database
        self._work = work
        self._disk_problem = disk_problem
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def work(self) -> None:
        """Do it, and keep what it gives or its error."""
        try:
            self._check_disk()
            with self._database.reading() as cursor:
                self._cursor = cursor
                self.found.append(self._work(cursor))
        except (duckdb.Error, OSError, AnalyticsUnavailable) as error:
            self.error = error
        finally:
            self._cursor = None
            self.done.set()

    def interrupt(self) -> None:
        """Break it off, if it runs."""
        cursor = self._cursor
        if cursor is not None:
            break_off(cursor)

    def _check_disk(self) -> None:
        if problem := self._disk_problem():
            raise AnalyticsUnavailable(problem)
