"""The few rounds of tests/crash/test_outbox_kill.py that every run of the tests makes."""

from pathlib import Path

import pytest

from tests.crash.outbox_rounds import kill_rounds


@pytest.mark.enable_socket
def test_a_few_kills_lose_no_confirmed_message(tmp_path: Path) -> None:
    report = kill_rounds(tmp_path, rounds=10, seed=7, pace=0.2)

    assert report.confirmed > 100
    assert (report.lost, report.changed, report.out_of_order) == ((), (), ())
