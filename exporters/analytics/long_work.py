"""Long work on the database, such as a backtest: one piece at a time, on a thread of its own that lets others
work, within a time limit.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Generic, Protocol, TypeVar

import anyio
import anyio.lowlevel
import anyio.to_thread
import duckdb
import msgspec

from exporters.analytics.catching_up import CatchUp, nothing_newer
from exporters.analytics.database import Database, break_off, reason
from exporters.analytics.running import QueryCancelled, RunningQueries, RunningQuery
from exporters.analytics.settings import AnalyticsBusy, AnalyticsUnavailable, QueryTimeout
from integrations.clock import Clock
from integrations.signals import QueryRun, Signal

SECONDS = 120.0
"""How long one piece may take."""

WAITING = 4
"""How many may wait for the one at work."""

_BREATH = 0.001
"""Seconds for others after every few hundred rows: the work is Python, and would hold up the event loop."""

_AGAIN = 0.05
_ERRORS: Mapping[type[Exception], str] = {AnalyticsBusy: "busy", QueryTimeout: "timeout"}

Made = TypeVar("Made")
Made_co = TypeVar("Made_co", covariant=True)


class Work(Protocol[Made_co]):
    """What is done on the thread. `progress` is the share that is done, None where it cannot be told."""

    progress: float | None

    def carry_out(self, cursor: duckdb.DuckDBPyConnection, breathe: Callable[[], None]) -> Made_co:
        """Do it. `breathe` is to be called often; it raises when the work is to end."""
        ...


class LongWork:
    """Carries out work of one kind, which `name` says, on what `database` holds (it raises
    AnalyticsUnavailable where there is none), and publishes a QueryRun of that name for each. `catch_up` is
    waited for before each.
    """

    def __init__(
        self,
        name: str,
        *,
        database: Callable[[], Database],
        clock: Clock,
        publish: Callable[[Signal], None],
        seconds: float = SECONDS,
        catch_up: CatchUp = nothing_newer,
    ) -> None:
        self.queries = RunningQueries()
        self.limiter = anyio.CapacityLimiter(1)
        self._name = name
        self._database = database
        self._clock = clock
        self._publish = publish
        self._seconds = seconds
        self._catch_up = catch_up
        self._waiting = 0
        self._at_work: tuple[str, Work[object]] | None = None

    def running(self) -> tuple[RunningQuery, ...]:
        """Those at work or waiting, the oldest first; of the one at work, how far it is."""
        query_id, work = self._at_work or ("", None)
        return tuple(
            msgspec.structs.replace(each, progress=work.progress)
            if work is not None and each.id == query_id
            else each
            for each in self.queries.listed()
        )

    async def carry_out(self, work: Work[Made], query: RunningQuery, *, rows: Callable[[Made], int]) -> Made:
        """Do it in its turn. `rows` says of what was made how many rows are put on record.

        Raises:
            AnalyticsUnavailable: when there is no database; AnalyticsBusy, QueryTimeout, QueryCancelled.
        """
        began = self._clock.monotonic()
        error, count = "unavailable", 0
        try:
            made = await self.queries.run(query, partial(self._in_turn, work, query.id))
            error, count = "", rows(made)
        except AnalyticsUnavailable as raised:
            error = _ERRORS.get(type(raised), error)
            raise
        except (QueryCancelled, anyio.get_cancelled_exc_class()):
            error = "cancelled"
            raise
        finally:
            took, at = self._clock.monotonic() - began, self._clock.time()
            told = QueryRun(
                at=at, query=self._name, caller=query.caller, duration=took, rows=count, error=error
            )
            self._publish(told)
        return made

    async def _in_turn(self, work: Work[Made], query_id: str) -> Made:
        if self._waiting > WAITING:
            raise AnalyticsBusy(f"{WAITING} {self._name}s wait already; try again in a moment")
        self._waiting += 1
        try:
            async with self.limiter:
                self._at_work = query_id, work
                await self._catch_up()
                return await self._on_thread(_OnThread(self._database(), work))
        finally:
            self._waiting -= 1
            if self._at_work is not None and self._at_work[0] == query_id:
                self._at_work = None

    async def _on_thread(self, run: "_OnThread[Made]") -> Made:
        """After its time, or when its caller leaves, it is told to stop."""
        async with anyio.create_task_group() as watched:
            watched.start_soon(self._watch, run)
            try:
                await anyio.to_thread.run_sync(run.run, limiter=anyio.CapacityLimiter(1))
            finally:
                # Who is cancelled before the thread has begun waits for none.
                run.done.set()
            watched.cancel_scope.cancel()
        # The thread is waited for even when the caller has left; only now does that come through.
        await anyio.lowlevel.checkpoint_if_cancelled()
        if run.made is not None:
            return run.made
        if run.is_late:
            raise QueryTimeout(f"the {self._name} took longer than {self._seconds:g} s; narrow its time")
        raise AnalyticsUnavailable(f"the {self._name} could not be made: {run.error}")

    async def _watch(self, run: "_OnThread[Made]") -> None:
        try:
            await self._clock.sleep(self._seconds)
            run.is_late = True
        finally:
            with anyio.CancelScope(shield=True):
                while not run.done.is_set():
                    run.stop()
                    await self._clock.sleep(_AGAIN)


class _Ended(Exception):  # noqa: N818 - it is no error of the work's
    """The work was told to stop."""


class _OnThread(Generic[Made]):
    """One piece of work on its thread."""

    def __init__(self, database: Database, work: Work[Made]) -> None:
        self.made: Made | None = None
        self.error = ""
        self.is_late = False
        self.done = threading.Event()
        self._stopped = threading.Event()
        self._database = database
        self._work = work
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def run(self) -> None:
        """Do it, and keep what it made or its error."""
        try:
            with self._database.reading() as cursor:
                self._cursor = cursor
                self.made = self._work.carry_out(cursor, self._breathe)
        except _Ended:
            self.error = "it was stopped"
        except (duckdb.Error, AnalyticsUnavailable) as error:
            self.error = reason(error)
        finally:
            self._cursor = None
            self.done.set()

    def stop(self) -> None:
        """Break it off."""
        self._stopped.set()
        cursor = self._cursor
        if cursor is not None:
            break_off(cursor)

    def _breathe(self) -> None:
        if self._stopped.wait(_BREATH):
            raise _Ended
