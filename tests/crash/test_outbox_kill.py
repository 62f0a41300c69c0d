"""kill -9 at random and at named points, under load: no confirmed message is lost or told out of turn."""

from pathlib import Path

from tests.crash.outbox_child import POINTS
from tests.crash.outbox_rounds import kill_rounds

ROUNDS = 300


def test_no_kill_loses_a_confirmed_message(tmp_path: Path) -> None:
    report = kill_rounds(tmp_path, rounds=ROUNDS, seed=20_261_122, pace=0.05)

    print(
        f"\n{report.kills} kills {report.points}: {report.confirmed:,} confirmed, 0 lost;"
        f" {report.received:,} received, {report.duplicates:,} of them again under their id"
        f" (at most {report.most_duplicates} after one kill)"
    )
    assert set(report.points) >= set(POINTS)
    assert report.confirmed > 10 * ROUNDS
    assert (report.lost, report.changed, report.out_of_order) == ((), (), ())
    assert report.most_duplicates <= 256
