from pathlib import Path

from exporters.analytics.tables import TABLES, hot
from tests.exporters.analytics.generated import call, columns_of, started
from tests.exporters.analytics.test_analytics_migrations import make_old


def test_each_table_is_a_view_over_the_table_that_takes_its_rows(tmp_path: Path) -> None:
    pair = started(tmp_path)
    kinds = dict(pair.rows("SELECT table_name, table_type FROM information_schema.tables"))  # type: ignore[arg-type] # pairs
    assert pair.writer.database is not None
    connection = pair.writer.database.connection

    assert {kinds[table] for table in TABLES.values()} == {"VIEW"}
    assert {kinds[hot(table)] for table in TABLES.values()} == {"BASE TABLE"}
    for table in TABLES.values():
        assert columns_of(connection, table) == columns_of(connection, hot(table))
    pair.close()


def test_rows_of_version_11_are_seen_through_the_view_beside_new_ones(tmp_path: Path) -> None:
    make_old(tmp_path, 11, "INSERT INTO calls (ts, seq) VALUES (TIMESTAMP '2026-01-01', 1)")

    newer = started(tmp_path)
    newer.load([call(2)])

    assert newer.seqs() == [1, 2]
    assert newer.rows("SELECT count(*) FROM hot_calls") == [(2,)]
    newer.close()
    assert (tmp_path / "hot.duckdb.schema-11").is_file()
