import json
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from exporters.analytics.archive.sealing import plan
from exporters.analytics.settings import AnalyticsUnavailable, Retention
from exporters.analytics.tables import TABLES
from integrations.signals import Health
from tests.exporters.analytics.archive.sealing_by_hand import (
    DAY,
    TODAY,
    archive_of,
    expire,
    files,
    planned,
    seal,
    seal_all,
    write,
)
from tests.exporters.analytics.generated import START, call, health_change, request, started


def test_today_and_yesterday_stay_hot_and_older_days_become_files(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(number, at=START - number * DAY) for number in range(4)])

    seal_all(pair)

    assert pair.rows("SELECT seq FROM hot_calls ORDER BY seq") == [(0,), (1,)]
    assert pair.seqs() == [0, 1, 2, 3]
    days = [TODAY - timedelta(days=3), TODAY - timedelta(days=2)]
    assert [path.parent.name for path in files(tmp_path)] == [f"day={day}" for day in days]
    pair.close()


def test_a_row_comes_back_from_a_file_as_it_went_in(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(7, at=START - 3 * DAY + 0.123456, detail="é\n'", retry_after=1.5, sampled=True)])
    before = pair.rows("SELECT * FROM calls")

    seal_all(pair)

    assert pair.rows("SELECT * FROM calls") == before
    assert pair.rows("SELECT * FROM hot_calls") == []
    pair.close()


@pytest.mark.parametrize(("rows", "runs"), [(130_000, 2), (1_000, 1_000)])
def test_rows_of_busy_hours_lie_together_by_integration(tmp_path: Path, rows: int, runs: int) -> None:
    pair = started(tmp_path)
    assert pair.writer.database is not None
    pair.writer.database.connection.execute(
        "INSERT INTO hot_calls (ts, seq, integration) SELECT TIMESTAMP '2027-01-10 07:30' "
        "+ to_microseconds(range), range, if(range % 2 = 0, 'a', 'b') FROM range(?)",
        [rows],
    )
    seal_all(pair)
    (file,) = files(tmp_path)

    ((found,),) = duckdb.execute(
        "SELECT count(*) FILTER (former IS DISTINCT FROM integration) FROM (SELECT integration, "
        f"lag(integration) OVER (ORDER BY file_row_number) AS former FROM read_parquet('{file}', "
        "file_row_number = true))"
    ).fetchall()

    assert found == runs
    pair.close()


def test_every_table_can_be_sealed(tmp_path: Path) -> None:
    pair = started(tmp_path)
    assert pair.writer.database is not None
    for table in TABLES.values():
        pair.writer.database.connection.execute(
            f"INSERT INTO hot_{table} (ts, seq) VALUES (TIMESTAMP '2020-01-01', 5)"
        )

    sealed = seal_all(pair)

    assert sealed == len(TABLES)
    for table in TABLES.values():
        assert pair.rows(f"SELECT seq FROM {table}") == [(5,)]
        assert pair.rows(f"SELECT seq FROM hot_{table}") == []
    pair.close()


def test_late_rows_are_sealed_as_another_part_of_their_day(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1, at=START - 3 * DAY)])
    seal_all(pair)
    pair.load([call(2, at=START - 3 * DAY - 60)])
    assert pair.seqs() == [1, 2]

    seal_all(pair)

    assert pair.seqs() == [1, 2]
    assert pair.rows("SELECT * FROM hot_calls") == []
    assert len({path.parent for path in files(tmp_path)}) == 1
    assert len(files(tmp_path)) == 2
    pair.close()


def test_rows_that_come_while_their_day_is_written_stay_hot_and_come_later(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1, at=START - 3 * DAY)])
    (part,) = planned(pair)
    file = write(pair, part)
    assert file is not None
    pair.load([call(2, at=START - 3 * DAY + 1)])

    is_sealed = seal(pair, part, file)

    assert is_sealed is False
    assert files(tmp_path) == []
    assert pair.seqs() == [1, 2]
    seal_all(pair)
    assert pair.rows("SELECT * FROM hot_calls") == []
    assert pair.seqs() == [1, 2]
    pair.close()


def test_rows_that_come_between_planning_and_writing_leave_no_file(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1, at=START - 3 * DAY)])
    (part,) = planned(pair)
    pair.load([call(2, at=START - 3 * DAY + 1)])

    assert write(pair, part) is None

    assert files(tmp_path) == []
    pair.close()


def test_segments_are_gone_before_their_rows_are_written_to_a_file(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1, at=START - 3 * DAY)])
    assert list((tmp_path / "spool").glob("*.ndjson"))

    planned(pair)

    assert list((tmp_path / "spool").glob("*.ndjson")) == []
    pair.close()


def test_a_day_with_many_rows_becomes_several_parts_of_whole_minutes(tmp_path: Path) -> None:
    pair = started(tmp_path)
    midnight = START - START % DAY - 3 * DAY
    pair.load([call(number, at=midnight + number * 20) for number in range(12)])
    assert pair.writer.database is not None

    parts = plan(pair.writer.database.connection, "calls", before=TODAY, most=5)

    # Three rows a minute: one minute fits under five rows, two do not.
    assert [part.footer.rows for part in parts] == [3, 3, 3, 3]
    assert [part.end for part in parts[:-1]] == [part.start for part in parts[1:]]
    pair.close()


def test_a_part_never_reaches_over_midnight(tmp_path: Path) -> None:
    pair = started(tmp_path)
    midnight = START - START % DAY - 3 * DAY
    pair.load([call(1, at=midnight - 0.001), call(2, at=midnight)])

    parts = planned(pair)

    assert [part.footer.rows for part in parts] == [1, 1]
    assert [part.footer.day for part in parts] == [TODAY - timedelta(days=4), TODAY - timedelta(days=3)]
    pair.close()


def test_columns_that_a_file_has_not_are_null(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1, at=START - 3 * DAY)])
    seal_all(pair)
    steps = pair.writer._steps
    pair.close()
    grown = (
        "ALTER TABLE hot_calls ADD COLUMN region VARCHAR DEFAULT 'eu';"
        "ALTER TABLE hot_calls ADD COLUMN attempts.element.address VARCHAR"
    )

    newer = started(tmp_path, steps=(*steps, grown))
    newer.load([call(2, at=START - 4 * DAY), call(3)])
    seal_all(newer)

    assert newer.seqs() == [1, 2, 3]
    assert newer.rows("SELECT seq, region FROM calls WHERE seq = 1") == [(1, None)]
    ((address, status),) = newer.rows(
        "SELECT attempts[2].address, attempts[2].status FROM calls WHERE seq = 1"
    )
    assert (address, status) == (None, 200)
    assert newer.rows("SELECT seq FROM calls WHERE ts < TIMESTAMP '2027-01-13' ORDER BY seq") == [(1,), (2,)]
    newer.close()


def test_a_file_says_itself_what_it_holds(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.writer.copy([(41, health_change(START - 5 * DAY, Health.DOWN))])
    seal_all(pair)
    (file,) = files(tmp_path)

    ((value,),) = duckdb.execute(
        f"SELECT value FROM parquet_kv_metadata('{file}') WHERE key = 'dialtone'"
    ).fetchall()

    day = str(TODAY - timedelta(days=5))
    assert json.loads(value) == {
        "table": "health_changes", "day": day, "rows": 1, "schema": len(pair.writer._steps), "position": 41
    }  # fmt: skip
    pair.close()


def test_many_days_are_all_seen_and_each_by_itself(tmp_path: Path) -> None:
    pair = started(tmp_path)
    days = [2, 5, 6, 13, 14, 30, 61, 62, 119]
    pair.load([call(number, at=START - number * DAY) for number in days])

    seal_all(pair)

    assert pair.seqs() == days
    for number in days:
        day = TODAY - timedelta(days=number)
        assert pair.rows(f"SELECT seq FROM calls WHERE ts::DATE = DATE '{day}'") == [(number,)]
    pair.close()


def test_retention_unlinks_whole_days_and_gives_the_bytes_back(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(number, at=START - number * DAY) for number in range(6)])
    pair.load([request(9)])
    seal_all(pair)
    sizes = {path: path.stat().st_size for path in files(tmp_path)}

    expired = expire(pair, Retention(calls=3))
    assert pair.seqs() == [0, 1, 2, 3]
    assert files(tmp_path) == list(sizes)
    freed = pair.writer.with_archive(lambda archive: archive.unlink())

    left = files(tmp_path)
    assert expired == 2
    assert [path.parent.name for path in left] == [f"day={TODAY - timedelta(days=days)}" for days in (3, 2)]
    assert freed == sum(sizes.values()) - sum(sizes[path] for path in left)
    assert not (tmp_path / "archive" / "calls" / f"day={TODAY - timedelta(days=5)}").exists()
    assert pair.seqs() == [0, 1, 2, 3]
    pair.close()


def test_retention_of_zero_days_keeps_all(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1, at=START - 5_000 * DAY)])
    seal_all(pair)

    assert expire(pair, Retention(calls=0)) == 0

    assert pair.seqs() == [1]
    pair.close()


def test_files_stay_until_no_query_can_read_them(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1, at=START - 50 * DAY)])
    seal_all(pair)
    archive = archive_of(pair)
    archive.expire(Retention(), today=TODAY, due=pair.clock.monotonic() + 100)

    pair.clock.advance(99)
    assert not archive.is_unlinking_due()
    archive.unlink()
    assert files(tmp_path) != []

    pair.clock.advance(1)
    assert archive.is_unlinking_due()
    archive.unlink()
    assert files(tmp_path) == []
    pair.close()


def test_a_full_disk_while_a_part_is_written_loses_nothing_and_leaves_no_file(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1, at=START - 3 * DAY)])
    (part,) = planned(pair)
    (tmp_path / "archive").write_text("in the way")

    with pytest.raises(OSError, match="Not a directory"):
        write(pair, part)

    (tmp_path / "archive").unlink()
    assert pair.seqs() == [1]
    seal_all(pair)
    assert pair.seqs() == [1]
    pair.close()


def test_there_is_a_retention_for_each_table_and_for_rollups() -> None:
    assert set(Retention.__struct_fields__) == {*TABLES.values(), "rollups"}
    assert all(Retention().days_of(table) >= 0 for table in Retention.__struct_fields__)


@pytest.mark.parametrize("days", [-1, -400])
def test_a_negative_retention_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match=r"analytics\.retention\.calls must be at least 0 days; 0 keeps all"):
        Retention(calls=days)


def test_the_database_is_closed_when_the_archive_fails(tmp_path: Path) -> None:
    pair = started(tmp_path)

    def fail(_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(AnalyticsUnavailable, match="No space left"):
        pair.writer.with_archive(fail)

    assert pair.writer.database is None
    assert pair.writer.with_archive(lambda archive: archive.folder) is None
    pair.writer.step()
    assert pair.writer.problem == ""
    pair.close()


def test_days_are_days_of_utc(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1, at=START - START % DAY - 2 * DAY - 0.000001)])

    (part,) = planned(pair)

    assert part.footer.day == TODAY - timedelta(days=3) == date(2027, 1, 12)
    pair.close()
