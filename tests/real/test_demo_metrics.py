"""What the demo tells Prometheus, after traffic and faults: promtool finds no fault in it."""

import subprocess
from collections.abc import Iterator

import httpx
import pytest

from tests.real.servers import answers, dialtone_command, eventually, free_port, program, running


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, listen = tmp_path_factory.mktemp("demo"), f"127.0.0.1:{free_port()}"
    command = dialtone_command("demo", "--listen", listen, "--state-dir", str(folder / "state"))
    with running(command, log=folder / "demo.log"):
        eventually("the demo is ready", lambda: answers(f"http://{listen}/readyz"), within=60)
        wanted = ("dialtone_calls_total{", 'outcome="server_error"', "dialtone_breaker_transitions_total{")
        eventually(
            "traffic and faults are told", lambda: all(part in text(listen) for part in wanted), within=120
        )
        yield listen


def text(listen: str) -> str:
    """The exposition as text 0.0.4, which promtool reads."""
    answer = httpx.get(f"http://{listen}/metrics", headers={"Accept": "text/plain"}, timeout=10)
    assert answer.status_code == 200
    return answer.text


def test_promtool_finds_no_fault(demo: str) -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text(demo).encode(), capture_output=True, check=False
    )

    told = (checked.stdout + checked.stderr).decode()
    assert (checked.returncode, told) == (0, "")
