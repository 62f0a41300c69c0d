"""What exporting costs beside the usual tools in the same run: recording a call, a scrape of 10,000 and of
100,000 lines, and a window of 10,000 points for each intake.

Run: python -m tests.bench exporters
"""

import gc
import gzip
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import anyio
import anyio.lowlevel
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from prometheus_client import CollectorRegistry

from app.garbage import GarbageCollection
from exporters.otlp.metrics import OTLPMetrics
from exporters.prometheus.exposition import render
from exporters.prometheus.negotiation import Format
from exporters.prometheus.scrape import PrometheusExporter
from exporters.push.window import Point, Spread, Window
from exporters.settings import Histograms, OTLPSettings, Temporality
from exporters.table import MetricTable
from integrations.clock import SystemClock
from tests.bench import intakes_datadog, intakes_newrelic, metrics
from tests.bench.windows import Traffic
from tests.fakes.calls import call_record
from tests.fakes.oracle import written_by_library

POINTS = 10_000
LINES = (10_000, 100_000)
SCRAPE_GOALS = {10_000: 0.006, 100_000: 0.060}
OTLP_GOAL = 0.035
STALL_GOAL = 0.008


class Peer(NamedTuple):
    """The usual tool for the same work, and its name."""

    name: str
    work: Callable[[], object]


def cpu_of(work: Callable[[], object], *, rounds: int = 15) -> float:
    """Median CPU seconds of one run, the first left out."""
    work()
    costs = []
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        began = time.thread_time()
        work()
        costs.append(time.thread_time() - began)
    gc.enable()
    return statistics.median(costs)


def compare(name: str, work: Callable[[], object], *, goal: float, peer: Peer | None = None) -> None:
    """Print what work costs, beside its goal and its peer."""
    ours = cpu_of(work)
    text = f"{name:<44} {ours * 1e3:7.1f} ms CPU   goal {goal * 1e3:3.0f}: {_met(ours, goal)}"
    if peer is not None:
        theirs = cpu_of(peer.work, rounds=3)
        text += f"   {peer.name} {theirs * 1e3:,.0f} ms, {theirs / ours:.1f} x"
    print(text, flush=True)


def _met(value: float, goal: float) -> str:
    return "met   " if value <= goal else "MISSED"


def lined(lines: int) -> MetricTable:
    """A table whose scrape has about so many lines."""
    of_each = _lines_of(_called(2, lines)) - _lines_of(_called(1, lines))
    return _called(round(lines / of_each), lines)


def _called(integrations: int, series_limit: int) -> MetricTable:
    table = MetricTable(series_limit=series_limit)
    for number in range(integrations):
        for duration in (0.02, 0.07, 0.3):
            table.on_signal(call_record(integration=f"integration-{number}", duration=duration))
    return table


def _lines_of(table: MetricTable) -> int:
    return render(list(table.read()), CollectorRegistry(), Format.TEXT, compress=False).count(b"\n")


def scrape(table: MetricTable, wanted: Format) -> Callable[[], object]:
    """A scrape with all its CPU: the copy, the text and its compression. Nothing is kept from one scrape to
    the next, so all lines may have changed.
    """
    return lambda: render(list(table.read()), CollectorRegistry(), wanted, compress=True)


def compare_scrapes() -> None:
    """Print the CPU of scrapes beside prometheus-client's, of the same readings."""
    for lines in LINES:
        table = lined(lines)
        for wanted in (Format.TEXT, Format.OPENMETRICS):
            compare(
                f"scrape, {lines:,} lines, {wanted.value}, gzip",
                scrape(table, wanted),
                goal=SCRAPE_GOALS[lines],
                peer=Peer("prometheus-client", _library(table, wanted)),
            )


def _library(table: MetricTable, wanted: Format) -> Callable[[], object]:
    readings = list(table.read())
    return lambda: gzip.compress(written_by_library(readings, wanted))


async def stall(lines: int) -> None:
    """Print for how long a scrape holds the event loop at a time, at most."""
    exporter = PrometheusExporter(lined(lines), clock=SystemClock())
    stalls: list[float] = []

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await anyio.lowlevel.checkpoint()
            stalls.append(time.perf_counter() - before)

    for _ in range(3):
        async with anyio.create_task_group() as group:
            group.start_soon(beat)
            await exporter.scrape(accept=metrics.OPENMETRICS, accept_encoding="gzip")
            group.cancel_scope.cancel()
    stalls.sort()
    print(
        f"scrape, {lines:,} lines: the loop is held {stalls[-1] * 1e3:.1f} ms at most, "
        f"{stalls[int(len(stalls) * 0.999)] * 1e3:.2f} ms in 999 of 1,000 turns   "
        f"goal {STALL_GOAL * 1e3:.0f}: {_met(stalls[-1], STALL_GOAL)}"
    )


def compare_windows() -> None:
    """Print the CPU of a window's requests, encoded and compressed."""
    traffic = Traffic(points=POINTS)
    traffic.cut()
    window = traffic.cut()
    for temporality in Temporality:
        for histograms in Histograms:
            settings = OTLPSettings(
                endpoint="https://otlp.example.com", temporality=temporality, histograms=histograms
            )
            intake = OTLPMetrics(settings, version="1", instance="one")
            compare(
                f"OTLP, {len(window.points):,} points, {temporality}, {histograms}",
                lambda intake=intake: intake.encode(window),
                goal=OTLP_GOAL,
                peer=Peer("message objects, as the SDK's exporter makes them", lambda: by_objects(window)),
            )


def by_objects(window: Window) -> bytes:
    """The same window the way opentelemetry-exporter-otlp encodes it: an object for each part, then gzip."""
    scope = ScopeMetrics(scope=InstrumentationScope(name="dialtone"))
    made: dict[str, Metric] = {}
    for point in window.points:
        metric = made.get(point.family.name)
        if metric is None:
            metric = made[point.family.name] = scope.metrics.add(name=point.family.name)
        _add(metric, point, window)
    request = ExportMetricsServiceRequest(resource_metrics=[ResourceMetrics(scope_metrics=[scope])])
    return gzip.compress(request.SerializeToString())


def _add(metric: Metric, point: Point, window: Window) -> None:
    start, end = int(window.began * 1e9), int(window.ended * 1e9)
    labels = zip(point.family.labels, point.labels, strict=True)
    attributes = [KeyValue(key=name, value=AnyValue(string_value=value)) for name, value in labels if value]
    if isinstance(point.value, Spread):
        metric.histogram.aggregation_temporality = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        made = HistogramDataPoint(
            attributes=attributes, start_time_unix_nano=start, time_unix_nano=end,
            count=point.value.observations, sum=point.value.total, bucket_counts=point.value.counts,
            explicit_bounds=point.family.buckets,
        )  # fmt: skip
        metric.histogram.data_points.append(made)
        return
    number = NumberDataPoint(
        attributes=attributes, start_time_unix_nano=start, time_unix_nano=end, as_double=point.value
    )
    (metric.gauge if point.family.kind == "gauge" else metric.sum).data_points.append(number)


def main() -> None:
    """Run all measurements."""
    metrics.compare_recording()
    print()
    compare_scrapes()
    garbage = GarbageCollection(SystemClock())
    garbage.start()
    for lines in LINES:
        anyio.run(stall, lines)
    garbage.stop()
    print()
    compare_windows()
    intakes_datadog.main()
    intakes_newrelic.main()


if __name__ == "__main__":
    main()
