"""Native histograms: bounds by the specification, few buckets, windows that add up."""

from bisect import bisect_left
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.catalogue import CATALOGUE
from exporters.native import (
    COARSEST,
    FINEST,
    MOST_BUCKETS,
    NativeHistogram,
    coarser,
    index,
    rise,
    together,
    upper_bound,
)
from exporters.push.window import Cutter, Spread
from exporters.series import MOST_FRESH, NativeDistribution, observing
from exporters.table import Buckets, MetricTable
from tests.fakes.calls import call_record

positive = st.floats(min_value=1e-9, max_value=1e9)
schemas = st.integers(COARSEST, FINEST)


@given(value=positive, schema=schemas)
def test_a_value_lies_in_its_bucket(value: float, schema: int) -> None:
    place = index(value, schema)

    # The bound itself is rounded, which a value right at it may show.
    assert upper_bound(place - 1, schema) * (1 - 1e-12) < value <= upper_bound(place, schema) * (1 + 1e-12)


@given(exponent=st.integers(-40, 40), schema=schemas)
def test_a_power_of_two_that_is_a_bound_belongs_below_it(exponent: int, schema: int) -> None:
    place = index(2.0**exponent, schema)

    bound = Fraction(place) / Fraction(2) ** schema
    assert bound >= exponent
    assert Fraction(place - 1) / Fraction(2) ** schema < exponent


@given(values=st.lists(positive, max_size=50), schema=st.integers(COARSEST + 1, FINEST))
def test_merging_pairs_is_what_counting_in_the_lower_schema_gives(values: list[float], schema: int) -> None:
    fine: dict[int, int] = {}
    coarse: dict[int, int] = {}
    for value in values:
        fine[index(value, schema)] = fine.get(index(value, schema), 0) + 1
        coarse[index(value, schema - 1)] = coarse.get(index(value, schema - 1), 0) + 1

    assert coarser(fine, by=1) == coarse


@given(values=st.lists(st.floats(min_value=1e-12, max_value=1e12), min_size=1, max_size=400))
def test_whatever_is_counted_there_are_few_buckets_and_none_is_lost(values: list[float]) -> None:
    histogram = NativeHistogram()
    histogram.add(values)

    native = histogram.copy(cut=False)

    assert len(native.buckets) <= MOST_BUCKETS
    assert sum(native.buckets.values()) == len(values)
    assert (native.low, native.high) == (min(values), max(values))


def test_zero_has_a_count_of_its_own() -> None:
    histogram = NativeHistogram()
    histogram.add([0.0, 0.0, 1.0])

    native = histogram.copy(cut=False)

    assert (native.zero, sum(native.buckets.values()), native.low) == (2, 1, 0.0)


def test_a_cut_begins_a_new_window_for_the_least_and_the_greatest() -> None:
    histogram = NativeHistogram()
    histogram.add([1.0, 9.0])
    histogram.copy(cut=True)
    histogram.add([3.0])

    native = histogram.copy(cut=False)

    assert (native.low, native.high) == (3.0, 3.0)
    assert sum(native.buckets.values()) == 3


@given(first=st.lists(positive, max_size=200), second=st.lists(positive, max_size=200))
def test_a_rise_and_what_was_before_are_together_what_is(first: list[float], second: list[float]) -> None:
    histogram = NativeHistogram()
    histogram.add(first)
    before = histogram.copy(cut=True)
    histogram.add(second)
    now = histogram.copy(cut=True)

    both = together(before, rise(before, now))

    assert dict(both.buckets) == dict(now.buckets)
    assert both.zero == now.zero


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
def test_a_quantile_is_within_the_width_of_a_bucket(quantile: float) -> None:
    values = [1.001**number / 1000 for number in range(3_000)]
    histogram = NativeHistogram()
    histogram.add(values)
    native = histogram.copy(cut=False)

    places = sorted(native.buckets)
    counts = [sum(native.buckets[each] for each in places[: number + 1]) for number in range(len(places))]
    found = upper_bound(places[bisect_left(counts, quantile * len(values))], native.schema)

    assert found == pytest.approx(values[int(quantile * len(values))], rel=2.0 ** (1 / 2**native.schema) - 1)


def test_values_wait_for_a_reader_but_not_without_end() -> None:
    distribution = observing((1.0,), native=True)
    for _ in range(10 * MOST_FRESH):
        distribution.observe(0.5)

    assert isinstance(distribution, NativeDistribution)
    assert len(distribution.fresh) < MOST_FRESH
    native = distribution.native(cut=False)
    assert native is not None
    assert sum(native.buckets.values()) == 10 * MOST_FRESH


def test_without_native_buckets_nothing_is_kept() -> None:
    distribution = observing((1.0,))
    distribution.observe(0.5)

    assert not isinstance(distribution, NativeDistribution)
    assert distribution.native(cut=False) is None


def test_a_window_of_a_table_has_the_native_buckets_of_its_calls() -> None:
    table, cutter = MetricTable(native=True), Cutter(began=0.0)
    spreads = []
    for number, durations in enumerate(([0.1, 0.2], [0.4, 0.4, 3.0])):
        for duration in durations:
            table.on_signal(call_record(duration=duration))
        window = cutter.cut(list(table.read(cut=True)), at=float(number))
        spreads += [
            point.value
            for point in window.points
            if point.family is CATALOGUE["dialtone_call_duration_seconds"]
        ]

    first, second = spreads
    assert isinstance(first, Spread)
    assert isinstance(second, Spread)
    assert first.native is not None
    assert second.native is not None
    assert sum(first.native.buckets.values()) == 2
    assert (first.native.low, first.native.high) == (0.1, 0.2)
    assert sum(second.native.buckets.values()) == 3
    assert (second.native.low, second.native.high) == (0.4, 3.0)
    assert second.native.buckets[index(0.4, FINEST)] == 2


def test_a_scrape_takes_no_window_from_the_exporters() -> None:
    table = MetricTable(native=True)
    table.on_signal(call_record(duration=0.25))
    list(table.read())

    (value,) = [
        reading.value
        for reading in table.read(cut=True)
        if reading.family is CATALOGUE["dialtone_call_duration_seconds"]
    ]

    assert isinstance(value, Buckets)
    assert value.native is not None
    assert value.native.low == 0.25
