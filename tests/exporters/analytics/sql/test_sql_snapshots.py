"""Snapshots: made when asked for, kept while fresh, swapped in one step, harmless to the file they copy."""

import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import duckdb
import pytest

from exporters.analytics.settings import AnalyticsUnavailable
from exporters.analytics.sql.snapshots import LINK, Snapshots
from tests.exporters.analytics.generated import Pair, call, started


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = started(tmp_path)
    yield pair
    pair.close()


def snapshots_of(pair: Pair, *, disk_floor: int = 0) -> Snapshots:
    return Snapshots(
        pair.writer.path.parent / "snapshots",
        flush=pair.writer.flush,
        thread=anyio.CapacityLimiter(1),
        clock=pair.clock,
        disk_floor=disk_floor,
    )


def count(path: Path) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        return int(connection.execute("SELECT count(*) FROM calls").fetchall()[0][0])


async def test_a_snapshot_holds_all_that_was_sealed_when_it_was_asked_for(pair: Pair) -> None:
    pair.load([call(1)])
    pair.write([call(2)])

    snapshot = await snapshots_of(pair).fresh()

    assert count(snapshot.path) == 2
    assert snapshot.at == pair.clock.time()


async def test_a_snapshot_is_used_for_ten_seconds_and_then_made_anew(pair: Pair) -> None:
    snapshots = snapshots_of(pair)
    first = await snapshots.fresh()
    pair.write([call(1)])
    pair.clock.advance(7.9)
    second = await snapshots.fresh()
    pair.clock.advance(0.2)
    third = await snapshots.fresh()

    assert second == first
    assert count(third.path) == 1
    assert count(first.path) == 0


async def test_the_link_leads_to_the_newest_and_only_two_are_kept(pair: Pair) -> None:
    snapshots = snapshots_of(pair)
    made = []
    for _ in range(3):
        made.append(await snapshots.fresh())
        pair.clock.advance(11)

    names = {path.name for path in snapshots.directory.iterdir()}
    assert names == {made[1].path.name, made[2].path.name, LINK}
    assert (snapshots.directory / LINK).resolve() == made[2].path


async def test_two_who_ask_at_once_share_one_snapshot(pair: Pair) -> None:
    snapshots, found = snapshots_of(pair), []

    async def ask() -> None:
        found.append(await snapshots.fresh())

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)

    assert found[0] == found[1]
    assert len(list(snapshots.directory.glob("hot-*.duckdb"))) == 1


async def test_copying_leaves_duckdb_its_lock(pair: Pair) -> None:
    await snapshots_of(pair).fresh()

    opening = f"import duckdb; duckdb.connect({str(pair.writer.path)!r})"
    other = await anyio.run_process([sys.executable, "-c", opening], check=False)

    assert b"lock" in other.stderr.lower()


async def test_a_snapshot_that_would_fill_the_disk_is_not_made(pair: Pair) -> None:
    snapshots = snapshots_of(pair, disk_floor=1 << 62)

    with pytest.raises(AnalyticsUnavailable, match=r"analytics\.disk_floor"):
        await snapshots.fresh()

    assert list(snapshots.directory.iterdir()) == []
    assert pair.writer.problem == ""


async def test_a_copy_that_fails_is_told_and_leaves_the_database_open(pair: Pair) -> None:
    snapshots = snapshots_of(pair)
    snapshots.directory.write_text("a file in the way")

    with pytest.raises(AnalyticsUnavailable, match="no snapshot could be made"):
        await snapshots.fresh()

    assert pair.writer.database is not None
    assert pair.writer.problem == ""


async def test_copies_that_name_what_is_to_go_are_replaced(pair: Pair) -> None:
    snapshots = snapshots_of(pair)
    older = await snapshots.fresh()
    pair.clock.advance(1)
    at = pair.clock.time()

    await snapshots.replace_before(at)
    newer = await snapshots.fresh()
    await snapshots.replace_before(at)

    assert newer.at == at
    names = {path.name for path in snapshots.directory.iterdir()}
    assert names == {newer.path.name, LINK}
    assert older.path != newer.path


async def test_where_there_is_no_copy_none_is_made_for_what_goes(pair: Pair) -> None:
    snapshots = snapshots_of(pair)

    await snapshots.replace_before(pair.clock.time())

    assert not snapshots.directory.exists()


async def test_copies_that_name_what_is_to_go_go_even_when_none_can_be_made(pair: Pair) -> None:
    snapshots = snapshots_of(pair)
    await snapshots.fresh()
    pair.clock.advance(1)
    snapshots._disk_floor = 1 << 62

    await snapshots.replace_before(pair.clock.time())

    assert list(snapshots.directory.iterdir()) == []
    with pytest.raises(AnalyticsUnavailable, match=r"analytics\.disk_floor"):
        await snapshots.fresh()
