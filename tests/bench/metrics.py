"""What metrics cost: recording one call beside prometheus-client and OpenTelemetry; a scrape of 10,000 lines.

Run: python -m tests.bench.metrics
"""

import gc
import gzip
import statistics
import time
from collections.abc import Callable
from itertools import cycle

import anyio
import anyio.lowlevel
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, Counter, Histogram

from exporters.catalogue import CATALOGUE, HTTP_SECONDS
from exporters.prometheus.exposition import render
from exporters.prometheus.negotiation import Format
from exporters.prometheus.scrape import PrometheusExporter
from exporters.table import MetricTable
from integrations.clock import SystemClock
from tests.fakes.calls import call_record
from tests.fakes.oracle import written_by_library

ROUNDS, CALLS = 30, 5_000
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
LABELS = {"integration": "github-prod", "vendor": "github", "action": "repos.get", "origin": "traffic"}


def median_ns(work: Callable[[], object]) -> float:
    """Median over rounds of the mean time of one run of `work`, in nanoseconds."""
    rounds = []
    gc.disable()
    for _ in range(ROUNDS):
        began = time.perf_counter_ns()
        for _ in range(CALLS):
            work()
        rounds.append((time.perf_counter_ns() - began) / CALLS)
    gc.enable()
    return statistics.median(rounds)


def table_record() -> Callable[[], object]:
    """All call metrics, for 100 integrations in turn, so that no look-up profits from the last one."""
    table = MetricTable()
    records = cycle([call_record(integration=f"integration-{number}") for number in range(100)])
    return lambda: table.on_signal(next(records))


def sampled_record() -> Callable[[], object]:
    """The same with an exemplar."""
    table = MetricTable()
    record = call_record(sampled=True, trace_id="a" * 32, span_id="b" * 16)
    return lambda: table.on_signal(record)


def client_families() -> tuple[Counter, Histogram]:
    registry = CollectorRegistry()
    calls = Counter("calls", "c", [*LABELS, "outcome"], registry=registry)
    return calls, Histogram("duration", "d", [*LABELS], buckets=HTTP_SECONDS, registry=registry)


def client_looked_up() -> Callable[[], object]:
    """prometheus-client as most use it: two metrics."""
    calls, duration = client_families()

    def record() -> None:
        calls.labels(**LABELS, outcome="ok").inc()
        duration.labels(**LABELS).observe(0.12)

    return record


def client_held() -> Callable[[], object]:
    """prometheus-client with the children held: two metrics."""
    calls, duration = client_families()
    counter, histogram = calls.labels(**LABELS, outcome="ok"), duration.labels(**LABELS)

    def record() -> None:
        counter.inc()
        histogram.observe(0.12)

    return record


def opentelemetry_sdk() -> Callable[[], object]:
    """The OpenTelemetry SDK with one reader: two metrics."""
    meter = MeterProvider([InMemoryMetricReader()]).get_meter("bench")
    calls = meter.create_counter("calls")
    duration = meter.create_histogram("duration", explicit_bucket_boundaries_advisory=list(HTTP_SECONDS))
    outcome = LABELS | {"outcome": "ok"}

    def record() -> None:
        calls.add(1, outcome)
        duration.record(0.12, LABELS)

    return record


def compare_recording() -> None:
    """Print ns a call and how many times our own each peer takes."""
    ways = {
        "MetricTable, all call metrics": table_record(),
        "MetricTable, all call metrics, with exemplar": sampled_record(),
        "prometheus-client labels().inc() + labels().observe()": client_looked_up(),
        "prometheus-client, children held": client_held(),
        "OpenTelemetry SDK counter.add + histogram.record": opentelemetry_sdk(),
    }
    costs = {name: median_ns(work) for name, work in ways.items()}
    ours = costs["MetricTable, all call metrics"]
    for name, cost in costs.items():
        print(f"{name:<58} {cost:8.0f} ns/call   {cost / ours:5.1f} x")
    print(f"goal: 1,000 ns/call median, dict access included: {'met' if ours <= 1_000 else 'MISSED'}")


def ten_thousand_lines() -> MetricTable:
    """A table whose scrape has a little over 10,000 lines."""
    table = MetricTable()
    lines_a_call = 2 * (len(HTTP_SECONDS) + 3) + len(("calls", "attempts", "retries", "sent", "received"))
    for number in range(10_000 // lines_a_call + 1):
        table.on_signal(call_record(integration=f"integration-{number}"))
    return table


async def scrape_once(accept: str, encoding: str) -> None:
    """Print CPU, time and the longest stall of the event loop during one scrape."""
    exporter = PrometheusExporter(ten_thousand_lines(), clock=SystemClock())
    stalls: list[float] = []

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await anyio.lowlevel.checkpoint()
            stalls.append(time.perf_counter() - before)

    await exporter.scrape(accept=accept, accept_encoding=encoding)
    alone = time.process_time()
    answer = await exporter.scrape(accept=accept, accept_encoding=encoding)
    cpu = time.process_time() - alone
    async with anyio.create_task_group() as group:
        group.start_soon(beat)
        began = time.perf_counter()
        await exporter.scrape(accept=accept, accept_encoding=encoding)
        took = time.perf_counter() - began
        group.cancel_scope.cancel()
    print(
        f"{answer.content_type.split(';')[0]:<28} {encoding or 'identity':<9} {len(answer.body):>9,} bytes"
        f"   CPU {cpu * 1e3:6.1f} ms   time {took * 1e3:6.1f} ms"
        f"   longest loop stall {max(stalls) * 1e3:5.1f} ms"
    )


def compare_rendering() -> None:
    """Print the CPU of one rendering of 10,000 lines, and how many times that prometheus-client takes."""
    readings = list(ten_thousand_lines().read())
    for wanted in (Format.TEXT, Format.OPENMETRICS):
        ours = median_cpu(lambda wanted=wanted: render(readings, CollectorRegistry(), wanted, compress=True))
        peer = median_cpu(lambda wanted=wanted: gzip.compress(written_by_library(readings, wanted)))
        print(
            f"rendered and compressed, {wanted.value:<12} {ours * 1e3:6.1f} ms   "
            f"prometheus-client {peer * 1e3:6.1f} ms, {peer / ours:.1f} x"
        )


def median_cpu(work: Callable[[], object]) -> float:
    """Median CPU seconds of one run of `work`."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        rounds.append(time.thread_time() - began)
    return statistics.median(rounds)


def main() -> None:
    """Run both measurements."""
    print(f"recording one call; catalogue of {len(CATALOGUE)} metrics; {ROUNDS} rounds of {CALLS:,} calls")
    compare_recording()
    print("\none scrape of 10,000 lines while the event loop is busy")
    compare_rendering()
    for accept in ("", OPENMETRICS):
        for encoding in ("", "gzip"):
            anyio.run(scrape_once, accept, encoding)


if __name__ == "__main__":
    main()
