"""docs/analytics.md names what there is."""

from pathlib import Path

from exporters.analytics.queries import bundled_queries
from exporters.analytics.tables import TABLES

PAGE = (Path(__file__).parents[3] / "docs" / "analytics.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| `")]


def test_every_named_query_is_documented_with_its_parameters() -> None:
    documented = {line.split("`")[1]: set(line.split("`")[3::2]) for line in ROWS}

    for query in bundled_queries():
        assert documented[query.name] == {parameter.name for parameter in query.parameters}


def test_every_table_is_documented() -> None:
    documented = {line.split("`")[1] for line in ROWS}

    assert set(TABLES.values()) <= documented
