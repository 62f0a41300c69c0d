"""kill -9 while metrics are pushed: at most a window is lost, and totals are exact."""

from pathlib import Path
from statistics import median

import pytest

from exporters.settings import Temporality
from tests.crash.exporters_rounds import RATE, kill_rounds

ROUNDS = {Temporality.DELTA: 70, Temporality.CUMULATIVE: 30}


@pytest.mark.parametrize("temporality", Temporality)
def test_kill_9_loses_at_most_a_window_and_totals_are_exact(tmp_path: Path, temporality: Temporality) -> None:
    report = kill_rounds(
        tmp_path / "exporters", rounds=ROUNDS[temporality], seed=20_261_123, temporality=temporality
    )

    worth = {intake: [calls / RATE for calls in lost] for intake, lost in report.lost.items()}
    print(
        f"\n{report.kills} kills, {report.counted:,} calls, {report.requests:,} requests, {report.troubles}:"
    )
    for intake, seconds in worth.items():
        print(f"  {intake}: lost a life {median(seconds):.2f} s worth, at most {max(seconds):.2f} s")
    assert report.faults == []
    assert report.wrong == []
    for intake, lost in report.lost.items():
        assert report.told[intake] == report.counted - sum(lost)
