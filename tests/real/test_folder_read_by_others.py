"""The folder for other programs, read by DuckDB (the locked one and 1.5.5) and Polars while it is kept."""

import json
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from exporters.analytics.days.folder import Folder
from integrations.clock import SystemClock
from tests.exporters.analytics.days.world import DAY, LATER, Growing

ROOT = Path(__file__).parents[2]
READER = Path(__file__).with_name("folder_reader.py")
UPDATES = 60


def others() -> str:
    """The interpreter of an environment of its own with other readers, set up the first time."""
    home = ROOT / ".venv" / "folder-readers"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "duckdb==1.5.5", "polars"], check=True)
    return str(python)


class Reading:
    """A program that reads on until it is told to end."""

    def __init__(self, python: str, kind: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [python, str(READER), kind, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def end(self) -> dict[str, object]:
        told, _ = self._process.communicate(timeout=30)
        found: dict[str, object] = json.loads(told)
        return found


@pytest.mark.parametrize(
    ("python", "kind"),
    [("locked", "duckdb"), ("other", "duckdb"), ("other", "polars")],
    ids=["duckdb", "duckdb-1.5.5", "polars"],
)
async def test_a_program_that_reads_on_sees_each_row_once(tmp_path: Path, python: str, kind: str) -> None:
    days, out = Growing(tmp_path / "days"), tmp_path / "out"
    folder = Folder(out, days=days, seconds=1.0, clock=SystemClock())
    days.calls([0])
    days.calls([100_000], day=LATER)
    await folder.update()
    reading = Reading(sys.executable if python == "locked" else others(), kind, out)

    for step in range(1, UPDATES + 1):
        days.calls(range(step * 100, step * 100 + 90))
        days.calls([100_000 + step], day=LATER)
        if step % 9 == 0:
            days.seal(DAY)
        await folder.update()
        await anyio.sleep(0.05)
    await anyio.sleep(0.5)
    told = reading.end()

    assert told["wrong"] == {}
    assert told["rows"] == 2 + UPDATES * 91
    assert isinstance(told["readings"], int)
    assert told["readings"] > UPDATES
