"""Every panel says what it shows, in words, units and colours that everybody can read."""

import re
from collections.abc import Iterator
from typing import cast

import pytest
from grafana_foundation_sdk.models import units

from dashboards.build.words import NONE_SEEN, PALETTE
from tests.dashboards.shipped import JSON, NAMES, load, panels

BOARDS = {name: panels(load(name)) for name in NAMES}
UNITS = {value for name, value in vars(units).items() if not name.startswith("_") and isinstance(value, str)}
TYPES = {"stat", "table", "timeseries", "state-timeline", "bargauge", "heatmap"}
DESCRIPTION = re.compile(r"[A-Z0-9].{15,150}\.")
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=NAMES)


@each_board
def test_a_panel_has_a_title_and_a_description_that_says_how_to_read_it(board: list[JSON]) -> None:
    assert [one["title"] for one in board if not DESCRIPTION.fullmatch(one["description"])] == []
    titles = [one["title"] for one in board]
    assert len(set(titles)) == len(titles)
    assert all(title[0].isalnum() for title in titles)


@each_board
def test_a_panel_is_of_a_kind_that_grafana_has(board: list[JSON]) -> None:
    assert [one["title"] for one in board if one["type"] not in TYPES] == []


@each_board
def test_a_panel_has_known_units(board: list[JSON]) -> None:
    assert [one["title"] for one in board if one["fieldConfig"]["defaults"].get("unit") not in UNITS] == []
    assert [value for one in board for value in overridden(one, "unit") if value not in UNITS] == []


@each_board
def test_thresholds_begin_at_the_bottom_and_rise(board: list[JSON]) -> None:
    for panel in board:
        given = [panel["fieldConfig"]["defaults"].get("thresholds"), *overridden(panel, "thresholds")]
        for steps in (one["steps"] for one in given if one):
            values = [step["value"] for step in steps]
            assert values[0] is None, panel["title"]
            assert values[1:] == sorted(set(values[1:])), panel["title"]


@each_board
def test_every_colour_is_of_the_palette_that_the_colour_blind_can_read(board: list[JSON]) -> None:
    assert {colour for panel in board for colour in colours(panel["fieldConfig"])} <= PALETTE


@each_board
def test_a_state_is_told_in_words_not_by_colour_alone(board: list[JSON]) -> None:
    for panel in board:
        results = list(mapped(panel))
        assert results or panel["type"] != "state-timeline", panel["title"]
        texts = [result["text"] for result in results]
        assert all(text.strip() for text in texts)
        assert len(set(texts)) == len(texts), panel["title"]


@each_board
def test_a_panel_without_data_says_what_that_means(board: list[JSON]) -> None:
    kinds = {"stat", "timeseries", "bargauge", "table", "heatmap"}
    silent = [
        one["title"]
        for one in board
        if one["type"] in kinds and not one["fieldConfig"]["defaults"].get("noValue")
    ]
    assert silent == []


@each_board
def test_a_number_that_is_not_a_number_is_told_in_words(board: list[JSON]) -> None:
    for panel in board:
        if panel["type"] in {"stat", "table"} and "expr" in panel["targets"][0]:
            kinds = [one["type"] for one in panel["fieldConfig"]["defaults"]["mappings"]]
            assert "special" in kinds, panel["title"]


@each_board
def test_what_is_left_of_an_error_budget_is_a_word_where_nothing_is(board: list[JSON]) -> None:
    for panel in board:
        if panel["type"] == "stat" and "budget_left" in panel["targets"][0].get("expr", ""):
            mappings = panel["fieldConfig"]["defaults"]["mappings"]
            ranges = [one["options"] for one in mappings if one["type"] == "range"]

            assert [(one["from"], one["to"], one["result"]["text"]) for one in ranges] == [(None, 0, "spent")]
            # The first that fits is shown, and what stands for no objective is below 0 as well.
            assert mappings[0]["options"][str(NONE_SEEN)]["text"] == "no objectives"


def test_a_budget_that_is_spent_is_told_apart_from_one_that_does_not_burn() -> None:
    (table,) = [one for one in panels(load("objectives.json")) if "least budget first" in one["title"]]
    words = [one for value in overridden(table, "mappings") for one in cast("list[JSON]", value)]

    told = [one["options"] for one in words if one["type"] == "value" and "-1" in one["options"]]
    assert [(one["0"]["text"], one["-1"]["text"]) for one in told] == [("steady", "spent")]
    # What does not burn is 0 where something is left, and -1 elsewhere.
    assert re.search(r"or 0 \* \(min.+ > 0\)\) or 0 \* \(min.+\) \+ -1$", table["targets"][4]["expr"])


@each_board
def test_a_colour_is_fixed_for_a_name_that_a_series_can_have(board: list[JSON]) -> None:
    for panel in board:
        if panel["type"] == "timeseries":
            legends = [one.get("legendFormat", "") for one in panel["targets"]]
            # Who it is makes a name that no board knows; what it is, a name that stands in `words`.
            known = [one for one in legends if "{{" in one and not NAMED.search(one)]
            fixed = [one["matcher"] for one in panel["fieldConfig"].get("overrides", [])]
            names = {one["options"] for one in fixed if one["id"] == "byName"}
            assert known or names <= {*legends}, panel["title"]


@each_board
def test_a_column_of_a_table_is_formatted_by_a_name_it_has(board: list[JSON]) -> None:
    for panel in board:
        if panel["type"] == "table":
            (organized,) = [one["options"] for one in panel["transformations"] if one["id"] == "organize"]
            names = set(organized["renameByName"].values())
            assert {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]} <= names
            assert {one["displayName"] for one in panel["options"]["sortBy"]} <= names


NAMED = re.compile(r"{{(exporter|heartbeat|instance|integration|receiver|slo|vendor)}}")
"""Labels whose values only an operator knows."""


def overridden(panel: JSON, name: str) -> list[object]:
    overrides = panel["fieldConfig"].get("overrides", [])
    return [p["value"] for one in overrides for p in one["properties"] if p["id"] == name]


def mapped(panel: JSON) -> Iterator[JSON]:
    """What is shown for a value, of each set of mappings on its own."""
    for mapping in panel["fieldConfig"]["defaults"].get("mappings", []):
        if mapping["type"] in {"range", "special"}:
            yield mapping["options"]["result"]
        else:
            yield from mapping["options"].values()


def colours(value: object) -> Iterator[str]:
    """Every colour that is named anywhere."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"color", "fixedColor"} and isinstance(inner, str):
                yield inner
            else:
                yield from colours(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from colours(inner)
