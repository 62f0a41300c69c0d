"""OTLP metrics: what opentelemetry-proto reads of them, the limits, and what each answer means."""

import gzip
import random
from collections.abc import Sequence

from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from exporters.catalogue import CATALOGUE
from exporters.naming import dotted, opentelemetry_unit
from exporters.otlp.metrics import MAX_PLAIN_BYTES, OTLPMetrics
from exporters.push.batchfile import Batch
from exporters.push.exporter import Action, Reply
from exporters.push.judging import PAGE
from exporters.push.window import Point, Spread, Window
from exporters.settings import OTLPSettings, Temporality
from integrations.credentials.secret import Secret

CALLS = CATALOGUE["dialtone_calls_total"]
DEPTH = CATALOGUE["dialtone_queue_depth"]
LAG = CATALOGUE["dialtone_check_start_lag_seconds"]
NANO = 1_000_000_000


def intake(temporality: Temporality = Temporality.DELTA, *, max_bytes: int = 1_000_000) -> OTLPMetrics:
    settings = OTLPSettings(
        endpoint="https://otlp.example.com/",
        headers={"api-key": Secret("canary-7431")},
        resource={"deployment.environment": "test"},
        temporality=temporality,
        max_bytes=max_bytes,
    )
    return OTLPMetrics(settings, version="1.2.3", instance="one")


def call_point(name: str, rise: float, total: float) -> Point:
    return Point(CALLS, (name, "github", "repos.get", "traffic", "ok"), rise, total)


def window(*points: Point) -> Window:
    return Window(started=100.0, began=110.0, ended=120.0, points=points)


def read(batch: Batch) -> ExportMetricsServiceRequest:
    return ExportMetricsServiceRequest.FromString(gzip.decompress(batch.body))


def values(batches: Sequence[Batch]) -> dict[str, float]:
    return {
        point.attributes[0].value.string_value: point.as_double
        for batch in batches
        for metric in read(batch).resource_metrics[0].scope_metrics[0].metrics
        for point in metric.sum.data_points
    }


def spread(value: int) -> Spread:
    return Spread((value, *[0] * (len(LAG.buckets) - 1), 1), value * 0.5)


def test_a_window_is_the_request_that_the_protocol_describes() -> None:
    cut = window(
        call_point("a", 2.0, 5.0), Point(DEPTH, ("spool",), 3.0, 3.0), Point(LAG, (), spread(1), spread(4))
    )

    (batch,) = intake().encode(cut)

    assert dict(batch.headers) == {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    assert (batch.points, batch.cut_at) == (3, 120.0)
    told = MessageToDict(read(batch))["resourceMetrics"][0]
    assert told["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "dialtone"}},
        {"key": "service.version", "value": {"stringValue": "1.2.3"}},
        {"key": "service.instance.id", "value": {"stringValue": "one"}},
        {"key": "host.name", "value": {"stringValue": "one"}},
        {"key": "deployment.environment", "value": {"stringValue": "test"}},
    ]
    (scope,) = told["scopeMetrics"]
    assert scope["scope"] == {"name": "dialtone", "version": "1.2.3"}
    calls, lag, depth = scope["metrics"]
    assert calls == {
        "name": "dialtone.calls",
        "description": CALLS.help,
        "unit": "1",
        "sum": {
            "dataPoints": [
                {
                    "attributes": [
                        {"key": name, "value": {"stringValue": value}}
                        for name, value in zip(
                            CALLS.labels, ("a", "github", "repos.get", "traffic", "ok"), strict=True
                        )
                    ],
                    "startTimeUnixNano": str(110 * NANO),
                    "timeUnixNano": str(120 * NANO),
                    "asDouble": 2.0,
                }
            ],
            "aggregationTemporality": "AGGREGATION_TEMPORALITY_DELTA",
            "isMonotonic": True,
        },
    }
    assert (lag["name"], lag["unit"]) == ("dialtone.check_start_lag", "s")
    (point,) = lag["histogram"]["dataPoints"]
    assert (point["count"], point["sum"]) == ("2", 0.5)
    assert point["bucketCounts"] == ["1", *["0"] * (len(LAG.buckets) - 1), "1"]
    assert point["explicitBounds"] == list(LAG.buckets)
    assert depth["gauge"]["dataPoints"][0]["asDouble"] == 3.0


def test_cumulative_counts_are_those_since_the_start() -> None:
    cut = window(call_point("a", 2.0, 5.0), Point(LAG, (), spread(1), spread(4)))

    (batch,) = intake(Temporality.CUMULATIVE).encode(cut)

    calls, lag = read(batch).resource_metrics[0].scope_metrics[0].metrics
    assert calls.sum.data_points[0].as_double == 5.0
    assert calls.sum.data_points[0].start_time_unix_nano == 100 * NANO
    assert MessageToDict(calls.sum)["aggregationTemporality"] == "AGGREGATION_TEMPORALITY_CUMULATIVE"
    assert lag.histogram.data_points[0].bucket_counts[0] == 4


def test_a_window_without_points_makes_no_request() -> None:
    assert intake().encode(window()) == []


@given(count=st.integers(1, 120), max_bytes=st.integers(1_000, 4_000))
def test_no_request_is_over_a_limit_and_no_point_is_lost(count: int, max_bytes: int) -> None:
    rng = random.Random(count)
    names = [f"{rng.getrandbits(200):050x}" for _ in range(count)]
    cut = window(*(call_point(name, float(number), 1.0) for number, name in enumerate(names)))

    batches = intake(max_bytes=max_bytes).encode(cut)

    assert values(batches) == {name: float(number) for number, name in enumerate(names)}
    assert sum(batch.points for batch in batches) == count
    assert all(len(batch.body) <= max_bytes for batch in batches if batch.points > 1)


def test_a_body_is_small_enough_unpacked_however_well_it_compresses() -> None:
    cut = window(*(call_point(f"integration-{number}", 1.0, 1.0) for number in range(30_000)))

    batches = intake().encode(cut)

    assert len(batches) > 1
    assert all(len(gzip.decompress(batch.body)) <= MAX_PLAIN_BYTES for batch in batches)


def test_a_batch_is_split_until_one_point_is_left() -> None:
    otlp = intake()
    (batch,) = otlp.encode(window(*(call_point(str(number), 1.0, 1.0) for number in range(5))))

    waiting, single = [batch], []
    while waiting:
        one = waiting.pop()
        parts = otlp.split(one)
        waiting += parts
        single += [] if parts else [one]

    assert [each.points for each in single] == [1] * 5
    assert values(single) == {str(number): 1.0 for number in range(5)}
    assert {each.cut_at for each in single} == {120.0}


def test_each_status_means_what_the_specification_says() -> None:
    expected = (
        dict.fromkeys(range(200, 300), Action.TAKEN)
        | dict.fromkeys(range(300, 600), Action.REFUSED)
        | dict.fromkeys((407, 429, 502, 503, 504), Action.RETRY)
        | {413: Action.SPLIT}
    )
    asked = intake()

    assert {status: asked.judge(Reply(status)).action for status in range(200, 600)} == expected


def test_no_answer_is_tried_again_and_the_time_that_is_asked_for_is_given() -> None:
    assert intake().judge(Reply(None, failure="connection refused")) == (
        Action.RETRY,
        "connection refused",
        None,
        0,
    )
    assert intake().judge(Reply(503, retry_after=17.0)).after == 17.0


def test_a_partial_success_counts_what_was_rejected() -> None:
    answer = ExportMetricsServiceResponse()
    answer.partial_success.rejected_data_points = 3
    answer.partial_success.error_message = "too old"

    verdict = intake().judge(Reply(200, answer.SerializeToString()))

    assert (verdict.action, verdict.lost) == (Action.TAKEN, 3)
    assert "rejected 3 points: too old" in verdict.reason


def test_a_body_that_is_no_answer_of_the_protocol_is_still_a_success() -> None:
    assert intake().judge(Reply(200, b"<ok/>")).action is Action.TAKEN


def test_a_web_page_in_the_place_of_the_intake_took_nothing() -> None:
    verdict = intake().judge(Reply(200, b"\n<!doctype html><title>Sign in</title>"))

    assert (verdict.action, verdict.reason) == (Action.RETRY, PAGE)


def test_the_key_is_in_the_address_only() -> None:
    otlp = intake()
    (batch,) = otlp.encode(window(call_point("a", 1.0, 1.0)))

    assert otlp.address(batch)[:2] == ("https://otlp.example.com/v1/metrics", {"api-key": "canary-7431"})
    assert b"canary" not in gzip.decompress(batch.body)
    assert "canary" not in repr(batch)


def test_names_with_dots_are_unique_and_say_no_unit_twice() -> None:
    names = [dotted(family) for family in CATALOGUE.values()]

    assert len(set(names)) == len(names)
    assert {opentelemetry_unit(family) for family in CATALOGUE.values()} <= {"s", "By", "1", "{data_point}"}
    assert not [name for name in names if name.endswith(("_seconds", "_bytes", "_ratio", "_total"))]
