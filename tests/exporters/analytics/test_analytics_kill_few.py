"""The crash test of make test-crash in three rounds, so that each `make test` kills the store too."""

from pathlib import Path

from tests.crash.kill_rounds import kill_rounds


def test_three_kills_lose_and_double_no_acknowledged_row(tmp_path: Path) -> None:
    rounds = kill_rounds(tmp_path / "analytics", rounds=3, rate=5_000, seed=3, life=(0.1, 1.2))

    assert all(one.acknowledged > 0 for one in rounds)
