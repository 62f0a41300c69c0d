"""An endpoint of OTLP/HTTP metrics that forgives nothing: what is wrong is answered as it is specified,
and what is taken is stored as most stores do it, so that the last value of a series and time counts.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence

import httpx
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

PROTOBUF = "application/x-protobuf"
DELTA, CUMULATIVE = 1, 2
MOST_BUCKETS = 160
DataPoint = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint
Labels = tuple[tuple[str, str], ...]
Series = tuple[str, Labels]


class RefusedError(Exception):
    """What the intake does not take, with the status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class LostError(httpx.ReadError):
    """The data is taken, and the connection breaks before it is said."""

    def __init__(self) -> None:
        super().__init__("the connection was reset")


class PartlyError(Exception):
    """The data is taken but for some points, which is a partial success."""

    def __init__(self, points: int) -> None:
        super().__init__()
        self.points = points


class OTLPIntake:
    """Takes ExportMetricsServiceRequests; `faults` are the reasons of all that was refused."""

    def __init__(
        self,
        *,
        key: str = "",
        max_bytes: int = 1_000_000,
        max_plain_bytes: int = 4_000_000,
        temporality: int = DELTA,
    ) -> None:
        self._key = key
        self._max_bytes = max_bytes
        self._max_plain_bytes = max_plain_bytes
        self._temporality = temporality
        self._stored: dict[Series, dict[tuple[int, int], float]] = {}
        self.answers: list[httpx.Response | Exception | None] = []
        self.requests = 0
        self.points = 0
        self.faults: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request: with the next of `answers` that is not None, or as it deserves."""
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, httpx.Response):
            return answer
        if answer is not None and not isinstance(answer, LostError | PartlyError):
            raise answer
        taken = self.take(request, rejecting=answer.points if isinstance(answer, PartlyError) else 0)
        if isinstance(answer, LostError):
            raise answer
        return taken

    def take(self, request: httpx.Request, *, rejecting: int = 0) -> httpx.Response:
        """Take one request, or refuse it for what is wrong with it; `rejecting` points are left out."""
        self.requests += 1
        try:
            message = self._read(request)
        except RefusedError as refused:
            self.faults.append(f"{refused.status}: {refused}")
            return httpx.Response(refused.status, text=str(refused))
        points = list(_points(message))
        rejected = min(rejecting, len(points))
        for metric, point in points[rejected:]:
            self._store(metric, point)
        answer = ExportMetricsServiceResponse()
        if rejected:
            answer.partial_success.rejected_data_points = rejected
            answer.partial_success.error_message = "so it was told"
        return httpx.Response(200, headers={"content-type": PROTOBUF}, content=answer.SerializeToString())

    def total(self, name: str, **labels: str) -> float:
        """What a counter, or the count of a histogram, has come to over all series with these labels."""
        return sum(
            self._total(times)
            for (metric, found), times in self._stored.items()
            if metric == name and labels.items() <= dict(found).items()
        )

    def _total(self, times: dict[tuple[int, int], float]) -> float:
        if self._temporality == DELTA:
            return sum(times.values())
        last: dict[int, tuple[int, float]] = {}
        for (start, end), value in times.items():
            last[start] = max(last.get(start, (0, 0.0)), (end, value))
        return sum(value for _, value in last.values())

    def _store(self, metric: Metric, point: DataPoint) -> None:
        labels = _labels(point.attributes)
        value = point.as_double if isinstance(point, NumberDataPoint) else float(point.count)
        times = self._stored.setdefault((metric.name, labels), {})
        times[point.start_time_unix_nano, point.time_unix_nano] = value
        self.points += 1

    def _read(self, request: httpx.Request) -> ExportMetricsServiceRequest:
        if request.method != "POST" or request.url.path != "/v1/metrics":
            raise RefusedError(404, f"nothing is at {request.method} {request.url.path}")
        if self._key and request.headers.get("api-key") != self._key:
            raise RefusedError(401, "the key is not known")
        if request.headers.get("content-type") != PROTOBUF:
            raise RefusedError(415, f"{request.headers.get('content-type')} is not taken")
        plain = self._unpacked(request)
        try:
            message = ExportMetricsServiceRequest.FromString(plain)
        except DecodeError as error:
            raise RefusedError(400, f"no ExportMetricsServiceRequest: {error}") from error
        if message.SerializeToString() != plain:
            raise RefusedError(400, "not as protobuf itself writes it, or with unknown fields")
        faults = list(_faults(message, self._temporality))
        if faults:
            raise RefusedError(400, "; ".join(faults))
        return message

    def _unpacked(self, request: httpx.Request) -> bytes:
        body = request.content
        if len(body) > self._max_bytes:
            raise RefusedError(413, f"{len(body)} bytes are too many")
        encoding = request.headers.get("content-encoding", "identity")
        if encoding not in {"identity", "gzip"}:
            raise RefusedError(415, f"{encoding} is not taken")
        try:
            plain = gzip.decompress(body) if encoding == "gzip" else body
        except (OSError, EOFError, zlib.error) as error:
            raise RefusedError(400, f"no gzip: {error}") from error
        if len(plain) > self._max_plain_bytes:
            raise RefusedError(413, f"{len(plain)} bytes are too many, unpacked")
        return plain


def points_of(metric: Metric) -> Sequence[DataPoint]:
    """The data points of a metric of any kind."""
    found: Sequence[DataPoint] = getattr(metric, str(metric.WhichOneof("data"))).data_points
    return found


def _points(message: ExportMetricsServiceRequest) -> Iterator[tuple[Metric, DataPoint]]:
    for metric in _metrics(message):
        for point in points_of(metric):
            yield metric, point


def _metrics(message: ExportMetricsServiceRequest) -> Iterator[Metric]:
    for resource in message.resource_metrics:
        for scope in resource.scope_metrics:
            yield from scope.metrics


def _faults(message: ExportMetricsServiceRequest, temporality: int) -> Iterator[str]:
    """What the data model forbids, or stores are known to stumble over."""
    for resource in message.resource_metrics:
        about = {attribute.key for attribute in resource.resource.attributes}
        if missing := {"service.name", "service.instance.id"} - about:
            yield f"the resource has no {', '.join(sorted(missing))}"
    metrics = list(_metrics(message))
    if not metrics:
        yield "it holds no metric"
    if len({metric.name for metric in metrics}) < len(metrics):
        yield "a metric comes twice"
    for metric in metrics:
        yield from (f"{metric.name}: {fault}" for fault in _metric_faults(metric, temporality))


def _metric_faults(metric: Metric, temporality: int) -> Iterator[str]:
    kind = metric.WhichOneof("data")
    if not (metric.name and metric.description and metric.unit and kind):
        yield "it has no name, description, unit or data"
        return
    data = getattr(metric, kind)
    # What may rise and fall is told since the beginning, whatever is asked for.
    is_level = kind == "sum" and not data.is_monotonic
    if kind != "gauge" and data.aggregation_temporality != (CUMULATIVE if is_level else temporality):
        yield "its temporality is not the one that is taken"
    seen: set[Labels] = set()
    for point in points_of(metric):
        labels = _labels(point.attributes)
        if labels in seen:
            yield f"{labels} comes twice"
        seen.add(labels)
        yield from _point_faults(point, kind)


def _labels(attributes: Iterable[KeyValue]) -> Labels:
    return tuple(sorted((attribute.key, _text(attribute)) for attribute in attributes))


def _text(attribute: KeyValue) -> str:
    return str(getattr(attribute.value, str(attribute.value.WhichOneof("value"))))


def _point_faults(point: DataPoint, kind: str) -> Iterator[str]:
    if len({attribute.key for attribute in point.attributes}) < len(point.attributes):
        yield "an attribute comes twice"
    if not point.time_unix_nano or (kind != "gauge") != bool(point.start_time_unix_nano):
        yield "it has no time, or a beginning where there is none"
    if point.start_time_unix_nano > point.time_unix_nano:
        yield "it ends before it begins"
    if isinstance(point, NumberDataPoint):
        if kind == "sum" and not point.as_double >= 0:
            yield "it is below 0"
    else:
        yield from _histogram_faults(point)


def _histogram_faults(point: HistogramDataPoint | ExponentialHistogramDataPoint) -> Iterator[str]:
    if isinstance(point, HistogramDataPoint):
        counted = sum(point.bucket_counts)
        if len(point.bucket_counts) != len(point.explicit_bounds) + 1:
            yield "its buckets do not fit their bounds"
    else:
        counted = sum(point.positive.bucket_counts) + point.zero_count
        if len(point.positive.bucket_counts) > MOST_BUCKETS:
            yield "it has too many buckets"
    if counted != point.count:
        yield f"its buckets hold {counted} values of {point.count}"
    if point.HasField("min") and not point.min <= point.max:
        yield "its least value is above its greatest"
