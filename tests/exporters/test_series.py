"""Series: what ten thousand integrations have one of each is kept in little."""

from functools import partial

from exporters.calls import CallRecorder
from exporters.catalogue import CATALOGUE
from exporters.series import Distribution, Number, Series, SeriesLimit, observing
from integrations.execution.outcome import Attempt, Effect, Origin
from integrations.signals import CallRecord

BOUNDS = (0.1, 0.5, 1.0, 5.0)


def test_a_histogram_tells_every_bucket_whatever_was_counted() -> None:
    told = observing(BOUNDS)
    assert told.all_counts == (0, 0, 0, 0, 0)

    for value in (0.3, 0.0, 60.0, 0.3, 0.7):
        told.observe(value)

    assert told.all_counts == (1, 2, 1, 0, 1)


def test_a_histogram_has_room_only_up_to_its_highest_value() -> None:
    told = observing(BOUNDS)

    told.observe(0.3)

    assert told.counts == [0, 1]


def test_histograms_without_a_value_share_what_is_empty_and_none_writes_to_it() -> None:
    first, second = observing(BOUNDS), observing(BOUNDS)
    assert first.counts is second.counts

    first.observe(0.0)

    assert (first.all_counts, second.all_counts) == ((1, 0, 0, 0, 0), (0, 0, 0, 0, 0))


def test_the_first_call_and_those_after_it_are_counted_in_one_place() -> None:
    limit = SeriesLimit(100)
    numbers = {row.name: Series(row, Number, limit=limit) for row in CATALOGUE.values()}
    histograms = {
        row.name: Series[Distribution](row, partial(observing, row.buckets), limit=limit)
        for row in CATALOGUE.values()
    }
    recorder = CallRecorder(numbers, histograms, traces_checks=True)

    for duration in (0.05, 3.0, 0.7):
        recorder.record(_call(duration))

    (labels,) = histograms["dialtone_call_duration_seconds"].cells
    assert labels == ("gh", "github", "user.get", "check")
    assert [type(label) for label in labels] == [str] * 4
    assert sum(histograms["dialtone_call_duration_seconds"].cells[labels].all_counts) == 3
    assert numbers["dialtone_calls_total"].cells[*labels, "ok"].value == 3


def _call(duration: float) -> CallRecord:
    return CallRecord(
        at=1.0, call_id="c", run_id="r", integration="gh", vendor="github", action="user.get",
        capability="read", effect=Effect.READ, origin=Origin.CHECK, duration=duration,
        attempts=(Attempt(start=0.0, duration=duration, kind=None, status=200),),
    )  # fmt: skip
