"""Who asks while the database closes is told so in words, whatever the question was doing just then."""

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import anyio.to_thread
import duckdb
import pytest

from exporters.analytics.database import SHUTS_DOWN, Database
from exporters.analytics.long_work import LongWork
from exporters.analytics.paging import PageRequest
from exporters.analytics.queries import parse_query
from exporters.analytics.reader import Reader
from exporters.analytics.running import RunningQuery
from exporters.analytics.settings import AnalyticsUnavailable
from exporters.analytics.sql.frames import Format
from integrations.clock import SystemClock
from tests.exporters.analytics.generated import SETTINGS, Pair, started
from tests.fakes.signals import RecordingSubscriber

ENDLESS = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b"
QUERY = parse_query("endless", f"-- Never.\n{ENDLESS}")


class Replay:
    """Work that asks without end, as a backtest reads: by one statement, or by many short ones."""

    progress = None

    def __init__(self, *, is_one_statement: bool) -> None:
        self._is_one_statement = is_one_statement

    def carry_out(self, cursor: duckdb.DuckDBPyConnection, breathe: Callable[[], None]) -> None:
        if self._is_one_statement:
            cursor.execute(ENDLESS).fetchall()
        while True:
            cursor.execute("SELECT 1").fetchall()
            time.sleep(0.001)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = started(tmp_path)
    yield pair
    pair.close()


def asked(kind: str, database: Database, directory: Path) -> Callable[[], Awaitable[object]]:
    clock, publish = SystemClock(), RecordingSubscriber()
    if kind.startswith("replay"):
        work: LongWork[None] = LongWork("replay", database=lambda: database, clock=clock, publish=publish)
        replay = Replay(is_one_statement=kind == "replay in one statement")
        query = RunningQuery(id="r1", caller="ann", query="replay", started_at=0.0)
        return lambda: work.carry_out(replay, query, rows=lambda _: 0)
    reader = Reader(
        [QUERY],
        database=lambda: database,
        directory=directory,
        clock=clock,
        settings=SETTINGS,
        publish=publish,
    )
    if kind == "query":
        return lambda: reader.query("endless", {}, caller="ann")
    page = PageRequest(name="endless", params={}, format=Format(kind))
    return lambda: reader.page(page, caller="ann")


@pytest.mark.parametrize(
    "kind", ["query", "parquet", "arrow", "replay in one statement", "replay in many statements"]
)
async def test_a_question_is_told_that_dialtone_shuts_down(pair: Pair, tmp_path: Path, kind: str) -> None:
    database = pair.writer.database
    assert database is not None
    ask = asked(kind, database, tmp_path / "pages")
    told: list[str] = []

    async def answer() -> None:
        with pytest.raises(AnalyticsUnavailable) as caught:
            await ask()
        told.append(str(caught.value))

    async with anyio.create_task_group() as group:
        group.start_soon(answer)
        with anyio.fail_after(5):
            while not database._readers:  # noqa: ASYNC110 - a thread sets no anyio event
                await anyio.sleep(0.005)
        await anyio.to_thread.run_sync(pair.writer.close, SHUTS_DOWN)

    (text,) = told
    assert SHUTS_DOWN in text
    assert "INTERRUPT" not in text


def test_a_file_that_is_closed_after_an_error_says_that_it_opens_again(pair: Pair) -> None:
    database = pair.writer.database
    assert database is not None
    closing = threading.Thread(target=pair.writer.close)

    def read() -> None:
        with database.reading() as cursor:
            closing.start()
            cursor.execute(ENDLESS).fetchall()

    with pytest.raises(AnalyticsUnavailable, match="opens again in a moment"):
        read()
    closing.join()
    with pytest.raises(AnalyticsUnavailable, match="opens again in a moment"):
        database.reading().__enter__()
