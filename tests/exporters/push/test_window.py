"""Windows add up to what the table counted, however they are cut and merged."""

import math
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.catalogue import CATALOGUE
from exporters.push.window import Cutter, Key, Point, Spread, Window, labelled, merged
from exporters.table import Buckets, MetricTable, Reading
from tests.fakes.calls import SampleList, call_record

CALLS = CATALOGUE["dialtone_calls_total"]
DEPTH = CATALOGUE["dialtone_queue_depth"]
DURATION = CATALOGUE["dialtone_call_duration_seconds"]
LABELS = ("github-prod", "github", "repos.get", "traffic", "ok")


def count(value: float) -> Reading:
    return Reading(CALLS, LABELS, value)


def buckets(*counts: int, total: float) -> Reading:
    padded = (*counts, *[0] * (len(DURATION.buckets) + 1 - len(counts)))
    return Reading(DURATION, LABELS[: len(DURATION.labels)], Buckets(padded, total, {}))


def values(window: Window) -> list[float | Spread]:
    return [point.value for point in window.points]


def test_a_counter_tells_its_rise_since_the_last_window() -> None:
    cutter = Cutter(began=100.0)

    assert values(cutter.cut([count(5.0)], at=110.0)) == [5.0]
    later = cutter.cut([count(7.0)], at=120.0)

    assert values(later) == [2.0]
    assert (later.began, later.ended) == (110.0, 120.0)


def test_a_counter_that_stands_has_no_point() -> None:
    cutter = Cutter(began=0.0)
    cutter.cut([count(5.0)], at=1.0)

    assert cutter.cut([count(5.0)], at=2.0).points == ()


def test_a_counter_that_began_anew_tells_all_it_has() -> None:
    cutter = Cutter(began=0.0)
    cutter.cut([count(5.0)], at=1.0)

    assert values(cutter.cut([count(2.0)], at=2.0)) == [2.0]


def test_a_series_that_went_away_and_came_back_tells_all_it_has() -> None:
    cutter = Cutter(began=0.0)
    cutter.cut([count(5.0)], at=1.0)
    cutter.cut([], at=2.0)

    assert values(cutter.cut([count(6.0)], at=3.0)) == [6.0]


def test_a_gauge_tells_its_value_every_time() -> None:
    cutter = Cutter(began=0.0)
    for at in (1.0, 2.0):
        assert values(cutter.cut([Reading(DEPTH, ("spool",), 0.0)], at=at)) == [0.0]


def test_a_histogram_tells_the_values_of_the_window_only() -> None:
    cutter = Cutter(began=0.0)
    cutter.cut([buckets(1, 2, total=0.5)], at=1.0)

    (value,) = values(cutter.cut([buckets(1, 5, 1, total=2.0)], at=2.0))

    assert isinstance(value, Spread)
    assert (value.counts[:4], value.observations, value.total) == ((0, 3, 1, 0), 4, pytest.approx(1.5))


def test_a_wall_clock_that_jumps_back_makes_no_window_that_ends_before_it_begins() -> None:
    cutter = Cutter(began=100.0)

    window = cutter.cut([count(1.0)], at=40.0)

    assert (window.began, window.ended) == (100.0, 100.0)


def test_the_newest_gauge_counts_when_windows_are_merged() -> None:
    def gauge(value: float, at: float) -> Window:
        return Window(started=0.0, began=at - 1, ended=at, points=(Point(DEPTH, ("spool",), value, value),))

    both = merged(gauge(3.0, 1.0), gauge(1.0, 2.0))

    assert values(both) == [1.0]
    assert (both.began, both.ended) == (0.0, 2.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_makes_no_point_and_is_told_of(value: float) -> None:
    depth = Reading(CATALOGUE["dialtone_queue_depth"], ("spool",), value)

    window = Cutter(began=0.0).cut([depth, buckets(1, total=value), count(2.0)], at=10.0)

    assert values(window) == [2.0]
    assert window.left_out == 2
    assert merged(window, window).left_out == 4


def test_labels_without_a_value_are_left_out() -> None:
    health = CATALOGUE["dialtone_health"]
    point = Point(health, ("github-prod", "github", "", "up"), 1.0, 1.0)

    assert labelled(point) == {"integration": "github-prod", "vendor": "github", "state": "up"}


@given(
    rounds=st.lists(
        st.lists(
            st.tuples(st.sampled_from(["a", "b", "c"]), st.floats(min_value=0.0, max_value=20.0)), max_size=6
        ),
        min_size=1,
        max_size=6,
    ),
    lost=st.sets(st.integers(0, 5)),
)
def test_merged_or_not_the_windows_add_up_to_the_table(
    rounds: list[list[tuple[str, float]]], lost: set[int]
) -> None:
    table, cutter = MetricTable(), Cutter(began=0.0)
    table.add_source(SampleList())
    windows: list[Window] = []
    for number, calls in enumerate(rounds):
        for name, duration in calls:
            table.on_signal(call_record(integration=name, duration=duration))
        window = cutter.cut(list(table.read()), at=float(number))
        if windows and number in lost:
            windows[-1] = merged(windows[-1], window)
        else:
            windows.append(window)

    told: dict[Key, Point] = {}
    for point in (point for window in windows for point in window.points):
        key = (point.family.name, point.labels)
        told[key] = merged(one(told[key]), one(point)).points[0] if key in told else point
    for reading in table.read():
        family, labels, value = reading.family, reading.labels, reading.value
        if family.kind == "counter" and value:
            assert told[family.name, labels].value == pytest.approx(value)
            assert told[family.name, labels].total == value
        elif isinstance(value, Buckets):
            spread = told[family.name, labels].value
            assert isinstance(spread, Spread)
            assert (spread.counts, spread.total) == (value.counts, pytest.approx(value.total))


def one(point: Point) -> Window:
    return Window(started=0.0, began=0.0, ended=0.0, points=(point,))


def test_merging_many_windows_keeps_the_first_beginning_and_the_last_end() -> None:
    windows = [Window(started=0.0, began=float(at), ended=float(at + 1), points=()) for at in range(4)]

    whole = reduce(merged, windows)

    assert (whole.began, whole.ended) == (0.0, 4.0)
