"""The committed boards are the generated ones, portable, and lead to one another."""

import itertools
import json
import re

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards.build.__main__ import boards
from dashboards.build.queries import RECORDED, select
from dashboards.build.words import BREAKER_CODES, HEALTH_ADVICE, HEALTH_CODES, UP_BUT_FAILING, UP_BUT_SLOW
from exporters.catalogue import CATALOGUE
from integrations.signals import BreakerState, Health
from tests.dashboards.board_labels import BoardLabels
from tests.dashboards.shipped import FOLDER, JSON, NAMES, load, panels, variables

BOARDS = {name: load(name) for name in NAMES}
LABELS = BoardLabels()
UIDS = {board["uid"] for board in BOARDS.values()}
SHARED = ["datasource", "job", "instance", "vendor", "team", "environment", "integration", "slo", "receiver"]
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=NAMES)


def test_generating_the_boards_again_changes_no_byte() -> None:
    generated = boards()
    assert sorted(generated) == NAMES
    for name, text in generated.items():
        assert (FOLDER / name).read_text() == text, "write them anew: make dashboards"


def test_there_are_boards_for_everything_an_sre_asks() -> None:
    assert len(NAMES) >= 9
    assert sum(len(panels(board)) for board in BOARDS.values()) >= 90


@each_board
def test_a_board_survives_the_way_through_the_models_of_grafana(board: JSON) -> None:
    register_default_plugins()
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(board)))
    for one in (*again["links"], *again["annotations"]["list"]):
        # The models know one place only, and put everything there.
        assert one.pop("placement") == "inControlsMenu"
    assert again == board


@pytest.mark.parametrize("name", NAMES)
def test_a_board_is_classic_json_with_a_stable_uid(name: str) -> None:
    board = BOARDS[name]
    assert board["schemaVersion"] == 42
    assert board["uid"] == f"dialtone-{name.removesuffix('.json')}"
    assert board["editable"] is False
    assert "dialtone" in board["tags"]
    assert not {"__inputs", "__requires", "__elements", "id", "version"} & set(board)


@each_board
def test_nothing_on_a_board_names_one_installation(board: JSON) -> None:
    text = json.dumps(board)
    assert "${DS_" not in text
    assert not re.search(r"localhost|127\.0\.0\.1|https?://", text)
    used = {each["uid"] for each in sources(board)}
    assert used <= {"${datasource}", "${analytics}"}


def sources(board: JSON) -> list[JSON]:
    """Every reference to a data source."""
    found: list[JSON] = []

    def look(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("datasource"), dict):
                found.append(value["datasource"])
            for each in value.values():
                look(each)
        elif isinstance(value, list):
            for each in value:
                look(each)

    look(board)
    return found


@each_board
def test_a_board_has_every_variable_so_that_a_choice_survives_a_link(board: JSON) -> None:
    found = variables(board)
    assert list(found)[: len(SHARED)] == SHARED
    queried = [one for one in found.values() if one["type"] == "query"]
    assert all(one["refresh"] == 2 for one in queried)
    assert all(one["datasource"]["uid"] == "${datasource}" for one in queried)


@each_board
def test_variables_ask_for_labels_that_exist(board: JSON) -> None:
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert found is not None
            assert found[2] in LABELS.of(found[1])


@each_board
def test_links_lead_to_boards_with_the_time_and_the_choice(board: JSON) -> None:
    (others,) = board["links"]
    assert (others["type"], others["tags"]) == ("dashboards", ["dialtone"])
    assert others["includeVars"]
    assert others["keepTime"]
    assert "placement" not in others
    for uid, query in re.findall(r'"url": "/d/([\w-]+)\?([^"]*)"', json.dumps(board)):
        assert uid in UIDS
        assert "${__url_time_range}" in query
        given = set(re.findall(r"var-(\w+)=", query))
        assert "datasource" in given
        assert given <= set(variables(BOARDS[f"{uid.removeprefix('dialtone-')}.json"]))


@each_board
def test_what_happened_is_drawn_over_every_graph(board: JSON) -> None:
    found = {one["name"]: one for one in board["annotations"]["list"]}
    assert set(found) == {"Incidents", "Breakers", "Game days", "Configuration"}
    for one in found.values():
        assert one["target"]["expr"] == one["expr"]
        used = set(re.findall(r"{{(\w+)}}", one["titleFormat"])) | set(one["tagKeys"].split(","))
        assert used <= LABELS.of(one["expr"])
    assert [name for name, one in found.items() if one["useValueForTime"]] == ["Configuration"]


@each_board
def test_no_panel_lies_over_another_or_beside_the_board(board: JSON) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


@each_board
def test_every_row_of_the_grid_is_filled(board: JSON) -> None:
    widths: dict[int, int] = {}
    heights: dict[int, set[int]] = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
        heights.setdefault(place["y"], set()).add(place["h"])
    assert set(widths.values()) == {24}
    assert all(len(each) == 1 for each in heights.values())


@each_board
def test_panel_ids_are_distinct(board: JSON) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


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
    assert set(HEALTH_ADVICE) == {*HEALTH_CODES.values(), UP_BUT_SLOW, UP_BUT_FAILING}
    assert HEALTH_CODES["up"] < UP_BUT_SLOW < UP_BUT_FAILING < HEALTH_CODES["paused"]
    for codes, worst in ((HEALTH_CODES, "down"), (BREAKER_CODES, "open")):
        assert codes[worst] == max(codes.values())
        assert len(set(codes.values())) == len(codes)


def test_a_metric_that_does_not_exist_stops_the_generator() -> None:
    with pytest.raises(LookupError):
        select("dialtone_nonsense")
    assert "dialtone_nonsense" not in CATALOGUE
    assert RECORDED
