"""A schedule is the same for the same seed, and says when what holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.simulator.schedule import Plan, Schedule


def test_a_plan_holds_from_its_start_for_its_duration_and_again() -> None:
    schedule = Schedule([Plan("down", start=10, duration=5, every=60)])

    holding = [second for second in range(140) if schedule.at(second)]

    assert holding == [*range(10, 15), *range(70, 75), *range(130, 135)]


def test_a_plan_without_repetition_holds_once() -> None:
    schedule = Schedule([Plan("down", start=10, duration=5)])

    assert [second for second in range(1_000) if schedule.at(second)] == [10, 11, 12, 13, 14]


def test_the_same_seed_gives_the_same_windows_and_another_seed_others() -> None:
    plans = [Plan("down", start=10, duration=5, every=60, jitter=20)]

    assert Schedule(plans, seed=1).until(3_600) == Schedule(plans, seed=1).until(3_600)
    assert Schedule(plans, seed=1).until(3_600) != Schedule(plans, seed=2).until(3_600)


@given(
    elapsed=st.floats(0, 10_000),
    start=st.floats(0, 100),
    duration=st.floats(0.1, 50),
    jitter=st.floats(0, 20),
    seed=st.integers(0, 5),
)
def test_what_holds_now_is_what_the_list_of_windows_says(
    elapsed: float, start: float, duration: float, jitter: float, seed: int
) -> None:
    schedule = Schedule(
        [Plan("x", start=start, duration=duration, every=duration + 2 * jitter + 1, jitter=jitter)], seed=seed
    )

    listed = [window for window in schedule.until(elapsed + 200) if window.start <= elapsed < window.end]

    assert list(schedule.at(elapsed)) == listed


@pytest.mark.parametrize(
    "plan",
    [
        Plan("x", start=-1, duration=5),
        Plan("x", start=0, duration=0),
        Plan("x", start=0, duration=5, every=4),
        Plan("x", start=0, duration=5, every=10, jitter=3),
    ],
    ids=["before the start", "no length", "overlaps itself", "jitter overlaps"],
)
def test_a_plan_that_makes_no_sense_is_refused(plan: Plan[str]) -> None:
    with pytest.raises(ValueError, match=r"must|needs"):
        Schedule([plan])
