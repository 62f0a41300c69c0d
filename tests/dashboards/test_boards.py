"""The committed boards are the generated ones, use only metrics that exist, and can be read by everybody."""

import itertools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.build.__main__ import boards
from dashboards.build.queries import BREAKER_CODES, HEALTH_CODES, select
from exporters.catalogue import CATALOGUE
from integrations.signals import BreakerState, Health

FOLDER = Path(__file__).parents[2] / "dashboards"
UNITS = {value for name, value in vars(units).items() if not name.startswith("_") and isinstance(value, str)}
TYPES = {"row", "stat", "table", "timeseries", "state-timeline", "bargauge"}
BUCKET_SUFFIXES = ("_bucket", "_sum", "_count")
COLOURS = {"green", "yellow", "orange", "red", "blue", "purple", "text"}

Panel = dict[str, Any]


def load(name: str) -> dict[str, Any]:
    board: dict[str, Any] = json.loads((FOLDER / name).read_text())
    return board


def panels(name: str) -> list[Panel]:
    return [panel for panel in load(name)["panels"] if panel["type"] != "row"]


NAMES = sorted(path.name for path in FOLDER.glob("*.json"))
PANELS = [(name, panel) for name in NAMES for panel in panels(name)]
TARGETS = [(panel["title"], target) for _, panel in PANELS for target in panel["targets"]]
each_board = pytest.mark.parametrize("name", NAMES)
each_panel = pytest.mark.parametrize(
    "panel", [panel for _, panel in PANELS], ids=[f"{name}: {panel['title']}" for name, panel in PANELS]
)
each_target = pytest.mark.parametrize(
    "target",
    [target for _, target in TARGETS],
    ids=[f"{title} {target['refId']}" for title, target in TARGETS],
)


def interpolated(query: str) -> str:
    """The query as Grafana sends it, with something in place of each variable."""
    query = query.replace("$__rate_interval", "1m").replace("$integration", ".+").replace("$vendor", ".+")
    assert "$" not in query
    return query


def nodes(expression: object) -> Iterator[object]:
    """Every node of a PromQL tree."""
    found: list[object] = []
    promql_parser.walk(expression, found.append)  # type: ignore[arg-type]  # the stubs say Expr, parse gives its kinds
    yield from found


def selectors(query: str) -> list[promql_parser.VectorSelector]:
    tree = promql_parser.parse(interpolated(query))
    return [node for node in nodes(tree) if isinstance(node, promql_parser.VectorSelector)]


def family_labels(metric: str) -> set[str]:
    """The labels of a series by its name; a histogram has series of its own."""
    for suffix in BUCKET_SUFFIXES:
        row = CATALOGUE.get(metric.removesuffix(suffix))
        if metric.endswith(suffix) and row is not None and row.kind == "histogram":
            return {*row.labels, "le"} if suffix == "_bucket" else set(row.labels)
    assert CATALOGUE[metric].kind != "histogram"
    return set(CATALOGUE[metric].labels)


def test_generating_the_boards_again_changes_no_byte() -> None:
    generated = boards()
    assert sorted(generated) == NAMES
    for name, text in generated.items():
        assert (FOLDER / name).read_text() == text, "write them anew: make dashboards"


@each_board
def test_a_board_survives_the_way_through_the_models_of_grafana(name: str) -> None:
    register_default_plugins()
    board = load(name)
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board)))
    assert again == board


@each_board
def test_a_board_is_classic_json_with_a_stable_uid(name: str) -> None:
    board = load(name)
    assert board["schemaVersion"] == 42
    assert board["uid"] == f"dialtone-{name.removesuffix('.json')}"
    assert board["editable"] is False
    assert "__inputs" not in board


@each_board
def test_a_board_lets_one_choose_source_vendor_and_integration(name: str) -> None:
    variables = {variable["name"]: variable for variable in load(name)["templating"]["list"]}
    assert list(variables) == ["datasource", "vendor", "integration"]
    assert variables["datasource"]["query"] == "prometheus"
    assert all(variables[each]["refresh"] == 2 for each in ("vendor", "integration"))


@each_board
def test_variables_ask_for_labels_that_exist(name: str) -> None:
    for variable in load(name)["templating"]["list"][1:]:
        found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
        assert found is not None
        (selector,) = selectors(found[1])
        assert {found[2], *(m.name for m in selector.matchers.matchers)} <= family_labels(str(selector.name))


@each_board
def test_no_panel_lies_over_another_or_beside_the_board(name: str) -> None:
    places = [panel["gridPos"] for panel in load(name)["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


@each_board
def test_every_row_of_the_grid_is_filled(name: str) -> None:
    widths: dict[int, int] = {}
    for panel in load(name)["panels"]:
        widths[panel["gridPos"]["y"]] = widths.get(panel["gridPos"]["y"], 0) + panel["gridPos"]["w"]
    assert set(widths.values()) == {24}


@each_board
def test_panel_ids_are_distinct(name: str) -> None:
    ids = [panel["id"] for panel in load(name)["panels"]]
    assert len(set(ids)) == len(ids)


@each_panel
def test_a_panel_says_what_it_shows(panel: Panel) -> None:
    assert panel["type"] in TYPES
    assert panel["title"][0].isalnum()
    assert re.fullmatch(r"[A-Z].{15,140}\.", panel["description"])


@each_panel
def test_a_panel_has_a_known_unit_and_thresholds_in_known_colours(panel: Panel) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"] in UNITS
    steps = defaults["thresholds"]["steps"]
    assert steps[0]["value"] is None
    assert {step["color"] for step in steps} <= COLOURS


@each_panel
def test_a_panel_asks_the_source_that_was_chosen(panel: Panel) -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == chosen
    assert panel["targets"]
    assert all(target["datasource"] == chosen for target in panel["targets"])


def mapped_words(panel: Panel) -> Iterator[dict[str, Any]]:
    overrides = [
        p for o in panel["fieldConfig"]["overrides"] for p in o["properties"] if p["id"] == "mappings"
    ]
    for mapping in [
        *panel["fieldConfig"]["defaults"].get("mappings", []),
        *(m for p in overrides for m in p["value"]),
    ]:
        yield from mapping["options"].values()


@each_panel
def test_a_state_is_told_in_words_not_by_colour_alone(panel: Panel) -> None:
    results = list(mapped_words(panel))
    assert all(result["text"].strip() and result["color"] in COLOURS for result in results)
    texts = [result["text"] for result in results]
    assert len(set(texts)) == len(texts)
    assert results or panel["type"] != "state-timeline"


@each_target
def test_a_query_uses_only_metrics_and_labels_of_the_catalogue(target: dict[str, Any]) -> None:
    for selector in selectors(target["expr"]):
        labels = family_labels(str(selector.name))
        assert {matcher.name for matcher in selector.matchers.matchers} <= labels


@each_target
def test_a_query_groups_by_labels_that_its_metrics_have(target: dict[str, Any]) -> None:
    tree = promql_parser.parse(interpolated(target["expr"]))
    for node in nodes(tree):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            inside = [n for n in nodes(node.expr) if isinstance(n, promql_parser.VectorSelector)]
            for selector in inside:
                assert set(node.modifier.labels) <= family_labels(str(selector.name))


@each_target
def test_a_legend_uses_labels_that_the_query_names(target: dict[str, Any]) -> None:
    used = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
    named = set(re.findall(r"\w+", target["expr"]))
    held = set().union(*(family_labels(str(s.name)) for s in selectors(target["expr"])))
    assert used <= named | held


@each_target
def test_a_counter_is_read_as_a_rate_over_the_interval_of_the_panel(target: dict[str, Any]) -> None:
    query = target["expr"]
    for metric in re.findall(r"\bdialtone_\w+(?:_total|_bucket)\b", query):
        assert re.search(rf"rate\({metric}(?:{{[^}}]*}})?\[\$__rate_interval\]\)", query)
    assert set(re.findall(r"\[([^]]+)\]", query)) <= {"$__rate_interval"}


@each_target
def test_a_query_is_narrowed_to_the_choice_wherever_its_metric_allows(target: dict[str, Any]) -> None:
    for selector in selectors(target["expr"]):
        narrowed = {m.name for m in selector.matchers.matchers if m.value == ".+"}
        assert narrowed == {"integration", "vendor"} & family_labels(str(selector.name))


def test_the_generator_knows_nothing_of_dialtone_but_the_catalogue() -> None:
    imported = {
        name
        for path in sorted((FOLDER / "build").glob("*.py"))
        for name in re.findall(r"^(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
    }
    ours = {
        name for name in imported if name.split(".")[0] in {"app", "exporters", "monitors", "integrations"}
    }
    assert ours == {"exporters.catalogue"}


def test_every_state_has_a_number() -> None:
    assert set(HEALTH_CODES) == {state.value for state in Health}
    assert set(BREAKER_CODES) == {state.value for state in BreakerState}
    assert all(
        codes[worst] == max(codes.values())
        for codes, worst in ((HEALTH_CODES, "down"), (BREAKER_CODES, "open"))
    )


def test_a_metric_that_does_not_exist_stops_the_generator() -> None:
    with pytest.raises(LookupError):
        select("dialtone_nonsense")
