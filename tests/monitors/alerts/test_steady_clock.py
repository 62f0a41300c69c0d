"""Time that never jumps."""

import pytest
import structlog.testing

from monitors.alerts.steady import MOST_DEADLINES, SteadyClock
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_it_begins_as_the_wall_clock_and_moves_with_the_monotonic_one(clock: FakeClock) -> None:
    steady = SteadyClock(clock)
    assert steady.now() == clock.time()
    clock.advance(5)
    clock.jump_utc(3_600)
    assert steady.now() == clock.time() - 3_600


@pytest.mark.parametrize("jump", [3_600.0, -3_600.0])
def test_a_deadline_stays_where_it_was_when_the_wall_clock_jumps(clock: FakeClock, jump: float) -> None:
    steady = SteadyClock(clock)
    stamp = clock.time() + 600
    assert steady.deadline(stamp) - steady.now() == 600
    clock.jump_utc(jump)
    clock.advance(100)
    assert steady.deadline(stamp) - steady.now() == 500


def test_a_stamp_that_is_met_after_a_jump_is_meant_by_the_new_time(clock: FakeClock) -> None:
    steady = SteadyClock(clock)
    clock.jump_utc(3_600)
    assert steady.deadline(clock.time() + 60) - steady.now() == 60
    assert steady.wall(steady.now()) == clock.time()


def test_a_jump_is_logged_once_and_a_small_step_is_not(clock: FakeClock) -> None:
    steady = SteadyClock(clock)
    with structlog.testing.capture_logs() as logs:
        clock.jump_utc(59)
        steady.now()
        clock.jump_utc(3_600)
        steady.now()
        steady.now()
    assert [each["seconds"] for each in logs] == [3_659.0]


def test_deadlines_are_remembered_up_to_a_bound(clock: FakeClock) -> None:
    steady = SteadyClock(clock)
    stamp = clock.time() + 1_000_000
    first = steady.deadline(stamp)
    clock.jump_utc(50)
    for number in range(MOST_DEADLINES - 1):
        steady.deadline(float(number))
    assert steady.deadline(stamp) == first
    steady.deadline(-1.0)
    assert steady.deadline(stamp) == first - 50
