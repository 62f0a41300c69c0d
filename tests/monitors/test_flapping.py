"""Icinga's formula, with its numbers."""

from functools import reduce

import pytest

from monitors.flapping import Flapping


def after(results: str, start: Flapping = Flapping()) -> Flapping:  # noqa: B008 - frozen
    """Results as text: `x` failed, `.` did not; the n-th at n minutes."""
    numbered = enumerate(results, start=1)
    return reduce(lambda known, one: known.taken(failed=one[1] == "x", at=60.0 * one[0]), numbered, start)


@pytest.mark.parametrize(
    ("results", "percent"),
    [
        pytest.param("." * 30, 0.0, id="nothing changes"),
        pytest.param("." * 15 + "x.x.x", 28.5, id="the five newest changed"),
        pytest.param("." * 14 + "x.x.x.", 33.9, id="the six newest changed"),
        pytest.param(".x" * 20, 99.0, id="all changed"),
        pytest.param("." * 20 + "x" + "." * 18, (0.8 + 0.02 * 1 + 0.8 + 0.02 * 2) * 5, id="two old ones"),
    ],
)
def test_the_percentage_is_icingas(results: str, percent: float) -> None:
    assert after(results).percent == pytest.approx(percent)


def test_it_begins_above_30_percent_and_lasts_until_25() -> None:
    known = after("." * 14 + "x.x.x")
    assert not known.is_on
    known = after(".", known)
    assert known.is_on
    quiet = next(count for count in range(30) if not after("." * count, known).is_on)
    assert after("." * (quiet - 1), known).percent > 25
    assert after("." * quiet, known).percent <= 25


def test_after_seven_changes_in_a_row_it_takes_fifteen_quiet_results_to_end() -> None:
    known = after("." * 13 + "x.x.x.x.")
    quiet = next(count for count in range(30) if not after("." * count, known).is_on)
    assert quiet in {14, 15}


def test_since_is_when_it_began() -> None:
    known = after("." * 14 + "x.x.x.x.x.")
    assert known.since == 60.0 * 20


def test_five_failures_in_a_row_are_an_outage() -> None:
    known = after("." * 14 + "x.x.x.x.")
    assert after("xxxx", known).is_on
    assert not after("xxxxx", known).is_on
    assert after("xxxxx.", known).percent < 25


def test_capabilities_that_succeeded_equally_often_share_what_is_remembered() -> None:
    first, second = after("..."), after("...")

    assert first is second
    assert first.opened() is second.opened()
    assert first.opened().is_open
    assert not first.opened().taken(failed=False, at=0.0).is_open


@pytest.mark.parametrize("results", ["x...", ".x..", "....x"])
def test_what_changed_or_failed_is_told_apart_from_what_never_did(results: str) -> None:
    known = after(results)

    assert known.opened() == Flapping(
        changes=known.changes, failed=known.failed, run=known.run, since=known.since, is_open=True
    )
    assert known.changes or known.failed
