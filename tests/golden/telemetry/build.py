"""Traces and logs by OTLP, byte for byte: `python -m tests.golden.telemetry.build` writes the files beside
this one anew. Look at the difference of the JSON before you commit it.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.json_format import MessageToJson
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from exporters.otlp.batches import LOGS, TRACES
from exporters.otlp.log_records import LogLine, LogLines
from exporters.otlp.settings import LogSignal, TraceSignal
from exporters.otlp.spans import ServedRequest, TracedCall
from exporters.otlp.telemetry import Telemetry
from exporters.otlp.tracing import Spans
from exporters.settings import ExporterSettings, OTLPSettings
from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin, RejectReason, Source
from integrations.signals import BreakerState, BreakerTransition, CallRecord
from tests.fakes.clock import FakeClock

HERE = Path(__file__).parent
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SERVER, CALL, REFUSED = "00f067aa0ba902b7", "53995c3f42cd8ad8", "b7ad6b7169203331"
AT = 1_800_000_000.0

REQUEST = ServedRequest(
    at=AT,
    duration=1.75,
    trace_id=TRACE,
    span_id=SERVER,
    parent_span_id="aaaaaaaaaaaaaaaa",
    trace_state="congo=t61",
    method="POST",
    route="/v2/integrations/{integration_id}/actions/{action}",
    status=502,
    details={},
)
RECORD = CallRecord(
    at=AT + 1.5,
    call_id=CALL,
    run_id="0123456789abcdef0123456789abcdef",
    integration="github-prod",
    vendor="github",
    action="issues.list",
    capability="read",
    effect=Effect.READ,
    origin=Origin.TRAFFIC,
    caller="agent-7",
    kind=FailureKind.SERVER_ERROR,
    status=503,
    detail="it answered 503",
    duration=1.25,
    queued=0.125,
    attempts=(
        Attempt(start=0.125, duration=0.5, kind=FailureKind.TIMEOUT),
        Attempt(start=0.75, duration=0.5, kind=FailureKind.SERVER_ERROR, status=503, injected=True),
    ),
    trace_id=TRACE,
    span_id=CALL,
    parent_span_id=SERVER,
    sampled=True,
    method="GET",
    server="https://api.github.com",
    injected=True,
)
OPENED = BreakerTransition(
    at=AT + 1.5,
    integration="github-prod",
    vendor="github",
    capability="read",
    before=BreakerState.CLOSED,
    after=BreakerState.OPEN,
    reason="5 of 10 calls failed",
    calls=10,
    failures=5,
)
TURNED_AWAY = CallRecord(
    at=AT + 1.75,
    call_id=REFUSED,
    run_id="0123456789abcdef0123456789abcdef",
    integration="github-prod",
    vendor="github",
    action="issues.list",
    capability="read",
    effect=Effect.READ,
    origin=Origin.TRAFFIC,
    step="page-2",
    kind=FailureKind.REJECTED,
    reason=RejectReason.OPEN_CIRCUIT,
    detail="the circuit is open",
    source=Source.STALE,
    trace_id=TRACE,
    span_id=REFUSED,
    parent_span_id=SERVER,
    sampled=True,
    breaker_state=BreakerState.OPEN,
)
LINES = (
    LogLine(
        at=AT,
        level=30,
        logger="dialtone",
        text="breaker changed",
        values=(("dialtone.integration", "github-prod"), ("dialtone.after", "open"), ("dialtone.calls", 10)),
        trace_id=TRACE,
        span_id=SERVER,
    ),
    LogLine(at=AT + 0.5, level=20, logger="dialtone", text="stöpped", values=(("dialtone.ok", True),)),
)


def template(integration: str, action: str) -> str:
    """The path of the one action there is."""
    return {"issues.list": "/repos/{owner}/{repo}/issues"}.get(action, "")


def telemetry(endpoint: str = "https://otlp.example.com") -> Telemetry:
    """Both signals to one endpoint."""
    otlp = OTLPSettings(
        endpoint=endpoint,
        traces=TraceSignal(enabled=True),
        logs=LogSignal(enabled=True),
        resource={"deployment.environment.name": "production"},
    )
    settings = ExporterSettings(otlp=otlp)
    return Telemetry(settings, template=template, clock=FakeClock(), version="1.2.3", instance="web-1")


def bodies() -> Iterator[tuple[str, bytes]]:
    """The name of each file, and what is sent, unpacked."""
    told = (TracedCall(RECORD, (OPENED,)), TracedCall(TURNED_AWAY), REQUEST)
    (traces,) = telemetry().intakes[TRACES.name].encode(Spans(told=told, template=template))
    yield "traces", gzip.decompress(traces.body)
    (logs,) = telemetry().intakes[LOGS.name].encode(LogLines(points=LINES))
    yield "logs", gzip.decompress(logs.body)


def readable(name: str, body: bytes) -> str:
    """The same as JSON, as opentelemetry-proto reads it."""
    kind = ExportTraceServiceRequest if name == "traces" else ExportLogsServiceRequest
    return MessageToJson(kind.FromString(body), indent=1) + "\n"


def main() -> None:
    """Write all files."""
    for name, body in bodies():
        (HERE / f"{name}.binpb").write_bytes(body)
        (HERE / f"{name}.json").write_text(readable(name, body), encoding="utf-8")


if __name__ == "__main__":
    main()
