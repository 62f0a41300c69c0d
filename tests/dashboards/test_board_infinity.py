"""What the boards ask of DuckDB: queries that exist, with parameters they take and columns they give."""

import pytest

from exporters.analytics.parameters import read_parameters
from exporters.analytics.queries import NamedQuery, bundled_queries
from tests.dashboards.shipped import JSON, NAMES, infinity_targets, load, panels, variables
from tests.exporters.analytics.generated import started

QUERIES = {query.name: query for query in bundled_queries()}
BOARD = load("usage.json")
TARGETS = list(infinity_targets(BOARD))
PATH = "/v2/analytics/queries/"
KINDS = {
    "VARCHAR": "string",
    "TIMESTAMP": "timestamp",
    "BIGINT": "number",
    "INTEGER": "number",
    "DOUBLE": "number",
    "BOOLEAN": "boolean",
}
FILLED = {
    "${__from:date:iso}": "2026-11-22T10:00:00.000Z",
    "${__to:date:iso}": "2026-11-22T16:00:00.000Z",
    "${integration:csv}": "slack-prod,github",
    "$bucket": "5m",
}
"""What Grafana puts in place of variables in a URL."""
Columns = dict[str, dict[str, str]]
"""Kind by column, by query."""
each_target = pytest.mark.parametrize(
    "target", [one for _, one in TARGETS], ids=[title for title, _ in TARGETS]
)


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> Columns:
    """The columns of each query, by asking a database that holds nothing."""
    pair = started(tmp_path_factory.mktemp("columns"))
    assert pair.writer.database is not None
    found = {}
    with pair.writer.database.reading() as cursor:
        for name, query in QUERIES.items():
            cursor.execute(query.sql, read_parameters(query.parameters, {}, now=1_800_000_000.0))
            found[name] = {one[0]: KINDS[str(one[1])] for one in cursor.description or ()}
    pair.close()
    return found


def params(target: JSON) -> dict[str, str]:
    return {one["key"]: FILLED.get(one["value"], one["value"]) for one in target["url_options"]["params"]}


def asked(target: JSON) -> NamedQuery:
    return QUERIES[target["url"].removeprefix(PATH)]


def test_only_the_board_on_usage_asks_duckdb() -> None:
    assert [name for name in NAMES if list(infinity_targets(load(name)))] == ["usage.json"]
    assert len(TARGETS) >= 10


@each_target
def test_a_target_is_as_the_data_source_wants_it(target: JSON) -> None:
    assert target["datasource"] == {"type": "yesoreyeram-infinity-datasource", "uid": "${analytics}"}
    assert (target["type"], target["parser"], target["source"]) == ("json", "backend", "url")
    assert target["url"].startswith(PATH)
    assert target["root_selector"] == ""
    assert {one["type"] for one in target["columns"]} <= set(KINDS.values())


@each_target
def test_a_target_asks_for_objects_and_with_parameters_that_the_query_takes(target: JSON) -> None:
    given = params(target)
    assert given.pop("format") == "records"
    assert not any("$" in value for value in given.values())
    values = read_parameters(asked(target).parameters, given, now=1_800_000_000.0)
    assert values["integration"] == ["slack-prod", "github"]


@each_target
def test_a_target_shows_columns_that_the_query_gives_by_their_types(target: JSON, columns: Columns) -> None:
    given = columns[asked(target).name]
    assert {one["selector"]: one["type"] for one in target["columns"]}.items() <= given.items()


def test_an_all_that_is_chosen_is_a_star_which_is_any_integration() -> None:
    assert variables(BOARD)["integration"]["allValue"] == "*"
    read = read_parameters(QUERIES["performance"].parameters, {"integration": "*"}, now=1_800_000_000.0)
    assert read["integration"] is None


def test_a_matrix_is_made_of_columns_that_are_asked_for() -> None:
    matrices = 0
    for panel in panels(BOARD):
        names = {one["text"] for one in panel["targets"][0]["columns"]}
        for each in panel.get("transformations", []):
            if each["id"] == "groupingToMatrix":
                matrices += 1
                options = each["options"]
                assert {options["columnField"], options["rowField"], options["valueField"]} == names
            else:
                assert set(each["options"]["indexByName"]) <= names
    assert matrices >= 5
