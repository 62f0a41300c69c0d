"""Metrics by OTLP/HTTP: windows as ExportMetricsServiceRequest, protobuf with gzip.

Source: opentelemetry-proto 1.x, and https://opentelemetry.io/docs/specs/otlp/#otlphttp for which answers are
tried again and what a partial success says.
"""

import gzip
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from google.protobuf.message import DecodeError, Message
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
    Sum,
)

from exporters.batchfile import Batch
from exporters.judging import TOO_LARGE
from exporters.naming import dotted, opentelemetry_unit
from exporters.push import Action, Address, Reply, Verdict
from exporters.settings import OTLPSettings, Temporality
from exporters.window import Point, Spread, Window

RETRYABLE = frozenset({429, 502, 503, 504})
MAX_PLAIN_BYTES = 4_000_000
"""What the OpenTelemetry Collector takes by default, unpacked, over gRPC; many set the same for HTTP."""
_NANO = 1_000_000_000
_SEVEN_BITS = 0x7F


_BYTES, _FIXED64 = 2, 1
"""Wire types of protobuf."""
_DOUBLE = struct.Struct("<Bd")


def _tag(message: type[Message], field: str, wire_type: int = _BYTES) -> int:
    """The byte that begins a field; the fields used here have one of one byte."""
    return int(message.DESCRIPTOR.fields_by_name[field].number) << 3 | wire_type


_POINTS = _tag(Sum, "data_points")
_AS_DOUBLE = _tag(NumberDataPoint, "as_double", _FIXED64)


class OTLPMetrics:
    """An endpoint that takes metrics by OTLP/HTTP."""

    name = "otlp"
    keep = 47 * 3600.0

    def __init__(self, settings: OTLPSettings, *, version: str, instance: str) -> None:
        self._settings = settings
        self.secrets = tuple(settings.headers.values())
        self._version = version
        self._resource = {
            "service.name": "dialtone",
            "service.version": version,
            "service.instance.id": instance,
        } | settings.resource
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
        is_small = request.ByteSize() <= MAX_PLAIN_BYTES
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
        group.resource.attributes.extend(_attributes(self._resource))
        scope = group.scope_metrics.add()
        scope.scope.name, scope.scope.version = "dialtone", self._version
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
    temporality = (
        AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        if is_delta
        else AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    )
    of_numbers, of_histograms = _Attributes(NumberDataPoint), _Attributes(HistogramDataPoint)
    ordered = sorted(window.points, key=lambda point: point.family.name)
    for _, points in groupby(ordered, key=lambda point: point.family.name):
        same = list(points)
        family = same[0].family
        metric = Metric(name=dotted(family), description=family.help, unit=opentelemetry_unit(family))
        values = [point.value if is_delta or family.kind == "gauge" else point.total for point in same]
        if family.kind == "gauge":
            metric.gauge.MergeFromString(_number_points(same, values, start=0, end=end, written=of_numbers))
        elif family.kind == "counter":
            metric.sum.is_monotonic = True
            metric.sum.aggregation_temporality = temporality
            metric.sum.MergeFromString(_number_points(same, values, start=start, end=end, written=of_numbers))
        else:
            metric.histogram.aggregation_temporality = temporality
            points_of = _histogram_points(same, values, start=start, end=end, written=of_histograms)
            metric.histogram.MergeFromString(points_of)
        yield metric


class _Attributes(dict[tuple[str, str], bytes]):
    """Labels as serialized attributes of one kind of data point. Most come back at every metric, and making
    the objects anew would be four fifths of all work.
    """

    def __init__(self, kind: type[Message]) -> None:
        super().__init__()
        self._tag = _tag(kind, "attributes")

    def __missing__(self, label: tuple[str, str]) -> bytes:
        name, value = label
        attribute = KeyValue(key=name, value=AnyValue(string_value=value)).SerializeToString()
        # A label without a value is no label, as Prometheus means it.
        self[label] = text = _field(self._tag, attribute) if value else b""
        return text

    def of(self, point: Point) -> bytes:
        """The attributes of a point."""
        return b"".join([self[label] for label in zip(point.family.labels, point.labels, strict=True)])


def _number_points(
    points: Sequence[Point], values: Iterable[float | Spread], *, start: int, end: int, written: _Attributes
) -> bytes:
    """Serialized data points, as a Sum or a Gauge takes them; their times are the same."""
    times = NumberDataPoint(start_time_unix_nano=start, time_unix_nano=end).SerializeToString()
    return b"".join(
        [
            _field(_POINTS, times + _DOUBLE.pack(_AS_DOUBLE, value) + written.of(point))
            for point, value in zip(points, values, strict=True)
            if not isinstance(value, Spread)
        ]
    )


def _histogram_points(
    points: Sequence[Point], values: Iterable[float | Spread], *, start: int, end: int, written: _Attributes
) -> bytes:
    """Serialized data points, as a Histogram takes them."""
    return b"".join(
        _field(
            _POINTS,
            HistogramDataPoint(
                start_time_unix_nano=start,
                time_unix_nano=end,
                count=sum(spread.counts),
                sum=spread.total,
                bucket_counts=spread.counts,
                explicit_bounds=point.family.buckets,
            ).SerializeToString()
            + written.of(point),
        )
        for point, spread in zip(points, values, strict=True)
        if isinstance(spread, Spread)
    )


def _field(tag: int, body: bytes) -> bytes:
    """A field of bytes with its tag and its length, as protobuf writes it."""
    size = len(body)
    lead = bytearray((tag,))
    while size > _SEVEN_BITS:
        lead.append(size & _SEVEN_BITS | 0x80)
        size >>= 7
    lead.append(size)
    return bytes(lead) + body


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
