"""DuckDB remembers a bounded part of its file from one checkpoint to the next, and no query pays for it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from exporters.analytics.database import Database, open_database
from exporters.analytics.settings import AnalyticsSettings
from tests.exporters.analytics.generated import SETTINGS, Pair, call, started

MIB = 1 << 20
LIMIT = SETTINGS.memory_bytes


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = started(tmp_path)
    yield pair
    pair.close()


@pytest.fixture
def database(pair: Pair) -> Database:
    """Of which DuckDB remembers some megabytes, all of them in the file too."""
    database = pair.writer.database
    assert database
    database.connection.execute("CREATE TABLE numbers AS SELECT hash(i) AS number FROM range(500_000) r(i)")
    database.connection.execute("CHECKPOINT hot")
    database.connection.execute("SELECT sum(number) FROM numbers").fetchall()
    return database


def remembered(database: Database) -> int:
    found: int = database.connection.execute(
        "SELECT sum(memory_usage_bytes) FROM duckdb_memory()"
    ).fetchall()[0][0]
    return found


def limit(database: Database) -> str:
    found: str = database.connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]
    return found


def anonymous() -> int:
    """Kilobytes that the process has for itself."""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(told.partition("RssAnon:")[2].split()[0])


def test_what_is_remembered_beyond_the_bound_is_let_go(database: Database) -> None:
    before, limited = remembered(database), limit(database)
    assert before > 3 * MIB

    database.shed(kept_bytes=2 * MIB, memory_bytes=LIMIT)

    assert remembered(database) <= 2 * MIB
    assert limit(database) == limited


def test_the_answers_are_the_same_afterwards(database: Database) -> None:
    asked = "SELECT count(*), sum(number) FROM numbers"
    before = database.connection.execute(asked).fetchall()

    database.shed(kept_bytes=MIB, memory_bytes=LIMIT)

    assert database.connection.execute(asked).fetchall() == before


def test_nothing_is_let_go_while_somebody_reads(database: Database) -> None:
    before = remembered(database)

    with database.reading():
        database.shed(kept_bytes=2 * MIB, memory_bytes=LIMIT)

        assert remembered(database) == before


def test_a_bound_that_duckdb_cannot_come_down_to_leaves_its_limit(database: Database) -> None:
    limited = limit(database)
    connection = database.connection
    sorting = connection.cursor().execute("SELECT number FROM hot.numbers ORDER BY number")
    first = sorting.fetchone()
    with pytest.raises(duckdb.OutOfMemoryException):
        connection.execute("SET GLOBAL memory_limit = '0MiB'")

    database.shed(kept_bytes=0, memory_bytes=LIMIT)

    assert limit(database) == limited
    assert first < sorting.fetchone()


class Watched(Database):
    """Tells what it was asked to let go of: the bytes to keep, -1 for what the allocator has."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        super().__init__(connection, path)
        self.told: list[tuple[int, int]] = []

    def shed(self, *, kept_bytes: int, memory_bytes: int) -> None:
        super().shed(kept_bytes=kept_bytes, memory_bytes=memory_bytes)
        self.told.append((kept_bytes, memory_bytes))

    def trim(self, *, memory_bytes: int) -> None:
        super().trim(memory_bytes=memory_bytes)
        self.told.append((-1, memory_bytes))


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Pair]:
    def opener(path: Path, *, memory_bytes: int, stamp: str) -> tuple[Database, tuple[str, ...]]:
        database, aside = open_database(path, memory_bytes=memory_bytes, stamp=stamp)
        return Watched(database.connection, path), aside

    pair = started(tmp_path, settings=AnalyticsSettings(disk_floor=0, memory_bytes=64 * MIB), opener=opener)
    assert isinstance(pair.writer.database, Watched)
    pair.writer.database.told.clear()
    yield pair
    pair.close()


def told(pair: Pair) -> list[tuple[int, int]]:
    assert isinstance(pair.writer.database, Watched)
    return pair.writer.database.told


def test_each_checkpoint_lets_go_and_leaves_the_configured_limit(watched: Pair) -> None:
    watched.writer.checkpoint()

    ((kept, limited),) = told(watched)
    assert 0 < kept < limited == 64 * MIB


def test_what_a_load_freed_is_given_back_once(watched: Pair) -> None:
    watched.load([call(1)])
    watched.writer.step()

    assert told(watched) == [(-1, 64 * MIB)]


def test_what_the_allocator_keeps_is_given_back_and_what_is_remembered_stays(database: Database) -> None:
    database.connection.execute("SELECT list(i) FROM range(2_000_000) r(i)").fetchone()
    before, limited, resident = remembered(database), limit(database), anonymous()

    with database.reading() as cursor:
        database.trim(memory_bytes=LIMIT)
        assert cursor.execute("SELECT count(*) FROM numbers").fetchone() == (500_000,)

    assert (remembered(database), limit(database)) == (before, limited)
    assert anonymous() < resident - 10_000


def test_rows_are_joined_in_groups_of_the_houses_own_size(pair: Pair) -> None:
    assert pair.writer.database
    connection = pair.writer.database.connection
    connection.execute("CREATE TABLE numbers AS SELECT i FROM range(100_000) r(i)")
    connection.execute("CHECKPOINT hot")

    groups = connection.execute(
        "SELECT DISTINCT count FROM pragma_storage_info('numbers') "
        "WHERE segment_type = 'BIGINT' AND row_group_id = 0"
    ).fetchall()

    assert groups == [(30_720,)]


def test_a_file_with_larger_groups_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "hot.duckdb"
    with duckdb.connect(":memory:") as before:
        before.execute(f"ATTACH '{path}' AS hot (STORAGE_VERSION 'v1.5.0')")
        before.execute("CREATE TABLE hot.numbers AS SELECT i FROM range(100_000) r(i)")
    database, _ = open_database(path, memory_bytes=LIMIT, stamp="now")

    database.connection.execute("INSERT INTO numbers SELECT i FROM range(100_000, 150_000) r(i)")
    database.connection.execute("CHECKPOINT hot")

    found = database.connection.execute("SELECT count(*), count(DISTINCT i), max(i) FROM numbers").fetchall()
    assert found == [(150_000, 150_000, 149_999)]
    database.close()
