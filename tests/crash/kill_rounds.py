"""Kills the analytics child at random and holds what is left against what it had acknowledged."""

import random
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from tests.crash.analytics_child import SHARED
from tests.exporters.analytics.generated import started


class Round(NamedTuple):
    """What one life of the child came to; `lost` counts rows that were published and not yet acknowledged."""

    published: int
    acknowledged: int
    lost: int


def kill_rounds(
    directory: Path, *, rounds: int, rate: int, seed: int, life: tuple[float, float]
) -> list[Round]:
    """Run and kill the child again and again over one directory, checking after each death."""
    shared = directory.parent / "shared"
    shared.write_bytes(bytes(SHARED.size))
    chance = random.Random(seed)
    present: set[int] = set()
    return [
        _round(directory, shared, rate=rate, life=chance.uniform(*life), present=present)
        for _ in range(rounds)
    ]


def _round(directory: Path, shared: Path, *, rate: int, life: float, present: set[int]) -> Round:
    before = SHARED.unpack(shared.read_bytes())[0]
    _live_and_die(directory, shared, rate=rate, life=life)
    published, acknowledged, _ = SHARED.unpack(shared.read_bytes())

    pair = started(directory)
    found = [seq for (seq,) in pair.rows("SELECT seq FROM calls")]
    pair.close()

    rows = {int(str(seq)) for seq in found}
    assert len(rows) == len(found), "rows were doubled"
    assert present <= rows, "rows of an earlier life went missing"
    promised = set(range(before + 1, acknowledged + 1))
    assert promised <= rows, f"{len(promised - rows)} acknowledged rows were lost"
    present |= rows
    return Round(
        published - before, acknowledged - before, published - before - len(rows - set(range(before + 1)))
    )


def _live_and_die(directory: Path, shared: Path, *, rate: int, life: float) -> None:
    """Let the child live for `life` seconds from its first acknowledged row, then kill it."""
    before = SHARED.unpack(shared.read_bytes())
    arguments = [sys.executable, "-m", "tests.crash.analytics_child", str(directory), str(shared), str(rate)]
    with subprocess.Popen(arguments) as child:
        deadline = time.monotonic() + 30
        while SHARED.unpack(shared.read_bytes())[1] <= max(before[1], before[0]):
            assert child.poll() is None, "the child did not start"
            assert time.monotonic() < deadline, "the child acknowledges nothing"
            time.sleep(0.005)
        time.sleep(life)
        child.kill()
