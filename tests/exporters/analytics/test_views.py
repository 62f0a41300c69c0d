"""Views and tables as they are published: described by column, made once, made anew when they change."""

import tomllib
from pathlib import Path

import pytest

from exporters.analytics.described import bundled_schema, document
from exporters.analytics.queries import bundled_queries
from exporters.analytics.tables import TABLES
from exporters.analytics.views import bundled_views, install_views, parse_view
from tests.exporters.analytics.generated import START, call, columns_of, started

ROOT = Path(__file__).parents[3]
MEANINGS = tomllib.loads((ROOT / "exporters/analytics/schema/meanings.toml").read_text("utf-8"))


def test_every_view_has_the_columns_that_its_header_says_with_their_types(tmp_path: Path) -> None:
    pair = started(tmp_path)
    assert pair.writer.database is not None

    found = {view.name: columns_of(pair.writer.database.connection, view.name) for view in bundled_views()}

    pair.close()
    assert found == {
        view.name: {column.name: column.type for column in view.columns} for view in bundled_views()
    }


def test_every_column_of_every_table_has_a_meaning_and_no_meaning_is_left_over(tmp_path: Path) -> None:
    pair = started(tmp_path)
    assert pair.writer.database is not None
    columns = {table: columns_of(pair.writer.database.connection, table) for table in TABLES.values()}
    pair.close()

    schema = {
        one.name: {column.name: column.type for column in one.columns} for one in bundled_schema().relations
    }

    assert {table: schema[table] for table in columns} == columns
    assert set(MEANINGS) == {"every", *columns}
    for table, meanings in MEANINGS.items():
        known = set().union(*columns.values()) if table == "every" else {"row", *columns[table]}
        assert set(meanings) <= known, table


def test_every_meaning_is_a_sentence() -> None:
    docs = [
        text
        for one in bundled_schema().relations
        for text in (one.doc, *(column.doc for column in one.columns))
    ]

    assert [text for text in docs if not text.endswith(".") or len(text) < 8] == []


def test_the_page_of_the_manual_is_what_the_schema_says() -> None:
    assert (ROOT / "docs" / "analytics-schema.md").read_text("utf-8") == document(bundled_schema())


def test_every_view_that_a_query_asks_is_one_that_there_is() -> None:
    """A query that names a table of Dialtone's own would answer something else than free SQL can."""
    hidden = {"hot_", "rollup_", "rolled "}

    assert [query.name for query in bundled_queries() if any(word in query.sql for word in hidden)] == []


def test_views_are_made_once_and_again_when_they_change(tmp_path: Path) -> None:
    pair = started(tmp_path)
    assert pair.writer.database is not None
    connection = pair.writer.database.connection
    connection.execute("CREATE OR REPLACE VIEW vendors AS SELECT 1 AS mine")
    connection.execute("CREATE VIEW old_one AS SELECT 1 AS a")
    install_views(connection)
    assert pair.rows("SELECT * FROM vendors") == [(1,)]

    connection.execute("UPDATE published SET sha256 = 'of an older Dialtone'")
    install_views(connection)

    assert pair.rows("SELECT * FROM vendors") == []
    assert pair.rows("SELECT view_name FROM duckdb_views() WHERE view_name = 'old_one'") == []
    pair.close()


def test_views_answer_in_a_file_that_was_opened_again(tmp_path: Path) -> None:
    first = started(tmp_path)
    first.load([call(1, at=START)])
    first.close()
    again = started(tmp_path)

    found = again.rows("SELECT sum(calls) FROM calls_hourly")

    again.close()
    assert found == [(1,)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-- It shows.\n\nSELECT 1 AS a", "a line '@column' for each column"),
        ("-- @column a INTEGER A number.\n\nSELECT 1 AS a", "needs a sentence"),
        ("-- It shows.\n-- @column a INTEGER A number.\n", "and a query"),
        ("-- It shows.\n-- @column a\n\nSELECT 1 AS a", "is not '@column <name> <type> <meaning>'"),
    ],
)
def test_a_view_that_does_not_say_what_it_is_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_view("some", text)
