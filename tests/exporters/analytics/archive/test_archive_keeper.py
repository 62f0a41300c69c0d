"""The keeper, with its threads, over a writer driven by hand."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import duckdb
import pytest

from exporters.analytics.archive.keeper import (
    AGAIN_SECONDS,
    LINGER_SECONDS,
    LONGEST_BACKTEST,
    SWEEP_SECONDS,
    TICK,
    ArchiveKeeper,
)
from exporters.analytics.settings import AnalyticsSettings, Retention
from exporters.analytics.store import AnalyticsStore
from integrations.clock import SystemClock
from integrations.samples import Sample
from tests.exporters.analytics.archive.sealing_by_hand import DAY, files
from tests.exporters.analytics.generated import SETTINGS, START, Pair, call, started
from tests.exporters.analytics.kept.kept_by_hand import copies, declare, priced, roll


class Copies:
    """Notes what is asked, and which files were there then."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.asked: list[tuple[float, int]] = []

    async def replace_before(self, at: float) -> None:
        self.asked.append((at, len(files(self.directory))))


class Kept:
    """A writer, its keeper, and what the disk says."""

    def __init__(self, directory: Path) -> None:
        self.pair: Pair = started(directory)
        self.problem = ""
        self.disk: Callable[[], str] = lambda: self.problem
        self.copies = Copies(directory)
        self.keeper = ArchiveKeeper(
            self.pair.writer,
            copies=self.copies,
            thread=anyio.CapacityLimiter(1),
            disk_problem=self.disk_problem,
            clock=self.pair.clock,
            settings=AnalyticsSettings(disk_floor=0, retention=Retention(calls=5)),
        )

    def disk_problem(self) -> str:
        return self.disk()

    def hot(self) -> list[object]:
        return [seq for (seq,) in self.pair.rows("SELECT seq FROM hot_calls ORDER BY seq")]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.pair.close()


async def test_days_are_sealed_and_told(kept: Kept) -> None:
    kept.pair.load([call(number, at=START - number * DAY) for number in range(5)])

    await kept.keeper.look()

    status = kept.keeper.status()
    assert kept.hot() == [0, 1]
    assert (status.totals["calls"].days, status.totals["calls"].rows, status.rows["calls"]) == (3, 3, 3)
    assert status.totals["calls"].size == sum(path.stat().st_size for path in files(kept.copies.directory))
    assert (status.swept_at, status.problem) == (kept.pair.clock.time(), "")


async def test_a_reader_that_holds_up_the_checkpoint_stops_no_sweep(kept: Kept) -> None:
    kept.pair.load([call(number, at=START - number * DAY) for number in range(5)])
    assert kept.pair.writer.database is not None

    with kept.pair.writer.database.reading() as cursor:
        cursor.execute("BEGIN")
        before = cursor.execute("SELECT count(*) FROM calls").fetchall()
        await kept.keeper.look()
        assert cursor.execute("SELECT count(*) FROM calls").fetchall() == before

    assert (kept.hot(), kept.keeper.status().problem) == ([0, 1], "")
    kept.pair.writer.checkpoint()


async def test_rollups_are_copied_with_each_sweep_and_what_a_configuration_says_at_once(kept: Kept) -> None:
    kept.pair.load([call(number, at=START - number * DAY) for number in range(1, 3)])
    roll(kept.pair)
    await kept.keeper.look()
    assert {file.piece.table for file in copies(kept.pair)} == {"rollup_calls", "rollup_usage"}

    kept.pair.clock.advance(5)
    declare(kept.pair, priced(START, 0.5))
    await kept.keeper.look()

    status = kept.keeper.status()
    assert {"declared_callers", "declared_integrations"} <= status.kept_bytes.keys()
    assert status.kept_bytes == {
        table: sum(file.size for file in copies(kept.pair) if file.piece.table == table)
        for table in status.kept_bytes
    }
    assert Sample("dialtone_analytics_kept_bytes", ("rollup_usage",), status.kept_bytes["rollup_usage"]) in [
        *status.samples()
    ]


async def test_copies_that_cannot_be_written_are_told_and_days_are_sealed_all_the_same(kept: Kept) -> None:
    kept.pair.load([call(3, at=START - 3 * DAY)])
    roll(kept.pair)
    kept.pair.writer.kept.write_text("in the way")

    await kept.keeper.look()
    assert "kept" in kept.keeper.status().problem
    assert kept.hot() == []

    kept.pair.writer.kept.unlink()
    kept.pair.clock.advance(AGAIN_SECONDS)
    await kept.keeper.look()
    assert kept.keeper.status().problem == ""
    assert copies(kept.pair)


async def test_copies_that_cannot_be_written_put_no_sweep_off(kept: Kept) -> None:
    kept.pair.writer.kept.write_text("in the way")
    declare(kept.pair, priced(START, 0.5))
    await kept.keeper.look()
    assert kept.keeper.status().problem
    kept.pair.load([call(3, at=START - 3 * DAY)])

    for _ in range(int(AGAIN_SECONDS / TICK)):
        kept.pair.clock.advance(TICK)
        await kept.keeper.look()

    assert kept.hot() == []


async def test_late_rows_wait_for_the_next_sweep(kept: Kept) -> None:
    await kept.keeper.look()
    kept.pair.load([call(3, at=START - 3 * DAY)])

    kept.pair.clock.advance(SWEEP_SECONDS - 1)
    await kept.keeper.look()
    assert kept.hot() == [3]

    kept.pair.clock.advance(1)
    await kept.keeper.look()
    assert kept.hot() == []
    assert kept.pair.seqs() == [3]


async def test_a_new_day_begins_a_sweep_at_once(kept: Kept) -> None:
    kept.pair.clock.advance(DAY - START % DAY - 60)
    kept.pair.load([call(1, at=kept.pair.clock.time() - DAY)])
    await kept.keeper.look()
    assert kept.hot() == [1]

    kept.pair.clock.advance(60)
    await kept.keeper.look()

    assert kept.hot() == []


async def test_a_full_disk_is_told_and_tried_again(kept: Kept) -> None:
    kept.pair.load([call(3, at=START - 3 * DAY)])
    kept.problem = "5 MiB are free"
    await kept.keeper.look()
    assert kept.keeper.status().problem == "5 MiB are free"
    assert kept.hot() == [3]
    assert kept.pair.writer.database is not None

    kept.problem = ""
    kept.pair.clock.advance(AGAIN_SECONDS - 1)
    await kept.keeper.look()
    assert kept.hot() == [3]
    assert kept.keeper.status().problem == "5 MiB are free"
    kept.pair.clock.advance(1)
    await kept.keeper.look()

    assert kept.hot() == []
    assert kept.keeper.status().problem == ""


async def test_on_a_full_disk_days_are_let_go_all_the_same(kept: Kept) -> None:
    kept.pair.load([call(number, at=START - number * DAY) for number in (4, 5)])
    await kept.keeper.look()
    kept.problem = "5 MiB are free"
    kept.pair.clock.advance(3 * DAY)
    kept.pair.load([call(9, at=kept.pair.clock.time() - 2 * DAY)])

    await kept.keeper.look()
    kept.pair.clock.advance(LONGEST_BACKTEST + LINGER_SECONDS)
    await kept.keeper.look()

    assert files(kept.copies.directory) == []
    assert kept.keeper.status().freed_bytes > 0
    assert kept.keeper.status().problem == "5 MiB are free"
    assert kept.pair.seqs() == kept.hot() == [9]


async def test_a_disk_that_fails_in_the_middle_of_a_file_is_told_and_leaves_no_file(kept: Kept) -> None:
    kept.pair.load([call(3, at=START - 3 * DAY)])
    folder = kept.copies.directory / "archive" / "calls"
    folder.parent.mkdir()
    folder.write_text("in the way")

    await kept.keeper.look()
    assert "directory" in kept.keeper.status().problem.lower()

    folder.unlink()
    kept.pair.clock.advance(AGAIN_SECONDS)
    await kept.keeper.look()
    assert kept.hot() == []
    assert kept.pair.seqs() == [3]


async def test_a_closed_database_is_told_and_sealing_goes_on_when_it_is_open(kept: Kept) -> None:
    kept.pair.load([call(3, at=START - 3 * DAY)])
    kept.pair.writer.close()
    await kept.keeper.look()
    assert "the database is closed" in kept.keeper.status().problem

    kept.pair.writer.step()
    kept.pair.clock.advance(AGAIN_SECONDS)
    await kept.keeper.look()

    assert kept.keeper.status().problem == ""
    assert kept.hot() == []


async def test_files_go_after_the_longest_query_and_after_the_copies_that_name_them(kept: Kept) -> None:
    kept.pair.load([call(number, at=START - number * DAY) for number in (2, 6, 7)])
    await kept.keeper.look()
    expired_at = kept.pair.clock.time()
    assert kept.pair.seqs() == [2]
    assert len(files(kept.copies.directory)) == 3

    kept.pair.clock.advance(LONGEST_BACKTEST + LINGER_SECONDS - 1)
    await kept.keeper.look()
    assert len(files(kept.copies.directory)) == 3
    assert kept.copies.asked == []
    kept.pair.clock.advance(1)
    await kept.keeper.look()

    assert [path.parent.name for path in files(kept.copies.directory)] == ["day=2027-01-13"]
    ((at, there),) = kept.copies.asked
    assert (at >= expired_at - 1, there) == (True, 3)
    assert kept.keeper.status().freed_bytes > 0


async def test_a_lost_log_brings_back_no_name_of_a_file_that_is_gone(kept: Kept) -> None:
    kept.pair.load([call(number, at=START - number * DAY) for number in (2, 7)])
    await kept.keeper.look()

    with duckdb.connect(":memory:") as other:
        copy = kept.copies.directory / "copy.duckdb"
        copy.write_bytes(kept.pair.writer.path.read_bytes())
        other.execute(f"ATTACH '{copy}' AS lost (READ_ONLY)")
        listed = other.execute("SELECT day::VARCHAR FROM lost.sealed_files").fetchall()

    assert listed == [("2027-01-13",)]


async def test_a_keeper_that_is_cancelled_while_it_writes_ends_and_loses_nothing(kept: Kept) -> None:
    kept.pair.load([call(3, at=START - 3 * DAY)])
    is_writing, may_go_on = threading.Event(), threading.Event()

    def hang() -> str:
        is_writing.set()
        may_go_on.wait(5)
        return ""

    kept.disk = hang
    async with anyio.create_task_group() as group:
        group.start_soon(kept.keeper.look)
        await anyio.to_thread.run_sync(is_writing.wait)
        group.cancel_scope.cancel()
        may_go_on.set()

    assert kept.pair.seqs() == [3]
    kept.pair.clock.advance(SWEEP_SECONDS)
    await kept.keeper.look()
    assert kept.hot() == []
    assert kept.pair.seqs() == [3]


async def test_the_store_seals_what_it_loads_and_still_answers(tmp_path: Path) -> None:
    clock = SystemClock()
    store = AnalyticsStore(tmp_path, clock=clock, settings=SETTINGS)
    await store.start()
    store.on_signal(call(1, at=clock.time() - 3 * DAY, integration="github"))
    async with anyio.create_task_group() as group:
        group.start_soon(store.run)
        with anyio.fail_after(8):
            while store.status().rows["calls"] == 0:
                await store.catch_up()
                await anyio.sleep(0.01)
        await store._archive.sweep()
        found = await store.query("performance", {"from": "-4d", "integration": "github"}, caller="ann")
        group.cancel_scope.cancel()
    status = store.status()
    await store.aclose()

    assert status.archive.totals["calls"].rows == 1
    assert [row[2] for row in found.rows] == [1]
    assert len(files(tmp_path)) == 1
