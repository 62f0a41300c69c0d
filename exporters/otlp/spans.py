"""Spans, made from what was recorded: a request to Dialtone, a call and each of its attempts.

Nothing here runs on the call path. Names are those of OpenTelemetry's semantic conventions for HTTP
(https://opentelemetry.io/docs/specs/semconv/http/http-spans/); what they do not name is `dialtone.*`. No span
holds a URL, a header or a body.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from exporters.otlp.attributes import (
    Value,
    attribute_fields,
    bytes_field,
    encodable,
    fixed64,
    fresh_attribute,
    nanoseconds,
)
from integrations.execution.call_span import attempt_span_id
from integrations.execution.outcome import Attempt, FailureKind, Source
from integrations.signals import BreakerTransition, CallRecord

_ID, _OWN_ID, _STATE, _PARENT, _NAME, _START, _END, _ATTRIBUTES, _EVENTS, _STATUS = (
    Span.DESCRIPTOR.fields_by_name[name].number
    for name in (
        "trace_id",
        "span_id",
        "trace_state",
        "parent_span_id",
        "name",
        "start_time_unix_nano",
        "end_time_unix_nano",
        "attributes",
        "events",
        "status",
    )
)
_DEFAULT_PORTS = {"http": 80, "https": 443}

Template = Callable[[str, str], str]
"""The path template of an integration's action, by both names; empty where it has none."""


def no_template(_integration: str, _action: str, /) -> str:
    """Nobody knows any."""
    return ""


class ServedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request to Dialtone, answered: an API call or an inbound webhook. `at` is when it came (UTC
    seconds), `route` the path's template, `details` further attributes.
    """

    at: float
    duration: float
    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    method: str
    route: str
    status: int
    details: Mapping[str, str]


class TracedCall(NamedTuple):
    """A call, and what its circuit breaker did while it ran."""

    record: CallRecord
    transitions: tuple[BreakerTransition, ...] = ()

    @property
    def spans(self) -> int:
        """How many spans it makes."""
        return 1 + len(self.record.attempts)


def spans_of(told: ServedRequest | TracedCall, *, template: Template) -> Iterator[bytes]:
    """Yield its spans, serialized."""
    if isinstance(told, ServedRequest):
        yield _served(told)
        return
    record = told.record
    yield _call(told)
    where = _where(record, template)
    for number, attempt in enumerate(record.attempts, 1):
        yield _attempt(record, attempt, number=number, where=where)


def _served(request: ServedRequest) -> bytes:
    is_error = request.status >= 500
    attributes: list[tuple[str, Value]] = [
        ("http.request.method", request.method),
        ("http.route", request.route),
        ("http.response.status_code", request.status),
        *request.details.items(),
    ]
    if is_error:
        attributes.append(("error.type", str(request.status)))
    state = request.trace_state.encode()
    return b"".join(
        (
            _ids(request.trace_id, request.span_id),
            bytes_field(_STATE, state) if state else b"",
            _parent(request.parent_span_id),
            bytes_field(_NAME, f"{request.method} {request.route}".strip().encode()),
            _SERVER,
            _times(request.at, request.at + request.duration),
            attribute_fields(_ATTRIBUTES, attributes),
            _FAILED if is_error else b"",
        )
    )


def _call(told: TracedCall) -> bytes:
    record = told.record
    start = record.at - record.duration
    return b"".join(
        (
            _ids(record.trace_id, record.span_id),
            _parent(record.parent_span_id),
            bytes_field(_NAME, f"{record.vendor} {record.action}".encode()),
            _INTERNAL,
            _times(start, record.at),
            _usual_attributes(
                record.integration,
                record.vendor,
                record.action,
                record.capability,
                record.effect.value,
                record.origin.value,
                "ok" if record.kind is None else record.kind.value,
                record.breaker_state.value,
            ),
            attribute_fields(_ATTRIBUTES, _call_attributes(record)),
            fresh_attribute(_ATTRIBUTES, "dialtone.run_id", record.run_id),
            *(_event(transition) for transition in told.transitions),
            _status(record.kind, record.detail),
        )
    )


@lru_cache(maxsize=4_096)
def _usual_attributes(*values: str) -> bytes:
    """Those that many calls share, made once for all of them."""
    names = ("integration", "vendor", "action", "capability", "effect", "origin", "outcome", "breaker.state")
    told = ((f"dialtone.{name}", value) for name, value in zip(names, values, strict=True))
    return attribute_fields(_ATTRIBUTES, told)


def _call_attributes(record: CallRecord) -> list[tuple[str, Value]]:
    values: list[tuple[str, Value]] = [("dialtone.attempts", len(record.attempts))]
    if record.kind is not None:
        values.append(("error.type", record.kind.value))
    if record.queued:
        values.append(("dialtone.queued", record.queued))
    if record.source is not Source.LIVE:
        values.append(("dialtone.source", record.source.value))
    if record.reason is not None:
        values.append(("dialtone.rejected", record.reason.value))
    if record.injected:
        values.append(("dialtone.fault_injected", True))
    values += [("dialtone.caller", record.caller), ("dialtone.code", record.code)]
    if record.step != "request":
        values.append(("dialtone.step", record.step))
    return values


class _Where(NamedTuple):
    """What the attempts of a call have in common: the span's name, and attributes."""

    name: bytes
    attributes: bytes


def _where(record: CallRecord, template: Template) -> _Where:
    is_own_path = record.step == "request" or record.step.startswith("page-")
    path = template(record.integration, record.action) if is_own_path else ""
    return _located(record.integration, method=record.method, server=record.server, path=path)


@lru_cache(maxsize=4_096)
def _located(integration: str, *, method: str, server: str, path: str) -> _Where:
    parts = urlsplit(server)
    attributes: list[tuple[str, Value]] = [
        ("dialtone.integration", integration),
        ("http.request.method", method),
        ("server.address", parts.hostname or ""),
        ("url.scheme", parts.scheme),
        ("url.template", path),
    ]
    if port := parts.port or _DEFAULT_PORTS.get(parts.scheme):
        attributes.append(("server.port", port))
    name = f"{method} {path}".strip() or "HTTP"
    return _Where(bytes_field(_NAME, name.encode()), attribute_fields(_ATTRIBUTES, attributes))


def _attempt(record: CallRecord, attempt: Attempt, *, number: int, where: _Where) -> bytes:
    start = record.at - record.duration + attempt.start
    values: list[tuple[str, Value]] = []
    if attempt.status is not None:
        values.append(("http.response.status_code", attempt.status))
    if number > 1:
        values.append(("http.request.resend_count", number - 1))
    if attempt.kind is not None:
        values.append(("error.type", _error_type(attempt)))
    if attempt.injected:
        values.append(("dialtone.fault_injected", True))
    own = attempt_span_id(record.span_id, number)
    return b"".join(
        (
            _ids(record.trace_id, own),
            _parent(record.span_id),
            where.name,
            _CLIENT,
            _times(start, start + attempt.duration),
            where.attributes,
            attribute_fields(_ATTRIBUTES, values),
            _status(attempt.kind, ""),
        )
    )


def _error_type(attempt: Attempt) -> str:
    """The status where that is the failure, as the conventions have it; else the kind of failure."""
    is_by_status = attempt.status is not None and attempt.status >= 400
    return str(attempt.status) if is_by_status else str(attempt.kind)


def _kind(kind: Span.SpanKind.ValueType) -> bytes:
    return Span(kind=kind).SerializeToString()


_SERVER, _INTERNAL, _CLIENT = (
    _kind(kind) for kind in (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_INTERNAL, Span.SPAN_KIND_CLIENT)
)


# Fields stand in the order of their numbers, as protobuf itself writes them.


def _ids(trace_id: str, span_id: str) -> bytes:
    return bytes_field(_ID, bytes.fromhex(trace_id)) + bytes_field(_OWN_ID, bytes.fromhex(span_id))


def _parent(span_id: str) -> bytes:
    return bytes_field(_PARENT, bytes.fromhex(span_id)) if span_id else b""


def _times(start: float, end: float) -> bytes:
    return fixed64(_START, nanoseconds(start)) + fixed64(_END, nanoseconds(end))


def _event(transition: BreakerTransition) -> bytes:
    event = Span.Event(time_unix_nano=nanoseconds(transition.at), name="dialtone.breaker.transition")
    number = Span.Event.DESCRIPTOR.fields_by_name["attributes"].number
    values: list[tuple[str, Value]] = [
        ("dialtone.breaker.before", transition.before.value),
        ("dialtone.breaker.state", transition.after.value),
        ("dialtone.breaker.reason", transition.reason),
        ("dialtone.breaker.calls", transition.calls),
        ("dialtone.breaker.failures", transition.failures),
    ]
    return bytes_field(_EVENTS, event.SerializeToString() + attribute_fields(number, values))


def _status(kind: FailureKind | None, detail: str) -> bytes:
    """An error says why; who went away has not failed."""
    if kind is None or kind is FailureKind.CANCELLED:
        return b""
    if not detail:
        return _FAILED
    status = Status(code=Status.STATUS_CODE_ERROR, message=encodable(detail))
    return bytes_field(_STATUS, status.SerializeToString())


_FAILED = bytes_field(_STATUS, Status(code=Status.STATUS_CODE_ERROR).SerializeToString())
