"""The boards that are shipped, read as a program would."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser

FOLDER = Path(__file__).parents[2] / "dashboards"
NAMES = sorted(path.name for path in FOLDER.glob("*.json"))
VALUES = {
    "$__rate_interval": "1m",
    "$__range": "1h",
    "$job": ".+",
    "$instance": ".+",
    "$integration": ".+",
    "$vendor": ".+",
    "$slo": ".+",
    "$receiver": ".+",
    "$team": ".*",
    "$environment": ".*",
}
"""Something in place of each variable of a query."""

JSON = dict[str, Any]


def load(name: str) -> JSON:
    board: JSON = json.loads((FOLDER / name).read_text())
    return board


def panels(board: JSON) -> list[JSON]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def prometheus_targets(board: JSON) -> Iterator[tuple[str, JSON]]:
    """Each target of Prometheus with the title of its panel."""
    for panel in panels(board):
        for target in panel["targets"]:
            if "expr" in target:
                yield panel["title"], target


def infinity_targets(board: JSON) -> Iterator[tuple[str, JSON]]:
    """Each target of Infinity with the title of its panel."""
    for panel in panels(board):
        for target in panel["targets"]:
            if "url" in target:
                yield panel["title"], target


def variables(board: JSON) -> dict[str, JSON]:
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def filled(query: str) -> str:
    """The query as Grafana sends it, with something in place of each variable."""
    for name, value in VALUES.items():
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


def selectors(query: str) -> list[promql_parser.VectorSelector]:
    found: list[object] = []
    promql_parser.walk(promql_parser.parse(filled(query)), found.append)  # type: ignore[arg-type]  # the stubs say Expr, parse gives its kinds
    return [node for node in found if isinstance(node, promql_parser.VectorSelector)]
