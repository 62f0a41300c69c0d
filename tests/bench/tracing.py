"""What traces cost a call, beside OpenTelemetry's SDK in the same run, and what they cost later on a thread:
`python -m tests.bench.tracing`.

Each figure is µs of this thread's CPU per call: the median of many batches, the variants taking turns. A call
is all of `Executor.execute` around a transport that answers at once; a traced one is told to the exporter of
traces too, whose queue is emptied between the batches.
"""

import asyncio
import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanKind

from exporters.otlp.batches import TRACES
from exporters.otlp.settings import MetricSignal, TraceSignal
from exporters.otlp.spans import TracedCall
from exporters.otlp.telemetry import Telemetry, call_tracing
from exporters.otlp.tracing import Spans
from exporters.pushing import PushExporters
from exporters.settings import ExporterSettings, OTLPSettings
from exporters.table import MetricTable
from integrations.bus import SignalBus
from integrations.clock import SystemClock
from integrations.connection import NetworkPolicy
from integrations.execution.call import Call, LineSpec, Verdict
from integrations.execution.executor import Executor
from integrations.execution.outcome import Effect
from integrations.execution.policy import Policy
from integrations.execution.transport import HTTPTransport, Reply
from integrations.signals import CallRecord
from tests.fakes.calls import call_record

BATCH, ROUNDS = 400, 120
REPLY = Reply(status=200, headers={"content-type": "application/json"}, body=b'{"ok":true}')
OK = Verdict()
OFF = ExporterSettings()
ON = ExporterSettings(
    otlp=OTLPSettings(
        endpoint="http://127.0.0.1:1", metrics=MetricSignal(enabled=False), traces=TraceSignal(enabled=True)
    )
)
Step = Callable[[], Awaitable[object]]


class _AtOnce(HTTPTransport):
    """Answers without a network."""

    async def send(self, *_: object, **__: object) -> Reply:  # type: ignore[override]  # Nothing of it is used.
        return REPLY


class _Kept(SpanProcessor):
    """Keeps what ended, as the SDK's own processor does until it sends."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


def _executor(settings: ExporterSettings, directory: Path, *, tells: bool = False) -> Executor:
    bus, clock = SignalBus(), SystemClock()
    executor = Executor(
        clock=clock,
        publish=bus.publish,
        transport=lambda _: httpx.MockTransport(lambda _: httpx.Response(200)),
        random=random.Random(1),
        tracing=call_tracing(settings),
    )
    spec = LineSpec(
        integration="bench",
        vendor="http",
        policy=Policy(trace_context=tells),
        network=NetworkPolicy(),
        capabilities=("read",),
    )
    executor.open_line(spec)
    executor._lines["bench"].transport = _AtOnce(executor._lines["bench"].transport.inner, clock=clock)
    exporters = PushExporters(
        settings,
        table=MetricTable(),
        calls=executor,
        clock=clock,
        directory=directory,
        network=NetworkPolicy(),
        version="1",
        instance="bench",
        random=random.Random(1),
    )
    for name, subscriber in exporters.subscribers():
        bus.subscribe(name, subscriber)
    return executor


def _call() -> Call:
    request = httpx.Request("GET", "http://127.0.0.1/")
    return Call(
        integration="bench",
        action="get",
        capability="read",
        effect=Effect.READ,
        idempotent=True,
        prepare=lambda: request,
        classify=lambda _: OK,
        run_id="r",
    )


def _with_sdk(executor: Executor, call: Call) -> Step:
    """The same two spans with the same attributes, by the SDK around an untraced call."""
    kept, provider = _Kept(), TracerProvider()
    provider.add_span_processor(kept)
    tracer = provider.get_tracer("bench")
    about = {
        f"dialtone.{name}": "x"
        for name in ("integration", "vendor", "action", "capability", "effect", "origin", "run_id")
    }
    request = {"http.request.method": "GET", "server.address": "127.0.0.1", "server.port": 80}

    async def step() -> None:
        with tracer.start_as_current_span("http get", attributes=about) as span:
            with tracer.start_as_current_span("GET", kind=SpanKind.CLIENT, attributes=request) as attempt:
                await executor.execute(call)
                attempt.set_attribute("http.response.status_code", 200)
            span.set_attribute("dialtone.outcome", "ok")
        if len(kept.spans) > 2_000:
            kept.spans.clear()

    return step


async def _batch(step: Step) -> float:
    for _ in range(BATCH // 10):
        await step()
    began = time.thread_time()
    for _ in range(BATCH):
        await step()
    return (time.thread_time() - began) / BATCH * 1e6


async def _calls(directory: Path) -> None:
    call = _call()
    off, on, told = (
        _executor(OFF, directory / "off"),
        _executor(ON, directory / "on"),
        _executor(ON, directory / "told", tells=True),
    )
    steps: dict[str, Step] = {
        "a call, not traced": lambda: off.execute(call),
        "traced": lambda: on.execute(call),
        "traced, and the vendor is told": lambda: told.execute(call),
        "not traced, within two spans of the SDK": _with_sdk(off, call),
    }
    figures: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            figures[name].append(await _batch(step))
    least = statistics.median(figures["a call, not traced"])
    print(f"{'on the call path':44} {'median µs':>10} {'beyond':>8}")
    for name, values in figures.items():
        median = statistics.median(values)
        print(f"{name:44} {median:10.2f} {median - least:8.2f}")


def _encoded() -> None:
    """What a thread does later."""
    intake = Telemetry(ON, template=_path, clock=SystemClock(), version="1", instance="bench").intakes[
        TRACES.name
    ]
    told = tuple(TracedCall(_record(number)) for number in range(4_000))
    figures = []
    gc.disable()
    for _ in range(10):
        began = time.thread_time()
        batches = intake.encode(Spans(told=told, template=_path))
        figures.append((time.thread_time() - began) / len(told) * 1e6)
    gc.enable()
    size = sum(len(batch.body) for batch in batches) / len(told)
    print(
        f"\nlater, on a thread: {statistics.median(figures):.1f} µs and {size:.0f} bytes a call of two spans"
    )


def _record(number: int) -> CallRecord:
    ids = random.Random(number).randbytes(32).hex()
    return call_record(
        integration=f"integration-{number % 100}",
        run_id=ids[:32],
        trace_id=ids[32:],
        span_id=ids[16:32],
        sampled=True,
        method="GET",
        server="https://api.github.com",
    )


def _path(_integration: str, _action: str) -> str:
    return "/repos/{owner}/{repo}"


def main() -> None:
    """Print the figures."""
    with TemporaryDirectory() as directory:
        asyncio.run(_calls(Path(directory)))
    _encoded()


if __name__ == "__main__":
    main()
