"""OTLP metrics under the names of OpenTelemetry's semantic conventions, as opentelemetry-proto reads them."""

import gzip

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric

from exporters.catalogue import EXPOSED
from exporters.otlp import OTLPMetrics
from exporters.settings import OTLPSettings, Temporality
from exporters.window import Point, Spread, Window

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
