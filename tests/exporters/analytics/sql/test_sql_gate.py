"""What the gate lets through, and the corpus of what it does not."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from exporters.analytics.sql.gate import LONGEST, Refused, admit
from tests.exporters.analytics.sql.hostile import refused
from tests.exporters.analytics.sql.snapshot_file import make_snapshot

PUBLISHED = frozenset({"calls", "check_results"})


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    path: Path = make_snapshot(tmp_path_factory.mktemp("gate") / "hot.duckdb")
    connection = duckdb.connect(str(path), read_only=True)
    yield connection
    connection.close()


def test_the_corpus_is_as_large_as_it_has_to_be() -> None:
    assert len(refused()) >= 60


@pytest.mark.parametrize("sql", [pytest.param(sql, id=name) for name, sql in refused().items()])
def test_a_hostile_statement_is_refused_before_it_is_run(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> None:
    with pytest.raises((Refused, duckdb.Error)):
        admit(connection, sql, published=PUBLISHED)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "SELECT count(*) FROM calls;",
        "FROM calls SELECT integration",
        "TABLE calls",
        "VALUES (1), (2)",
        "SELECT * FROM Calls c JOIN CHECK_RESULTS r USING (integration)",
        "WITH a AS (SELECT * FROM calls), b AS (SELECT * FROM a) SELECT * FROM b JOIN a USING (seq)",
        "WITH a AS MATERIALIZED (SELECT 1 AS x) SELECT (SELECT x FROM a)",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r",
        "SELECT * FROM range(3) r, generate_series(1, 2), unnest([1, 2])",
        "SELECT unnest(attempts) FROM calls",
        "SELECT * FROM calls c WHERE EXISTS (SELECT 1 FROM check_results WHERE integration = c.integration)",
        (
            "SELECT integration, count(*) FILTER (WHERE kind IS NOT NULL), quantile_cont(duration, 0.95) "
            "FROM calls GROUP BY ALL HAVING count(*) > 0 ORDER BY 2 DESC LIMIT 10"
        ),
        "SELECT row_number() OVER (PARTITION BY vendor ORDER BY ts) FROM calls QUALIFY 1 = 1",
        "SELECT 1 UNION ALL SELECT 2 EXCEPT SELECT 3 INTERSECT SELECT 4",
        "SELECT * EXCLUDE (seq) REPLACE (upper(vendor) AS vendor) FROM calls USING SAMPLE 10 ROWS",
        "SELECT [x + 1 FOR x IN [1, 2]], list_transform([1], lambda x: x), {'a': 1}.a, ts::DATE FROM calls",
        "SELECT * FROM calls ASOF JOIN check_results USING (integration, ts)",
        "SELECT current_date, now()::TIMESTAMP, version(), gen_random_uuid()",
        "SELECT COLUMNS('d.*') FROM calls",
    ],
)
def test_what_analysts_write_passes(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    admit(connection, sql, published=PUBLISHED)

    connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("SELECT * FROM cals", "there is no table 'cals'; there are calls, check_results"),
        ("SELECT 1; SELECT 2", "this text has 2"),
        ("DROP TABLE calls", "only SELECT is answered"),
        ("SELECT * FROM read_csv('x')", "table function read_csv is not allowed"),
        ("SELECT sleep_ms(1)", "function sleep_ms is not allowed"),
        ("SELECT $name", "write the value"),
        ("SELECT * FROM main.calls", "without a schema"),
        ("SELECT 'a\0b'", "NUL"),
        ("SELECT '" + "x" * LONGEST + "'", "at most 100,000 characters"),
    ],
)
def test_a_refusal_says_what_is_not_allowed(
    connection: duckdb.DuckDBPyConnection, sql: str, words: str
) -> None:
    with pytest.raises(Refused) as refusal:
        admit(connection, sql, published=PUBLISHED)

    assert words in str(refusal.value)


def test_nesting_beyond_the_stack_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    sql = "SELECT * FROM " + "(SELECT * FROM " * 400 + "calls" + ")" * 400

    with pytest.raises((Refused, duckdb.Error)):
        admit(connection, sql, published=PUBLISHED)
