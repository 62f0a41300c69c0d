"""The rounds that checks were made in, found from their ends; and repetitions that other rules ask for."""

from collections.abc import Sequence

import pytest

from exporters.analytics.backtest.alerts.rounds import Looked, Repeats, in_rounds
from integrations.connection import CheckPolicy
from integrations.execution.outcome import FailureKind
from integrations.signals import CheckResult


def result(
    start: float, *, action: str = "get", seconds: float = 1.0, kind: FailureKind | None = None
) -> CheckResult:
    return CheckResult(
        at=start + seconds,
        integration="shop",
        vendor="http",
        capability="read",
        action=action,
        kind=kind,
        duration=seconds,
    )


def rounds(results: Sequence[CheckResult]) -> list[tuple[float, str, bool]]:
    return [(each.began, each.result.action, each.is_slot) for each in in_rounds(results, interval=60.0)]


def test_checks_that_follow_one_another_are_one_round() -> None:
    made = [result(0), result(0.001, action="list", seconds=3), result(1.001, action="post")]

    assert rounds(made) == [(0, "get", True), (0, "post", True), (0, "list", True)]


def test_a_round_that_comes_sooner_than_the_timetables_is_a_repetition() -> None:
    assert rounds([result(0), result(15), result(30), result(60)]) == [
        (0, "get", True),
        (15, "get", False),
        (30, "get", False),
        (60, "get", True),
    ]


def test_the_same_check_again_is_another_round_even_without_a_gap() -> None:
    late = [result(0, seconds=15), result(15, seconds=15)]

    assert [began for began, _, _ in rounds(late)] == [0, 15]


def repeats(*starts: float, every: float = 15.0) -> Repeats:
    looked = in_rounds([result(each) for each in starts], interval=60.0)
    return Repeats(looked, CheckPolicy(retry_interval=every))


def test_a_repetition_is_due_after_its_interval_unless_the_timetable_is_first() -> None:
    asked = repeats(0, 60, 120)

    assert asked.due(0) == 15
    assert asked.due(45.5) is None
    assert asked.due(120) == 135


@pytest.mark.parametrize(("at", "is_assumed"), [(15.4, False), (25.0, True)])
def test_a_repetition_ends_as_the_nearest_check_did(at: float, *, is_assumed: bool) -> None:
    failed = result(15, kind=FailureKind.TIMEOUT, seconds=2)
    asked = Repeats(in_rounds([result(0), failed, result(60)], interval=60.0), CheckPolicy())

    (one,) = asked.round(at)

    assert isinstance(one, Looked)
    assert (one.result.kind, one.result.at) == (FailureKind.TIMEOUT, at + 2)
    assert (one.began, one.is_slot, one.is_assumed) == (at, False, is_assumed)


def test_a_check_that_nothing_near_tells_of_is_left_out() -> None:
    assert repeats(0).round(301) == []
