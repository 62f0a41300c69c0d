"""The timetable: slots, phases, skipped slots, vendors' places. Time is just a number here."""

from itertools import pairwise

import pytest

from monitors.timetable import AT_ONCE, BEAT, JITTER_MAX, Round, Timetable

EPOCH = -1_800_000_000.0
"""UTC's zero on a monotonic clock that shows 0 at UTC 1,800,000,000."""


class Timeline:
    """A timetable whose rounds last a given time, played event by event."""

    def __init__(
        self,
        *,
        vendor_rounds: int = 8,
        vendor_wait: float = 100_000.0,
        spread: float = 10.0,
        epoch: float = EPOCH,
    ) -> None:
        self.table = Timetable(
            epoch=epoch, vendor_rounds=vendor_rounds, vendor_wait=vendor_wait, spread=spread
        )
        self.now = 0.0
        self.starts: list[tuple[float, Round]] = []
        self.ends: list[tuple[float, Round]] = []

    def add(self, key: str, *, vendor: str = "wikis", interval: float = 60.0) -> None:
        self.table.add(key, vendor=vendor, interval=interval, retry_interval=15.0, now=self.now)

    def play(self, until: float, *, lasting: float = 0.1, is_unconfirmed: bool = False) -> None:
        while True:
            ending = min((at for at, _ in self.ends), default=float("inf"))
            self.now = max(self.now, min(ending, self.table.next_due()))
            if self.now > until:
                self.now = until
                return
            for ended in [pair for pair in self.ends if pair[0] <= self.now]:
                self.ends.remove(ended)
                self.table.finish(ended[1], now=self.now, is_unconfirmed=is_unconfirmed)
            for begun in self.table.take(self.now):
                self.starts.append((self.now, begun))
                self.ends.append((self.now + lasting, begun))

    def starts_of(self, key: str) -> list[float]:
        return [at for at, begun in self.starts if begun.key == key]


def test_slots_do_not_drift_over_an_hour() -> None:
    line = Timeline()
    line.add("wiki")
    line.play(3700.0)
    on_grid = line.starts_of("wiki")[1:]
    phase = (on_grid[0] - EPOCH) % 60
    assert len(on_grid) >= 60
    for number, at in enumerate(on_grid):
        assert at == pytest.approx(on_grid[0] + 60 * number, abs=JITTER_MAX)
        assert (at - EPOCH) % 60 == pytest.approx(phase, abs=JITTER_MAX)


def test_the_phase_is_the_same_after_a_restart_on_another_clock() -> None:
    first, second = Timeline(), Timeline(epoch=EPOCH + 5_000.0)
    second.now = 5_000.0 + 7.0
    for line in (first, second):
        line.add("wiki")
        line.play(line.now + 300.0)
    utc_first = {round(at - EPOCH, 3) for at in first.starts_of("wiki")[1:]}
    utc_second = {round(at - (EPOCH + 5_000.0), 3) for at in second.starts_of("wiki")[1:]}
    assert len(utc_first & utc_second) >= 4


def test_integrations_are_spread_over_the_interval() -> None:
    line = Timeline()
    for number in range(600):
        line.add(f"wiki-{number}", vendor=f"vendor-{number}")
    line.play(15.0)
    line.starts.clear()
    line.play(75.0)
    seconds = [int(at) for at, _ in line.starts]
    assert max(seconds.count(second) for second in set(seconds)) < 30


def test_the_first_round_comes_soon() -> None:
    line = Timeline(spread=10.0)
    line.add("wiki", interval=3600.0)
    line.play(10.0)
    assert len(line.starts) == 1


def test_a_round_that_runs_on_skips_its_slots_and_counts_them_once() -> None:
    line = Timeline()
    line.add("wiki")
    line.play(11.0, lasting=300.0)
    line.play(500.0)
    assert [begun.skipped for _, begun in line.starts[:4]] == [0, 5, 0, 0]
    assert line.table.skipped == 5


def test_slots_that_passed_while_the_process_stood_still_are_skipped() -> None:
    line = Timeline()
    line.add("wiki")
    line.play(61.0)
    line.now = next_due = line.table.next_due()
    rounds = line.table.take(next_due + 4 * 60 + 30)
    assert [(begun.skipped, begun.lag) for begun in rounds] == [(4, 270.0)]


def test_an_unconfirmed_result_brings_the_next_round_after_the_retry_interval() -> None:
    line = Timeline(spread=0.001)
    line.add("wiki", interval=3600.0)
    line.play(61.0, is_unconfirmed=True)
    assert [round(at) for at in line.starts_of("wiki")] == [0, 15, 30, 45, 60]


def test_a_retry_takes_no_slot_away() -> None:
    calm, hasty = Timeline(), Timeline()
    for line, is_unconfirmed in ((calm, False), (hasty, True)):
        line.add("wiki")
        line.play(600.0, is_unconfirmed=is_unconfirmed)
    assert set(calm.starts_of("wiki")) <= set(hasty.starts_of("wiki"))
    assert hasty.table.skipped == 0


def test_a_vendor_runs_so_many_rounds_and_the_others_wait_in_order() -> None:
    line = Timeline(vendor_rounds=2, spread=0.001)
    for number in range(5):
        line.add(f"wiki-{number}", interval=3600.0)
    line.play(5.0, lasting=1.0)
    seconds = [round(at) for at, _ in line.starts]
    assert seconds == [0, 0, 1, 1, 2]
    assert [round(begun.lag) for _, begun in line.starts] == seconds
    assert line.table.waiting == 0


def test_none_waits_longer_than_a_second_for_others_of_its_vendor_that_hang() -> None:
    line = Timeline(vendor_rounds=2, vendor_wait=1.0)
    for number in range(50):
        line.add(f"wiki-{number}", interval=30.0)
    line.play(40.0, lasting=10.0)
    # The first rounds are off the grid, and may still run when their first slot comes.
    skipped = line.table.skipped
    line.play(400.0, lasting=10.0)
    assert max(begun.lag for _, begun in line.starts) == pytest.approx(1.0)
    assert line.table.skipped == skipped
    assert min(len(line.starts_of(f"wiki-{number}")) for number in range(50)) >= 12


def test_who_has_left_the_line_is_not_started_when_its_wait_would_be_over() -> None:
    line = Timeline(vendor_rounds=1, vendor_wait=1.0, spread=0.001)
    line.add("wiki-1", interval=3600.0)
    line.add("wiki-2", interval=3600.0)
    line.play(0.5, lasting=100.0)
    line.table.switch_off("wiki-2" if line.starts[0][1].key == "wiki-1" else "wiki-1")
    line.play(50.0, lasting=100.0)
    assert len(line.starts) == 1


def test_more_than_a_vendor_can_serve_skips_slots_and_queues_nothing_twice() -> None:
    line = Timeline(vendor_rounds=2)
    for number in range(50):
        line.add(f"wiki-{number}", interval=10.0)
    line.play(100.0, lasting=5.0)
    assert line.table.in_flight == 2
    assert line.table.waiting == 48
    assert line.table.skipped > 300
    counts = [len(line.starts_of(f"wiki-{number}")) for number in range(50)]
    assert max(counts) - min(counts) <= 1


def test_starts_and_skipped_slots_add_up_to_all_slots() -> None:
    line = Timeline(vendor_rounds=1, spread=0.001)
    for number in range(10):
        line.add(f"wiki-{number}", interval=10.0)
    line.play(1000.0, lasting=3.0)
    told = sum(begun.skipped for _, begun in line.starts)
    pending = line.table.skipped - told
    assert told > 0
    assert pending <= 10 * 4
    # Ten integrations, a hundred slots each and a first round off the grid; those that wait have used a slot.
    assert len(line.starts) + line.table.waiting + line.table.skipped == pytest.approx(10 * 101, abs=10)


def test_due_times_that_count_no_more_start_nothing_and_are_dropped() -> None:
    line = Timeline(spread=0.001)
    line.add("wiki")
    line.play(3_600.0, lasting=0.1, is_unconfirmed=True)
    starts = line.starts_of("wiki")
    assert min(later - earlier for earlier, later in pairwise(starts)) > BEAT
    assert line.table.skipped == 0
    standing = [entry for those in line.table._falling_due.values() for entry in those]
    assert len(standing) <= 5
    assert len(line.table._times) == len(line.table._falling_due)


def test_nothing_is_kept_of_a_vendor_without_rounds_that_run_or_wait() -> None:
    line = Timeline(vendor_rounds=1, spread=0.001)
    for number in range(3):
        line.add(f"wiki-{number}")
    line.play(1.0, lasting=5.0)
    assert (line.table._running, len(line.table._waiting["wikis"])) == ({"wikis": 1}, 2)
    line.table.remove("wiki-2")
    line.play(30.0, lasting=0.1)
    assert (line.table._running, line.table._waiting, line.table.waiting) == ({}, {}, 0)


def test_what_is_switched_off_does_not_start_and_frees_its_place_in_line() -> None:
    line = Timeline(vendor_rounds=1, spread=0.001)
    line.add("wiki-1")
    line.add("wiki-2")
    line.play(1.0, lasting=100.0)
    started = line.starts[0][1].key
    waiting = "wiki-2" if started == "wiki-1" else "wiki-1"
    line.table.switch_off(waiting)
    assert line.table.waiting == 0
    assert line.table.due(waiting) is None
    line.play(300.0, lasting=100.0)
    assert line.starts_of(waiting) == []


def test_what_is_switched_on_again_starts_soon() -> None:
    line = Timeline(spread=5.0)
    line.add("wiki", interval=3600.0)
    line.table.switch_off("wiki")
    line.play(100.0)
    line.table.switch_on("wiki", now=100.0)
    line.play(105.0)
    assert len(line.starts) == 1


def test_removing_one_that_runs_gives_its_place_back_at_its_end() -> None:
    line = Timeline(vendor_rounds=1, spread=0.001)
    line.add("wiki-1")
    line.play(1.0, lasting=50.0)
    line.table.remove("wiki-1")
    line.add("wiki-2")
    line.play(52.0, lasting=0.1)
    assert len(line.starts_of("wiki-2")) == 1
    assert line.table.in_flight == 0


def test_adding_one_again_with_the_same_times_changes_nothing() -> None:
    line = Timeline()
    line.add("wiki")
    due = line.table.next_due()
    line.now = 5.0
    line.add("wiki")
    assert line.table.next_due() == due


def test_adding_one_again_with_other_times_takes_them() -> None:
    line = Timeline(spread=0.001)
    line.add("wiki", interval=3600.0)
    line.play(1.0)
    line.add("wiki", interval=10.0)
    line.play(101.0)
    assert len(line.starts) in {11, 12}


def test_a_round_outside_the_grid_takes_no_slot_away() -> None:
    line = Timeline()
    line.add("wiki")
    line.play(15.0)
    due = line.table.due("wiki")
    begun = line.table.begin("wiki", now=line.now)
    line.table.finish(begun, now=line.now + 0.1, is_unconfirmed=False)
    assert line.table.due("wiki") == due


def test_ten_thousand_integrations_start_on_time() -> None:
    line = Timeline()
    for number in range(10_000):
        line.add(f"wiki-{number}", vendor=f"vendor-{number % 500}")
    line.play(120.0, lasting=0.0)
    assert 20_000 <= len(line.starts) <= 31_000
    assert max(begun.lag for _, begun in line.starts) == pytest.approx(0.0, abs=0.01)
    assert line.table.skipped == 0


def test_rounds_start_on_beats_that_all_integrations_share() -> None:
    line = Timeline()
    for number in range(1_000):
        line.add(f"wiki-{number}", vendor=f"vendor-{number}")
    line.play(70.0)
    beats = {round((at - EPOCH) / BEAT, 3) for at, _ in line.starts}
    assert all(beat == int(beat) for beat in beats)
    assert len(beats) <= 70 / BEAT + 1


def test_a_short_interval_has_its_own_closer_beats() -> None:
    line = Timeline()
    line.add("wiki", interval=0.5)
    line.play(20.0, lasting=0.0)
    starts = line.starts_of("wiki")[1:]
    apart = [after - before for before, after in pairwise(starts)]
    assert max(apart) - min(apart) <= 0.5 * 0.15
    assert line.table.skipped == 0


def test_of_many_that_are_due_at_once_a_few_start_at_a_time() -> None:
    line = Timeline()
    for number in range(AT_ONCE + 1):
        line.add(f"wiki-{number}", vendor=f"vendor-{number}")
    assert len(line.table.take(20.0)) == AT_ONCE
    assert len(line.table.take(20.0)) == 1
