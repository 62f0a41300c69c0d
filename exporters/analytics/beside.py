"""Work beside the loading of rows: on a cursor and a thread of its own, broken off when its caller leaves."""

from collections.abc import Callable

import anyio
import anyio.lowlevel
import anyio.to_thread
import duckdb

from exporters.analytics.cursor_run import CursorRun, OnCursor, T
from exporters.analytics.database import Database
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.clock import Clock

_INTERRUPT_AGAIN = 0.05
_EXPECTED = (duckdb.Error, OSError, AnalyticsUnavailable)


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

        def checked(cursor: duckdb.DuckDBPyConnection) -> T:
            if problem := self._disk_problem():
                raise AnalyticsUnavailable(problem)
            return work(cursor)

        run = CursorRun(database, checked, expected=_EXPECTED)
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

    async def _break_off(self, run: CursorRun[T]) -> None:
        try:
            await anyio.Event().wait()
        finally:
            with anyio.CancelScope(shield=True):
                while not run.done.is_set():
                    run.interrupt()
                    await self._clock.sleep(_INTERRUPT_AGAIN)
