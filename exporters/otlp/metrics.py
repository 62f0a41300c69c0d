"""Metrics by OTLP/HTTP: windows as ExportMetricsServiceRequest, protobuf with gzip.

Source: opentelemetry-proto 1.x, and https://opentelemetry.io/docs/specs/otlp/#otlphttp for which answers are
tried again and what a partial success says.
"""

import gzip
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter

from google.protobuf.message import DecodeError
from isal import igzip
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import ResourceMetrics, ScopeMetrics
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from exporters.otlp.points import Item, PlaceOf, field, items, nowhere, parsed_items, tag
from exporters.otlp.resource import resource_attributes
from exporters.otlp.settings import Compression
from exporters.push.batchfile import Batch
from exporters.push.exporter import Action, Address, Reply, Verdict
from exporters.push.judging import judge_otlp
from exporters.push.packing import Limits, halves, packed
from exporters.push.window import Window
from exporters.settings import Histograms, OTLPSettings, Temporality

_RESOURCE_METRICS = tag(ExportMetricsServiceRequest, "resource_metrics")
_SCOPE_METRICS = tag(ResourceMetrics, "scope_metrics")
_METRICS = tag(ScopeMetrics, "metrics")
MAX_PLAIN_BYTES = 4_000_000
"""What the OpenTelemetry Collector takes by default, unpacked, over gRPC; many set the same for HTTP."""
ITEMS = 20_000
"""Points that are tried as one request at first."""


class OTLPMetrics:
    """An endpoint that takes metrics by OTLP/HTTP."""

    name = "otlp"
    keep = 47 * 3600.0

    def __init__(
        self, settings: OTLPSettings, *, version: str, instance: str, place: PlaceOf = nowhere
    ) -> None:
        self._settings = settings
        self._place = place
        self._to = settings.destination("metrics")
        self.secrets = tuple(self._to.headers.values())
        about = resource_attributes(settings.resource, version=version, instance=instance)
        resource = Resource(attributes=_attributes(about))
        self._about = ResourceMetrics(resource=resource).SerializeToString()
        scope = InstrumentationScope(name="dialtone", version=version)
        self._scope = ScopeMetrics(scope=scope).SerializeToString()
        self._is_delta = settings.temporality is Temporality.DELTA
        self._is_exponential = settings.histograms is Histograms.EXPONENTIAL

    def encode(self, window: Window) -> Sequence[Batch]:
        """The requests that carry a window."""
        found = items(window, is_delta=self._is_delta, is_exponential=self._is_exponential, place=self._place)
        limits = Limits(items=ITEMS, plain_bytes=MAX_PLAIN_BYTES, bytes=self._settings.max_bytes)
        seal = partial(self._sealed, cut_at=window.ended)
        return list(packed(list(found), encode=self._encoded, seal=seal, limits=limits))

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch as two."""
        is_packed = "content-encoding" in batch.headers
        plain = gzip.decompress(batch.body) if is_packed else batch.body
        request = ExportMetricsServiceRequest.FromString(plain)
        metrics = request.resource_metrics[0].scope_metrics[0].metrics
        parts = halves([item for metric in metrics for item in parsed_items(metric)])
        return [self._sealed(self._encoded(part), len(part), cut_at=batch.cut_at) for part in parts]

    def address(self, _: Batch) -> Address:
        """Where batches go, with the operator's headers."""
        secrets = {name: value.reveal() for name, value in self._to.headers.items()}
        return Address(self._to.url, secrets)

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means, by the specification."""
        return judge_otlp(reply, what="point", taken=_taken)

    def _encoded(self, points: Sequence[Item]) -> bytes:
        metrics = [
            field(_METRICS, frame.around([point for _, point in same]))
            for frame, same in groupby(points, key=itemgetter(0))
        ]
        return field(
            _RESOURCE_METRICS, self._about + field(_SCOPE_METRICS, b"".join([self._scope, *metrics]))
        )

    def _sealed(self, plain: bytes, points: int, *, cut_at: float) -> Batch:
        headers = {"content-type": "application/x-protobuf"}
        if self._to.compression is Compression.GZIP:
            plain = igzip.compress(plain, 2, mtime=0)
            headers["content-encoding"] = "gzip"
        return Batch(route="metrics", body=plain, headers=headers, points=points, cut_at=cut_at)


def _attributes(values: Mapping[str, str]) -> list[KeyValue]:
    return [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in values.items()]


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
