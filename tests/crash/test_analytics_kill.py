"""kill -9 under load: what was acknowledged is there once, and what was not is at most a moment's worth."""

from pathlib import Path
from statistics import median

import pytest

from tests.crash.analytics_rounds import RATE, kill_rounds
from tests.crash.scale import times

GENERATIONS = times(2, 10)
KILLS = times(30, 50)
"""In each generation, over a directory of its own: 500 in all, fully."""


@pytest.mark.parametrize("generation", range(GENERATIONS))
def test_kill_9_under_load_loses_and_doubles_no_acknowledged_row(tmp_path: Path, generation: int) -> None:
    report = kill_rounds(tmp_path / "analytics", rounds=KILLS, seed=20_261_122 + generation)

    print(f"\n{report}")
    assert (report.lost, report.doubled, report.set_aside) == (0, 0, 0)
    assert report.kills == KILLS
    assert report.acknowledged > KILLS * RATE / 4
    assert report.sealed > 0
    # What waits for the next tick; on a busy machine a tick may be late.
    assert median(report.unacknowledged) <= RATE * 0.05
    assert max(report.seconds) <= 5.0
