"""Which labels a PromQL query's result has, by the catalogue: an unknown metric or label is an error."""

from collections.abc import Mapping

import promql_parser as promql

from exporters.catalogue import Family

Labels = frozenset[str]

SCRAPED = frozenset(("job", "instance"))
"""What Prometheus adds to everything that it scrapes."""

_SETS = {"and", "unless", "or"}


class UnknownError(LookupError):
    """A query names a metric or a label that does not exist."""


class LabelReader:
    """Knows the labels of every series: those of the catalogue, and those that rules record."""

    def __init__(self, catalogue: Mapping[str, Family], recorded: Mapping[str, str]) -> None:
        """`recorded` are recording rules, queries by name, in the order in which they are evaluated."""
        self._catalogue = catalogue
        self._recorded: dict[str, Labels] = {}
        for name, query in recorded.items():
            self._recorded[name] = self.of(query)

    def of(self, query: str) -> Labels:
        """The labels of the result.

        Raises:
            UnknownError: naming what does not exist.
        """
        return self._expression(promql.parse(query))

    def _expression(self, node: object) -> Labels:
        match node:
            case promql.VectorSelector():
                labels = self._selected(node)
            case promql.MatrixSelector():
                labels = self._selected(node.vector_selector)
            case promql.AggregateExpr():
                labels = self._aggregated(node)
            case promql.BinaryExpr():
                labels = self._binary(node)
            case promql.Call():
                labels = self._called(node)
            case promql.ParenExpr() | promql.UnaryExpr():
                labels = self._expression(node.expr)
            case _:
                labels = frozenset()
        return labels

    def _selected(self, node: promql.VectorSelector) -> Labels:
        labels = self._series(str(node.name))
        for matcher in node.matchers.matchers:
            self._need({matcher.name}, labels, str(node.name))
        return labels

    def _series(self, name: str) -> Labels:
        if name in self._recorded:
            return self._recorded[name]
        for suffix in ("_bucket", "_sum", "_count"):
            family = self._catalogue.get(name.removesuffix(suffix))
            if name.endswith(suffix) and family is not None and family.kind == "histogram":
                return SCRAPED | {*family.labels, *(["le"] if suffix == "_bucket" else [])}
        if name not in self._catalogue:
            raise UnknownError(f"there is no series {name}")
        return SCRAPED | {*self._catalogue[name].labels}

    def _aggregated(self, node: promql.AggregateExpr) -> Labels:
        inner = self._expression(node.expr)
        if node.modifier is None:
            return frozenset()
        named = frozenset(node.modifier.labels)
        self._need(named, inner, node.prettify())
        return inner - named if node.modifier.type == promql.AggModifierType.Without else named

    def _called(self, node: promql.Call) -> Labels:
        inner = [self._expression(argument) for argument in node.args]
        if node.func.name == "absent":
            return frozenset()
        labels = frozenset[str]().union(*inner)
        if node.func.name == "histogram_quantile":
            # Without its buckets it is a native histogram, which has no such label.
            return labels - {"le"}
        if node.func.name == "label_replace":
            return labels | {node.args[1].val}
        return labels

    def _binary(self, node: promql.BinaryExpr) -> Labels:
        left, right = self._expression(node.lhs), self._expression(node.rhs)
        if node.modifier is None or node.modifier.matching is None:
            if left and right and left != right:
                raise UnknownError(f"the sides have other labels, {sorted(left ^ right)}: {node.prettify()}")
            return left or right
        named = frozenset(node.modifier.matching.labels)
        self._need(named, left & right, node.prettify())
        copied = frozenset(node.modifier.group_labels or ())
        self._need(copied, right, node.prettify())
        return left | copied

    def _need(self, named: set[str] | Labels, there: Labels, where: str) -> None:
        if missing := sorted(named - there):
            raise UnknownError(f"no label {', '.join(missing)} in {where}")
