"""The limits of queries, on real threads: DuckDB works on one while the loop goes on."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import anyio
import duckdb
import pytest

from exporters.analytics.database import Database, break_off
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.queries import parse_query
from exporters.analytics.reader import Reader
from exporters.analytics.settings import (
    AnalyticsBusy,
    AnalyticsSettings,
    AnalyticsUnavailable,
    QueryTimeout,
    UnknownQuery,
)
from integrations.clock import SystemClock
from integrations.signals import QueryRun
from tests.exporters.analytics.generated import Pair, call, started
from tests.fakes.signals import RecordingSubscriber

QUERIES = (
    parse_query(
        "numbers",
        "-- Numbers.\n-- @param limit int(0..100000) 5 How many.\nSELECT range AS n FROM range($limit)",
    ),
    parse_query("endless", "-- Never.\nSELECT count(*) FROM range(1000000000) a, range(1000000000) b"),
    parse_query("long", "-- Takes many seconds.\nSELECT sum(hash(range)) FROM range(20000000000)"),
    parse_query("broken", "-- Broken.\nSELECT no_such_column FROM calls"),
    parse_query("times", "-- Times.\nSELECT ts, attempts[1].kind FROM calls"),
)


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    pair = started(tmp_path)
    yield pair
    pair.close()


def reader_of(pair: Pair, published: RecordingSubscriber, **limits: float) -> Reader:
    database = pair.writer.database
    assert database is not None
    return Reader(
        QUERIES,
        database=lambda: database,
        directory=pair.writer.path.parent / "pages",
        clock=SystemClock(),
        settings=AnalyticsSettings(**limits),  # type: ignore[arg-type] # limits by name
        publish=published,
    )


async def test_a_query_answers_and_is_published(pair: Pair) -> None:
    published = RecordingSubscriber()
    reader = reader_of(pair, published)

    result = await reader.query("numbers", {"limit": "3"}, caller="ann")

    assert (result.columns, result.rows, result.truncated) == (("n",), ((0,), (1,), (2,)), False)
    (run,) = published.of(QueryRun)
    assert (run.query, run.caller, run.rows, run.error) == ("numbers", "ann", 3, "")
    assert run.duration > 0
    assert reader.results == {("numbers", "ok"): 1}


async def test_times_in_an_answer_say_that_they_are_utc(pair: Pair) -> None:
    pair.load([call(1)])

    result = await reader_of(pair, RecordingSubscriber()).query("times", {}, caller="ann")

    assert [cell.isoformat() if hasattr(cell, "isoformat") else cell for cell in result.rows[0]] == [
        "2027-01-15T08:00:00+00:00",
        "timeout",
    ]


@pytest.mark.parametrize(
    ("limit", "rows", "truncated"), [("9", 9, False), ("10", 10, False), ("11", 10, True)]
)
async def test_an_answer_ends_at_the_row_limit(pair: Pair, limit: str, rows: int, truncated: bool) -> None:
    reader = reader_of(pair, RecordingSubscriber(), query_rows=10)

    result = await reader.query("numbers", {"limit": limit}, caller="ann")

    assert (len(result.rows), result.truncated) == (rows, truncated)


async def test_a_query_that_takes_too_long_is_broken_off(pair: Pair) -> None:
    published = RecordingSubscriber()
    reader = reader_of(pair, published, query_seconds=0.1)
    started_at = time.monotonic()

    with pytest.raises(QueryTimeout, match=r"endless took longer than 0.1 s; narrow its window"):
        await reader.query("endless", {}, caller="ann")

    assert time.monotonic() - started_at < 2
    assert [run.error for run in published.of(QueryRun)] == ["timeout"]
    assert (await reader.query("numbers", {}, caller="ann")).rows


async def test_a_caller_that_leaves_ends_its_query(pair: Pair) -> None:
    reader = reader_of(pair, RecordingSubscriber(), query_seconds=30)
    started_at = time.monotonic()

    with anyio.move_on_after(0.1):
        await reader.query("endless", {}, caller="ann")

    assert time.monotonic() - started_at < 2
    assert reader.waiting == 0


class SlowLender(Database):
    """Lends its cursor only after a moment, as on a busy machine."""

    @contextlib.contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        time.sleep(0.3)
        with super().reading() as cursor:
            yield cursor


async def test_a_caller_that_leaves_before_its_query_has_begun_ends_it_too(pair: Pair) -> None:
    assert pair.writer.database is not None
    slow = SlowLender(pair.writer.database.connection, pair.writer.database.path)
    reader = Reader(
        QUERIES,
        database=lambda: slow,
        directory=pair.writer.path.parent / "pages",
        clock=SystemClock(),
        settings=AnalyticsSettings(),
        publish=RecordingSubscriber(),
    )
    started_at = time.monotonic()

    with anyio.move_on_after(0.1):
        await reader.query("long", {}, caller="ann")

    assert time.monotonic() - started_at < 2


async def test_what_ended_by_itself_can_be_broken_off_without_harm(pair: Pair) -> None:
    assert pair.writer.database is not None
    with pair.writer.database.reading() as cursor:
        pass

    break_off(cursor)

    assert pair.rows("SELECT 1") == [(1,)]


async def test_two_queries_run_at_once_and_the_queue_is_bounded(pair: Pair) -> None:
    published = RecordingSubscriber()
    reader = reader_of(pair, published, query_seconds=0.3, query_queue=1)
    failures: list[str] = []

    async def ask() -> None:
        try:
            await reader.query("endless", {}, caller="ann")
        except AnalyticsUnavailable as error:
            failures.append(type(error).__name__)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(ask)

    assert failures == [AnalyticsBusy.__name__, *[QueryTimeout.__name__] * 3]
    assert reader.results == {("endless", "busy"): 1, ("endless", "timeout"): 3}


async def test_the_loop_goes_on_while_a_query_runs(pair: Pair) -> None:
    reader = reader_of(pair, RecordingSubscriber(), query_seconds=0.3)
    ticks = 0

    async def count() -> None:
        nonlocal ticks
        while True:
            await anyio.sleep(0.001)
            ticks += 1

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        with pytest.raises(QueryTimeout):
            await reader.query("endless", {}, caller="ann")
        group.cancel_scope.cancel()

    assert ticks > 20


@pytest.mark.parametrize(
    ("name", "params", "error", "message", "result"),
    [
        ("number", {}, UnknownQuery, "no analytics query 'number'; did you mean numbers", None),
        ("numbers", {"limit": "x"}, InvalidParams, "limit: found 'x'", "invalid"),
        ("numbers", {"limits": "1"}, InvalidParams, "the nearest is 'limit'", "invalid"),
        ("broken", {}, AnalyticsUnavailable, "broken could not be answered: .*no_such_column", "unavailable"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_why(
    pair: Pair,
    *,
    name: str,
    params: Mapping[str, str],
    error: type[Exception],
    message: str,
    result: str | None,
) -> None:
    published = RecordingSubscriber()
    reader = reader_of(pair, published)

    with pytest.raises(error, match=message):
        await reader.query(name, params, caller="ann")

    assert [run.error for run in published.of(QueryRun)] == ([result] if result else [])


async def test_a_database_that_closes_ends_the_queries_on_it(pair: Pair) -> None:
    reader = reader_of(pair, RecordingSubscriber(), query_seconds=30)
    failures: list[str] = []

    async def ask() -> None:
        with pytest.raises(AnalyticsUnavailable) as caught:
            await reader.query("endless", {}, caller="ann")
        failures.append(str(caught.value))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.sleep(0.1)
        await anyio.to_thread.run_sync(pair.writer.close)

    assert len(failures) == 1
    with pytest.raises(AnalyticsUnavailable, match="opens again"):
        await reader.query("numbers", {}, caller="ann")
