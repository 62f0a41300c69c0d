"""Bits of the log that turn over, and disks that are full, under processes that are killed."""

from pathlib import Path

import pytest

from tests.crash.analytics_damage import ANSWERS_WITHIN, flip_rounds, full_rounds
from tests.crash.scale import times

FLIPS = times(20, 100)
FILLS = times(3, 10)
"""With a floor below which nothing is written, and as many without."""


def test_a_bit_of_the_log_that_turns_over_costs_no_acknowledged_row(tmp_path: Path) -> None:
    report, flipped = flip_rounds(tmp_path / "flips", flips=FLIPS, seed=20_261_123)

    print(f"\n{flipped} bits of the log turned over; {report}")
    assert (report.lost, report.doubled) == (0, 0)
    assert flipped == FLIPS
    assert report.set_aside > 0
    assert max(report.seconds) <= ANSWERS_WITHIN


@pytest.mark.parametrize("floor", [pytest.param(8 << 20, id="floor"), pytest.param(0, id="no-floor")])
def test_a_full_disk_costs_no_acknowledged_row(tmp_path: Path, floor: int) -> None:
    report, waits, kind = full_rounds(tmp_path / "full", fills=FILLS, seed=20_261_124, floor=floor)

    print(f"\n{FILLS} times {kind}; {report}; with room again answered after {max(waits):.2f} s at most")
    assert (report.lost, report.doubled) == (0, 0)
    assert max(report.seconds + waits) <= ANSWERS_WITHIN
