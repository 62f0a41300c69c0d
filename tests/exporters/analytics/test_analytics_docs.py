"""docs/analytics.md names what there is."""

import re
from pathlib import Path

from exporters.analytics.queries import bundled_queries
from exporters.analytics.tables import TABLES
from exporters.analytics.views import bundled_views

PAGE = (Path(__file__).parents[3] / "docs" / "analytics.md").read_text("utf-8")


def rows(section: str) -> list[str]:
    """The lines of the tables in one section."""
    _, _, behind = PAGE.partition(f"\n## {section}\n")
    return [line for line in behind.partition("\n## ")[0].splitlines() if line.startswith("| `")]


def test_every_named_query_is_documented_with_its_parameters() -> None:
    documented = {line.split("`")[1]: set(line.split("`")[3::2]) for line in rows("Named queries")}

    for query in bundled_queries():
        assert documented[query.name] == {parameter.name for parameter in query.parameters}


def test_every_table_and_view_is_documented() -> None:
    documented = {name for line in rows("Tables and views") for name in re.findall(r"`(\w+)`", line)}

    assert set(TABLES.values()) | {view.name for view in bundled_views()} <= documented
