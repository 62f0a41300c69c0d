"""What is left of the archive and its database after kills, damage, losses and moves."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from exporters.analytics.migrations import bundled_steps
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.signals import Health, Signal
from tests.exporters.analytics.archive.sealing_by_hand import (
    DAY,
    archive_of,
    files,
    planned,
    seal,
    seal_all,
    write,
)
from tests.exporters.analytics.generated import START, Pair, abandon, call, health_change, started


def old_calls(*days: float) -> list[Signal]:
    """One call a day, numbered by how long ago it was."""
    return [call(int(ago), at=START - ago * DAY) for ago in days]


def with_sealed(directory: Path, *days: float) -> Pair:
    pair = started(directory)
    pair.load(old_calls(*days))
    seal_all(pair)
    return pair


def listed(pair: Pair) -> Sequence[object]:
    return [name for (name,) in pair.rows("SELECT file FROM sealed_files ORDER BY ALL")]


def test_a_file_that_was_written_and_not_listed_is_removed_and_written_again(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load(old_calls(2, 3))
    for part in planned(pair):
        write(pair, part)
    before = files(tmp_path)
    abandon(pair)

    again = started(tmp_path)

    assert len(before) == 2
    assert files(tmp_path) == []
    assert again.seqs() == [2, 3]
    seal_all(again)
    assert again.seqs() == [2, 3]
    again.close()


def test_what_was_being_written_is_removed(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 2)
    (whole,) = files(tmp_path)
    torn = whole.with_name("part-torn.part")
    torn.write_bytes(whole.read_bytes()[:100])
    pair.close()

    again = started(tmp_path)

    assert files(tmp_path) == [whole]
    assert again.seqs() == [2]
    again.close()


@pytest.mark.parametrize("is_checkpointed", [False, True])
def test_a_sealed_day_outlives_a_kill(tmp_path: Path, *, is_checkpointed: bool) -> None:
    pair = with_sealed(tmp_path, 0, 2, 3)
    if is_checkpointed:
        pair.writer.checkpoint()
    abandon(pair)

    again = started(tmp_path)

    assert again.seqs() == [0, 2, 3]
    assert again.rows("SELECT seq FROM hot_calls") == [(0,)]
    again.close()


def test_a_damaged_log_takes_the_sealing_back_and_no_row(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 0, 2, 3)
    abandon(pair)
    log = tmp_path / "hot.duckdb.wal"
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)

    again = started(tmp_path)

    assert again.writer.set_aside
    assert again.seqs() == [0, 2, 3]
    assert len(again.rows("SELECT seq FROM hot_calls")) + len(listed(again)) == 3
    again.close()


@pytest.mark.parametrize("loss", ["removed", "garbage"])
def test_a_lost_database_finds_its_sealed_days_again(tmp_path: Path, loss: str) -> None:
    pair = with_sealed(tmp_path, 0, 2, 3, 4)
    before = listed(pair)
    pair.writer.checkpoint()
    pair.close()
    if loss == "removed":
        (tmp_path / "hot.duckdb").unlink()
    else:
        (tmp_path / "hot.duckdb").write_bytes(b"x" * 20_000)

    again = started(tmp_path)

    assert again.seqs() == [2, 3, 4]
    assert listed(again) == before
    again.load([call(9)])
    assert again.seqs() == [2, 3, 4, 9]
    again.close()
    third = started(tmp_path)
    assert third.seqs() == [2, 3, 4, 9]
    third.close()


def test_stored_signals_that_were_sealed_are_not_copied_again_into_a_new_database(tmp_path: Path) -> None:
    log = [(number, health_change(START - 4 * DAY + number, Health.DOWN)) for number in range(1, 4)]
    log.append((4, health_change(START - DAY, Health.UP)))
    pair = started(tmp_path)
    pair.writer.copy(log)
    seal_all(pair)
    pair.close()
    (tmp_path / "hot.duckdb").unlink()

    again = started(tmp_path)
    assert again.writer.position() == 0
    again.writer.copy([*log, (5, health_change(START - 4 * DAY, Health.DEGRADED))])

    assert again.rows("SELECT after, count(*) FROM health_changes GROUP BY ALL ORDER BY ALL") == [
        ("degraded", 1), ("down", 3), ("up", 1)
    ]  # fmt: skip
    again.close()


def test_another_log_of_stored_signals_begins_with_numbers_that_were_sealed_before(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.writer.copy([(900, health_change(START - 4 * DAY, Health.DOWN))])
    seal_all(pair)

    pair.writer.align(0)
    pair.writer.copy([(1, health_change(START - 4 * DAY + 1, Health.UP))])

    assert pair.rows("SELECT count(*) FROM health_changes") == [(2,)]
    assert pair.rows("SELECT max(stored_position) FROM sealed_files") == [(0,)]
    pair.close()


def test_an_older_database_takes_in_the_days_that_were_sealed_since(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load(old_calls(0, 2, 3))
    pair.writer.checkpoint()
    pair.close()
    shutil.copy(tmp_path / "hot.duckdb", tmp_path / "backup")
    pair = started(tmp_path)
    pair.load(old_calls(3.5, 5))
    pair.load([call(3, at=START - 3 * DAY)])
    seal_all(pair)
    pair.close()
    (tmp_path / "backup").rename(tmp_path / "hot.duckdb")

    again = started(tmp_path)

    # The day of 3 has a row in its file twice that the old database has once.
    assert again.seqs() == [0, 2, 3, 3, 3, 5]
    assert again.rows("SELECT seq FROM hot_calls ORDER BY seq") == [(0,), (2,)]
    again.close()


def test_a_missing_file_is_told_left_out_and_taken_in_when_it_is_there_again(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 0, 2, 3)
    pair.close()
    (gone, _) = files(tmp_path)
    gone.rename(tmp_path / "kept")

    again = started(tmp_path)
    assert again.seqs() == [0, 2]
    assert archive_of(again).missing == (str(gone.relative_to(tmp_path / "archive")),)
    again.close()

    gone.parent.mkdir(exist_ok=True)
    (tmp_path / "kept").rename(gone)
    third = started(tmp_path)
    assert third.seqs() == [0, 2, 3]
    assert archive_of(third).missing == ()
    third.close()


@pytest.mark.parametrize("content", [b"", b"PAR1" + b"x" * 500 + b"PAR1"], ids=["empty", "garbage"])
def test_a_listed_file_that_is_not_whole_is_told_and_left_out(tmp_path: Path, content: bytes) -> None:
    pair = with_sealed(tmp_path, 0, 2, 3)
    pair.close()
    bad = files(tmp_path)[-1]
    bad.write_bytes(content)

    again = started(tmp_path)

    assert again.writer.problem == ""
    assert again.seqs() == [0, 3]
    assert archive_of(again).missing == (str(bad.relative_to(tmp_path / "archive")),)
    assert bad.read_bytes() == content
    again.close()


def test_a_listed_file_of_the_right_size_that_cannot_be_opened_is_left_out(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 0, 2, 3)
    pair.close()
    bad = files(tmp_path)[-1]
    bad.write_bytes(bytes(bad.stat().st_size))

    again = started(tmp_path)

    assert again.seqs() == [0, 3]
    assert archive_of(again).missing == (str(bad.relative_to(tmp_path / "archive")),)
    assert planned(again) == []
    assert archive_of(again).missing == (str(bad.relative_to(tmp_path / "archive")),)
    again.close()


def test_a_damaged_page_of_a_file_fails_the_queries_that_read_it_and_nothing_else(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 0, 2, 3)
    pair.close()
    bad = files(tmp_path)[-1]
    content = bytearray(bad.read_bytes())
    content[1_000:1_200] = bytes(200)
    bad.write_bytes(content)

    again = started(tmp_path)
    again.load([call(1, at=START - DAY), call(4, at=START - 4 * DAY)])
    seal_all(again)

    with pytest.raises(duckdb.Error):
        again.rows("SELECT * FROM calls")
    assert again.rows("SELECT seq FROM calls WHERE ts >= TIMESTAMP '2027-01-14' ORDER BY seq") == [(0,), (1,)]
    assert again.writer.problem == ""
    assert again.writer.set_aside == ()
    again.close()


def test_a_file_that_appears_missing_during_a_sweep_leaves_the_others_to_queries(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 0, 2, 3)
    files(tmp_path)[0].unlink()

    planned(pair)

    assert pair.seqs() == [0, 2]
    pair.close()


def test_an_unlisted_file_that_cannot_be_read_is_set_aside(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 2)
    pair.close()
    (whole,) = files(tmp_path)
    whole.with_name("part-bad.parquet").write_bytes(b"PAR1 nothing")

    again = started(tmp_path)

    (name,) = again.writer.set_aside
    assert "part-bad.parquet.damaged-" in name
    assert (tmp_path / name).exists()
    assert again.seqs() == [2]
    again.close()


def test_a_file_of_a_newer_version_waits_for_that_version_and_is_told(tmp_path: Path) -> None:
    """Its form may be one that this version does not know: an older Dialtone has begun a new database."""
    pair = with_sealed(tmp_path, 2)
    pair.close()
    (sealed,) = files(tmp_path)
    (tmp_path / "hot.duckdb").unlink()
    older = started(tmp_path, steps=bundled_steps()[:-1])

    assert archive_of(older).strange == (str(sealed.relative_to(tmp_path / "archive")),)
    assert older.seqs() == []
    older.close()
    newer = started(tmp_path)

    assert archive_of(newer).strange == ()
    assert newer.seqs() == [2]
    newer.close()


def test_a_file_that_is_not_dialtones_is_left_alone_and_told(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 2)
    pair.close()
    (whole,) = files(tmp_path)
    strange = whole.with_name("theirs.parquet")
    duckdb.execute(f"COPY (SELECT 1 AS a) TO '{strange}' (FORMAT parquet)")
    moved = tmp_path / "archive" / "calls" / "day=1999-01-01" / "part-1.parquet"
    moved.parent.mkdir()
    shutil.copy(whole, moved)

    again = started(tmp_path)

    assert {Path(name).name for name in archive_of(again).strange} == {"theirs.parquet", "part-1.parquet"}
    assert strange.exists()
    assert moved.exists()
    assert again.seqs() == [2]
    again.close()


def test_a_directory_that_moved_has_its_days(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path / "old", 0, 2, 3)
    pair.close()
    (tmp_path / "old").rename(tmp_path / "new's")

    again = started(tmp_path / "new's")

    assert again.seqs() == [0, 2, 3]
    again.close()


def test_days_that_were_let_go_and_not_removed_yet_are_let_go_again(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 2, 50)
    retention = pair.writer._settings.retention
    today = archive_of(pair)._now().date()
    archive_of(pair).expire(retention, today=today, due=float("inf"))
    assert pair.seqs() == [2]
    abandon(pair)

    again = started(tmp_path)
    archive_of(again).expire(retention, today=today, due=0.0)
    archive_of(again).unlink()

    assert again.seqs() == [2]
    assert len(files(tmp_path)) == 1
    again.close()


def test_a_file_that_vanishes_before_it_is_listed_costs_no_row(tmp_path: Path) -> None:
    pair = with_sealed(tmp_path, 2)
    pair.load(old_calls(3))
    (part,) = planned(pair)
    file = write(pair, part)
    assert file is not None
    (tmp_path / "archive" / file.name).unlink()

    with pytest.raises(AnalyticsUnavailable, match=r"No such file|No files found|Cannot open"):
        seal(pair, part, file)

    pair.writer.step()
    assert pair.seqs() == [2, 3]
    seal_all(pair)
    assert pair.seqs() == [2, 3]
    pair.close()
