"""Days of tables: which there are, and each as a file that holds all of it."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import duckdb
import pytest

from exporters.analytics.days.desk import OpenDay, UnknownDay
from exporters.analytics.derived import SINCE
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.execution.tracing import trace_of
from integrations.signals import QueryRun
from tests.exporters.analytics.days.world import DAY, LATER, World
from tests.exporters.analytics.generated import call


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    await world.aclose()


def seqs_in(path: Path) -> list[int]:
    rows = duckdb.execute(f"SELECT seq FROM read_parquet('{path}', hive_partitioning = false)").fetchall()
    return sorted(seq for (seq,) in rows)


def kept(opened: OpenDay, path: Path) -> Path:
    with opened.file as file:
        path.write_bytes(file.read())
    assert path.stat().st_size == opened.size
    return path


async def told(world: World) -> list[tuple[str, dt.date, int, bool]]:
    return [(one.table, one.day, one.rows, one.part is not None) for one in await world.desk.days()]


async def test_days_are_told_with_their_rows_wherever_they_are(world: World) -> None:
    world.calls(range(5))
    world.calls(range(5, 8), day=LATER)
    hot = await told(world)
    world.seal(DAY)
    sealed = await told(world)
    world.calls([8])
    late = await told(world)
    world.seal(DAY)
    twice = await told(world)

    assert hot == [("calls", DAY, 5, False), ("calls", LATER, 3, False)]
    assert sealed == [("calls", DAY, 5, True), ("calls", LATER, 3, False)]
    assert late == [("calls", DAY, 6, False), ("calls", LATER, 3, False)]
    assert twice == [("calls", DAY, 6, False), ("calls", LATER, 3, False)]


async def test_a_file_of_the_archive_that_has_gone_is_not_told(world: World) -> None:
    world.calls(range(5))
    world.seal().unlink()

    assert await told(world) == []


async def test_a_hot_day_is_written_with_all_its_columns_and_no_other_day(
    world: World, tmp_path: Path
) -> None:
    world.calls(range(5))
    world.calls(range(5, 8), day=LATER)

    opened = await world.desk.open("calls", DAY, caller="ann")
    path = kept(opened, tmp_path / "back.parquet")

    assert (seqs_in(path), opened.rows) == ([0, 1, 2, 3, 4], 5)
    columns = duckdb.execute(f"DESCRIBE FROM read_parquet('{path}', hive_partitioning = false)").fetchall()
    assert [column[:2] for column in columns] == [row[:2] for row in world.pair.rows("DESCRIBE hot_calls")]
    assert list((tmp_path / "days").glob("*.parquet")) == []


async def test_a_sealed_day_is_the_file_of_the_archive_itself(world: World) -> None:
    world.calls(range(5))
    part = world.seal()

    found = await world.desk.file("calls", DAY)
    opened = await world.desk.open("calls", DAY, caller="ann")

    assert (found.path, found.is_own, found.rows) == (part, False, 5)
    with opened.file as file:
        assert file.read() == part.read_bytes()
    assert part.exists()


async def test_a_sealed_day_that_lacks_what_other_columns_say_is_written_with_it(world: World) -> None:
    run = "0123456789abcdef"
    trace, span = trace_of(run), run
    world.pair.load([call(1, run_id=run, trace_id=trace, call_id=span, span_id=span)])
    part = world.seal(schema=SINCE)

    found = await world.desk.file("calls", DAY)

    columns = "SELECT call_id, trace_id, span_id FROM read_parquet('{}', hive_partitioning = false)"
    assert found.is_own
    assert duckdb.execute(columns.format(part)).fetchall() == [(None, None, None)]
    assert duckdb.execute(columns.format(found.path)).fetchall() == [(span, trace, span)]


async def test_an_export_is_on_record(world: World) -> None:
    world.calls(range(5))
    (await world.desk.open("calls", DAY, caller="ann")).file.close()
    with pytest.raises(UnknownDay):
        await world.desk.open("calls", LATER, caller="ann")

    runs = world.published.of(QueryRun)
    assert [(run.query, run.caller, run.rows, run.error) for run in runs] == [
        ("export", "ann", 5, ""),
        ("export", "ann", 0, "unknown"),
    ]
    assert runs[0].statement == f"calls {DAY}"
    assert runs[0].cpu > 0
    assert world.desk.results == {"ok": 1, "unknown": 1}


@pytest.mark.parametrize(
    ("table", "words"),
    [("cals", "did you mean calls"), ("hot_calls", "there is no table"), ("calls", "has no rows of")],
)
async def test_what_is_not_there_says_so(world: World, table: str, words: str) -> None:
    with pytest.raises(UnknownDay, match=words):
        await world.desk.file(table, DAY)


async def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path: Path) -> None:
    world = World(tmp_path, disk_floor=1 << 60)
    world.calls([1])

    with pytest.raises(AnalyticsUnavailable, match=r"analytics\.disk_floor"):
        await world.desk.file("calls", DAY)
    assert list((tmp_path / "days").glob("*.parquet")) == []
    await world.aclose()


async def test_one_day_is_written_after_the_other_and_who_leaves_ends_it(world: World) -> None:
    world.calls(range(5))
    async with anyio.create_task_group() as group:
        group.start_soon(world.desk.file, "calls", DAY)
        group.start_soon(world.desk.file, "calls", DAY)
        await anyio.sleep(0.05)
        group.cancel_scope.cancel()
    found = await world.desk.file("calls", DAY)

    assert seqs_in(found.path) == [0, 1, 2, 3, 4]
    found.path.unlink()


async def test_what_an_earlier_process_left_is_removed(world: World, tmp_path: Path) -> None:
    world.calls([1])
    left = (await world.desk.file("calls", DAY)).path

    await world.desk.sweep()

    assert not left.exists()
