import errno
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from exporters.analytics.settings import AnalyticsSettings, Durability
from exporters.analytics.spool import SEAL_BYTES, SEAL_ROWS, SEAL_SECONDS, SOON_ROWS, SOON_SECONDS, Spool
from integrations.signals import Health, HealthChange
from tests.exporters.analytics.generated import SETTINGS, call, health_change, request
from tests.fakes.clock import FakeClock


def open_spool(
    directory: Path,
    *,
    settings: AnalyticsSettings = SETTINGS,
    write: Callable[[int, bytes], int] = os.write,
    flush: Callable[[int], None] = os.fsync,
    free: Callable[[Path], int] = lambda _: 1 << 40,
    skip: frozenset[type[msgspec.Struct]] = frozenset(),
) -> tuple[Spool, FakeClock]:
    clock = FakeClock()
    spool = Spool(directory, clock=clock, settings=settings, write=write, flush=flush, free=free, skip=skip)
    spool.recover()
    return spool, clock


def files(directory: Path, suffix: str) -> list[Path]:
    return sorted(path for path in directory.iterdir() if path.suffix == suffix)


def test_a_written_signal_is_in_the_file_at_once(tmp_path: Path) -> None:
    spool, _ = open_spool(tmp_path)

    spool.write([call(1), call(2)])

    (path,) = files(tmp_path, ".open")
    assert [msgspec.json.decode(line)["seq"] for line in path.read_bytes().splitlines()] == [1, 2]
    assert spool.acknowledged == {"calls": 2}


def test_each_table_has_a_segment_of_its_own(tmp_path: Path) -> None:
    spool, _ = open_spool(tmp_path)

    spool.write([call(1), request(2), call(3)])
    spool.seal(everything=True)

    assert [(segment.table, segment.rows) for segment in spool.sealed] == [("calls", 2), ("api_requests", 1)]


@pytest.mark.parametrize(
    ("rows", "age"),
    [
        pytest.param(1, SEAL_SECONDS, id="few"),
        pytest.param(SOON_ROWS - 1, SEAL_SECONDS, id="not many"),
        pytest.param(SOON_ROWS, SOON_SECONDS, id="many"),
    ],
)
def test_a_segment_is_sealed_the_sooner_the_more_it_has(tmp_path: Path, rows: int, age: float) -> None:
    spool, clock = open_spool(tmp_path)
    spool.write([call(1)] * rows)
    clock.advance(age - 0.01)
    spool.seal()
    assert not spool.is_due()
    assert not spool.sealed

    clock.advance(0.01)
    assert spool.is_due()
    spool.seal()

    assert [segment.rows for segment in spool.sealed] == [rows]
    assert files(tmp_path, ".open") == []


def test_what_is_to_survive_a_power_cut_is_synced_a_second_later(tmp_path: Path) -> None:
    synced: list[int] = []
    settings = AnalyticsSettings(disk_floor=0, durability=Durability.FSYNC_1S)
    spool, clock = open_spool(tmp_path, settings=settings, flush=synced.append)
    spool.write([call(1)])

    clock.advance(SOON_SECONDS)
    assert spool.is_due()
    spool.seal()

    assert len(synced) == 1


def test_segments_are_sealed_together_so_that_they_are_loaded_together(tmp_path: Path) -> None:
    spool, clock = open_spool(tmp_path)
    spool.write([call(1)])
    clock.advance(SEAL_SECONDS / 2)
    spool.write([request(2)])
    clock.advance(SEAL_SECONDS / 2)

    spool.seal()

    assert [segment.table for segment in spool.sealed] == ["calls", "api_requests"]


def test_a_wall_clock_that_jumps_back_keeps_no_segment_open(tmp_path: Path) -> None:
    spool, clock = open_spool(tmp_path)
    spool.write([call(1)])

    clock.jump_utc(-3600)
    clock.advance(SEAL_SECONDS)

    assert spool.is_due()


@pytest.mark.parametrize(
    ("signals", "count"),
    [
        pytest.param([call(1)] * SEAL_ROWS, SEAL_ROWS, id="rows"),
        pytest.param([call(1, detail="x" * (SEAL_BYTES // 4))] * 4, 4, id="bytes"),
    ],
)
def test_a_long_or_large_segment_is_sealed_at_once(tmp_path: Path, signals: list[object], count: int) -> None:
    spool, _ = open_spool(tmp_path)

    spool.write(signals)  # type: ignore[arg-type] # a table of signals

    assert [segment.rows for segment in spool.sealed] == [count]


def test_signals_that_come_another_way_are_left_out(tmp_path: Path) -> None:
    spool, _ = open_spool(tmp_path, skip=frozenset({HealthChange}))

    spool.write([call(1), health_change(1.0, Health.UP), call(2)])

    assert spool.acknowledged == {"calls": 2}
    assert not spool.dropped


def test_a_signal_that_cannot_be_encoded_costs_no_other(tmp_path: Path) -> None:
    spool, _ = open_spool(tmp_path)

    spool.write([call(1), call(2, detail="\ud800"), call(3)])

    assert spool.acknowledged == {"calls": 2}
    assert spool.dropped == {("calls", "unencodable"): 1}


def test_a_full_spool_drops_and_counts_until_segments_are_removed(tmp_path: Path) -> None:
    spool, _ = open_spool(tmp_path, settings=AnalyticsSettings(disk_floor=0, spool_bytes=100))
    spool.write([call(1)])

    spool.write([call(2), request(3)])
    spool.removed_bytes += spool.size
    spool.write([call(4)])

    assert spool.dropped == {("calls", "spool_full"): 1, ("api_requests", "spool_full"): 1}
    assert spool.acknowledged == {"calls": 2}


def test_below_the_disk_floor_nothing_is_written_until_there_is_room(tmp_path: Path) -> None:
    room = [10 << 20]
    settings = AnalyticsSettings(disk_floor=20 << 20)
    spool, clock = open_spool(tmp_path, settings=settings, free=lambda _: room[0])

    spool.write([call(1)])
    assert "10 MiB are free" in spool.problem
    room[0] = 30 << 20
    clock.advance(1)
    spool.write([call(2)])

    assert spool.problem == ""
    assert spool.dropped == {("calls", "disk"): 1}
    assert spool.acknowledged == {"calls": 1}


def test_a_full_disk_leaves_no_torn_line_and_the_spool_recovers(tmp_path: Path) -> None:
    room = [1 << 20]

    def write(descriptor: int, data: bytes) -> int:
        if room[0] == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = os.write(descriptor, data[: room[0]])
        room[0] -= written
        return written

    spool, clock = open_spool(tmp_path, write=write)
    spool.write([call(1)])
    room[0] = 100
    spool.write([call(2)])
    assert "No space left" in spool.problem
    room[0] = 1 << 20
    clock.advance(1)
    spool.write([call(3)])
    spool.seal(everything=True)

    (segment,) = spool.sealed
    assert [msgspec.json.decode(line)["seq"] for line in segment.path.read_bytes().splitlines()] == [1, 3]
    assert spool.dropped == {("calls", "write_failed"): 1}
    assert (segment.rows, segment.size) == (2, segment.path.stat().st_size)
    assert spool.problem == ""


def test_what_a_bug_in_writing_loses_is_counted(tmp_path: Path) -> None:
    def write(file: int, data: bytes) -> int:
        if b'"health_change"' in data:
            raise RuntimeError("a bug")
        return os.write(file, data)

    spool, _ = open_spool(tmp_path, write=write)

    with pytest.raises(RuntimeError, match="a bug"):
        spool.write([request(1), health_change(2, Health.DOWN), call(3), call(4)])

    kept, lost = spool.acknowledged, +spool.dropped
    assert kept == {"api_requests": 1}
    assert lost == {("health_changes", "write_failed"): 1, ("calls", "write_failed"): 2}


def test_a_short_write_is_gone_on_with(tmp_path: Path) -> None:
    spool, _ = open_spool(tmp_path, write=lambda descriptor, data: os.write(descriptor, data[:7]))

    spool.write([call(1), call(2)])

    (path,) = files(tmp_path, ".open")
    assert [msgspec.json.decode(line)["seq"] for line in path.read_bytes().splitlines()] == [1, 2]


@pytest.mark.parametrize("durability", list(Durability))
def test_every_durability_keeps_the_rows(tmp_path: Path, durability: Durability) -> None:
    spool, _ = open_spool(tmp_path, settings=AnalyticsSettings(disk_floor=0, durability=durability))

    spool.write([call(1)])
    spool.seal(everything=True)

    assert [segment.rows for segment in spool.sealed] == [1]


@pytest.mark.parametrize(
    ("durability", "flushed"),
    [
        (Durability.OS, [0, 0, 0]),
        (Durability.FSYNC_1S, [0, 0, 300]),
        (Durability.FSYNC_TICK, [100, 200, 300]),
    ],
)
def test_rows_are_flushed_to_the_disk_as_their_durability_says(
    tmp_path: Path, durability: Durability, flushed: list[int]
) -> None:
    rows_on_disk = 0

    def flush(descriptor: int) -> None:
        nonlocal rows_on_disk
        os.fsync(descriptor)
        rows_on_disk = Path(f"/proc/self/fd/{descriptor}").read_bytes().count(b"\n")

    settings = AnalyticsSettings(disk_floor=0, durability=durability)
    spool, clock = open_spool(tmp_path, settings=settings, flush=flush)
    found = []
    for _ in range(2):
        spool.write([call(number) for number in range(100)])
        found.append(rows_on_disk)
    clock.advance(SEAL_SECONDS)
    spool.write([call(number) for number in range(100)])
    found.append(rows_on_disk)

    assert found == flushed


def test_rows_that_cannot_be_flushed_are_not_acknowledged(tmp_path: Path) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    settings = AnalyticsSettings(disk_floor=0, durability=Durability.FSYNC_TICK)
    spool, _ = open_spool(tmp_path, settings=settings, flush=fail)

    spool.write([call(1)])

    assert spool.acknowledged == {}
    assert spool.dropped == {("calls", "write_failed"): 1}
    assert "Input/output error" in spool.problem


def test_the_oldest_waiting_row_is_as_old_as_its_segment(tmp_path: Path) -> None:
    spool, clock = open_spool(tmp_path)
    assert spool.oldest is None
    spool.write([call(1)])
    opened = clock.time()
    clock.advance(5)
    spool.seal()
    spool.write([request(1)])

    assert spool.oldest == opened


def test_a_spool_that_another_process_has_says_so(tmp_path: Path) -> None:
    open_spool(tmp_path)
    second = Spool(tmp_path, clock=FakeClock(), settings=SETTINGS)

    with pytest.raises(OSError, match="another process"):
        second.recover()

    assert "another process has it" in second.problem
