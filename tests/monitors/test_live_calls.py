"""Live calls against what is usual for them."""

from random import Random

import pytest

from integrations.execution.outcome import FailureKind
from monitors.baseline import WARM
from monitors.concerns import Finding
from monitors.live import LEAST_CALLS, LiveCalls
from monitors.traffic import bucket_of

START = 1_800_000_000.0 // 60 * 60


class Traffic:
    """A minute of calls after the other, each followed by a look."""

    def __init__(self) -> None:
        self.calls = LiveCalls()
        self.at = START
        self.random = Random(3)

    def minute(
        self,
        count: int = 100,
        *,
        failing: int = 0,
        seconds: float = 0.2,
        kind: FailureKind = FailureKind.SERVER_ERROR,
    ) -> tuple[Finding | None, Finding | None]:
        for number in range(count):
            at = self.at + 60 * number / count
            duration = seconds * self.random.uniform(0.8, 1.2)
            self.calls.record(kind if number < failing else None, bucket=bucket_of(duration), now=at)
        self.at += 60
        return self.calls.look(at=self.at, now=self.at)

    def minutes(self, number: int, **calls: int) -> "Traffic":
        for _ in range(number):
            self.minute(**calls)
        return self


@pytest.fixture(scope="module")
def usual() -> Traffic:
    """A hundred minutes of calls of which 1 % fails."""
    return Traffic().minutes(WARM + 40, failing=1)


def again(usual: Traffic) -> Traffic:
    traffic = Traffic()
    traffic.calls.baselines, traffic.at = usual.calls.baselines, usual.at
    return traffic


def test_calls_as_usual_are_no_finding(usual: Traffic) -> None:
    assert again(usual).minute(failing=1) == (None, None)


@pytest.mark.parametrize(("failing", "is_found"), [(4, False), (5, False), (12, True), (60, True)])
def test_more_failures_than_usual_are_a_finding(usual: Traffic, failing: int, *, is_found: bool) -> None:
    errors, latency = again(usual).minute(failing=failing)
    assert (errors is not None, latency) == (is_found, None)


def test_the_reason_says_how_many_how_and_what_is_usual(usual: Traffic) -> None:
    errors, _ = again(usual).minute(failing=30)
    assert errors is not None
    assert errors.reason == (
        "30 of 100 live calls in 5 minutes failed, most by server error; usually 1.0% do."
    )


@pytest.mark.parametrize("kind", [FailureKind.NOT_FOUND, FailureKind.CLIENT_ERROR, FailureKind.FORBIDDEN,
                                  FailureKind.REJECTED, FailureKind.CANCELLED])  # fmt: skip
def test_what_callers_did_wrong_and_what_never_left_is_not_counted(usual: Traffic, kind: FailureKind) -> None:
    assert again(usual).minute(failing=60, kind=kind) == (None, None)


def test_who_always_fails_much_is_not_unusual_for_it() -> None:
    bad = Traffic().minutes(WARM + 40, failing=20)
    assert bad.minute(failing=22) == (None, None)
    assert bad.minutes(4, failing=60).minute(failing=60)[0] is not None


def test_before_it_is_known_what_is_usual_only_a_quarter_is_too_much() -> None:
    assert Traffic().minute(failing=20)[0] is None
    errors, _ = Traffic().minute(failing=30)
    assert errors is not None
    assert "not known yet" in errors.reason


@pytest.mark.parametrize(("seconds", "is_found"), [(0.3, False), (0.39, False), (0.9, True), (4.0, True)])
def test_calls_that_take_far_longer_than_usual_are_a_finding(
    usual: Traffic, seconds: float, *, is_found: bool
) -> None:
    errors, latency = again(usual).minute(seconds=seconds)
    assert (errors, latency is not None) == (None, is_found)


def test_what_is_quick_may_get_many_times_slower_and_still_be_quick() -> None:
    quick = Traffic()
    for _ in range(WARM + 40):
        quick.minute(seconds=0.004)
    for _ in range(5):
        found = quick.minute(seconds=0.04)
    assert found == (None, None)


def test_few_calls_say_nothing_and_teach_nothing(usual: Traffic) -> None:
    traffic = again(usual)
    before = traffic.calls.baselines
    assert traffic.minute(LEAST_CALLS - 1, failing=LEAST_CALLS - 1) == (None, None)
    assert traffic.calls.baselines == before


@pytest.mark.parametrize(("failing", "is_found"), [(4, False), (6, True)])
def test_so_few_failures_as_four_are_none(usual: Traffic, failing: int, *, is_found: bool) -> None:
    assert (again(usual).minute(LEAST_CALLS, failing=failing)[0] is not None) == is_found


def test_calls_older_than_five_minutes_are_forgotten(usual: Traffic) -> None:
    traffic = again(usual)
    traffic.minute(failing=60)
    for _ in range(4):
        traffic.minute()
    assert traffic.calls.window is not None
    assert traffic.calls.window.failures == 60
    traffic.minute()
    assert traffic.calls.window.failures == 0


def test_looking_twice_in_a_minute_learns_once(usual: Traffic) -> None:
    traffic = again(usual)
    traffic.minute()
    learned = traffic.calls.baselines
    traffic.calls.look(at=traffic.at + 20, now=traffic.at + 20)
    assert traffic.calls.baselines == learned


def test_the_window_ends_with_the_last_full_minute_by_the_wall_clock(usual: Traffic) -> None:
    traffic = again(usual)
    traffic.minute()
    traffic.calls.look(at=5_000.0, now=traffic.at + 20)
    assert traffic.calls.window is not None
    assert traffic.calls.window.until == 4_980.0
