"""The spool of a push exporter: order, bounds, damage and failing disks."""

from pathlib import Path

import msgspec
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporters.push.batchfile import Batch
from exporters.push.spool import MOST_DAMAGED, Kept, Spool
from tests.fakes.clock import FakeClock

START = FakeClock().time()


def batch(text: str = "body", *, points: int = 10, age: float = 0.0, size: int = 0) -> Batch:
    return Batch(
        route="series",
        body=text.encode() + b"." * size,
        headers={"content-type": "application/json"},
        points=points,
        cut_at=START - age,
    )


def opened(directory: Path, *, limit: int = 1_000_000, keep: float = 3_300.0) -> Spool:
    spool = Spool(directory, limit=limit, keep=keep, clock=FakeClock())
    spool.open()
    return spool


def drained(spool: Spool) -> list[bytes]:
    bodies = []
    while kept := spool.first():
        bodies.append(kept.batch.body)
        spool.remove(kept)
    return bodies


def head(spool: Spool) -> Kept:
    kept = spool.first()
    assert kept is not None
    return kept


def test_batches_come_back_whole_and_in_order(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    first, second, third = batch("1"), batch("2"), batch("3")
    spool.append([first, second])
    spool.append([third])

    assert head(spool).batch == first
    assert len(spool) == 3
    assert drained(spool) == [b"1", b"2", b"3"]
    assert (len(spool), spool.bytes, spool.oldest) == (0, 0, None)
    assert list(tmp_path.iterdir()) == []


def test_what_was_kept_is_there_after_a_restart_and_new_ones_come_after_it(tmp_path: Path) -> None:
    opened(tmp_path).append([batch("1"), batch("2")])

    again = opened(tmp_path)
    again.append([batch("3")])

    assert again.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert drained(again) == [b"1", b"2", b"3"]


def test_a_file_that_was_not_finished_is_removed_at_start(tmp_path: Path) -> None:
    (tmp_path / "0000000000000001-0000.part").write_bytes(b"half")

    assert drained(opened(tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_a_full_spool_gives_the_oldest_up_and_counts_its_points(tmp_path: Path) -> None:
    spool = opened(tmp_path, limit=2_500)
    for text in "1234":
        spool.append([batch(text, points=7, size=1_000)])

    assert spool.bytes <= 2_500
    assert spool.dropped == {"full": 14}
    assert [body[:1] for body in drained(spool)] == [b"3", b"4"]


def test_what_the_intake_would_refuse_for_its_age_is_given_up(tmp_path: Path) -> None:
    spool = opened(tmp_path, keep=60.0)
    spool.append([batch("old", points=3, age=60.0), batch("new", age=59.0)])

    assert drained(spool) == [b"new"]
    assert spool.dropped == {"expired": 3}


def test_a_batch_may_be_of_use_for_less_long_than_the_others_also_after_a_restart(tmp_path: Path) -> None:
    short = msgspec.structs.replace(batch("short", points=2, age=61.0), keep=60.0)
    opened(tmp_path).append([short, batch("long", age=61.0)])

    spool = opened(tmp_path)

    assert drained(spool) == [b"long"]
    assert spool.dropped == {"expired": 2}


@pytest.mark.parametrize("place", [0, 5, 9, 14, 20, -1])
def test_one_wrong_byte_sets_a_file_aside_and_the_next_is_sent(tmp_path: Path, place: int) -> None:
    spool = opened(tmp_path)
    spool.append([batch("1", points=5), batch("2")])
    path = min(tmp_path.iterdir())
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))

    assert drained(spool) == [b"2"]
    assert spool.dropped == {"damaged": 5}
    assert [left.suffix for left in tmp_path.iterdir()] == [".bad"]


@given(cut=st.integers(min_value=0, max_value=200))
def test_a_truncated_file_is_never_taken_for_a_batch(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    opened(directory).append([batch("whole")])
    path = next(directory.iterdir())
    data = path.read_bytes()
    path.write_bytes(data[: min(cut, len(data) - 1)])

    spool = opened(directory)

    assert spool.first() is None
    assert "damaged" in spool.dropped


def test_a_file_that_somebody_removed_is_passed_over(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([batch("1"), batch("2")])
    min(tmp_path.iterdir()).unlink()

    assert drained(spool) == [b"2"]


def next_file(number: int, part: int, points: int = 10) -> str:
    """The name under which a batch is written, in the first millisecond of the clock."""
    return f"{int(START * 1000) + number:016d}-{part:04d}-{points}"


def test_a_window_that_cannot_be_written_whole_is_held_whole_in_memory(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([batch("1")])
    (tmp_path / f"{next_file(1, 1)}.part").mkdir()

    spool.append([batch("2"), batch("3")])

    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [f"{next_file(0, 0)}.batch"]
    assert "directory" in spool.trouble
    assert (spool.held, spool.points) == (20, 30)
    assert drained(spool) == [b"1", b"2", b"3"]


def test_what_is_held_is_written_with_the_next_window_that_can_be(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    blocked = tmp_path / f"{next_file(0, 0)}.part"
    blocked.mkdir()
    spool.append([batch("1")])
    blocked.rmdir()
    spool.append([batch("2")])

    assert (spool.held, spool.trouble) == (0, "")
    assert spool.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert drained(opened(tmp_path)) == [b"1", b"2"]


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    (tmp_path / f"{next_file(0, 0)}.part").symlink_to("/dev/full")

    spool.append([batch("1")])

    assert spool.trouble == "No space left on device"
    assert drained(spool) == [b"1"]


def test_what_was_in_memory_only_is_not_told_of_as_left_on_the_disk(tmp_path: Path) -> None:
    place = tmp_path / "spool"
    place.write_text("a file where the directory should be")
    spool = opened(place)
    spool.append([batch("1")])

    with structlog.testing.capture_logs() as logs:
        spool.remove(head(spool))

    assert (len(spool), logs) == (0, [])


def test_a_file_that_cannot_be_removed_is_told_of(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([batch("1")])
    kept = head(spool)
    kept.path.unlink()
    kept.path.mkdir()

    with structlog.testing.capture_logs() as logs:
        spool.remove(kept)

    assert [entry["file"] for entry in logs] == [kept.path.name]


def test_no_more_is_held_than_there_is_memory_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "file" / "spool", limit=10_000, keep=60.0, clock=FakeClock(), in_memory=100)
    (tmp_path / "file").write_text("no directory")
    spool.append([batch("1", size=90)])

    with pytest.raises(OSError, match="directory"):
        spool.append([batch("2", size=90)])

    assert spool.give_up_held() == 10
    assert spool.dropped == {"unwritten": 10}


def test_a_spool_whose_directory_could_not_be_used_at_first_finds_what_was_in_it(tmp_path: Path) -> None:
    directory = tmp_path / "spool"
    opened(directory).append([batch("1")])
    directory.rename(tmp_path / "aside")
    directory.write_text("no directory")
    spool = Spool(directory, limit=100_000, keep=3_300.0, clock=FakeClock(now=2_000.0, utc=START + 1))
    spool.open()
    spool.append([batch("2")])
    directory.unlink()
    (tmp_path / "aside").rename(directory)
    spool.append([batch("3")])

    assert drained(spool) == [b"1", b"2", b"3"]


def test_what_the_disk_does_not_give_back_now_is_kept_for_later(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([batch("1"), batch("2")])
    path = min(tmp_path.iterdir())
    path.rename(tmp_path / "aside")
    path.mkdir()

    assert head(spool).batch.body == b"2"
    assert spool.trouble == "Is a directory"
    path.rmdir()
    (tmp_path / "aside").rename(path)
    assert drained(spool) == [b"1", b"2"]


def test_a_damaged_file_that_is_found_at_start_counts_the_points_its_name_tells(tmp_path: Path) -> None:
    opened(tmp_path).append([batch("1", points=5)])
    path = next(tmp_path.iterdir())
    path.write_bytes(b"garbage")

    assert opened(tmp_path).dropped == {"damaged": 5}


def test_only_some_damaged_files_are_left_to_look_at(tmp_path: Path) -> None:
    for number in range(MOST_DAMAGED + 3):
        (tmp_path / f"{next_file(number, 0)}.bad").write_bytes(b"garbage")

    opened(tmp_path)

    assert min(tmp_path.iterdir()).name == f"{next_file(3, 0)}.bad"
    assert len(list(tmp_path.iterdir())) == MOST_DAMAGED


def test_parts_are_forgotten_when_the_large_one_is_found_beside_them(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([batch("12"), batch("3")])
    large = head(spool).path
    whole = large.read_bytes()
    spool.replace(head(spool), [batch("1"), batch("2")])
    large.write_bytes(whole)

    again = opened(tmp_path)

    assert len(again) == len(list(tmp_path.iterdir())) == 2
    assert drained(again) == [b"12", b"3"]


def test_files_of_earlier_versions_are_read(tmp_path: Path) -> None:
    opened(tmp_path).append([batch("1")])
    path = next(tmp_path.iterdir())
    path.rename(tmp_path / "0000000000000007-0000.batch")

    assert drained(opened(tmp_path)) == [b"1"]


def test_a_batch_that_is_too_large_is_replaced_by_parts_in_its_place(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([batch("12"), batch("3")])
    spool.append([batch("4")])

    spool.replace(head(spool), [batch("1"), batch("2")])

    assert sorted(drained(opened(tmp_path))[:3]) == [b"1", b"2", b"3"]
    assert drained(opened(tmp_path)) == []


def test_parts_come_before_the_next_window_without_a_restart(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([batch("12")])
    spool.append([batch("3")])

    spool.replace(head(spool), [batch("1"), batch("2")])

    assert drained(spool) == [b"1", b"2", b"3"]


def test_giving_up_counts_by_reason(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([batch("1", points=4)])

    spool.drop(head(spool), "refused")

    assert spool.dropped == {"refused": 4}
    assert drained(spool) == []


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    assert drained(opened(tmp_path)) == []
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_file_holds_nothing_but_what_was_given(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    given_one = batch("1")
    spool.append([given_one])

    assert msgspec.structs.asdict(head(spool).batch) == msgspec.structs.asdict(given_one)
