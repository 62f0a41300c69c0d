"""An endpoint of OTLP/HTTP traces and logs that forgives nothing: what is wrong is answered as it is
specified, and what is taken is kept for a test to look at.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator

import httpx
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PROTOBUF = "application/x-protobuf"
_WANTED = {"service.name", "service.version", "service.instance.id", "host.name"}

Attributes = dict[str, object]


class _RefusedError(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class TelemetryIntake:
    """Takes spans and log records; `faults` are the reasons of all that was refused. `answers` come first;
    an int among them rejects so many items of what is taken, None lets it be.
    """

    def __init__(self, *, max_bytes: int = 1_000_000, max_plain_bytes: int = 4_000_000) -> None:
        self._max_bytes = max_bytes
        self._max_plain_bytes = max_plain_bytes
        self.spans: list[Span] = []
        self.records: list[LogRecord] = []
        self.resources: list[Attributes] = []
        self.bodies: list[bytes] = []
        self.answers: list[httpx.Response | Exception | int | None] = []
        self.faults: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, httpx.Response):
            return answer
        if isinstance(answer, Exception):
            raise answer
        return self.take(request, rejecting=answer or 0)

    def take(self, request: httpx.Request, *, rejecting: int = 0) -> httpx.Response:
        """Take one request, or refuse it for what is wrong with it."""
        try:
            content = self._read(request, rejecting)
        except _RefusedError as refused:
            self.faults.append(f"{refused.status}: {refused}")
            return httpx.Response(refused.status, text=str(refused))
        return httpx.Response(200, headers={"content-type": PROTOBUF}, content=content)

    def named(self, name: str) -> Span:
        """The one span of this name."""
        (span,) = [span for span in self.spans if span.name == name]
        return span

    def children(self, span: Span) -> list[Span]:
        """The spans right under one, in the order of their beginnings."""
        found = [each for each in self.spans if each.parent_span_id == span.span_id]
        return sorted(found, key=lambda each: each.start_time_unix_nano)

    def _read(self, request: httpx.Request, rejecting: int) -> bytes:
        if request.method != "POST" or request.url.path not in {"/v1/traces", "/v1/logs"}:
            raise _RefusedError(404, f"nothing is at {request.method} {request.url.path}")
        if request.headers.get("content-type") != PROTOBUF:
            raise _RefusedError(415, f"{request.headers.get('content-type')} is not taken")
        plain = self._unpacked(request)
        try:
            content = (self._traces if request.url.path == "/v1/traces" else self._logs)(plain, rejecting)
        except DecodeError as error:
            raise _RefusedError(400, f"not what the path is for: {error}") from error
        self.bodies.append(plain)
        return content

    def _traces(self, plain: bytes, rejecting: int) -> bytes:
        message = ExportTraceServiceRequest.FromString(plain)
        _same(message.SerializeToString(), plain)
        (group,) = message.resource_spans
        (scope,) = group.scope_spans
        self._about(group.resource)
        _refuse(fault for span in scope.spans for fault in _span_faults(span))
        self.spans += scope.spans[rejecting:]
        answer = ExportTraceServiceResponse()
        if rejecting:
            answer.partial_success.rejected_spans = rejecting
            answer.partial_success.error_message = "so it was told"
        return answer.SerializeToString()

    def _logs(self, plain: bytes, rejecting: int) -> bytes:
        message = ExportLogsServiceRequest.FromString(plain)
        _same(message.SerializeToString(), plain)
        (group,) = message.resource_logs
        (scope,) = group.scope_logs
        self._about(group.resource)
        _refuse(fault for record in scope.log_records for fault in _record_faults(record))
        self.records += scope.log_records[rejecting:]
        answer = ExportLogsServiceResponse()
        if rejecting:
            answer.partial_success.rejected_log_records = rejecting
            answer.partial_success.error_message = "so it was told"
        return answer.SerializeToString()

    def _about(self, resource: Resource) -> None:
        found = attributes_of(resource.attributes)
        if missing := _WANTED - found.keys():
            raise _RefusedError(400, f"the resource has no {', '.join(sorted(missing))}")
        self.resources.append(found)

    def _unpacked(self, request: httpx.Request) -> bytes:
        body = request.content
        if len(body) > self._max_bytes:
            raise _RefusedError(413, f"{len(body)} bytes are too many")
        encoding = request.headers.get("content-encoding", "identity")
        if encoding not in {"identity", "gzip"}:
            raise _RefusedError(415, f"{encoding} is not taken")
        try:
            plain = gzip.decompress(body) if encoding == "gzip" else body
        except (OSError, EOFError, zlib.error) as error:
            raise _RefusedError(400, f"no gzip: {error}") from error
        if len(plain) > self._max_plain_bytes:
            raise _RefusedError(413, f"{len(plain)} bytes are too many, unpacked")
        return plain


def attributes_of(attributes: Iterable[KeyValue]) -> Attributes:
    """Attributes by name; one that comes twice is refused."""
    pairs = [(each.key, getattr(each.value, str(each.value.WhichOneof("value")))) for each in attributes]
    if len(dict(pairs)) < len(pairs):
        raise _RefusedError(400, "an attribute comes twice")
    return dict(pairs)


def _same(written: bytes, plain: bytes) -> None:
    if written != plain:
        raise _RefusedError(400, "not as protobuf itself writes it, or with unknown fields")


def _refuse(faults: Iterable[str]) -> None:
    if found := "; ".join(faults):
        raise _RefusedError(400, found)


def _span_faults(span: Span) -> Iterator[str]:
    attributes_of(span.attributes)
    if len(span.trace_id) != 16 or not any(span.trace_id) or len(span.span_id) != 8 or not any(span.span_id):
        yield "its ids are none"
    if span.parent_span_id and len(span.parent_span_id) != 8:
        yield "its parent's id is none"
    if not span.name or span.kind not in {
        Span.SPAN_KIND_SERVER,
        Span.SPAN_KIND_INTERNAL,
        Span.SPAN_KIND_CLIENT,
    }:
        yield "it has no name or kind"
    if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
        yield "it ends before it begins"


def _record_faults(record: LogRecord) -> Iterator[str]:
    attributes_of(record.attributes)
    if not (record.time_unix_nano and record.severity_number and record.body.string_value):
        yield "it has no time, severity or body"
    if record.trace_id and (len(record.trace_id), len(record.span_id)) != (16, 8):
        yield "its ids are none"
