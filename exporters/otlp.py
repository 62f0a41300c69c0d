"""Metrics by OTLP/HTTP: windows as ExportMetricsServiceRequest, protobuf with gzip.

Source: opentelemetry-proto 1.x, and https://opentelemetry.io/docs/specs/otlp/#otlphttp for which answers are
tried again and what a partial success says.
"""

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

from google.protobuf.message import DecodeError
from isal import igzip
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from exporters.naming import dotted, opentelemetry_unit
from exporters.push import Action, Address, Reply, Verdict
from exporters.spool import Batch
from exporters.window import Point, Spread, Window, labelled
from integrations.credentials.secret import Secret

RETRYABLE = frozenset({429, 502, 503, 504})
TOO_LARGE = 413
_NANO = 1_000_000_000


class Temporality(StrEnum):
    """Whether counts are since the last window or since the start."""

    DELTA = "delta"
    CUMULATIVE = "cumulative"


class OTLPSettings(NamedTuple):
    """How an OTLP endpoint is spoken to. `url` is the whole address of its metrics (`…/v1/metrics`). No body
    is over `max_bytes`, compressed, or over `max_plain_bytes` before.
    """

    url: str
    headers: Mapping[str, Secret]
    resource: Mapping[str, str]
    version: str
    temporality: Temporality = Temporality.CUMULATIVE
    max_bytes: int = 1_000_000
    max_plain_bytes: int = 4_000_000
    keep: float = 47 * 3600.0


class OTLPMetrics:
    """An endpoint that takes metrics by OTLP/HTTP."""

    def __init__(self, settings: OTLPSettings, *, name: str = "otlp") -> None:
        self.name = name
        self.keep = settings.keep
        self._settings = settings
        self._is_delta = settings.temporality is Temporality.DELTA

    def encode(self, window: Window) -> Sequence[Batch]:
        """The requests that carry a window."""
        return list(self._batches(list(_metrics(window, is_delta=self._is_delta)), window.ended))

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch as two, by metrics, or by points where it holds one metric."""
        request = ExportMetricsServiceRequest.FromString(gzip.decompress(batch.body))
        halves = _halves(list(request.resource_metrics[0].scope_metrics[0].metrics))
        return [self._batch(self._request(half), half, batch.cut_at) for half in halves]

    def address(self, _: Batch) -> Address:
        """Where batches go, with the operator's headers."""
        secrets = {name: value.reveal() for name, value in self._settings.headers.items()}
        return Address(self._settings.url, secrets)

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means, by the specification."""
        if reply.status is None:
            return Verdict(Action.RETRY, reply.failure)
        if reply.status in RETRYABLE:
            return Verdict(Action.RETRY, f"it answers {reply.status}", after=reply.retry_after)
        if reply.status == TOO_LARGE:
            return Verdict(Action.SPLIT, "a single point is too large for it")
        if not 200 <= reply.status < 300:
            return Verdict(Action.REFUSED, f"it refuses the data with {reply.status}")
        return _taken(reply.body)

    def _batches(self, metrics: list[Metric], cut_at: float) -> Iterator[Batch]:
        """Batches that keep to the limits; what is over them is halved."""
        if not metrics:
            return
        request = self._request(metrics)
        is_small = request.ByteSize() <= self._settings.max_plain_bytes
        batch = self._batch(request, metrics, cut_at) if is_small else None
        if batch is not None and len(batch.body) <= self._settings.max_bytes:
            yield batch
            return
        halves = _halves(metrics)
        if not halves and batch is not None:
            yield batch
        for half in halves:
            yield from self._batches(half, cut_at)

    def _request(self, metrics: Iterable[Metric]) -> ExportMetricsServiceRequest:
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        group.resource.attributes.extend(_attributes(self._settings.resource))
        scope = group.scope_metrics.add()
        scope.scope.name, scope.scope.version = "dialtone", self._settings.version
        scope.metrics.extend(metrics)
        return request

    def _batch(self, request: ExportMetricsServiceRequest, metrics: Iterable[Metric], cut_at: float) -> Batch:
        return Batch(
            route="metrics",
            body=igzip.compress(request.SerializeToString(), 2, mtime=0),
            headers={"content-type": "application/x-protobuf", "content-encoding": "gzip"},
            points=sum(len(_points(metric)) for metric in metrics),
            cut_at=cut_at,
        )


def _metrics(window: Window, *, is_delta: bool) -> Iterator[Metric]:
    """One metric a family."""
    end = int(window.ended * _NANO)
    start = int((window.began if is_delta else window.started) * _NANO)
    ordered = sorted(window.points, key=lambda point: point.family.name)
    for _, points in groupby(ordered, key=lambda point: point.family.name):
        same = list(points)
        family = same[0].family
        metric = Metric(name=dotted(family), description=family.help, unit=opentelemetry_unit(family))
        temporality = (
            AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
            if is_delta
            else AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
        )
        if family.kind == "gauge":
            metric.gauge.data_points.extend(_number(point, point.value, start=0, end=end) for point in same)
        elif family.kind == "counter":
            metric.sum.is_monotonic = True
            metric.sum.aggregation_temporality = temporality
            values = ((point, point.value if is_delta else point.total) for point in same)
            metric.sum.data_points.extend(_number(*each, start=start, end=end) for each in values)
        else:
            metric.histogram.aggregation_temporality = temporality
            spreads = ((point, point.value if is_delta else point.total) for point in same)
            metric.histogram.data_points.extend(_histogram(*each, start=start, end=end) for each in spreads)
        yield metric


def _number(point: Point, value: float | Spread, *, start: int, end: int) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=_attributes(labelled(point)),
        start_time_unix_nano=start,
        time_unix_nano=end,
        as_double=value if isinstance(value, float | int) else value.total,
    )


def _histogram(point: Point, spread: float | Spread, *, start: int, end: int) -> HistogramDataPoint:
    counts, total = spread if isinstance(spread, Spread) else ((), 0.0)
    return HistogramDataPoint(
        attributes=_attributes(labelled(point)),
        start_time_unix_nano=start,
        time_unix_nano=end,
        count=sum(counts),
        sum=total,
        bucket_counts=counts,
        explicit_bounds=point.family.buckets,
    )


def _attributes(values: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in values.items()]


def _points(metric: Metric) -> Sequence[NumberDataPoint | HistogramDataPoint]:
    points: Sequence[NumberDataPoint | HistogramDataPoint] = getattr(metric, _kind(metric)).data_points
    return points


def _kind(metric: Metric) -> str:
    return str(metric.WhichOneof("data"))


def _halves(metrics: list[Metric]) -> list[list[Metric]]:
    """Metrics in two parts; one alone is parted by its points, and one point not at all."""
    if len(metrics) > 1:
        middle = len(metrics) // 2
        return [metrics[:middle], metrics[middle:]]
    points = list(_points(metrics[0]))
    if len(points) < 2:
        return []
    middle = len(points) // 2
    return [[_with_points(metrics[0], part)] for part in (points[:middle], points[middle:])]


def _with_points(metric: Metric, points: Sequence[NumberDataPoint | HistogramDataPoint]) -> Metric:
    part = Metric()
    part.CopyFrom(metric)
    data = getattr(part, _kind(part))
    del data.data_points[:]
    data.data_points.extend(points)
    return part


def _taken(body: bytes) -> Verdict:
    """A success, or a partial one: rejected points are lost, and trying again would not help."""
    try:
        partial = ExportMetricsServiceResponse.FromString(body).partial_success
    except DecodeError:
        return Verdict(Action.TAKEN)
    if not partial.rejected_data_points:
        return Verdict(Action.TAKEN)
    lost = int(partial.rejected_data_points)
    return Verdict(Action.TAKEN, f"it rejected {lost} points: {partial.error_message}", lost=lost)
