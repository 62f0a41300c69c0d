"""The rules of Grafana's dashboard-linter, as far as they apply to boards that are made by a program.

Its rules are told at https://github.com/grafana/dashboard-linter (docs/rules); it is written in Go and is no
package here. What is left out stands with its reason in dashboards/.lint, which the linter itself reads too.
"""

import re
from collections.abc import Callable, Iterator

import promql_parser
import pytest
import yaml

from tests.dashboards.shipped import (
    FOLDER,
    JSON,
    NAMES,
    filled,
    load,
    panels,
    prometheus_targets,
    selectors,
    variables,
)

BOARDS = {name: load(name) for name in NAMES}
LINT = yaml.safe_load((FOLDER / ".lint").read_text())["exclusions"]
RATES = {"rate", "irate", "increase"}

Rule = Callable[[JSON], Iterator[str]]


def template_datasource(board: JSON) -> Iterator[str]:
    """One data source variable, called datasource and labelled so, of which nothing is presumed."""
    sources = [one for one in variables(board).values() if one["type"] == "datasource"]
    if len(sources) != 1:
        yield "not one data source variable"
        return
    first = sources[0]
    if (first["name"], first["label"], first["query"]) != ("datasource", "Data source", "prometheus"):
        yield "not datasource, Data source, prometheus"


def _scrape_variable(name: str) -> Rule:
    def rule(board: JSON) -> Iterator[str]:
        one = variables(board)[name]
        found = (one["label"], one["type"], one["multi"], one["allValue"], one["datasource"]["uid"])
        if found != (name.title(), "query", True, ".+", "${datasource}"):
            yield f"{name}: {found}"

    return rule


def template_label_promql(board: JSON) -> Iterator[str]:
    for one in variables(board).values():
        if one["type"] == "query":
            inside = re.fullmatch(r"label_values\((.+), \w+\)", one["query"]["query"])
            if inside is None:
                yield f"{one['name']}: no label_values"
            else:
                promql_parser.parse(filled(inside[1]))


def template_on_time_change_reload(board: JSON) -> Iterator[str]:
    yield from (
        one["name"] for one in variables(board).values() if one["type"] == "query" and one["refresh"] != 2
    )


def panel_datasource(board: JSON) -> Iterator[str]:
    yield from (one["title"] for one in panels(board) if one["datasource"]["uid"] != "${datasource}")


def panel_title_description(board: JSON) -> Iterator[str]:
    yield from (str(one["id"]) for one in panels(board) if not (one["title"] and one["description"]))


def panel_units(board: JSON) -> Iterator[str]:
    yield from (one["title"] for one in panels(board) if not one["fieldConfig"]["defaults"].get("unit"))


def panel_no_targets(board: JSON) -> Iterator[str]:
    yield from (one["title"] for one in panels(board) if not one["targets"])


def target_promql(board: JSON) -> Iterator[str]:
    for title, target in prometheus_targets(board):
        try:
            promql_parser.parse(filled(target["expr"]))
        except ValueError as error:
            yield f"{title}: {error}"


def target_rate_interval(board: JSON) -> Iterator[str]:
    """A rate is taken over `$__rate_interval`; how much came about on the whole board, over `$__range`."""
    for title, target in prometheus_targets(board):
        for function, window in re.findall(r"\b(\w+)\([^()]*\[([^\]]+)\]\)", target["expr"]):
            wanted = {"increase": "$__range"}.get(function, "$__rate_interval")
            if function in RATES and window != wanted:
                yield f"{title}: {function} over {window}"


def _target_matcher(name: str) -> Rule:
    def rule(board: JSON) -> Iterator[str]:
        for panel in panels(board):
            if any("expr" not in one or not _names(one["expr"], name) for one in panel["targets"]):
                yield panel["title"]

    return rule


def _names(expr: str, label: str) -> bool:
    """Whether every selector of the query matches the label with its variable."""
    return expr.count(f'{label}=~"${label}"') >= len(selectors(expr)) > 0


def target_counter_agg(board: JSON) -> Iterator[str]:
    """A counter stands inside rate, irate or increase."""
    for title, target in prometheus_targets(board):
        tree = promql_parser.parse(filled(target["expr"]))
        counters: list[str] = []
        rated: list[str] = []

        def look(node: object, counters: list[str] = counters, rated: list[str] = rated) -> None:
            if isinstance(node, promql_parser.VectorSelector) and str(node.name).endswith("_total"):
                counters.append(str(node.name))
            if isinstance(node, promql_parser.Call) and node.func.name in RATES:
                rated.append(node.prettify())

        promql_parser.walk(tree, look)  # type: ignore[arg-type]  # the stubs say Expr, parse gives its kinds
        bare = [name for name in counters if not any(name in one for one in rated)]
        if bare or "unless dialtone" in target["expr"]:
            yield f"{title}: {bare}"


def uneditable_dashboard(board: JSON) -> Iterator[str]:
    if board["editable"]:
        yield "editable"


RULES: dict[str, Rule] = {
    "template-datasource-rule": template_datasource,
    "template-job-rule": _scrape_variable("job"),
    "template-instance-rule": _scrape_variable("instance"),
    "template-label-promql-rule": template_label_promql,
    "template-on-time-change-reload-rule": template_on_time_change_reload,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": panel_title_description,
    "panel-units-rule": panel_units,
    "panel-no-targets-rule": panel_no_targets,
    "target-promql-rule": target_promql,
    "target-rate-interval-rule": target_rate_interval,
    "target-job-rule": _target_matcher("job"),
    "target-instance-rule": _target_matcher("instance"),
    "target-counter-agg-rule": target_counter_agg,
    "uneditable-dashboard": uneditable_dashboard,
}
"""Those on Loki are left out: no board asks it."""


def is_left_out(rule: str, title: str) -> bool:
    """Whether .lint leaves a rule, for a board or for all."""
    entry = LINT.get(rule)
    entries = (entry or {}).get("entries")
    return entry is not None and (entries is None or any(one["dashboard"] == title for one in entries))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", NAMES)
def test_a_board_keeps_the_rules_of_the_dashboard_linter(rule: str, name: str) -> None:
    board = BOARDS[name]
    found = list(RULES[rule](board))
    if not is_left_out(rule, board["title"]):
        assert found == []


@pytest.mark.parametrize("rule", LINT)
def test_what_is_left_out_has_a_reason_and_is_still_needed(rule: str) -> None:
    assert len(LINT[rule]["reason"]) > 30
    titles = {board["title"]: board for board in BOARDS.values()}
    entries = LINT[rule].get("entries") or [{"dashboard": title} for title in titles]
    assert any(list(RULES[rule](titles[one["dashboard"]])) for one in entries)


BROKEN: dict[str, Callable[[JSON], object]] = {
    "template-datasource-rule": lambda board: board["templating"]["list"].pop(0),
    "template-job-rule": lambda board: variables(board)["job"].update(allValue=".*"),
    "template-instance-rule": lambda board: variables(board)["instance"].update(multi=False),
    "template-label-promql-rule": lambda board: variables(board)["vendor"]["query"].update(query="up"),
    "template-on-time-change-reload-rule": lambda board: variables(board)["vendor"].update(refresh=1),
    "panel-datasource-rule": lambda board: panels(board)[0].update(datasource={"uid": "abc"}),
    "panel-title-description-rule": lambda board: panels(board)[0].update(description=""),
    "panel-units-rule": lambda board: panels(board)[0]["fieldConfig"]["defaults"].pop("unit"),
    "panel-no-targets-rule": lambda board: panels(board)[0].update(targets=[]),
    "target-promql-rule": lambda board: panels(board)[0]["targets"][0].update(expr="sum("),
    "target-rate-interval-rule": lambda board: panels(board)[0]["targets"][0].update(expr="rate(x[5m])"),
    "target-job-rule": lambda board: panels(board)[0]["targets"][0].update(expr="dialtone_health"),
    "target-instance-rule": lambda board: panels(board)[0]["targets"][0].update(expr="dialtone_health"),
    "target-counter-agg-rule": lambda board: panels(board)[0]["targets"][0].update(expr="sum(a_total)"),
    "uneditable-dashboard": lambda board: board.update(editable=True),
}


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_notices_what_it_is_for(rule: str) -> None:
    board = load("overview.json")
    before = list(RULES[rule](board))
    BROKEN[rule](board)
    assert len(list(RULES[rule](board))) > len(before)
