"""What a board's query gives: like a rule's, and with what only boards use."""

from collections.abc import Mapping

import promql_parser as promql
import yaml

from dashboards.build.queries import PROCESS
from exporters.catalogue import CATALOGUE, Family
from tests.dashboards.rule_labels import LabelReader, Labels
from tests.dashboards.shipped import FOLDER, filled

KEEPING = {"topk", "bottomk"}
"""Aggregations that pick series and leave them as they are."""
_PROCESS = {name: Family(name=name, kind="gauge", help="") for name in PROCESS}


def recording_rules() -> dict[str, str]:
    groups = yaml.safe_load((FOLDER / "rules" / "recording.yml").read_text())["groups"]
    return {rule["record"]: rule["expr"] for group in groups for rule in group["rules"]}


class BoardLabels(LabelReader):
    """Labels of the queries of boards."""

    def __init__(self, catalogue: Mapping[str, Family] = CATALOGUE) -> None:
        super().__init__({**catalogue, **_PROCESS}, recording_rules())

    def of(self, query: str) -> Labels:
        return super().of(filled(query))

    def _aggregated(self, node: promql.AggregateExpr) -> Labels:
        if str(node.op) in KEEPING and node.modifier is None:
            return self._expression(node.expr)
        return super()._aggregated(node)

    def _binary(self, node: promql.BinaryExpr) -> Labels:
        """What stands in where the left side of `or` is empty may have fewer labels, and no others."""
        if str(node.op) != "or":
            return super()._binary(node)
        left, right = self._expression(node.lhs), self._expression(node.rhs)
        self._need(right, left, node.prettify())
        return left
