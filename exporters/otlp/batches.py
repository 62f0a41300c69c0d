"""Traces and logs by OTLP/HTTP: spans and log records as requests, protobuf.

Source: opentelemetry-proto 1.x, and https://opentelemetry.io/docs/specs/otlp/#otlphttp.
"""

import gzip
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from google.protobuf.message import DecodeError
from isal import igzip
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from exporters.otlp.attributes import bytes_field, resource_of, scope_of
from exporters.otlp.metrics import MAX_PLAIN_BYTES
from exporters.otlp.settings import Compression, Destination
from exporters.push.batchfile import Batch
from exporters.push.exporter import Action, Address, Cut, Reply, Verdict
from exporters.push.judging import judge_otlp
from exporters.push.packing import Limits, halves, packed

KEEP = 47 * 3600.0
MOST_ITEMS = 4_000
"""Spans or records of one request: at some 250 bytes each it stays well below what collectors take."""


class Encodable(Cut, Protocol):
    """A cut that can be written in protobuf."""

    @property
    def ended(self) -> float:
        """When the last of it happened, as UTC seconds."""
        ...

    def messages(self) -> Iterable[bytes]:
        """Yield each span or log record, serialized."""
        ...


class Partial(NamedTuple):
    """How much of a request was rejected, and why."""

    rejected: int
    message: str


class Form(NamedTuple):
    """One signal: its exporter's name and route, and how requests and answers are read."""

    name: str
    route: str
    read: Callable[[bytes], Sequence[bytes]]
    rejected: Callable[[bytes], Partial]


class OTLPTelemetry:
    """An endpoint that takes traces, or logs. `about` is what is told of this process."""

    keep = KEEP

    def __init__(
        self, form: Form, to: Destination, *, about: Mapping[str, str], version: str, max_bytes: int
    ) -> None:
        self.name = form.name
        self._form = form
        self._to = to
        self.secrets = tuple(to.headers.values())
        self._limits = Limits(items=MOST_ITEMS, plain_bytes=MAX_PLAIN_BYTES, bytes=max_bytes)
        # The messages of traces and of logs have the same numbers down to the single span or record.
        self._resource = bytes_field(1, resource_of(about).SerializeToString())
        self._scope = bytes_field(1, scope_of(version).SerializeToString())

    def encode(self, cut: Encodable, /) -> Sequence[Batch]:
        """The requests that carry these."""
        seal = partial(self._sealed, cut_at=cut.ended)
        return list(packed(list(cut.messages()), encode=self._request, seal=seal, limits=self._limits))

    def split(self, batch: Batch) -> Sequence[Batch]:
        """A batch as two."""
        is_packed = "content-encoding" in batch.headers
        items = self._form.read(gzip.decompress(batch.body) if is_packed else batch.body)
        return [self._sealed(self._request(part), len(part), cut_at=batch.cut_at) for part in halves(items)]

    def address(self, _: Batch) -> Address:
        """Where batches go, with the operator's headers."""
        return Address(self._to.url, {name: value.reveal() for name, value in self._to.headers.items()})

    def judge(self, reply: Reply) -> Verdict:
        """What a reply means, by the specification."""
        return judge_otlp(reply, what="span" if self._form is TRACES else "log line", taken=self._taken)

    def _taken(self, body: bytes) -> Verdict:
        lost, message = self._form.rejected(body)
        return Verdict(Action.TAKEN, f"it rejected {lost}: {message}" if lost else "", lost=lost)

    def _request(self, items: Sequence[bytes]) -> bytes:
        inner = b"".join([self._scope, *(bytes_field(2, item) for item in items)])
        return bytes_field(1, self._resource + bytes_field(2, inner))

    def _sealed(self, plain: bytes, items: int, *, cut_at: float) -> Batch:
        headers = {"content-type": "application/x-protobuf"}
        if self._to.compression is Compression.GZIP:
            plain = igzip.compress(plain, 2, mtime=0)
            headers["content-encoding"] = "gzip"
        return Batch(route=self._form.route, body=plain, headers=headers, points=items, cut_at=cut_at)


def _spans_in(request: bytes) -> Sequence[bytes]:
    parsed = ExportTraceServiceRequest.FromString(request)
    return [span.SerializeToString() for span in parsed.resource_spans[0].scope_spans[0].spans]


def _spans_rejected(body: bytes) -> Partial:
    try:
        partial_success = ExportTraceServiceResponse.FromString(body).partial_success
    except DecodeError:
        return Partial(0, "")
    return Partial(int(partial_success.rejected_spans), partial_success.error_message)


def _records_in(request: bytes) -> Sequence[bytes]:
    parsed = ExportLogsServiceRequest.FromString(request)
    return [record.SerializeToString() for record in parsed.resource_logs[0].scope_logs[0].log_records]


def _records_rejected(body: bytes) -> Partial:
    try:
        partial_success = ExportLogsServiceResponse.FromString(body).partial_success
    except DecodeError:
        return Partial(0, "")
    return Partial(int(partial_success.rejected_log_records), partial_success.error_message)


TRACES = Form("otlp-traces", "traces", _spans_in, _spans_rejected)
LOGS = Form("otlp-logs", "logs", _records_in, _records_rejected)
