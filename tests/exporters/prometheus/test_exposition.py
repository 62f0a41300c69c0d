"""What is rendered is prometheus-client's to the byte, and parses back to the table's values."""

import math
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporters.catalogue import CATALOGUE, Family
from exporters.prometheus.exposition import render
from exporters.prometheus.negotiation import Format
from exporters.table import Buckets, MetricTable, Reading
from integrations.execution.outcome import Attempt, FailureKind
from integrations.samples import Sample
from tests.fakes.calls import SampleList, call_record
from tests.fakes.oracle import written_by_library

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]

HOSTILE = {
    "newline": "a\nb",
    "carriage-return": "a\rb",
    "quotes": 'a"b" c="d',
    "backslashes": "a\\nb\\",
    "braces": 'x"} 1\n# EOF\nevil{y="',
    "emoji": "☎️ 🤷🏽‍♀️",
    "ten-kilobytes": "ü" * 10_000,
    "nul": "a\0b",
    "line-separator": "a\u2028b\x85c",
    "spaces": "  a  ",
    "empty": "",
    "comment": "# HELP x",
}
TEXTS = [Format.TEXT, Format.OPENMETRICS]
PARSERS = {Format.TEXT: parse_text, Format.OPENMETRICS: parse_openmetrics}


def parsed(readings: list[Reading], wanted: Format) -> Values:
    body = render(readings, CollectorRegistry(), wanted, compress=False).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in PARSERS[wanted](body)
        for sample in family.samples
    }


def expected(readings: list[Reading]) -> Values:
    found: Values = {}
    for reading in readings:
        name, labels = reading.family.name, dict(zip(reading.family.labels, reading.labels, strict=True))
        if not isinstance(reading.value, Buckets):
            found[name, frozenset(labels.items())] = reading.value
            continue
        bounds = [*(str(bound) for bound in reading.family.buckets), "+Inf"]
        for bound, count in zip(bounds, accumulate(reading.value.counts), strict=True):
            found[f"{name}_bucket", frozenset((labels | {"le": bound}).items())] = count
        found[f"{name}_count", frozenset(labels.items())] = sum(reading.value.counts)
        found[f"{name}_sum", frozenset(labels.items())] = reading.value.total
    return found


def same(left: Values, right: Values) -> bool:
    def key(values: Values) -> dict[object, str]:
        return {name: "nan" if math.isnan(value) else repr(float(value)) for name, value in values.items()}

    return key(left) == key(right)


text = st.text(max_size=12) | st.sampled_from(sorted(HOSTILE.values()))
seconds = st.floats(min_value=0, max_value=1e6)


@st.composite
def samples(draw: st.DrawFn) -> Sample:
    row = draw(st.sampled_from([row for row in CATALOGUE.values() if row.kind != "histogram"]))
    labels = draw(st.tuples(*(text for _ in row.labels)))
    value = draw(st.floats(min_value=0) if row.kind == "counter" else st.floats())
    return Sample(row.name, labels, value)


calls = st.builds(
    lambda name, kind, duration, sampled: call_record(
        integration=name,
        kind=kind,
        duration=duration,
        sampled=sampled,
        trace_id="a" * 32,
        span_id="b" * 16,
        attempts=(Attempt(start=0.0, duration=duration, kind=kind),),
    ),
    text,
    st.sampled_from([None, *FailureKind]),
    seconds,
    st.booleans(),
)


@pytest.mark.parametrize("wanted", TEXTS)
@given(happened=st.lists(calls, max_size=8), held=st.lists(samples(), max_size=12), limit=st.integers(1, 20))
def test_what_is_rendered_parses_back_to_the_values_of_the_table(
    wanted: Format, happened: list[object], held: list[Sample], limit: int
) -> None:
    table = MetricTable(series_limit=limit)
    for record in happened:
        table.on_signal(record)  # type: ignore[arg-type]  # hypothesis' builds is not typed
    table.add_source(SampleList(*held))
    readings = list(table.read())
    assert same(parsed(readings, wanted), expected(readings))


@pytest.mark.parametrize("wanted", TEXTS)
@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_label_value_comes_back_as_it_was(value: str, wanted: Format) -> None:
    table = MetricTable()
    table.on_signal(call_record(action=value))
    names = {
        dict(labels)["action"]
        for name, labels in parsed(list(table.read()), wanted)
        if name == "dialtone_calls_total"
    }
    assert names == {value}


@pytest.mark.parametrize("wanted", TEXTS)
def test_half_a_surrogate_pair_becomes_a_question_mark_and_costs_no_scrape(wanted: Format) -> None:
    table = MetricTable()
    table.on_signal(call_record(action="a\ud800b"))
    table.add_source(SampleList(Sample("dialtone_queue_depth", ("\udfff",), 1)))
    found = parsed(list(table.read()), wanted)
    assert ("dialtone_queue_depth", frozenset({("queue", "?")})) in found
    assert {dict(labels).get("action") for name, labels in found if "calls_total" in name} >= {"a?b"}


def test_families_stand_in_the_order_of_the_catalogue() -> None:
    table = MetricTable()
    table.add_source(
        SampleList(Sample("dialtone_storage_up", (), 1), Sample("dialtone_queue_depth", ("x",), 1))
    )
    table.on_signal(call_record())
    body = render(list(table.read()), CollectorRegistry(), Format.TEXT, compress=False).decode()
    told = [line.split()[2] for line in body.splitlines() if line.startswith("# TYPE")]
    assert told == [name for name in CATALOGUE if name in set(told)]


@pytest.mark.parametrize("wanted", TEXTS)
@given(happened=st.lists(calls, max_size=8), held=st.lists(samples(), max_size=12), limit=st.integers(1, 20))
def test_every_byte_is_as_prometheus_client_writes_it(
    wanted: Format, happened: list[object], held: list[Sample], limit: int
) -> None:
    table = MetricTable(series_limit=limit)
    for record in happened:
        table.on_signal(record)  # type: ignore[arg-type]  # hypothesis' builds is not typed
    table.add_source(SampleList(*held))
    readings = list(table.read())
    ours = render(readings, CollectorRegistry(), wanted, compress=False)
    assert ours == written_by_library(readings, wanted)


@pytest.mark.parametrize("wanted", TEXTS)
@pytest.mark.parametrize("count", [0, 1, 999_999, 1_000_000, 1_234_567, 10**15, 10**17])
@given(total=st.floats(min_value=0))
def test_counts_of_any_size_are_written_as_prometheus_client_does(
    wanted: Format, count: int, total: float
) -> None:
    family = next(row for row in CATALOGUE.values() if row.kind == "histogram" and row.labels)
    counts = (count, *[0] * (len(family.buckets) - 1), 1)
    labels = tuple(f"{label}%s%%\1" for label in family.labels)
    readings = [Reading(family, labels, Buckets(counts, total, {}))]
    ours = render(readings, CollectorRegistry(), wanted, compress=False)
    assert ours == written_by_library(readings, wanted)


@pytest.mark.parametrize("wanted", TEXTS)
@pytest.mark.parametrize("family", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_family_is_written_as_prometheus_client_does(wanted: Format, family: Family) -> None:
    value = Buckets(tuple(range(len(family.buckets) + 1)), 4.2, {}) if family.kind == "histogram" else 1e21
    readings = [
        Reading(family, tuple(f"{number}{label}" for label in family.labels), value) for number in range(2)
    ]
    ours = render(readings, CollectorRegistry(), wanted, compress=False)
    assert ours == written_by_library(readings, wanted)
