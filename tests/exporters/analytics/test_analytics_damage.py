from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.analytics.database import damaged_files
from exporters.analytics.settings import AnalyticsUnavailable
from integrations.signals import Health
from tests.exporters.analytics.generated import (
    START,
    Pair,
    abandon,
    call,
    health_change,
    request,
    started,
)


def test_a_killed_process_loses_no_row_and_doubles_none(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1)])
    pair.writer.checkpoint()
    pair.load([call(2)])
    pair.write([call(3)])
    pair.spool.write([call(4)])
    abandon(pair)

    again = started(tmp_path)

    assert again.seqs() == [1, 2, 3, 4]
    again.close()


@settings(max_examples=6)
@given(where=st.floats(0.05, 0.999), bit=st.integers(0, 7))
def test_a_damaged_log_is_set_aside_and_its_segments_loaded_again(
    tmp_path_factory: pytest.TempPathFactory, where: float, bit: int
) -> None:
    directory = tmp_path_factory.mktemp("wal")
    pair = started(directory)
    pair.load([call(1)])
    pair.writer.checkpoint()
    pair.load([call(2), request(2)])
    pair.load([call(3)])
    abandon(pair)
    log = directory / "hot.duckdb.wal"
    content = bytearray(log.read_bytes())
    content[int(len(content) * where)] ^= 1 << bit
    log.write_bytes(content)

    again = started(directory)

    assert again.seqs() == [1, 2, 3]
    assert again.rows("SELECT count(*) FROM api_requests") == [(1,)]
    for name in again.writer.set_aside:
        assert (directory / name).exists()
    again.close()


def test_a_log_that_was_set_aside_keeps_its_name_when_the_next_is(tmp_path: Path) -> None:
    path = tmp_path / "hot.duckdb"
    log, older = tmp_path / "hot.duckdb.wal", tmp_path / "hot.duckdb.wal.damaged-20270116T215036.304555Z"
    log.touch()
    older.touch()

    found = damaged_files(path, duckdb.IOException("Failure while replaying WAL file"))

    assert found == [log]


def test_a_log_cut_short_costs_no_row(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1)])
    pair.load([call(2)])
    abandon(pair)
    log = tmp_path / "hot.duckdb.wal"
    log.write_bytes(log.read_bytes()[:-50])

    again = started(tmp_path)

    assert again.seqs() == [1, 2]
    again.close()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\0" * 20_000, id="zeros"),
        pytest.param(b"x" * 20_000, id="text"),
    ],
)
def test_a_file_that_is_no_database_is_set_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "hot.duckdb").write_bytes(content)

    pair = started(tmp_path)
    pair.load([call(1)])

    assert pair.seqs() == [1]
    (name,) = pair.writer.set_aside
    assert (tmp_path / name).read_bytes() == content
    assert pair.writer.problem == ""
    pair.close()


def test_a_file_found_damaged_while_loading_is_set_aside(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1)])
    loader = pair.writer._loader
    assert loader is not None

    class Corrupt:
        held = loader.held

        def load(self, segments: object) -> None:
            raise duckdb.IOException("IO Error: Corrupt database file: computed checksum 1 does not match 2")

    pair.writer._loader = Corrupt()  # type: ignore[assignment] # a loader whose file is damaged
    pair.write([call(2)])
    with pytest.raises(AnalyticsUnavailable, match="Corrupt"):
        pair.writer.step()

    pair.writer.step()

    assert pair.seqs() == [1, 2]
    assert pair.writer.set_aside
    pair.close()


@pytest.mark.parametrize("name", ["hot.duckdb", "archive/calls/day=2027-01-01/part-1.parquet"])
def test_a_damaged_file_of_the_archive_is_no_damage_of_the_database(tmp_path: Path, name: str) -> None:
    error = duckdb.IOException(f'IO Error: Could not read enough bytes from file "{tmp_path / name}"')

    damaged = damaged_files(tmp_path / "hot.duckdb", error)

    assert damaged == ([tmp_path / name] if name == "hot.duckdb" else [])


def test_a_lock_of_another_process_is_no_damage(tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AnalyticsUnavailable("cannot open hot.duckdb: IO Error: Could not set lock on file")

    pair = Pair(tmp_path, opener=refuse)
    pair.spool.recover()

    with pytest.raises(AnalyticsUnavailable, match="Could not set lock"):
        pair.writer.step()

    assert "Could not set lock" in pair.writer.problem
    assert pair.writer.set_aside == ()


def test_a_cursor_lost_with_a_damaged_log_takes_its_rows_along(tmp_path: Path) -> None:
    pair = started(tmp_path)
    page = [(4, health_change(START, Health.DOWN))]
    pair.writer.copy(page)
    abandon(pair)
    log = tmp_path / "hot.duckdb.wal"
    content = bytearray(log.read_bytes())
    content[-20] ^= 1
    log.write_bytes(content)

    again = started(tmp_path)
    assert again.writer.position() == 0
    again.writer.copy(page)

    assert again.rows("SELECT count(*) FROM health_changes") == [(1,)]
    again.close()


def test_a_damaged_log_is_named_and_kept(tmp_path: Path) -> None:
    pair = started(tmp_path)
    pair.load([call(1)])
    abandon(pair)
    log = tmp_path / "hot.duckdb.wal"
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 1
    log.write_bytes(content)

    again = started(tmp_path)

    (name,) = again.writer.set_aside
    assert name.startswith("hot.duckdb.wal.damaged-")
    assert (tmp_path / name).read_bytes() == content
    again.close()
