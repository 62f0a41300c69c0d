"""OTLP metrics under the names of OpenTelemetry's semantic conventions, as opentelemetry-proto reads them."""

import gzip

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, DataPointFlags, Metric

from exporters.catalogue import EXPOSED, Family
from exporters.otlp.metrics import OTLPMetrics
from exporters.otlp.points import PlaceOf, nowhere
from exporters.push.window import Ended, Point, Spread, Window
from exporters.settings import Histograms, OTLPSettings, Temporality
from integrations.action_path import Place

REQUESTS = EXPOSED["dialtone_api_request_duration_seconds"]
MEMORY = EXPOSED["process_resident_memory_bytes"]
COLLECTIONS = EXPOSED["python_gc_collections_total"]


def sent(*points: Point, temporality: Temporality = Temporality.DELTA) -> Metric:
    """The one metric that is sent of these points."""
    intake = OTLPMetrics(
        OTLPSettings(endpoint="https://otlp.example.com", temporality=temporality), version="1", instance="a"
    )
    (batch,) = intake.encode(Window(started=100.0, began=110.0, ended=120.0, points=points))
    request = ExportMetricsServiceRequest.FromString(gzip.decompress(batch.body))
    (metric,) = request.resource_metrics[0].scope_metrics[0].metrics
    return metric


def told(attributes: list[KeyValue]) -> dict[str, str | int]:
    return {each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes}


def requests(*labels: str) -> Point:
    spread = Spread((1, *[0] * len(REQUESTS.buckets)), 0.001)
    return Point(REQUESTS, labels, spread, spread)


def test_requests_of_clients_are_the_duration_of_an_http_server() -> None:
    metric = sent(requests("GET", "/v2/integrations", "200"))
    assert (metric.name, metric.unit) == ("http.server.request.duration", "s")
    assert told(metric.histogram.data_points[0].attributes) == {
        "http.request.method": "GET",
        "http.route": "/v2/integrations",
        "http.response.status_code": 200,
        "url.scheme": "http",
    }


def test_a_full_metric_has_no_status_rather_than_one_that_is_no_number() -> None:
    metric = sent(requests("overflow", "overflow", "overflow"))
    assert "http.response.status_code" not in told(metric.histogram.data_points[0].attributes)


@pytest.mark.parametrize("temporality", Temporality)
def test_memory_is_a_sum_that_may_fall_and_counts_from_the_start(temporality: Temporality) -> None:
    metric = sent(Point(MEMORY, (), 4096.0, 4096.0), temporality=temporality)
    assert (metric.name, metric.unit) == ("process.memory.usage", "By")
    assert not metric.sum.is_monotonic
    assert metric.sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    (point,) = metric.sum.data_points
    assert (point.as_double, point.start_time_unix_nano) == (4096.0, 100 * 10**9)


def test_a_generation_is_a_number() -> None:
    metric = sent(Point(COLLECTIONS, ("2",), 3.0, 9.0))
    assert (metric.name, metric.unit, metric.sum.is_monotonic) == (
        "cpython.gc.collections",
        "{collection}",
        True,
    )
    assert told(metric.sum.data_points[0].attributes) == {"cpython.gc.generation": 2}


def ended(row: Family, *labels: str, **settings: object) -> list[Metric]:
    """The metrics that tell of a series that is there no longer."""
    intake = OTLPMetrics(
        OTLPSettings(endpoint="https://otlp.example.com", **settings), version="1", instance="a"
    )
    gone = (Ended(row, labels),)
    batches = intake.encode(Window(started=100.0, began=110.0, ended=120.0, points=(), gone=gone))
    return [
        metric
        for batch in batches
        for metric in ExportMetricsServiceRequest.FromString(gzip.decompress(batch.body))
        .resource_metrics[0]
        .scope_metrics[0]
        .metrics
    ]


@pytest.mark.parametrize(
    ("row", "kind", "settings"),
    [
        pytest.param("dialtone_queue_depth", "gauge", {"temporality": "delta"}, id="a gauge"),
        pytest.param("dialtone_signals_total", "sum", {}, id="a counter"),
        pytest.param("process_open_fds", "sum", {"temporality": "delta"}, id="a level"),
        pytest.param("dialtone_check_start_lag_seconds", "histogram", {}, id="a histogram"),
        pytest.param(
            "dialtone_check_start_lag_seconds",
            "exponential_histogram",
            {"histograms": "exponential"},
            id="an exponential histogram",
        ),
    ],
)
def test_the_end_of_a_series_is_a_point_without_a_value(
    row: str, kind: str, settings: dict[str, str]
) -> None:
    wanted = {"temporality": Temporality(settings.get("temporality", "cumulative"))}
    if "histograms" in settings:
        wanted["histograms"] = Histograms(settings["histograms"])
    family = EXPOSED[row]
    (metric,) = ended(family, *["x"] * len(family.labels), **wanted)
    assert metric.WhichOneof("data") == kind
    (point,) = getattr(metric, kind).data_points
    assert point.flags == DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
    assert point.time_unix_nano == 120 * 10**9
    assert told(point.attributes) == dict.fromkeys(family.labels, "x")
    assert "as_double" not in {each.name for each, _ in point.ListFields()}


@pytest.mark.parametrize("row", ["dialtone_signals_total", "dialtone_check_start_lag_seconds"])
def test_what_is_told_as_a_rise_ends_by_silence(row: str) -> None:
    assert ended(EXPOSED[row], temporality=Temporality.DELTA) == []


def test_an_end_stands_in_the_same_metric_as_what_goes_on_and_not_beside_a_point() -> None:
    depth = EXPOSED["dialtone_queue_depth"]
    intake = OTLPMetrics(OTLPSettings(endpoint="https://otlp.example.com"), version="1", instance="a")
    points = tuple(Point(depth, (name,), 3.0, 3.0) for name in "ab")
    gone = tuple(Ended(depth, (name,)) for name in "bc")
    (batch,) = intake.encode(Window(started=100.0, began=110.0, ended=120.0, points=points, gone=gone))
    request = ExportMetricsServiceRequest.FromString(gzip.decompress(batch.body))
    (metric,) = request.resource_metrics[0].scope_metrics[0].metrics
    flags = {str(told(point.attributes)["queue"]): point.flags for point in metric.gauge.data_points}
    assert flags == {"a": 0, "b": 0, "c": 1}
    assert batch.points == 3


ATTEMPTS = EXPOSED["dialtone_attempt_duration_seconds"]


def attempts_sent(place: PlaceOf, outcome: str) -> dict[str, str | int]:
    """The attributes of an attempt's time, as an endpoint reads them."""
    intake = OTLPMetrics(
        OTLPSettings(endpoint="https://otlp.example.com"), version="1", instance="a", place=place
    )
    spread = Spread((1, *[0] * len(ATTEMPTS.buckets)), 0.001)
    point = Point(ATTEMPTS, ("github-prod", "github", "repos.get", outcome), spread, spread)
    (batch,) = intake.encode(Window(started=100.0, began=110.0, ended=120.0, points=(point,)))
    request = ExportMetricsServiceRequest.FromString(gzip.decompress(batch.body))
    (metric,) = request.resource_metrics[0].scope_metrics[0].metrics
    assert (metric.name, metric.unit) == ("http.client.request.duration", "s")
    return told(metric.histogram.data_points[0].attributes)


def test_attempts_are_the_duration_of_an_http_client_with_method_and_server() -> None:
    asked = []

    def place(integration: str, action: str) -> Place:
        asked.append((integration, action))
        return Place("GET", "api.github.com", 443)

    ours = {"integration": "github-prod", "vendor": "github", "action": "repos.get"}
    where = {"http.request.method": "GET", "server.address": "api.github.com", "server.port": 443}
    assert attempts_sent(place, "ok") == ours | where
    assert attempts_sent(place, "timeout") == ours | where | {"error.type": "timeout"}
    assert asked == [("github-prod", "repos.get")] * 2


def test_attempts_of_an_integration_that_is_gone_are_told_without_a_server() -> None:
    assert attempts_sent(nowhere, "ok").keys() == {"integration", "vendor", "action"}


def test_points_of_exporters_are_counted_as_opentelemetry_counts_them() -> None:
    taken, dropped = (
        EXPOSED["dialtone_exporter_points_total"],
        EXPOSED["dialtone_exporter_points_dropped_total"],
    )
    metric = sent(Point(taken, ("otlp",), 9.0, 9.0), Point(dropped, ("otlp", "rejected"), 2.0, 2.0))
    assert (metric.name, metric.unit) == ("otel.sdk.exporter.metric_data_point.exported", "{data_point}")
    found = [(told(point.attributes), point.as_double) for point in metric.sum.data_points]
    assert found == [
        ({"otel.component.name": "otlp"}, 9.0),
        ({"otel.component.name": "otlp", "error.type": "rejected"}, 2.0),
    ]


def test_what_waits_for_an_intake_is_in_flight() -> None:
    waiting = EXPOSED["dialtone_exporter_points_waiting"]
    metric = sent(Point(waiting, ("newrelic",), 5.0, 5.0))
    assert (metric.name, metric.sum.is_monotonic) == ("otel.sdk.exporter.metric_data_point.inflight", False)


def test_events_are_no_data_points() -> None:
    waiting = EXPOSED["dialtone_exporter_points_waiting"]
    metric = sent(Point(waiting, ("newrelic-events",), 5.0, 5.0))
    assert (metric.name, metric.WhichOneof("data")) == ("dialtone.exporter_points_waiting", "gauge")
    assert told(metric.gauge.data_points[0].attributes) == {"exporter": "newrelic-events"}


def test_exporters_of_metrics_and_of_events_go_side_by_side() -> None:
    waiting = EXPOSED["dialtone_exporter_points_waiting"]
    points = [Point(waiting, (name,), 5.0, 5.0) for name in ("otlp", "newrelic-events", "datadog")]
    intake = OTLPMetrics(OTLPSettings(endpoint="https://otlp.example.com"), version="1", instance="a")
    gone = (Ended(waiting, ("datadog-events",)), Ended(waiting, ("newrelic",)))
    window = Window(started=100.0, began=110.0, ended=120.0, points=tuple(points), gone=gone)
    (batch,) = intake.encode(window)
    request = ExportMetricsServiceRequest.FromString(gzip.decompress(batch.body))
    metrics = request.resource_metrics[0].scope_metrics[0].metrics
    assert {
        metric.name: len(getattr(metric, str(metric.WhichOneof("data"))).data_points) for metric in metrics
    } == {
        "dialtone.exporter_points_waiting": 2,
        "otel.sdk.exporter.metric_data_point.inflight": 3,
    }
