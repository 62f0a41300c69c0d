"""Free SQL under attack, on the locked DuckDB and on 1.5.5: nothing written, nothing read outside, memory and
time within their limits, and a reader left that answers.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from exporters.analytics.sql.frames import Format
from exporters.analytics.sql.readers import ReaderLost, ReaderProcess
from integrations.clock import SystemClock
from tests.exporters.analytics.sql.hostile import BOMBS, refused
from tests.exporters.analytics.sql.snapshot_file import ROWS, make_snapshot, question
from tests.fuzz.conftest import Covered

ROOT = Path(__file__).parents[2]
OLD = "1.5.5"
MEMORY = 1 << 30
STOLEN = Path("/tmp/stolen.csv")
SECONDS, GONE_AFTER = 1.0, 2.0


def old_python() -> str:
    """The interpreter of an environment of its own with the oldest DuckDB, set up the first time."""
    home = ROOT / ".venv" / f"duckdb-{OLD}"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"duckdb=={OLD}", "msgspec"], check=True)
        (site,) = home.glob("lib/python*/site-packages")
        (site / "project.pth").write_text(f"{ROOT}\n")
    return str(python)


@pytest.fixture(scope="module", params=["locked", OLD])
def python(request: pytest.FixtureRequest) -> str:
    return sys.executable if request.param == "locked" else old_python()


class Attacked:
    """A reader, and another in its place when it is lost."""

    def __init__(self, directory: Path, python: str) -> None:
        self.path = make_snapshot(directory / "snapshots" / "hot.duckdb", sealed=True)
        self.lost = 0
        self.slowest = 0.0
        self.peak = 0
        self._directory = directory / "readers"
        self._python = python
        self._reader: ReaderProcess | None = None

    async def ask(self, sql: str, shape: Format = Format.JSON) -> tuple[str, bytes]:
        """Return the error and the body."""
        reader, clock = await self._alive(), SystemClock()
        started = clock.monotonic()
        try:
            reply, body = await reader.ask(question(self.path, sql, format=shape, seconds=SECONDS))
        except ReaderLost as error:
            await self.aclose()
            self.lost += 1
            return str(error), b""
        finally:
            self.slowest = max(self.slowest, clock.monotonic() - started)
        self.peak = max(self.peak, self._peak(reader.pid))
        return reply.error, body

    async def aclose(self) -> None:
        if self._reader is not None:
            await self._reader.kill()
            self._reader = None

    async def _alive(self) -> ReaderProcess:
        if self._reader is None:
            self._reader = await ReaderProcess.start(
                self._directory, memory=MEMORY, written=1 << 20, clock=SystemClock(), python=self._python
            )
        return self._reader

    @staticmethod
    def _peak(pid: int) -> int:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmPeak:"))


@pytest.fixture
async def attacked(tmp_path: Path, python: str) -> AsyncIterator[Attacked]:
    attacked = Attacked(tmp_path, python)
    yield attacked
    await attacked.aclose()


def is_there(path: Path) -> bool:
    return path.exists()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


async def test_no_hostile_statement_is_answered_and_the_file_stays_as_it_is(
    attacked: Attacked, covered: Covered
) -> None:
    before = digest(attacked.path)
    for name, sql in refused().items():
        error, body = await attacked.ask(sql)
        assert error in {"refused", "failed"}, name
        assert body == b"", name

    assert digest(attacked.path) == before
    assert not is_there(STOLEN)
    assert attacked.lost == 0
    covered(f"{len(refused())} hostile statements refused")


async def test_every_bomb_is_gone_in_time_and_within_its_memory(attacked: Attacked, covered: Covered) -> None:
    before = digest(attacked.path)
    for name, sql in BOMBS.items():
        with anyio.fail_after(SECONDS + GONE_AFTER + 5):
            await attacked.ask(sql)
        assert attacked.slowest <= SECONDS + GONE_AFTER, name
        error, body = await attacked.ask("SELECT count(*) FROM calls")
        assert (error, json.loads(body)["rows"]) == ("", [[ROWS]]), name

    assert attacked.peak <= MEMORY
    assert digest(attacked.path) == before
    covered(
        f"{len(BOMBS)} bombs: the slowest {attacked.slowest:.2f} s at a limit of {SECONDS:g} s, "
        f"{attacked.lost} readers lost, at most {attacked.peak >> 20} MiB of address space"
    )
