"""The reader: runs named queries on cursors of their own, a few at a time, with limits of rows and time."""

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import duckdb
import msgspec

from exporters.analytics.catching_up import CatchUp, nothing_newer
from exporters.analytics.cursor_run import CursorRun, OnCursor, T
from exporters.analytics.database import Database, reason
from exporters.analytics.paging import Page, PageRequest, Place, place_of
from exporters.analytics.parameters import InvalidParams, Value, read_parameters
from exporters.analytics.queries import NamedQuery
from exporters.analytics.running import RunningQueries, RunningQuery
from exporters.analytics.settings import (
    AnalyticsBusy,
    AnalyticsSettings,
    AnalyticsUnavailable,
    AnswerTooLarge,
    QueryTimeout,
    UnknownQuery,
)
from exporters.analytics.sql.answers import Answer, Statement, TooLarge, Unsupported, answer
from exporters.analytics.sql.frames import Format
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
    database, or raises AnalyticsUnavailable with the reason why there is none. In `directory` files are made
    on the way to an answer; `catch_up` is waited for before each.
    """

    def __init__(
        self,
        queries: Iterable[NamedQuery],
        *,
        database: Callable[[], Database],
        directory: Path,
        clock: Clock,
        settings: AnalyticsSettings,
        publish: Callable[[Signal], None],
        catch_up: CatchUp = nothing_newer,
    ) -> None:
        self.queries = {query.name: query for query in queries}
        self.results: Counter[tuple[str, str]] = Counter()
        self.running = RunningQueries()
        self.waiting = 0
        self._database = database
        self._directory = directory
        self._clock = clock
        self._settings = settings
        self._publish = publish
        self._catch_up = catch_up
        self._limiter = anyio.CapacityLimiter(CONCURRENCY)

    async def query(self, name: str, params: Mapping[str, str], *, caller: str) -> QueryResult:
        """Answer a named query.

        Raises:
            UnknownQuery, InvalidParams, AnalyticsUnavailable (AnalyticsBusy, QueryTimeout).
        """
        query = self._known(name)
        started = self._clock.monotonic()
        limit = self._settings.query_rows
        try:
            values = read_parameters(query.parameters, params, now=self._clock.time())
            columns, rows = await self._in_turn(
                name, partial(_fetch, query=query, values=values, limit=limit + 1)
            )
        except (InvalidParams, AnalyticsUnavailable) as error:
            self._report(name, caller, started, rows=0, error=_RESULTS[type(error)])
            raise
        truncated = len(rows) > limit
        rows = rows[:limit]
        duration = self._report(name, caller, started, rows=len(rows), error="")
        return QueryResult(
            name=name, columns=columns, rows=tuple(rows), truncated=truncated, duration=duration
        )

    async def page(self, request: PageRequest, *, caller: str) -> Page:
        """Answer a page of a named query in a format; being cancelled ends it.

        Raises:
            UnknownQuery, InvalidParams, AnswerTooLarge, QueryCancelled,
            AnalyticsUnavailable (AnalyticsBusy, QueryTimeout).
        """
        query = self._known(request.name)
        started, result, rows = self._clock.monotonic(), "cancelled", 0
        try:
            running = self._named(request, caller)
            page = await self.running.run(running, partial(self._page, query, request))
            result, rows = "", page.rows
        except (InvalidParams, AnswerTooLarge, AnalyticsUnavailable) as error:
            result = _RESULTS[type(error)]
            raise
        finally:
            duration = self._report(request.name, caller, started, rows=rows, error=result)
        return msgspec.structs.replace(page, id=running.id, duration=duration)

    async def read(self, name: str, work: OnCursor[T]) -> T:
        """Do other reading in turn with the queries, within their limits; `name` says in errors what it is.

        Raises:
            AnalyticsUnavailable (AnalyticsBusy, QueryTimeout).
        """
        return await self._in_turn(name, work)

    def sweep(self) -> None:
        """Remove what an earlier process left on its way to an answer."""
        shutil.rmtree(self._directory, ignore_errors=True)

    def _known(self, name: str) -> NamedQuery:
        query = self.queries.get(name)
        if query is None:
            near = nearest(name, self.queries)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(self.queries)}"
            raise UnknownQuery(f"there is no analytics query {name!r}; {hint}")
        return query

    def _named(self, request: PageRequest, caller: str) -> RunningQuery:
        try:
            name = self.running.named(request.id)
        except ValueError as error:
            raise InvalidParams("id", found=request.id[:_SHOWN], expected=str(error)) from error
        return RunningQuery(id=name, caller=caller, query=request.name, started_at=self._clock.time())

    async def _page(self, query: NamedQuery, request: PageRequest) -> Page:
        place = place_of(request, now=self._clock.time())
        values = read_parameters(query.parameters, request.params, now=place.at)
        most = self._settings.query_rows
        rows = most if request.rows is None else max(1, min(request.rows, most))
        statement = Statement(query.sql, values, place.skip)
        found = await self._in_turn(
            query.name, partial(self._render, statement=statement, request=request, rows=rows)
        )
        if found.truncated and not found.rows:
            raise AnswerTooLarge(
                f"a row has more than {self._settings.sql_bytes:,} bytes (analytics.sql_bytes)"
            )
        behind = Place(place.skip + found.rows, place.at)
        return Page(
            id=request.id,
            name=query.name,
            body=found.body,
            rows=found.rows,
            next=behind.cursor(request) if found.truncated else "",
            as_of=place.at,
            duration=0.0,
        )

    def _render(
        self, cursor: duckdb.DuckDBPyConnection, *, statement: Statement, request: PageRequest, rows: int
    ) -> Answer:
        limit = self._settings.sql_bytes
        with self._directory_for(request.format) as directory:
            try:
                return answer(
                    cursor,
                    statement,
                    shape=request.format,
                    rows=rows,
                    max_bytes=limit,
                    directory=directory,
                )
            except TooLarge as error:
                message = f"the page has more than {limit:,} bytes (analytics.sql_bytes); ask for fewer rows"
                raise AnswerTooLarge(message) from error
            except Unsupported as error:
                raise InvalidParams("format", found=request.format, expected=str(error)) from error

    @contextlib.contextmanager
    def _directory_for(self, shape: Format) -> Iterator[Path]:
        """Only Parquet goes over a file, and two pages may be under way at once."""
        if shape is not Format.PARQUET:
            yield self._directory
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="page-", dir=self._directory) as own:
            yield Path(own)

    async def _in_turn(self, name: str, work: OnCursor[T]) -> T:
        if self.waiting >= CONCURRENCY + self._settings.query_queue:
            raise AnalyticsBusy(f"{self.waiting} analytics queries wait already; try again in a moment")
        self.waiting += 1
        try:
            async with self._limiter:
                await self._catch_up()
                return await self._run(name, work)
        finally:
            self.waiting -= 1

    async def _run(self, name: str, work: OnCursor[T]) -> T:
        """Run it on a thread, watched: after its time, or when its caller leaves, it is interrupted."""
        run = CursorRun(self._database(), work, expected=_EXPECTED)
        async with anyio.create_task_group() as watched:
            watched.start_soon(self._watch, run)
            try:
                await anyio.to_thread.run_sync(run.work, limiter=anyio.CapacityLimiter(1))
            finally:
                # Who is cancelled before the thread has begun waits for none.
                run.done.set()
            watched.cancel_scope.cancel()
        # The thread is waited for even when the caller has left; only now does that come through.
        await anyio.lowlevel.checkpoint_if_cancelled()
        return self._outcome(name, run)

    def _outcome(self, name: str, run: CursorRun[T]) -> T:
        if run.error is None:
            return run.found[0]
        if isinstance(run.error, AnswerTooLarge | InvalidParams):
            raise run.error
        if run.expired:
            seconds = self._settings.query_seconds
            raise QueryTimeout(f"{name} took longer than {seconds:g} s; narrow its window") from run.error
        raise AnalyticsUnavailable(f"{name} could not be answered: {reason(run.error)}") from run.error

    async def _watch(self, run: CursorRun[T]) -> None:
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


_SHOWN = 40
_RESULTS: Mapping[type[Exception], str] = {
    InvalidParams: "invalid",
    AnswerTooLarge: "too_large",
    AnalyticsBusy: "busy",
    QueryTimeout: "timeout",
    AnalyticsUnavailable: "unavailable",
}


# Reading Arrow that is interrupted raises a RuntimeError of nanoarrow's.
_EXPECTED = (duckdb.Error, OSError, RuntimeError, AnswerTooLarge, InvalidParams)


def _fetch(
    cursor: duckdb.DuckDBPyConnection, *, query: NamedQuery, values: Mapping[str, Value], limit: int
) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    """Return the columns and so many rows at most, or some more."""
    cursor.execute(query.sql, dict(values))
    columns = tuple(column[0] for column in cursor.description or ())
    rows: list[tuple[Cell, ...]] = []
    while len(rows) < limit and (part := cursor.fetchmany(_FETCH)):
        rows += [_cells(row) for row in part]
    return columns, rows


def _cells(row: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in row)
