"""The last hour of calls: counts, minutes, percentiles, memory."""

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.execution.outcome import FailureKind
from integrations.signals import CallRecord
from monitors.report import IntegrationMetrics
from monitors.traffic import GROWTH, LAST_BUCKET, MINUTES, SHORTEST, Traffic, bucket_of
from tests.monitors.doubles import call

START = 1_800_000_000.0


def counted(*calls: CallRecord, now: float = START + 1) -> IntegrationMetrics:
    traffic = Traffic()
    for each in calls:
        traffic.record(each)
    return traffic.metrics("wiki", now=now)


def test_without_calls_there_are_sixty_empty_minutes_and_no_ratio() -> None:
    metrics = Traffic().metrics("wiki", now=START)
    assert (metrics.calls, metrics.error_ratio, metrics.p50) == (0, None, None)
    assert len(metrics.minutes) == MINUTES
    assert metrics.minutes[-1].start == START // 60 * 60


def test_calls_failures_rejections_and_retries_are_counted() -> None:
    metrics = counted(
        call(),
        call(attempts=3),
        call(kind=FailureKind.TIMEOUT, attempts=2),
        call(kind=FailureKind.REJECTED, attempts=0),
        call(kind=FailureKind.CANCELLED),
    )
    assert (metrics.calls, metrics.failures, metrics.rejected, metrics.retries) == (5, 1, 1, 3)
    assert metrics.error_ratio == pytest.approx(1 / 3)


def test_minutes_run_from_oldest_to_newest_without_gaps() -> None:
    metrics = counted(call(at=START), call(at=START + 300), call(at=START + 300), now=START + 301)
    starts = [minute.start for minute in metrics.minutes]
    assert starts == [metrics.minutes[0].start + 60 * n for n in range(MINUTES)]
    assert [minute.calls for minute in metrics.minutes[-6:]] == [1, 0, 0, 0, 0, 2]


def test_what_is_older_than_an_hour_is_forgotten() -> None:
    metrics = counted(call(at=START), call(at=START + 59 * 60), now=START + 3600)
    assert metrics.calls == 1


def test_a_minute_keeps_its_percentiles_after_it_is_over() -> None:
    slow, fast = call(at=START, duration=2.0), call(at=START + 60, duration=0.01)
    before, after = counted(slow, fast, now=START + 61).minutes[-2:]
    assert before.p95 == pytest.approx(2.0, rel=0.05)
    assert after.p95 == pytest.approx(0.01, rel=0.05)


def test_a_record_from_before_the_newest_minute_counts_into_it() -> None:
    metrics = counted(call(at=START + 120), call(at=START), now=START + 121)
    assert [minute.calls for minute in metrics.minutes[-3:]] == [0, 0, 2]


def test_a_wall_clock_that_jumps_back_loses_no_minute() -> None:
    metrics = counted(call(at=START + 3600), now=START)
    assert metrics.calls == 1


@given(
    st.lists(st.floats(min_value=0.0001, max_value=300.0), min_size=1, max_size=200),
    st.sampled_from(((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))),
)
def test_percentiles_are_at_most_five_percent_off(durations: list[float], share: tuple[float, str]) -> None:
    metrics = counted(*(call(duration=duration) for duration in durations))
    exact = sorted(durations)[max(1, math.ceil(share[0] * len(durations))) - 1]
    assert getattr(metrics, share[1]) == pytest.approx(exact, rel=0.05)


@pytest.mark.parametrize(
    ("duration", "bucket"), [(0.0, 0), (1e-9, 0), (1e9, LAST_BUCKET), (math.inf, LAST_BUCKET)], ids=str
)
def test_absurd_durations_fall_into_the_outermost_buckets(duration: float, bucket: int) -> None:
    assert bucket_of(duration) == bucket


def test_no_duration_falls_beyond_the_last_bucket() -> None:
    edge = SHORTEST * GROWTH ** (LAST_BUCKET - 1)
    below = [edge * (1 - 10.0**-digits) for digits in range(3, 17)]
    assert {bucket_of(one) for one in (*below, math.nextafter(edge, 0), edge)} == {
        LAST_BUCKET - 1,
        LAST_BUCKET,
    }


@pytest.mark.parametrize(
    ("latencies", "most"), [(LAST_BUCKET + 20, 60 * 310 * 8 * 1.2), (1, 400)], ids=["every latency", "one"]
)
def test_memory_is_bounded(latencies: int, most: float) -> None:
    traffic = Traffic()
    for minute in range(3 * MINUTES):
        for step in range(latencies):
            traffic.record(call(at=START + 60 * minute, duration=0.0001 * 1.05**step))
    assert traffic._over is not None
    assert sys.getsizeof(traffic._over) <= most
    assert traffic.metrics("wiki", now=START + 3 * MINUTES * 60 - 1).calls == MINUTES * latencies


@given(
    st.lists(
        st.tuples(
            st.integers(1, 90),
            st.lists(st.sampled_from([None, FailureKind.TIMEOUT, FailureKind.REJECTED]), max_size=3),
        ),
        max_size=150,
    )
)
def test_whatever_happens_in_an_hour_is_told_minute_by_minute(
    steps: list[tuple[int, list[FailureKind | None]]],
) -> None:
    traffic, minute = Traffic(), 10
    wanted: dict[int, tuple[int, int, int]] = {}
    for number, (gap, kinds) in enumerate(steps):
        # Mostly one minute after the other, as checks are.
        minute += gap if gap < 10 and number % 7 == 0 else 1
        for kind in kinds:
            traffic.record(call(at=minute * 60.0, duration=0.001 * (1 + number % 9), kind=kind))
        if kinds:
            wanted[minute] = (len(kinds), kinds.count(FailureKind.TIMEOUT), kinds.count(FailureKind.REJECTED))

    told = traffic.metrics("shop", now=minute * 60.0).minutes

    assert {int(one.start // 60): (one.calls, one.failures, one.rejected) for one in told if one.calls} == {
        number: counts for number, counts in wanted.items() if number > minute - 60
    }


def test_an_hour_of_one_check_a_minute_takes_little() -> None:
    traffic = Traffic()
    for minute in range(200):
        traffic.record(call(at=minute * 60.0, duration=0.003))
    assert len(traffic._over or b"") <= 60 * 2 + 20
    assert traffic.metrics("shop", now=199 * 60.0).calls == 60
