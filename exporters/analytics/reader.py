"""The reader: runs named queries on cursors of their own, a few at a time, with limits of rows and time."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime

import anyio
import anyio.lowlevel
import anyio.to_thread
import duckdb
import msgspec

from exporters.analytics.database import Database, break_off, reason
from exporters.analytics.parameters import InvalidParams, Value, read_parameters
from exporters.analytics.queries import NamedQuery
from exporters.analytics.settings import (
    AnalyticsBusy,
    AnalyticsSettings,
    AnalyticsUnavailable,
    QueryTimeout,
    UnknownQuery,
)
from integrations.clock import Clock
from integrations.manifest.source import nearest
from integrations.signals import QueryRun, Signal

CONCURRENCY = 2
_FETCH = 1_000
_INTERRUPT_AGAIN = 0.05

Cell = str | int | float | bool | datetime | None


class QueryResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of a named query. Times are UTC; `truncated` says there were more rows than are returned."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    truncated: bool
    duration: float


class Reader:
    """Runs named queries off the event loop, and publishes a QueryRun for each. `database` returns the open
    database, or raises AnalyticsUnavailable with the reason why there is none.
    """

    def __init__(
        self,
        queries: Iterable[NamedQuery],
        *,
        database: Callable[[], Database],
        clock: Clock,
        settings: AnalyticsSettings,
        publish: Callable[[Signal], None],
    ) -> None:
        self.queries = {query.name: query for query in queries}
        self.results: Counter[tuple[str, str]] = Counter()
        self.waiting = 0
        self._database = database
        self._clock = clock
        self._settings = settings
        self._publish = publish
        self._limiter = anyio.CapacityLimiter(CONCURRENCY)

    async def query(self, name: str, params: Mapping[str, str], *, caller: str) -> QueryResult:
        """Answer a named query.

        Raises:
            UnknownQuery, InvalidParams, AnalyticsUnavailable (AnalyticsBusy, QueryTimeout).
        """
        query = self.queries.get(name)
        if query is None:
            near = nearest(name, self.queries)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(self.queries)}"
            raise UnknownQuery(f"there is no analytics query {name!r}; {hint}")
        started = self._clock.monotonic()
        try:
            values = read_parameters(query.parameters, params, now=self._clock.time())
            columns, rows = await self._in_turn(query, values)
        except (InvalidParams, AnalyticsUnavailable) as error:
            self._report(name, caller, started, rows=0, error=_RESULTS[type(error)])
            raise
        truncated = len(rows) > self._settings.query_rows
        rows = rows[: self._settings.query_rows]
        duration = self._report(name, caller, started, rows=len(rows), error="")
        return QueryResult(
            name=name, columns=columns, rows=tuple(rows), truncated=truncated, duration=duration
        )

    async def _in_turn(
        self, query: NamedQuery, values: Mapping[str, Value]
    ) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
        if self.waiting >= CONCURRENCY + self._settings.query_queue:
            raise AnalyticsBusy(f"{self.waiting} analytics queries wait already; try again in a moment")
        self.waiting += 1
        try:
            async with self._limiter:
                return await self._run(query, values)
        finally:
            self.waiting -= 1

    async def _run(
        self, query: NamedQuery, values: Mapping[str, Value]
    ) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
        """Run it on a thread, watched: after its time, or when its caller leaves, it is interrupted."""
        run = _Run(self._database(), query, values, limit=self._settings.query_rows)
        async with anyio.create_task_group() as watched:
            watched.start_soon(self._watch, run)
            await anyio.to_thread.run_sync(run.work, limiter=anyio.CapacityLimiter(1))
            watched.cancel_scope.cancel()
        # The thread is waited for even when the caller has left; only now does that come through.
        await anyio.lowlevel.checkpoint_if_cancelled()
        if run.error and run.expired:
            seconds = self._settings.query_seconds
            raise QueryTimeout(f"{query.name} took longer than {seconds:g} s; narrow its window")
        if run.error:
            raise AnalyticsUnavailable(f"{query.name} could not be answered: {run.error}")
        return run.columns, run.rows

    async def _watch(self, run: "_Run") -> None:
        """Interrupt it until it ends, because an interrupt that comes before it has begun is lost."""
        try:
            await self._clock.sleep(self._settings.query_seconds)
            run.expired = True
        finally:
            with anyio.CancelScope(shield=True):
                while not run.done.is_set():
                    run.interrupt()
                    await self._clock.sleep(_INTERRUPT_AGAIN)

    def _report(self, name: str, caller: str, started: float, *, rows: int, error: str) -> float:
        duration = self._clock.monotonic() - started
        self.results[name, error or "ok"] += 1
        self._publish(
            QueryRun(
                at=self._clock.time(), query=name, caller=caller, duration=duration, rows=rows, error=error
            )
        )
        return duration


_RESULTS: Mapping[type[Exception], str] = {
    InvalidParams: "invalid",
    AnalyticsBusy: "busy",
    QueryTimeout: "timeout",
    AnalyticsUnavailable: "unavailable",
}


class _Run:
    """One query on its thread."""

    def __init__(
        self, database: Database, query: NamedQuery, values: Mapping[str, Value], *, limit: int
    ) -> None:
        self.columns: tuple[str, ...] = ()
        self.rows: list[tuple[Cell, ...]] = []
        self.error = ""
        self.expired = False
        self.done = threading.Event()
        self._database = database
        self._query = query
        self._values = values
        self._limit = limit
        self._cursor: duckdb.DuckDBPyConnection | None = None

    def work(self) -> None:
        """Run the query, and keep its rows, one more than the limit, or its error."""
        try:
            with self._database.reading() as cursor:
                self._cursor = cursor
                self._fetch(cursor)
        except (duckdb.Error, AnalyticsUnavailable) as error:
            self.error = reason(error)
        finally:
            self._cursor = None
            self.done.set()

    def interrupt(self) -> None:
        """Break the query off, if it runs."""
        cursor = self._cursor
        if cursor is not None:
            break_off(cursor)

    def _fetch(self, cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute(self._query.sql, dict(self._values))
        self.columns = tuple(column[0] for column in cursor.description or ())
        while len(self.rows) <= self._limit and (part := cursor.fetchmany(_FETCH)):
            self.rows += [_cells(row) for row in part]


def _cells(row: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in row)
