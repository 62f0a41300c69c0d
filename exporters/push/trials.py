"""Trying an intake before one relies on it: what would be sent, and what it says to one value."""

from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from typing import Protocol, runtime_checkable

import msgspec
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from exporters.datadog.sketches import PAYLOAD
from exporters.push.advice import advice
from exporters.push.batchfile import Batch
from exporters.push.compression import decompressed
from exporters.push.exporter import KEY_REFUSED, Address, CutT, Intake, Reply

SHOWN = 100_000
"""Characters of each body that a preview shows."""
_ANSWER_SHOWN = 1_024
_MESSAGES: Mapping[str, type[Message]] = {
    "metrics": ExportMetricsServiceRequest,
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "sketches": PAYLOAD,
}

Send = Callable[[Address, Batch], Awaitable[Reply]]


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one request to an intake. `body` is the beginning of its answer, without our key; `advice`
    says what to do now, and is empty when that is nothing.
    """

    exporter: str
    method: str = "POST"
    url: str
    route: str
    status: int | None
    action: str
    reason: str
    body: str
    advice: str = ""


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """One request that would be sent: where to, its headers without the key, how many points and bytes.
    `body` is what it holds before compression, as text; at most SHOWN characters of it.
    """

    exporter: str
    url: str
    route: str
    headers: dict[str, str]
    points: int
    bytes: int
    body: str = ""


@runtime_checkable
class KeyAsked(Protocol):
    """An intake that can be asked whether a key is right, without being sent anything."""

    def key_question(self) -> Batch:
        """The request that asks."""
        ...


def previewed(intake: Intake[CutT], cut: CutT) -> list[Preview]:
    """The requests that would carry it. A copy encodes it, so that a look leaves no trace in the intake."""
    return [_preview(intake, batch) for batch in copy(intake).encode(cut)]


async def tried(intake: Intake[CutT], cut: CutT, *, send: Send, has_proxy: bool) -> Trial:
    """Send it, once; an intake that can be asked about its key is asked first, and sent nothing if it refuses
    it or is not reached.
    """
    if isinstance(intake, KeyAsked):
        question = intake.key_question()
        answer = await send(intake.address(question), question)
        if answer.status is None or answer.status in KEY_REFUSED:
            return _trial(intake, question, answer, has_proxy=has_proxy)
    (batch, *_) = copy(intake).encode(cut)
    reply = await send(intake.address(batch), batch)
    return _trial(intake, batch, reply, has_proxy=has_proxy)


def _preview(intake: Intake[CutT], batch: Batch) -> Preview:
    return Preview(
        exporter=intake.name,
        url=intake.address(batch).url,
        route=batch.route,
        headers=dict(batch.headers),
        points=batch.points,
        bytes=len(batch.body),
        body=_shown(batch),
    )


def _shown(batch: Batch) -> str:
    """The text of a body; empty when it is of a kind that has none."""
    plain = decompressed(batch.body, batch.headers.get("content-encoding", ""))
    text = _of_protobuf(plain, batch.route) if _is_protobuf(batch) else plain.decode("utf-8", "replace")
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _is_protobuf(batch: Batch) -> bool:
    return "protobuf" in batch.headers.get("content-type", "")


def _of_protobuf(plain: bytes, route: str) -> str:
    """A request in protobuf's text format."""
    kind = _MESSAGES.get(route)
    try:
        return str(kind.FromString(plain)) if kind is not None else ""
    except DecodeError:
        return ""


def _trial(intake: Intake[CutT], batch: Batch, reply: Reply, *, has_proxy: bool) -> Trial:
    verdict = intake.judge(reply)
    address = intake.address(batch)
    body = reply.body[:_ANSWER_SHOWN].decode("utf-8", "replace")
    for value in filter(None, address.headers.values()):
        body = body.replace(value, "***")
    return Trial(
        exporter=intake.name,
        method=address.method,
        url=address.url,
        route=batch.route,
        status=reply.status,
        action=verdict.action.value,
        reason=verdict.reason,
        body=body,
        advice=advice(intake.name, address.url, reply, has_proxy=has_proxy),
    )
