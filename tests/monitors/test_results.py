"""How often a check fails by chance, and how many failures in a row are none."""

from functools import reduce

import pytest

from monitors.results import CLEAN, MOST, Results, Share


def runs(*failed: int, start: Results = Results()) -> Results:  # noqa: B008 - frozen
    """Successes, each after so many failures in a row."""
    return reduce(lambda results, count: results.taken(failed=count), failed, start)


@pytest.mark.parametrize("fail_after", [1, 3, 5])
def test_where_nothing_failed_yet_and_where_nothing_ever_failed_fail_after_holds(fail_after: int) -> None:
    assert Results().patience(fail_after) == fail_after
    assert runs(*[0] * 500).patience(fail_after) == fail_after


@pytest.mark.parametrize(
    ("every", "expected"), [(50, {4, 5}), (10, {7, 8}), (4, {10})], ids=["2 %", "10 %", "25 %, the most"]
)
def test_where_some_fail_by_chance_more_in_a_row_are_asked_for(every: int, expected: set[int]) -> None:
    results = runs(*([*[0] * (every - 2), 1] * (1_000 // every)))
    assert results.share == pytest.approx(1 / every, rel=0.3)
    assert results.patience(3) in expected


def test_what_one_in_250_may_do_by_chance_is_as_unlikely_as_three_in_a_row_there() -> None:
    noisy = Results(share=0.1)
    assert 0.1 ** noisy.patience(3) <= CLEAN**3 < 0.1 ** (noisy.patience(3) - 1)


def test_failures_are_counted_among_the_newest() -> None:
    results = runs(0, 0, 2, 0, 1)
    assert results.among(3) == Share(failed=1, of=3)
    assert results.among(30) == Share(failed=3, of=8)


def test_failures_that_no_success_ended_yet_count_as_the_newest() -> None:
    assert runs(0, 1, 0).among(5, running=2) == Share(failed=3, of=5)
    assert runs(0).among(3, running=9) == Share(failed=3, of=3)


def test_results_are_bounded() -> None:
    results = runs(*[59] * 10)
    assert results.count == MOST
    assert results.bits < 2**MOST


def test_a_recovery_forgets_results_but_not_chance() -> None:
    results = runs(1, 1, 1)
    assert results.without_failures().among(30) == Share(failed=0, of=0)
    assert results.without_failures().share == results.share


def test_capabilities_that_succeeded_equally_often_share_their_results() -> None:
    assert runs(0, 0, 0) is runs(0, 0, 0)
    assert runs(1, 0, 0) != runs(0, 0, 0)
