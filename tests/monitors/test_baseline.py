"""What is usual: learned robustly, and forgotten slowly."""

from functools import reduce
from random import Random

import pytest

from monitors.baseline import FAR, MEMORY, WARM, Baseline

SPREAD = 0.1


def learn(values: list[float], start: Baseline = Baseline()) -> Baseline:  # noqa: B008 - frozen
    return reduce(lambda usual, value: usual.learned(value, least_spread=SPREAD), values, start)


def normal(count: int, *, mean: float = 5.0, sigma: float = 1.0) -> list[float]:
    random = Random(7)
    return [random.gauss(mean, sigma) for _ in range(count)]


def test_level_and_spread_of_normal_values_come_near_to_mean_and_deviation() -> None:
    usual = learn(normal(5_000))
    assert usual.level == pytest.approx(5.0, abs=0.15)
    assert usual.spread == pytest.approx(1.0, abs=0.15)


def test_nothing_is_unusual_before_it_is_warm() -> None:
    assert learn([5.0] * (WARM - 1)).limit(least_spread=SPREAD) is None
    assert learn([5.0] * WARM).limit(least_spread=SPREAD) == pytest.approx(5.0 + FAR * SPREAD)


def test_an_outage_of_an_hour_hardly_moves_what_is_usual() -> None:
    before = learn(normal(MEMORY))
    after = learn([500.0] * 60, before)
    assert after.level < before.level + before.spread
    assert (after.limit(least_spread=SPREAD) or 0) < 500.0


def test_what_lasts_for_days_becomes_usual() -> None:
    days = learn([8.0] * 5 * MEMORY, learn(normal(MEMORY)))
    assert (days.limit(least_spread=SPREAD) or 0) > 8.0


def test_memory_is_bounded() -> None:
    assert learn(normal(MEMORY + 100)).samples == MEMORY
