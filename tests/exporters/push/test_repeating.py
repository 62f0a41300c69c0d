"""Series that stand still are told again to who takes counts since the start, and to nobody else."""

import gzip

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client import CollectorRegistry

from exporters.catalogue import CATALOGUE
from exporters.otlp.metrics import OTLPMetrics
from exporters.push.cutting import Windows
from exporters.push.repeating import Turns
from exporters.push.window import Cutter, Ended, Point, Window, merged
from exporters.settings import ExporterSettings, Histograms, MetricSignal, OTLPSettings, Temporality
from exporters.table import Buckets, MetricTable, Reading
from tests.fakes.calls import call_record
from tests.fakes.clock import FakeClock

CALLS = CATALOGUE["dialtone_calls_total"]
DURATION = CATALOGUE["dialtone_call_duration_seconds"]


def count(value: float, *, name: str = "a") -> Reading:
    return Reading(CALLS, (name, "github", "repos.get", "traffic", "ok"), value)


def buckets(*counts: int) -> Reading:
    padded = (*counts, *[0] * (len(DURATION.buckets) + 1 - len(counts)))
    return Reading(
        DURATION, ("a", "github", "repos.get", "traffic")[: len(DURATION.labels)], Buckets(padded, 1.0, {})
    )


def told(window: Window, temporality: Temporality, histograms: Histograms) -> dict[str, list[float]]:
    """The values that are sent, by metric."""
    settings = OTLPSettings(endpoint="http://collector", temporality=temporality, histograms=histograms)
    found: dict[str, list[float]] = {}
    for batch in OTLPMetrics(settings, version="1", instance="one").encode(window):
        request = ExportMetricsServiceRequest.FromString(gzip.decompress(batch.body))
        for metric in request.resource_metrics[0].scope_metrics[0].metrics:
            points = getattr(metric, str(metric.WhichOneof("data"))).data_points
            assert {point.time_unix_nano for point in points} == {int(window.ended * 1e9)}
            of_numbers = metric.WhichOneof("data") in {"sum", "gauge"}
            found[metric.name] = [point.as_double if of_numbers else point.count for point in points]
    return found


def values(window: Window) -> dict[str, object]:
    return {point.labels[0]: point.total for point in window.idle}


@pytest.mark.parametrize("histograms", Histograms)
def test_a_series_that_stands_still_is_told_again_by_its_total_and_not_as_a_rise(
    histograms: Histograms,
) -> None:
    table, cutter = MetricTable(native=True), Cutter(began=0.0, repeats_idle=True)
    table.on_signal(call_record(integration="a"))
    table.on_signal(call_record(integration="a"))
    first = cutter.cut(list(table.read(cut=True)), at=10.0)
    second = cutter.cut(list(table.read(cut=True)), at=20.0)

    cumulative = told(second, Temporality.CUMULATIVE, histograms)

    assert cumulative == told(first, Temporality.CUMULATIVE, histograms)
    assert cumulative["dialtone.calls"] == [2.0]
    assert "dialtone.calls" not in told(second, Temporality.DELTA, histograms)


def test_what_has_not_risen_yet_is_told_as_zero() -> None:
    window = Cutter(began=0.0, repeats_idle=True).cut([count(0.0)], at=10.0)

    assert (window.points, values(window)) == ((), {"a": 0.0})


def test_nothing_is_repeated_where_nobody_wants_it() -> None:
    cutter = Cutter(began=0.0)
    cutter.cut([count(1.0)], at=10.0)

    assert cutter.cut([count(1.0)], at=20.0).idle == ()


SERIES = [count(1.0, name=str(number)).labels for number in range(1_000)]


def due(turns: Turns, *, seconds: float) -> list[tuple[str, ...]]:
    """What is told in one window."""
    found = [labels for labels in SERIES if turns.is_due(labels)]
    turns.advance(seconds=seconds)
    return found


@pytest.mark.parametrize(("most", "windows"), [(1_000, 1), (500, 2), (250, 4), (10, 6)])
def test_of_very_many_series_each_has_its_turn_once_within_a_minute(most: int, windows: int) -> None:
    turns = Turns(most=most)
    assert due(turns, seconds=10.0) == SERIES

    told_of = [labels for _ in range(windows) for labels in due(turns, seconds=10.0)]

    assert sorted(told_of) == sorted(SERIES)


@pytest.mark.parametrize("seconds", [60.0, 300.0])
def test_windows_of_a_minute_and_more_tell_of_all(seconds: float) -> None:
    turns = Turns(most=1)

    assert [due(turns, seconds=seconds) for _ in range(3)] == [SERIES] * 3


def test_a_window_of_no_length_leaves_the_turns_as_they_are() -> None:
    turns = Turns(most=1)

    assert [len(due(turns, seconds=0.0)) for _ in range(2)] == [len(SERIES)] * 2


def test_windows_that_are_merged_repeat_what_stands_still_in_the_end() -> None:
    cutter = Cutter(began=0.0, tells_gone=True, repeats_idle=True)
    cutter.cut([count(1.0, name=name) for name in "abc"], at=10.0)
    still = cutter.cut([count(1.0, name=name) for name in "abc"], at=20.0)
    later = cutter.cut([count(1.0, name="a"), count(3.0, name="b")], at=30.0)

    whole = merged(still, later)

    assert values(whole) == {"a": 1.0}
    assert [(point.labels[0], point.value, point.total) for point in whole.points] == [("b", 2.0, 3.0)]
    assert [one.labels[0] for one in whole.gone] == ["c"]


def test_what_came_back_and_stands_still_has_no_end_in_the_merged_window() -> None:
    cutter = Cutter(began=0.0, tells_gone=True, repeats_idle=True)
    cutter.cut([count(1.0)], at=10.0)
    gone = cutter.cut([], at=20.0)
    back = cutter.cut([count(0.0)], at=30.0)
    assert gone.gone == (Ended(CALLS, count(0.0).labels),)

    whole = merged(gone, back)

    assert (values(whole), whole.gone) == ({"a": 0.0}, ())


def test_a_point_and_its_repetition_are_one_point_of_the_merged_window() -> None:
    cutter = Cutter(began=0.0, repeats_idle=True)
    cutter.cut([buckets(1)], at=10.0)
    risen, still = cutter.cut([buckets(2)], at=20.0), cutter.cut([buckets(2)], at=30.0)
    assert still.idle

    whole = merged(risen, still)

    assert (len(whole.points), whole.idle) == (1, ())


async def test_a_preview_shows_counters_at_zero_as_they_would_be_sent() -> None:
    table = MetricTable()
    table._numbers[CALLS.name].cell(*count(0.0).labels)
    windows = Windows(table, clock=FakeClock(), process=CollectorRegistry(), repeats_idle=True)

    whole = await windows.whole()

    assert Point(CALLS, count(0.0).labels, 0.0, 0.0) in whole.idle


@pytest.mark.parametrize(
    ("otlp", "is_cumulative"),
    [
        (None, False),
        (OTLPSettings(endpoint="http://c"), True),
        (OTLPSettings(endpoint="http://c", temporality=Temporality.DELTA), False),
        (OTLPSettings(endpoint="http://c", metrics=MetricSignal(enabled=False)), False),
    ],
    ids=["no otlp", "cumulative", "delta", "traces only"],
)
def test_windows_repeat_for_who_takes_counts_since_the_start(
    otlp: OTLPSettings | None, *, is_cumulative: bool
) -> None:
    assert ExporterSettings(otlp=otlp).is_cumulative is is_cumulative
