"""The desk of free SQL: takes statements, runs a few at a time, ends those given up, records each."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from exporters.analytics.running import RunningQueries, RunningQuery
from exporters.analytics.settings import (
    AnalyticsBusy,
    AnalyticsSettings,
    AnalyticsUnavailable,
    AnswerTooLarge,
    QueryTimeout,
)
from exporters.analytics.sql.frames import Format, Question, Reply
from exporters.analytics.sql.gate import LONGEST
from exporters.analytics.sql.readers import NoReader, ReaderLost, ReaderPool
from exporters.analytics.sql.snapshots import Snapshots
from integrations.clock import Clock
from integrations.signals import QueryRun, Signal

log = structlog.get_logger("dialtone.analytics")

FREE_SQL = "sql"
"""What metrics and rows call these queries; no named query has this name."""

IDLE_SECONDS = 60.0
RECORDED = 2_000
"""Characters of a statement that are kept on record."""

_TICK = 1.0


class SQLRefused(ValueError):  # noqa: N818 - the name says what became of it
    """The statement is none that is answered; the message says why."""


class SQLFailed(ValueError):  # noqa: N818 - the name says what became of it
    """The statement was run and failed; the message is DuckDB's."""


class SQLRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. `rows` and `seconds` can only lower the limits of the configuration; `id` names the
    query to those who may want to end it.
    """

    sql: str
    format: Format = Format.JSON
    rows: int | None = None
    seconds: float | None = None
    id: str = ""


class SQLAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer as it goes to the client. `as_of` is the data's time (UTC seconds); `duration` and `cpu` are
    seconds.
    """

    id: str
    body: bytes
    rows: int
    truncated: bool
    as_of: float
    duration: float
    cpu: float


class _Cost:
    """What a query has cost so far, as far as its reader has told."""

    def __init__(self) -> None:
        self.cpu = 0.0
        self.rows = 0


class SQLDesk:
    """Answers free SQL from snapshots, in processes of their own; publishes a QueryRun for each statement."""

    def __init__(
        self,
        directory: Path,
        *,
        snapshots: Snapshots,
        settings: AnalyticsSettings,
        clock: Clock,
        publish: Callable[[Signal], None],
    ) -> None:
        self.results: Counter[str] = Counter()
        self.snapshots = snapshots
        self._settings = settings
        self._clock = clock
        self._publish = publish
        self._pool = ReaderPool(
            directory,
            size=settings.sql_processes,
            memory=settings.sql_memory_bytes,
            written=settings.sql_bytes,
            clock=clock,
        )
        self._running = RunningQueries()

    def running(self) -> tuple[RunningQuery, ...]:
        """Return what runs or waits, the oldest first."""
        return self._running.listed()

    def cancel(self, query_id: str) -> None:
        """End a query.

        Raises:
            LookupError: when none of this id runs or waits.
        """
        self._running.cancel(query_id)

    async def ask(self, request: SQLRequest, *, caller: str) -> SQLAnswer:
        """Answer a statement; being cancelled ends its process at once.

        Raises:
            SQLRefused, SQLFailed, AnswerTooLarge, QueryCancelled,
            AnalyticsUnavailable (AnalyticsBusy, QueryTimeout).
        """
        started = self._clock.monotonic()
        cost = _Cost()
        result = "cancelled"
        try:
            answer = await self._in_turn(request, caller, cost)
            result = ""
        except (SQLRefused, SQLFailed, AnswerTooLarge, AnalyticsUnavailable) as error:
            result = _RESULTS[type(error)]
            raise
        finally:
            duration = self._clock.monotonic() - started
            self._record(request, caller, duration, cost=cost, error=result)
        return msgspec.structs.replace(answer, duration=duration)

    async def run(self) -> None:
        """End processes that nobody needs, and make the snapshots that are wanted at intervals."""
        while True:
            await self._clock.sleep(_TICK)
            await self._pool.reap(IDLE_SECONDS)
            await self._snapshot_when_due()

    async def aclose(self) -> None:
        """End all queries and processes."""
        self._running.cancel_all()
        await self._pool.aclose()

    async def _in_turn(self, request: SQLRequest, caller: str, cost: "_Cost") -> SQLAnswer:
        name = self._check(request)
        if len(self._running) >= self._settings.sql_processes + self._settings.sql_queue:
            raise AnalyticsBusy(f"{len(self._running)} queries run or wait already; try again in a moment")
        query = RunningQuery(
            id=name,
            caller=caller,
            query=FREE_SQL,
            sql=request.sql[:RECORDED],
            started_at=self._clock.time(),
        )
        return await self._running.run(query, lambda: self._answer(name, request, cost))

    async def _answer(self, name: str, request: SQLRequest, cost: _Cost) -> SQLAnswer:
        try:
            async with self._pool.reader(self._settings.sql_seconds) as reader:
                snapshot = await self.snapshots.fresh(patience=self._seconds(request))
                reply, body = await reader.ask(self._question(request, snapshot.path))
        except NoReader as error:
            raise AnalyticsBusy(str(error)) from error
        except ReaderLost as error:
            raise (QueryTimeout if error.is_late else SQLFailed)(str(error)) from error
        cost.cpu, cost.rows = reply.cpu, reply.rows
        _refuse(reply)
        return SQLAnswer(
            id=name,
            body=body,
            rows=reply.rows,
            truncated=reply.truncated,
            as_of=snapshot.at,
            duration=0.0,
            cpu=reply.cpu,
        )

    def _check(self, request: SQLRequest) -> str:
        """Return the id that the query goes by."""
        if not self._settings.enabled:
            raise AnalyticsUnavailable("analytics is turned off in the configuration")
        if len(request.sql) > LONGEST:
            raise SQLRefused(f"a statement may have at most {LONGEST:,} characters")
        try:
            return self._running.named(request.id)
        except ValueError as error:
            raise SQLRefused(str(error)) from error

    def _question(self, request: SQLRequest, snapshot: Path) -> Question:
        limits = self._settings
        return Question(
            sql=request.sql,
            format=request.format,
            snapshot=str(snapshot),
            rows=limits.sql_rows if request.rows is None else min(request.rows, limits.sql_rows),
            max_bytes=limits.sql_bytes,
            seconds=self._seconds(request),
        )

    def _seconds(self, request: SQLRequest) -> float:
        most = self._settings.sql_seconds
        return most if request.seconds is None else min(request.seconds, most)

    def _record(self, request: SQLRequest, caller: str, duration: float, *, cost: _Cost, error: str) -> None:
        self.results[error or "ok"] += 1
        self._publish(
            QueryRun(
                at=self._clock.time(),
                query=FREE_SQL,
                caller=caller,
                duration=duration,
                rows=cost.rows,
                error=error,
                cpu=cost.cpu,
                statement=request.sql[:RECORDED],
            )
        )

    async def _snapshot_when_due(self) -> None:
        if not self._settings.enabled or not self._settings.snapshot_seconds:
            return
        if self.snapshots.age() >= self._settings.snapshot_seconds:
            try:
                await self.snapshots.fresh()
            except AnalyticsUnavailable as error:
                log.warning("analytics_snapshot", reason=str(error))


def _refuse(reply: Reply) -> None:
    if reply.error:
        raise _ERRORS[reply.error](reply.detail)


_ERRORS: dict[str, type[Exception]] = {
    "refused": SQLRefused,
    "failed": SQLFailed,
    "timeout": QueryTimeout,
    "too_large": AnswerTooLarge,
}
_RESULTS: dict[type[Exception], str] = {
    SQLRefused: "refused",
    SQLFailed: "failed",
    AnswerTooLarge: "too_large",
    AnalyticsBusy: "busy",
    QueryTimeout: "timeout",
    AnalyticsUnavailable: "unavailable",
}
