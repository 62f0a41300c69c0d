import subprocess
import sys
from pathlib import Path

from app.storage.storage import open_storage
from integrations.clock import SystemClock
from integrations.signals import OperatorAction

ROUNDS = 5
WRITER = Path(__file__).parent / "acknowledging_writer.py"
ROOT = Path(__file__).parents[3]


def killed_under_load(state_dir: Path, start: int, *, acknowledged: int) -> list[int]:
    """The numbers that a writer had acknowledged when it was killed."""
    with subprocess.Popen(
        [sys.executable, str(WRITER), str(state_dir), str(start)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    ) as writer:
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(acknowledged)]
        writer.kill()
        lines += writer.stdout.readlines()
    return [int(line) for line in lines if line.endswith(b"\n")]


async def test_no_acknowledged_unit_is_lost_by_sigkill(tmp_path: Path) -> None:
    acknowledged: list[int] = []
    for round_ in range(ROUNDS):
        numbers = killed_under_load(tmp_path, round_ * 1_000_000, acknowledged=150 + 37 * round_)
        assert len(numbers) >= 150
        acknowledged += numbers

    storage = open_storage(None, state_dir=tmp_path, clock=SystemClock())
    await storage.start()
    actions = await storage.operators.recent(1_000_000)
    await storage.aclose()

    stored = [int(action.at) for action in actions if isinstance(action, OperatorAction)]
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))
