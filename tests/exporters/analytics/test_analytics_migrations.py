import shutil
from pathlib import Path

import duckdb
import pytest

from exporters.analytics.settings import AnalyticsUnavailable
from tests.exporters.analytics.generated import (
    Pair,
    call,
    columns_of,
    started,
)


def test_a_newer_schema_is_refused_and_left_untouched(tmp_path: Path) -> None:
    pair = started(tmp_path)
    assert pair.writer.database is not None
    pair.writer.database.connection.execute("INSERT INTO meta VALUES (7, TIMESTAMP '2030-01-01')")
    pair.writer.checkpoint()
    pair.close()
    before = (tmp_path / "hot.duckdb").read_bytes()

    older = Pair(tmp_path)
    older.spool.recover()
    with pytest.raises(
        AnalyticsUnavailable, match=r"schema version 7 and this Dialtone knows 1: start the newer"
    ):
        older.writer.step()

    assert (tmp_path / "hot.duckdb").read_bytes() == before
    older.close()


def test_an_older_file_is_copied_and_then_migrated(tmp_path: Path) -> None:
    pair = started(tmp_path)
    first = pair.writer._steps
    pair.load([call(1)])
    pair.close()

    newer = started(tmp_path, steps=(*first, "ALTER TABLE calls ADD COLUMN region VARCHAR DEFAULT 'eu'"))

    assert newer.rows("SELECT seq, region FROM calls") == [(1, "eu")]
    newer.load([call(2)])
    assert newer.rows("SELECT seq, region FROM calls ORDER BY seq") == [(1, "eu"), (2, None)]
    newer.close()
    shutil.copy(tmp_path / "hot.duckdb.schema-1", tmp_path / "copy.duckdb")
    with duckdb.connect(str(tmp_path / "copy.duckdb")) as copy:
        assert copy.execute("SELECT max(schema_version) FROM meta").fetchall() == [(1,)]
        assert "region" not in columns_of(copy, "calls")


def test_a_failed_migration_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    pair = started(tmp_path)
    first = pair.writer._steps
    pair.close()
    broken = Pair(
        tmp_path,
        steps=(*first, "ALTER TABLE calls ADD COLUMN a INTEGER; ALTER TABLE none ADD COLUMN b INTEGER"),
    )
    broken.spool.recover()
    with pytest.raises(AnalyticsUnavailable):
        broken.writer.step()
    broken.close()

    again = started(tmp_path)

    assert "a" not in {column for (column, *_) in again.rows("DESCRIBE calls")}
    again.close()
