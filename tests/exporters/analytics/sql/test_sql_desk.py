"""The desk: what is answered, refused, ended and put on record."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import duckdb
import pytest

from exporters.analytics.running import QueryCancelled
from exporters.analytics.settings import (
    AnalyticsBusy,
    AnalyticsSettings,
    AnalyticsUnavailable,
    AnswerTooLarge,
    QueryTimeout,
)
from exporters.analytics.sql.desk import (
    RECORDED,
    SQLDesk,
    SQLFailed,
    SQLRefused,
    SQLRequest,
)
from exporters.analytics.sql.frames import Format
from exporters.analytics.sql.snapshots import LINK, Snapshots
from exporters.analytics.store import AnalyticsStore
from integrations.clock import SystemClock
from integrations.samples import Sample
from integrations.signals import QueryRun
from tests.exporters.analytics.generated import Pair, call, started
from tests.fakes.signals import RecordingSubscriber

ENDLESS = "SELECT sum(hash(range)) FROM range(100000000000)"


class World:
    """A desk over a real file."""

    def __init__(self, directory: Path, **limits: object) -> None:
        self.published = RecordingSubscriber()
        self.pair: Pair = started(directory)
        settings = AnalyticsSettings(disk_floor=0, **limits)  # type: ignore[arg-type] # limits by name
        clock = SystemClock()
        self.snapshots = Snapshots(
            directory / "snapshots",
            flush=self.pair.writer.flush,
            thread=anyio.CapacityLimiter(1),
            clock=clock,
            disk_floor=0,
        )
        self.desk = SQLDesk(
            directory / "readers",
            snapshots=self.snapshots,
            settings=settings,
            clock=clock,
            publish=self.published,
        )

    async def ask(self, sql: str, **given: object) -> object:
        answer = await self.desk.ask(SQLRequest(sql=sql, **given), caller="ann")  # type: ignore[arg-type] # limits by name
        return json.loads(answer.body)["rows"]

    def runs(self) -> list[QueryRun]:
        return self.published.of(QueryRun)

    async def aclose(self) -> None:
        await self.desk.aclose()
        self.pair.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path, sql_processes=1, sql_queue=1, sql_rows=100, sql_bytes=10_000)
    yield world
    await world.aclose()


async def test_an_answer_comes_with_its_cost_and_is_on_record(world: World) -> None:
    world.pair.write([call(1), call(2)])

    answer = await world.desk.ask(SQLRequest(sql="SELECT seq FROM calls ORDER BY seq"), caller="ann")

    assert json.loads(answer.body)["rows"] == [[1], [2]]
    assert 0 < answer.cpu <= answer.duration + 1
    (run,) = world.runs()
    assert (run.query, run.caller, run.rows, run.error) == ("sql", "ann", 2, "")
    assert run.statement == "SELECT seq FROM calls ORDER BY seq"
    assert (run.cpu, run.duration) == (answer.cpu, answer.duration)
    assert world.desk.results == {"ok": 1}


NOT_ANSWERED: tuple[tuple[dict[str, object], type[Exception], str], ...] = (
    ({"sql": "DROP TABLE calls"}, SQLRefused, "refused"),
    ({"sql": "SELECT nothing FROM calls"}, SQLFailed, "failed"),
    ({"sql": ENDLESS, "seconds": 0.1}, QueryTimeout, "timeout"),
    ({"sql": "SELECT repeat('x', 20000)", "format": Format.ARROW}, AnswerTooLarge, "too_large"),
    ({"sql": "SELECT 1", "id": "not an id"}, SQLRefused, "refused"),
    ({"sql": "x" * 100_001}, SQLRefused, "refused"),
)


async def test_what_is_not_answered_is_on_record_too(world: World) -> None:
    for given, error, _ in NOT_ANSWERED:
        with pytest.raises(error):
            await world.ask(**given)  # type: ignore[arg-type] # a statement and limits by name

    assert [run.error for run in world.runs()] == [result for *_, result in NOT_ANSWERED]
    assert all(len(run.statement) <= RECORDED for run in world.runs())
    assert world.desk.results == {"refused": 3, "failed": 1, "timeout": 1, "too_large": 1}
    assert world.desk.running() == ()


async def test_a_client_can_only_lower_the_limits(world: World) -> None:
    lower = await world.desk.ask(SQLRequest(sql="SELECT * FROM range(1000)", rows=3), caller="")
    higher = await world.desk.ask(SQLRequest(sql="SELECT * FROM range(1000)", rows=10_000), caller="")

    assert (lower.rows, lower.truncated) == (3, True)
    assert (higher.rows, higher.truncated) == (100, True)


async def test_a_query_is_ended_by_its_id(world: World) -> None:
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            with pytest.raises(QueryCancelled):
                await world.ask(ENDLESS, id="mine")

        group.start_soon(ask)
        await anyio.sleep(0.3)
        (running,) = world.desk.running()
        assert (running.id, running.caller, running.sql) == ("mine", "ann", ENDLESS)
        world.desk.cancel("mine")

    assert world.runs()[0].error == "cancelled"
    assert await world.ask("SELECT 1") == [[1]]
    with pytest.raises(LookupError, match="mine"):
        world.desk.cancel("mine")


async def test_more_than_may_wait_are_told_to_come_back(world: World) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(world.ask, ENDLESS)
        group.start_soon(world.ask, ENDLESS)
        await anyio.sleep(0.1)
        with pytest.raises(AnalyticsBusy, match="2 queries"):
            await world.ask("SELECT 1")
        group.cancel_scope.cancel()

    assert sorted(run.error for run in world.runs()) == ["busy", "cancelled", "cancelled"]


async def test_an_id_that_runs_already_is_refused(world: World) -> None:
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            await world.ask(ENDLESS, id="mine")

        group.start_soon(ask)
        await anyio.sleep(0.05)
        with pytest.raises(SQLRefused, match="runs already"):
            await world.ask("SELECT 1", id="mine")
        group.cancel_scope.cancel()


async def test_without_analytics_there_is_no_answer(tmp_path: Path) -> None:
    world = World(tmp_path, enabled=False)

    with pytest.raises(AnalyticsUnavailable, match="turned off"):
        await world.ask("SELECT 1")
    await world.aclose()


async def test_snapshots_are_made_at_intervals_where_that_is_wanted(tmp_path: Path) -> None:
    world = World(tmp_path, snapshot_seconds=0.1)
    async with anyio.create_task_group() as group:
        group.start_soon(world.desk.run)
        with anyio.fail_after(10):
            while not (tmp_path / "snapshots" / LINK).exists():  # noqa: ASYNC110 - a thread makes it
                await anyio.sleep(0.05)
        group.cancel_scope.cancel()
    await world.aclose()


async def test_the_store_answers_while_it_writes_and_its_rows_tell_who_asked(tmp_path: Path) -> None:
    store: AnalyticsStore
    published = RecordingSubscriber()

    def publish(signal: QueryRun) -> None:
        published(signal)
        store.on_signal(signal)

    store = AnalyticsStore(
        tmp_path, clock=SystemClock(), settings=AnalyticsSettings(disk_floor=0), publish=publish
    )
    await store.start()
    async with anyio.create_task_group() as group:
        group.start_soon(store.run)
        store.on_signal(call(1))
        with anyio.fail_after(10):
            while not store.status().spool_bytes:  # noqa: ASYNC110 - a thread writes it
                await anyio.sleep(0.05)
        answer = await store.sql.ask(SQLRequest(sql="SELECT count(*) FROM calls"), caller="ann")
        group.cancel_scope.cancel()
    await store.aclose()

    assert json.loads(answer.body)["rows"] == [[1]]
    assert Sample("dialtone_analytics_queries_total", ("sql", "ok"), 1) in list(store.samples())
    with duckdb.connect(str(tmp_path / "hot.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT query, caller, statement, cpu >= 0 FROM query_runs").fetchall()
    assert rows == [("sql", "ann", "SELECT count(*) FROM calls", True)]
    assert list((tmp_path / "readers").iterdir()) == []
