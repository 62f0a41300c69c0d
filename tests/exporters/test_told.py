"""What a reading has told of: each series once, remembered in little."""

import tracemalloc
from collections.abc import Iterable

import pytest

from exporters.catalogue import CATALOGUE
from exporters.series import Number, Series, SeriesLimit
from exporters.told import MOST_FLAGS, Line, Told

STATES = "dialtone_breaker_state"


def line_of(metric: str) -> Line:
    numbers = {metric: Series(CATALOGUE[metric], Number, limit=SeriesLimit(100))}
    line = Told().begin(metric, numbers)
    assert line is not None
    return line


def told(line: Line, series: Iterable[tuple[str, ...]]) -> int:
    return sum(line.tell(labels) for labels in series)


@pytest.mark.parametrize(
    "series",
    [
        [(f"site-{n}", "read", "open") for n in range(3_000)],
        [(f"site-{n}", f"way-{n}", "open") for n in range(3 * MOST_FLAGS)],
        [("site", f"way-{n}", f"{n}") for n in range(3 * MOST_FLAGS)],
        [(f"site-{n % 50}", f"way-{n % 7}", f"{n % 11}") for n in range(50 * 7 * 11)],
    ],
    ids=["one capability", "each its own", "all of one", "many of many"],
)
def test_each_series_is_told_of_once(series: list[tuple[str, ...]]) -> None:
    line = line_of(STATES)
    assert told(line, series) == len(set(series)) == line.count
    assert told(line, reversed(series)) == 0
    assert line.count == len(set(series))


def test_a_metric_without_labels_is_told_of_once() -> None:
    line = line_of("dialtone_signals_total")
    assert [line.tell(()), line.tell(()), line.count] == [True, False, 1]


def test_metrics_do_not_take_the_series_of_one_another_for_theirs() -> None:
    lines = Told()
    metrics = ("dialtone_calls_in_flight", "dialtone_calls_waiting")
    numbers = {name: Series(CATALOGUE[name], Number, limit=SeriesLimit(100)) for name in metrics}
    first, second = (lines.begin(name, numbers) for name in metrics)
    assert first is not None
    assert second is not None
    assert [first.tell(("one",)), second.tell(("two",)), second.tell(("one",))] == [True] * 3


def test_what_is_remembered_of_ten_thousand_integrations_takes_little() -> None:
    series = [(f"site-{n}", "read", state) for n in range(10_000) for state in ("open", "closed")]
    line = line_of(STATES)
    tracemalloc.start()
    try:
        told(line, series)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 45 * 20_000
