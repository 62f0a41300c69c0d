"""Every query of every board asks only for what exists, and is narrowed to what its reader chose."""

import re
from collections.abc import Iterator

import msgspec
import promql_parser
import pytest
from prometheus_client import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from dashboards.build.queries import CHOSEN, PROCESS, SCRAPED, recorded
from exporters.catalogue import CATALOGUE
from tests.dashboards.board_labels import BoardLabels
from tests.dashboards.rule_labels import UnknownError
from tests.dashboards.shipped import JSON, NAMES, filled, load, panels, prometheus_targets, selectors

BOARDS = {name: load(name) for name in NAMES}
LABELS = BoardLabels()
QUERIES = sorted({target["expr"] for board in BOARDS.values() for _, target in prometheus_targets(board)})
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=NAMES)


def families(query: str) -> set[str]:
    bare = (re.sub("_(bucket|sum|count)$", "", str(one.name)) for one in selectors(query))
    return {name for name in bare if name in CATALOGUE}


USES = {query: families(query) for query in QUERIES}
USED = sorted(set[str]().union(*USES.values()))


@each_board
def test_a_query_uses_only_metrics_and_labels_that_exist(board: JSON) -> None:
    for title, target in prometheus_targets(board):
        assert isinstance(LABELS.of(target["expr"]), frozenset), title


@each_board
def test_a_legend_uses_labels_that_the_query_gives(board: JSON) -> None:
    for title, target in prometheus_targets(board):
        used = set(re.findall(r"{{\s*(\w+)\s*}}", target.get("legendFormat", "")))
        assert used <= LABELS.of(target["expr"]), title


@each_board
def test_columns_of_a_table_are_labels_or_values_of_its_queries(board: JSON) -> None:
    for panel in panels(board):
        if panel["type"] == "table" and "expr" in panel["targets"][0]:
            (organized,) = [one["options"] for one in panel["transformations"] if one["id"] == "organize"]
            targets = panel["targets"]
            several = len(targets) > 1
            values = {f"Value #{one['refId']}" if several else "Value" for one in targets}
            labels = frozenset[str]().union(*(LABELS.of(one["expr"]) for one in targets))
            assert set(organized["indexByName"]) <= labels | values, panel["title"]


@each_board
def test_a_query_is_narrowed_by_the_choices_its_board_shows_wherever_its_series_allow(board: JSON) -> None:
    shown = {one["name"] for one in board["templating"]["list"] if not one.get("hide")}
    for title, target in prometheus_targets(board):
        for one in selectors(target["expr"]):
            narrowed = {m.name for m in one.matchers.matchers if m.value == ".+"}
            labels = LABELS.of(str(one.name))
            wanted = {*SCRAPED, *CHOSEN} & labels & shown
            assert narrowed >= wanted - ({"vendor"} if ":" in str(one.name) else set()), title
            assert narrowed <= wanted, title


@each_board
def test_a_board_tells_nothing_good_while_dialtone_is_not_scraped(board: JSON) -> None:
    """What stands in for a series is made of one that is there as long as Dialtone is scraped."""
    made_up = [title for title, target in prometheus_targets(board) if "vector(" in target["expr"]]
    assert made_up == (["Dialtone itself"] if board["uid"] == "dialtone-overview" else [])


@pytest.mark.parametrize("family", USED)
def test_deleting_a_metric_that_a_board_uses_is_noticed(family: str) -> None:
    without = Without(family)
    for query, used in USES.items():
        if family in used:
            with pytest.raises(UnknownError):
                without.of(query)


class Without(BoardLabels):
    """Knows the catalogue but for one metric; what rules record is as it was."""

    def __init__(self, family: str) -> None:
        self._catalogue = {name: row for name, row in LABELS._catalogue.items() if name != family}
        self._recorded = LABELS._recorded


def renamed_labels() -> Iterator[tuple[str, str]]:
    """Each label that a query names, in a matcher, a grouping or a legend, with its metric."""
    for query, used in USES.items():
        named = set(re.findall(r"\w+", query))
        for family in used:
            yield from ((family, label) for label in CATALOGUE[family].labels if label in named)


@pytest.mark.parametrize(("family", "label"), sorted(set(renamed_labels())))
def test_renaming_a_label_that_a_board_uses_is_noticed(family: str, label: str) -> None:
    row = CATALOGUE[family]
    labels = tuple("renamed" if one == label else one for one in row.labels)
    reader = Without("")
    reader._catalogue[family] = msgspec.structs.replace(row, labels=labels)
    query = next(q for q, used in USES.items() if family in used and label in re.findall(r"\w+", q))
    try:
        left = reader.of(query)
    except UnknownError:
        return
    assert label not in left, f"{query} does not notice that {family} has no {label}"


ERRORS = [name for name in CATALOGUE if re.search(r"_(errors|failures|dropped|restarts)_total$", name)]


@pytest.mark.parametrize("metric", ERRORS)
def test_every_error_and_loss_that_is_counted_stands_on_a_board(metric: str) -> None:
    assert metric in USED


def test_what_is_told_of_the_process_is_what_prometheus_client_tells() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    told = {sample.name for family in registry.collect() for sample in family.samples}
    assert told >= PROCESS


def test_a_series_that_no_rule_records_stops_the_generator() -> None:
    with pytest.raises(LookupError):
        recorded("fleet:nonsense:rate5m")


def test_every_query_is_good_promql() -> None:
    for query in QUERIES:
        promql_parser.parse(filled(query))
    with pytest.raises(ValueError, match="unclosed"):
        promql_parser.parse("sum by (")
