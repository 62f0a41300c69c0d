"""Commands are loaded when they are asked for."""

import subprocess
import sys

import pytest

from app.cli import main
from app.commands.late import LateCommands


@pytest.mark.parametrize("name", list(main.commands))
def test_a_command_is_listed_under_its_name(name: str) -> None:
    assert main.commands[name].name == name


def test_what_is_no_command_is_refused() -> None:
    with pytest.raises(TypeError, match=r"exits\.FAILED is no command"):
        LateCommands("app.commands", {"failed": ("exits", "FAILED")})["failed"]


def test_a_command_that_asks_no_server_loads_nothing_of_those_that_do() -> None:
    script = (
        "import sys; from app.cli import main; main(['version'], standalone_mode=False); print(*sys.modules)"
    )

    printed = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout

    assert "app.commands.local" in printed.split()
    assert {"rich", "app.commands.session", "app.commands.status"} & set(printed.split()) == set()
