"""The protobuf exposition holds what the text has, and native histograms by the specification."""

import io
from collections.abc import Mapping
from itertools import accumulate

import pytest
from google.protobuf import proto
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from exporters.catalogue import CATALOGUE
from exporters.native import NativeHistogram
from exporters.process import process_registry
from exporters.prometheus.exposition import render
from exporters.prometheus.negotiation import Format
from exporters.prometheus.protobuf import family_class
from exporters.table import Buckets, MetricTable, Reading
from integrations.samples import Sample
from tests.fakes.calls import SampleList, call_record

DURATION = CATALOGUE["dialtone_call_duration_seconds"]
FAMILY = family_class()


def families(body: bytes) -> dict[str, Mapping[str, object]]:
    stream = io.BytesIO(body)
    found = {}
    while (message := proto.parse_length_prefixed(FAMILY, stream)) is not None:
        told = MessageToDict(message, preserving_proto_field_name=True)
        found[told["name"]] = told
    return found


def table() -> MetricTable:
    made = MetricTable(native=True)
    for duration in (0.1, 0.2, 3.0):
        made.on_signal(
            call_record(duration=duration, sampled=True, trace_id="a" * 32, span_id="b" * 16, action='x"\n☎')
        )
    made.add_source(SampleList(Sample("dialtone_queue_depth", ("spool",), 4)))
    return made


def test_it_holds_what_the_text_holds() -> None:
    readings, process = list(table().read()), process_registry()
    text = render(readings, process, Format.TEXT, compress=False).decode()
    from_text = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if "process_" not in sample.name and "python_gc" not in sample.name
    }

    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for name, family in families(render(readings, process, Format.PROTOBUF, compress=False)).items():
        for metric in family["metric"]:  # type: ignore[attr-defined]  # A JSON tree.
            labels = {pair["name"]: pair.get("value", "") for pair in metric.get("label", ())}
            if "histogram" not in metric:
                number = metric.get("counter") or metric.get("gauge")
                found[name, frozenset(labels.items())] = float(number.get("value", 0.0))
                continue
            histogram = metric["histogram"]
            found[f"{name}_count", frozenset(labels.items())] = float(histogram["sample_count"])
            found[f"{name}_sum", frozenset(labels.items())] = histogram["sample_sum"]
            for bucket in histogram["bucket"]:
                bound = float(bucket["upper_bound"])
                le = {"le": "+Inf" if bound == float("inf") else str(bound)}
                found[f"{name}_bucket", frozenset((labels | le).items())] = float(bucket["cumulative_count"])

    assert {
        key: value for key, value in found.items() if "process_" not in key[0] and "gc" not in key[0]
    } == from_text


@given(values=st.lists(st.floats(min_value=0, max_value=1e4, allow_subnormal=False), max_size=60))
def test_spans_and_deltas_say_which_bucket_has_how_many(values: list[float]) -> None:
    histogram = NativeHistogram()
    histogram.add(values)
    native = histogram.copy(cut=False)
    counts = (len(values), *[0] * len(DURATION.buckets))
    reading = Reading(DURATION, ("a", "b", "c", "d"), Buckets(counts, sum(values), {}, native))

    (family,) = families(render([reading], CollectorRegistry(), Format.PROTOBUF, compress=False)).values()
    (metric,) = family["metric"]  # type: ignore[misc]  # A JSON tree.
    told = metric["histogram"]

    place, places = 0, []
    for span in told["positive_span"]:
        place += span.get("offset", 0)
        places += list(range(place, place + span.get("length", 0)))
        place += span.get("length", 0)
    numbers = accumulate(int(delta) for delta in told.get("positive_delta", ()))
    assert dict(zip(places, numbers, strict=True)) == dict(native.buckets)
    assert int(told.get("zero_count", 0)) == native.zero
    assert told["schema"] == native.schema


def test_an_exemplar_stands_at_its_bucket() -> None:
    family = families(render(list(table().read()), CollectorRegistry(), Format.PROTOBUF, compress=False))[
        DURATION.name
    ]

    (metric,) = family["metric"]  # type: ignore[misc]  # A JSON tree.
    exemplars = [bucket["exemplar"] for bucket in metric["histogram"]["bucket"] if "exemplar" in bucket]

    assert [exemplar["value"] for exemplar in exemplars] == [0.1, 0.2, 3.0]
    assert exemplars[0]["label"][0] == {"name": "trace_id", "value": "a" * 32}
    assert exemplars[0]["timestamp"].startswith("2027-")


@pytest.mark.parametrize("kind", ["counter", "gauge", "histogram"])
def test_each_kind_has_its_number(kind: str) -> None:
    numbers = {"counter": 0, "gauge": 1, "histogram": 4}
    found = families(render(list(table().read()), CollectorRegistry(), Format.PROTOBUF, compress=False))

    kinds = {family.get("type", 0) for name, family in found.items() if CATALOGUE[name].kind == kind}

    assert kinds == {numbers[kind]}
