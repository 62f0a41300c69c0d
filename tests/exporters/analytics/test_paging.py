"""Pages of named queries: in every format, all rows once, from one moment; and how they are ended."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import duckdb
import nanoarrow
import pytest

from exporters.analytics.paging import RESERVED, Page, PageRequest, Place, place_of
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.queries import bundled_queries, parse_query
from exporters.analytics.reader import Reader
from exporters.analytics.running import QueryCancelled
from exporters.analytics.settings import AnalyticsSettings, AnswerTooLarge, QueryTimeout, UnknownQuery
from exporters.analytics.sql.frames import Format
from integrations.clock import SystemClock
from integrations.signals import QueryRun
from tests.exporters.analytics.generated import Pair, started
from tests.fakes.clock import FakeClock
from tests.fakes.signals import RecordingSubscriber

QUERIES = (
    parse_query(
        "numbers",
        "-- Numbers.\n-- @param limit int(0..100000) 5 How many.\n-- @param to time now End.\n"
        "SELECT range AS n, $to AS at, 'x' AS word FROM range($limit) ORDER BY n",
    ),
    parse_query("endless", "-- Never.\nSELECT count(*) FROM range(1000000000) a, range(1000000000) b"),
    parse_query("wide", "-- Wide.\nSELECT repeat('x', 3000) AS x FROM range(3)"),
)


class World:
    """A reader over a real file."""

    def __init__(self, directory: Path, *, clock: FakeClock | None = None, **limits: float) -> None:
        self.pair: Pair = started(directory)
        database = self.pair.writer.database
        assert database is not None
        self.published = RecordingSubscriber()
        self.pages = directory / "pages"
        self.reader = Reader(
            QUERIES,
            database=lambda: database,
            directory=self.pages,
            clock=clock or SystemClock(),
            settings=AnalyticsSettings(**limits),  # type: ignore[arg-type] # limits by name
            publish=self.published,
        )

    async def page(self, name: str = "numbers", **given: object) -> Page:
        request = PageRequest(name=name, **({"params": {"limit": "7"}} | given))  # type: ignore[arg-type] # by name
        return await self.reader.page(request, caller="ann")

    def results(self) -> list[str]:
        return [run.error for run in self.published.of(QueryRun)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path, query_rows=5, sql_bytes=2_000, query_seconds=20)
    yield world
    world.pair.close()


def numbers_in(body: bytes, shape: Format, directory: Path) -> list[int]:
    """Read a page back with what its readers use."""
    match shape:
        case Format.JSON:
            return [row[0] for row in json.loads(body)["rows"]]
        case Format.RECORDS:
            return [row["n"] for row in json.loads(body)]
        case Format.NDJSON:
            return [json.loads(line)["n"] for line in body.splitlines()]
        case Format.CSV:
            return [int(line.partition(b",")[0]) for line in body.splitlines()[1:]]
        case Format.ARROW:
            return [
                row["n"] for row in nanoarrow.Array(nanoarrow.ipc.InputStream.from_readable(body)).to_pylist()
            ]
        case Format.PARQUET:
            (directory / "back.parquet").write_bytes(body)
            back = duckdb.execute(f"SELECT n FROM '{directory}/back.parquet'")
            return [n for (n,) in back.fetchall()]


@pytest.mark.parametrize("shape", list(Format))
async def test_pages_in_any_format_hold_every_row_once_and_in_order(
    world: World, shape: Format, tmp_path: Path
) -> None:
    found, cursor, pages = [], "", 0
    while cursor or not pages:
        page = await world.page(format=shape, rows=3, cursor=cursor)
        found += numbers_in(page.body, shape, tmp_path)
        cursor, pages = page.next, pages + 1
        assert page.rows == (3, 3, 1)[pages - 1]

    assert found == [0, 1, 2, 3, 4, 5, 6]
    assert pages == 3
    assert not world.pages.exists() or list(world.pages.iterdir()) == []


async def test_pages_that_are_cut_by_bytes_go_on_where_they_ended(tmp_path: Path) -> None:
    world = World(tmp_path, sql_bytes=200)
    found, cursor, pages = [], "", 0
    while cursor or not pages:
        page = await world.page(params={"limit": "40"}, cursor=cursor)
        found += [row[0] for row in json.loads(page.body)["rows"]]
        cursor, pages = page.next, pages + 1
    world.pair.close()

    assert found == list(range(40))
    assert pages > 5


async def test_all_pages_count_from_the_moment_of_the_first(tmp_path: Path) -> None:
    clock = FakeClock()
    world = World(tmp_path, clock=clock)
    first = await world.page(rows=3)
    clock.advance(3_600)
    second = await world.page(rows=3, cursor=first.next)
    world.pair.close()

    assert json.loads(first.body)["rows"][0][1] == json.loads(second.body)["rows"][0][1]
    assert second.as_of == first.as_of == 1_800_000_000.0


async def test_a_client_can_only_lower_the_rows_of_a_page(world: World) -> None:
    assert (await world.page(rows=500)).rows == 5
    assert (await world.page(rows=2)).rows == 2


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cursor": "%%%"}, "`next` of the page before"),
        ({"cursor": "bm9uc2Vuc2U"}, "`next` of the page before"),
        ({"cursor": "é"}, "`next` of the page before"),
        ({"id": "not an id"}, "letters, digits"),
    ],
)
async def test_what_is_no_cursor_or_id_is_refused(world: World, given: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidParams, match=words):
        await world.page(**given)  # type: ignore[arg-type] # by name

    assert world.results() == ["invalid"]


async def test_a_cursor_of_another_question_is_refused(world: World) -> None:
    cursor = (await world.page(rows=3)).next

    with pytest.raises(InvalidParams, match="same query with the same parameters"):
        await world.page(rows=3, params={"limit": "8"}, cursor=cursor)


@pytest.mark.parametrize("place", [Place(-1, 5.0), Place(3, -1.0), Place(3, 1e12), Place(1 << 60, 5.0)])
def test_a_forged_cursor_leads_nowhere(place: Place) -> None:
    request = PageRequest(name="numbers", params={})
    forged = PageRequest(name="numbers", params={}, cursor=place.cursor(request))

    with pytest.raises(InvalidParams):
        place_of(forged, now=5.0)


async def test_a_row_that_fits_on_no_page_is_an_error_and_no_endless_book(world: World) -> None:
    with pytest.raises(AnswerTooLarge, match="a row has more than 2,000 bytes"):
        await world.page("wide", params={})
    with pytest.raises(AnswerTooLarge, match="ask for fewer rows"):
        await world.page("wide", params={}, format=Format.ARROW)

    assert world.results() == ["too_large", "too_large"]


async def test_a_query_is_listed_with_its_caller_and_ended_by_its_id(world: World) -> None:
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            with pytest.raises(QueryCancelled):
                await world.page("endless", params={}, id="mine")

        group.start_soon(ask)
        await anyio.sleep(0.1)
        (running,) = world.reader.running.listed()
        assert (running.id, running.caller, running.query) == ("mine", "ann", "endless")
        with pytest.raises(InvalidParams, match="runs already"):
            await world.page(id="mine")
        world.reader.running.cancel("mine")

    assert world.results() == ["invalid", "cancelled"]
    assert world.reader.waiting == 0
    with pytest.raises(LookupError):
        world.reader.running.cancel("mine")


@pytest.mark.parametrize("shape", [Format.JSON, Format.ARROW, Format.PARQUET])
async def test_a_page_that_takes_too_long_is_broken_off_in_any_format(tmp_path: Path, shape: Format) -> None:
    world = World(tmp_path, query_seconds=0.1)
    with anyio.fail_after(5), pytest.raises(QueryTimeout, match="endless took longer"):
        await world.page("endless", params={}, format=shape)
    world.pair.close()

    assert world.results() == ["timeout"]


async def test_a_query_that_is_not_there_names_the_nearest(world: World) -> None:
    with pytest.raises(UnknownQuery, match="did you mean numbers"):
        await world.page("number")


def test_no_named_query_has_a_parameter_of_ours() -> None:
    for query in bundled_queries():
        assert RESERVED.isdisjoint(parameter.name for parameter in query.parameters), query.name
