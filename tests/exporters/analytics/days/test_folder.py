"""The folder for other programs: every row once at any moment, and never in the way."""

import datetime as dt
import errno
import threading
from collections.abc import AsyncIterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import anyio
import duckdb
import pytest

from exporters.analytics.days.desk import DayDesk, DayFile
from exporters.analytics.days.folder import LINGER, NAME, OWN, Folder
from exporters.analytics.days.listed import TableDay
from exporters.analytics.days.placing import place
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.clock import SystemClock
from tests.exporters.analytics.days.world import DAY, LATER, Growing, World
from tests.fakes.clock import FakeClock


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path / "analytics")
    yield world
    await world.aclose()


@pytest.fixture
def days(tmp_path: Path) -> Growing:
    return Growing(tmp_path / "days")


def folder_of(days: Growing | DayDesk, path: Path) -> Folder:
    return Folder(path, days=days, seconds=60.0, clock=SystemClock())


def seqs_in(folder: Path) -> list[int]:
    """What a program reads that knows nothing but the folder."""
    connection = duckdb.connect()
    try:
        rows = connection.execute(f"SELECT seq FROM '{folder}/calls/*/*.parquet' ORDER BY seq").fetchall()
        return [seq for (seq,) in rows]
    finally:
        connection.close()


def place_of(folder: Path, day: dt.date) -> Path:
    return folder / "calls" / f"day={day}" / NAME


async def test_the_folder_holds_each_row_once_hot_sealed_and_late(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder = folder_of(world.desk, out)
    world.calls([10], day=LATER)
    for step in range(3):
        world.calls([step])
        await folder.update()
        assert seqs_in(out) == [*range(step + 1), 10]
        if step == 1:
            world.seal(DAY)
            await folder.update()
            assert seqs_in(out) == [*range(step + 1), 10]

    assert folder.status().problem == ""
    assert {path.name for path in out.rglob("*") if path.is_file()} == {NAME, "state.json"}


async def test_only_days_with_new_rows_are_written_again(days: Growing, tmp_path: Path) -> None:
    out = tmp_path / "out"
    days.calls([1])
    days.calls([2], day=LATER)
    folder = folder_of(days, out)
    await folder.update()
    before = [place_of(out, day).stat().st_ino for day in (DAY, LATER)]
    await folder.update()
    days.calls([3], day=LATER)
    await folder.update()

    after = [place_of(out, day).stat().st_ino for day in (DAY, LATER)]
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert folder.files == {"written": 3}


async def test_a_day_that_grew_becomes_a_link_once_nobody_reads_what_it_was(
    days: Growing, tmp_path: Path
) -> None:
    clock, out = FakeClock(), tmp_path / "out"
    folder = Folder(out, days=days, seconds=60.0, clock=clock)
    for number in range(4):
        days.calls([number])
        await folder.update()
        clock.advance(60)
    part = days.seal()
    links = []
    for _ in range(8):
        await folder.update()
        assert seqs_in(out) == [0, 1, 2, 3]
        links.append(place_of(out, DAY).samefile(part))
        clock.advance(60)

    assert not links[0]
    assert links[-1]
    assert folder.files["linked"] == 1
    days.calls([4])
    await folder.update()
    assert seqs_in(out) == [0, 1, 2, 3, 4]
    assert len(duckdb.execute(f"SELECT seq FROM '{part}'").fetchall()) == 4


async def test_what_was_read_of_earlier_versions_stays_in_its_place(days: Growing, tmp_path: Path) -> None:
    clock, out = FakeClock(), tmp_path / "out"
    folder = Folder(out, days=days, seconds=60.0, clock=clock)
    versions: list[tuple[float, bytes]] = []
    for number in range(0, 500, 100):
        days.calls(range(number, number + 100))
        await folder.update()
        content = place_of(out, DAY).read_bytes()
        for at, before in versions:
            if clock.time() - at < LINGER:
                (tmp_path / "before.parquet").write_bytes(content[: len(before)])
                rows = duckdb.execute(f"SELECT count(DISTINCT seq) FROM '{tmp_path}/before.parquet'")
                assert rows.fetchall() == [(counted(before, tmp_path),)]
        versions.append((clock.time(), content))
        clock.advance(50)

    assert len(seqs_in(out)) == 500


def counted(content: bytes, tmp_path: Path) -> int:
    path = tmp_path / f"counted-{len(content)}.parquet"
    path.write_bytes(content)
    ((rows,),) = duckdb.execute(f"SELECT count(DISTINCT seq) FROM '{path}'").fetchall()
    return int(rows)


async def test_a_sealed_day_is_a_link_to_the_archive(days: Growing, tmp_path: Path) -> None:
    days.calls([1, 2])
    part = days.seal()
    folder = folder_of(days, tmp_path / "out")

    await folder.update()
    await folder.update()

    assert place_of(tmp_path / "out", DAY).samefile(part)
    assert folder.files == {"linked": 1}


async def test_a_day_that_has_had_its_time_goes(days: Growing, tmp_path: Path) -> None:
    out = tmp_path / "out"
    days.calls([1])
    days.calls([2], day=LATER)
    days.seal(DAY)
    folder = folder_of(days, out)
    await folder.update()
    stranger = out / "calls" / "mine.txt"
    stranger.write_text("not Dialtone's")

    days.expire(DAY)
    await folder.update()

    assert seqs_in(out) == [2]
    assert not place_of(out, DAY).parent.exists()
    assert stranger.exists()
    assert folder.files == {"linked": 1, "written": 1, "removed": 1}


async def test_after_a_restart_nothing_is_written_again_that_is_as_it_should_be(
    days: Growing, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    days.calls([1])
    days.calls([2], day=LATER)
    await folder_of(days, out).update()
    place_of(out, LATER).write_bytes(b"half a file")
    (out / OWN / "left.part").write_bytes(b"x")

    again = folder_of(days, out)
    await again.update()

    assert seqs_in(out) == [1, 2]
    assert again.files == {"written": 1}
    assert not (out / OWN / "left.part").exists()


@pytest.mark.parametrize("state", [None, b"no json", b'{"../../other/data.parquet": {"rows": 1, "size": 1}}'])
async def test_a_lost_or_forged_state_costs_only_work(
    days: Growing, tmp_path: Path, state: bytes | None
) -> None:
    out, other = tmp_path / "out" / "in" / "it", tmp_path / "other"
    other.mkdir()
    (other / NAME).write_bytes(b"not ours")
    days.calls([1])
    await folder_of(days, out).update()
    gone = place_of(out, LATER)
    gone.parent.mkdir()
    gone.write_bytes(place_of(out, DAY).read_bytes())
    (out / OWN / "state.json").unlink() if state is None else (out / OWN / "state.json").write_bytes(state)

    await folder_of(days, out).update()

    assert seqs_in(out) == [1]
    assert (other / NAME).exists()


class Days:
    """Tells and gives what it is told to, or fails."""

    def __init__(self, *days: TableDay) -> None:
        self.told = days
        self.error: Exception | None = None
        self.refused: dict[dt.date, Exception] = {}

    async def days(self) -> tuple[TableDay, ...]:
        if self.error is not None:
            raise self.error
        return self.told

    async def file(self, table: str, day: dt.date) -> DayFile:
        if day in self.refused:
            raise self.refused[day]
        found = next(one for one in self.told if (one.table, one.day) == (table, day))
        assert found.part is not None
        return DayFile(path=found.part, rows=found.rows, as_of=0.0, is_own=False)


def days_in(directory: Path) -> Days:
    parts = []
    for day in (DAY, LATER):
        parts.append(directory / f"{day}.parquet")
        duckdb.execute(f"COPY (SELECT 1 AS seq) TO '{parts[-1]}' (FORMAT parquet)")
    return Days(
        *(
            TableDay(table="calls", day=day, rows=1, part=part)
            for day, part in zip((DAY, LATER), parts, strict=True)
        )
    )


async def test_what_goes_wrong_is_told_and_tried_again_and_the_rest_goes_on(tmp_path: Path) -> None:
    days, clock, out = days_in(tmp_path), FakeClock(), tmp_path / "out"
    days.refused[DAY] = AnalyticsUnavailable("the writer is busy")
    folder = Folder(out, days=days, seconds=60.0, clock=clock)

    await folder.update()
    failed = folder.status()
    was_there = place_of(out, LATER).exists()
    days.refused.clear()
    clock.advance(60)
    await folder.update()

    assert failed.problem == f"calls/day={DAY}/data.parquet: the writer is busy"
    assert failed.current_at is None
    assert was_there
    assert (folder.status().problem, folder.status().current_at) == ("", clock.time())
    assert folder.files == {"failed": 1, "linked": 2}
    assert ("dialtone_analytics_folder_timestamp_seconds", (), clock.time()) in list(folder.samples())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (AnalyticsUnavailable("analytics is off"), "analytics is off"),
        (OSError(28, "No space left"), "No space"),
    ],
)
async def test_while_days_cannot_be_told_the_folder_stays_as_it_is(
    tmp_path: Path, error: Exception, words: str
) -> None:
    days, out = days_in(tmp_path), tmp_path / "out"
    folder = Folder(out, days=days, seconds=60.0, clock=FakeClock())
    await folder.update()
    days.error, days.told = error, ()

    await folder.update()

    assert words in folder.status().problem
    assert place_of(out, DAY).exists()


async def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file stands there")
    folder = Folder(tmp_path / "out", days=days_in(tmp_path), seconds=60.0, clock=FakeClock())

    await folder.update()

    assert "File exists" in folder.status().problem


async def test_it_takes_a_tenth_of_the_time_at_most(tmp_path: Path) -> None:
    clock = FakeClock()

    class Slow(Days):
        async def days(self) -> tuple[TableDay, ...]:
            starts.append(clock.monotonic())
            clock.advance(20.0)
            if len(starts) == 3:
                raise KeyError
            return ()

    starts: list[float] = []
    with pytest.raises(KeyError):
        await Folder(tmp_path / "out", days=Slow(), seconds=60.0, clock=clock).run()

    assert [after - before for before, after in pairwise(starts)] == [200.0, 200.0]


def test_a_file_comes_as_a_copy_where_there_can_be_no_link(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"PAR1")

    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    size = place(source, tmp_path / "a" / "b" / "target", workshop=tmp_path / "w", link=refuse)

    assert (tmp_path / "a" / "b" / "target").read_bytes() == b"PAR1"
    assert (size, list((tmp_path / "w").iterdir())) == (4, [])


def test_placing_the_same_file_again_leaves_nothing_behind(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"PAR1")

    for _ in range(2):
        place(source, tmp_path / "target", workshop=tmp_path / "w")

    assert list((tmp_path / "w").iterdir()) == []
    assert (tmp_path / "target").samefile(source)


_PAUSE = 0.003


class Watching:
    """Reads the folder without end, as other programs do; notes what it saw that cannot be."""

    def __init__(self, folder: Path) -> None:
        self.seen = 0
        self.readings = 0
        self.wrong: list[str] = []
        self._folder = folder
        self._stopped = threading.Event()

    @contextmanager
    def going_on(self):  # type: ignore[no-untyped-def] # a test's own
        thread = threading.Thread(target=self._read_on)
        thread.start()
        try:
            yield
        finally:
            self._stopped.set()
            thread.join()

    def _read_on(self) -> None:
        connection = duckdb.connect()
        query = f"SELECT count(*), count(DISTINCT seq) FROM '{self._folder}/calls/*/*.parquet'"
        while not self._stopped.wait(_PAUSE):
            try:
                ((rows, different),) = connection.execute(query).fetchall()
            except duckdb.Error as error:
                self.wrong.append(str(error))
                continue
            if rows != different or rows < self.seen:
                self.wrong.append(f"{rows} rows, {different} different, after {self.seen}")
            self.seen = max(self.seen, rows)
            self.readings += 1
        connection.close()


async def test_a_reader_sees_each_row_once_at_any_moment(days: Growing, tmp_path: Path) -> None:
    out = tmp_path / "out"
    folder = folder_of(days, out)
    days.calls([0])
    days.calls([10_000], day=LATER)
    await folder.update()
    watching = Watching(out)

    with watching.going_on():
        for step in range(1, 17):
            days.calls(range(step * 100, step * 100 + 50))
            days.calls([10_000 + step], day=LATER)
            if step % 6 == 0:
                days.seal(DAY)
            await folder.update()
            await anyio.sleep(0.01)

    assert watching.wrong == []
    assert watching.readings > 5
    assert len(seqs_in(out)) == 1 + 16 * 50 + 17
