"""The boards, rules and provisioning files come with the wheel, and fit together."""

from pathlib import Path

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder

from app.boards import shipped_boards, shipped_files

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel() -> set[str]:
    """Every path in the wheel."""
    return {one.distribution_path for one in WheelBuilder(str(ROOT)).recurse_included_files()}


def provisioning(kind: str) -> dict[str, object]:
    content = shipped_files()[f"provisioning/{kind}/dialtone.yml"]
    found: dict[str, object] = yaml.safe_load(content)
    assert found["apiVersion"] == 1
    return found


def test_the_wheel_holds_every_board_and_rule_and_not_what_makes_them(wheel: set[str]) -> None:
    assert {f"dashboards/{path}" for path in shipped_files()} <= wheel
    assert not [path for path in wheel if path.startswith("dashboards/build")]


def test_a_board_is_known_by_its_uid() -> None:
    boards = shipped_boards()
    assert len(boards) >= 9
    assert all(board["uid"] == uid for uid, board in boards.items())


def test_the_provider_reads_a_folder_and_lets_nobody_change_the_boards() -> None:
    (provider,) = provisioning("dashboards")["providers"]  # type: ignore[misc]  # YAML of our own
    assert provider["type"] == "file"
    assert provider["folderUid"] == "dialtone"
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"].startswith("/")


def test_the_data_sources_are_of_the_kinds_that_the_boards_choose_from_and_hold_no_secret() -> None:
    sources = provisioning("datasources")["datasources"]
    assert isinstance(sources, list)
    wanted = {
        variable["query"]
        for board in shipped_boards().values()
        for variable in board["templating"]["list"]  # type: ignore[index]  # JSON of our own
        if variable["type"] == "datasource"
    }
    assert {one["type"] for one in sources} == wanted
    assert all(one["url"].startswith("$") for one in sources)
    secrets = [value for one in sources for value in one.get("secureJsonData", {}).values()]
    assert secrets == ["$DIALTONE_TOKEN"]
