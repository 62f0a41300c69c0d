"""The rows of a named query stand in one order, whatever order they were stored in: pages depend on it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from exporters.analytics.parameters import read_parameters
from exporters.analytics.queries import NamedQuery, bundled_queries
from exporters.analytics.tables import TABLES
from tests.exporters.analytics.generated import START, Pair, started

ROWS = 24
FIXED = {
    "origin": "'traffic'",
    "source": "'live'",
    "injected": "NULL::BOOLEAN",
    "kind": "CASE WHEN i % 3 = 0 THEN 'timeout' END",
    "capability": "CASE WHEN i % 2 = 0 THEN '' ELSE 'read' END",
    "ran": "true",
    "seq": "i",
}
"""What queries look for; all else takes few values, so that many rows are alike."""

BY_TYPE = {
    "VARCHAR": "'v' || (i % 2)",
    "BOOLEAN": "i % 2 = 0",
    "TIMESTAMP": f"make_timestamp({int(START - 3_600) * 1_000_000} + (i % 3) * 1000000)",
}


def value(column: str, kind: str) -> str:
    if column in FIXED:
        return FIXED[column]
    if kind in BY_TYPE:
        return BY_TYPE[kind]
    return f"((i % 2)::{kind})" if kind in {"BIGINT", "INTEGER", "DOUBLE"} else f"NULL::{kind}"


def stored(directory: Path, order: str) -> Pair:
    """A store with alike rows in every table, stored in this order."""
    pair = started(directory)
    assert pair.writer.database is not None
    connection = pair.writer.database.connection
    for table in TABLES.values():
        columns = connection.execute(f"DESCRIBE hot_{table}").fetchall()
        values = ", ".join(f'{value(name, kind)} AS "{name}"' for name, kind, *_ in columns)
        connection.execute(
            f"INSERT INTO hot_{table} SELECT {values} FROM range({ROWS}) AS made(i) ORDER BY {order}"
        )
    return pair


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pair, ...]]:
    made = tuple(stored(tmp_path_factory.mktemp("ordered"), order) for order in ("i", "i DESC", "hash(i)"))
    yield made
    for pair in made:
        pair.close()


def answer(pair: Pair, query: NamedQuery) -> Sequence[tuple[object, ...]]:
    assert pair.writer.database is not None
    values = read_parameters(query.parameters, {"from": "-2d"}, now=START)
    with pair.writer.database.reading() as cursor:
        return cursor.execute(query.sql, values).fetchall()


def test_the_order_of_every_named_query_is_total(pairs: tuple[Pair, ...]) -> None:
    found = {query.name: [answer(one, query) for one in pairs] for query in bundled_queries()}

    assert [name for name, (first, *others) in found.items() if any(one != first for one in others)] == []
    assert sum(len(first) > 1 for first, *_ in found.values()) > len(found) / 2
