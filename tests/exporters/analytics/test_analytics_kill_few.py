"""The crash test of make test-crash in three rounds, so that each `make test` kills the store too."""

from pathlib import Path

from tests.crash.analytics_rounds import kill_rounds


def test_three_kills_lose_and_double_no_acknowledged_row(tmp_path: Path) -> None:
    report = kill_rounds(tmp_path / "analytics", rounds=3, seed=3, longest=1.2)

    assert report.acknowledged > 0
    assert (report.lost, report.doubled, report.set_aside) == (0, 0, 0)
