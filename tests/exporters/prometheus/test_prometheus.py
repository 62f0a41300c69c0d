"""Scrapes: right content for every client, off the loop, shared, and within a deadline."""

import gzip
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.registry import REGISTRY, Collector

from exporters.copying import copied
from exporters.prometheus.scrape import PrometheusExporter, Scrape, ScrapeTimeoutError
from exporters.prometheus.selecting import Selection
from exporters.table import MetricTable
from integrations.clock import SystemClock
from integrations.samples import Sample
from tests.fakes.calls import SampleList, call_record

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


def exporter(
    table: MetricTable, *, process: Collector | None = None, deadline: float = 10
) -> PrometheusExporter:
    nothing = CollectorRegistry() if process is None else process
    return PrometheusExporter(table, clock=SystemClock(), process=nothing, deadline=deadline)


def counted() -> MetricTable:
    table = MetricTable()
    table.on_signal(call_record(sampled=True, trace_id="a" * 32, span_id="b" * 16))
    return table


async def scrape(target: PrometheusExporter, accept: str = "", encoding: str = "") -> Scrape:
    return await target.scrape(accept=accept, accept_encoding=encoding)


async def test_a_plain_client_gets_text() -> None:
    answer = await scrape(exporter(counted()))
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.content_encoding is None
    assert b"# TYPE dialtone_calls_total counter\n" in answer.body
    assert (
        b'dialtone_calls_total{action="repos.get",integration="github-prod",origin="traffic",'
        b'outcome="ok",vendor="github"} 1.0\n' in answer.body
    )


async def test_prometheus_gets_openmetrics_with_units_and_an_end() -> None:
    answer = await scrape(exporter(counted()), OPENMETRICS)
    assert answer.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert b"# TYPE dialtone_calls counter\n" in answer.body
    assert b"# UNIT dialtone_call_duration_seconds seconds\n" in answer.body
    assert answer.body.endswith(b"# EOF\n")


async def test_gzip_holds_the_same_text() -> None:
    target = exporter(counted(), process=CollectorRegistry())
    plain, packed = await scrape(target), await scrape(target, encoding="gzip")
    assert packed.content_encoding == "gzip"
    lines = [set(body.splitlines()) for body in (plain.body, gzip.decompress(packed.body))]
    changed = {line for line in lines[0] ^ lines[1] if b"dialtone_scrape" not in line}
    assert changed == set()


async def test_a_scrape_has_no_created_series() -> None:
    for accept in ("", OPENMETRICS):
        answer = await scrape(PrometheusExporter(counted(), clock=SystemClock()), accept)
        assert b"_created" not in answer.body


async def test_a_sampled_trace_is_an_exemplar_in_openmetrics_only() -> None:
    target = exporter(counted())
    (family,) = [
        family
        for family in parse_openmetrics((await scrape(target, OPENMETRICS)).body.decode())
        if family.name == "dialtone_call_duration_seconds"
    ]
    (found,) = [sample.exemplar for sample in family.samples if sample.exemplar]
    assert found.labels == {"trace_id": "a" * 32, "span_id": "b" * 16}
    assert (found.value, float(str(found.timestamp))) == (0.12, 1_800_000_000.0)
    assert b"trace_id" not in (await scrape(target)).body


async def test_process_and_platform_come_along_from_a_registry_of_our_own() -> None:
    before = set(REGISTRY._names_to_collectors)
    answer = await scrape(PrometheusExporter(counted(), clock=SystemClock()))
    names = {family.name for family in parse_text(answer.body.decode())}
    assert {"process_cpu_seconds", "python_gc_collections", "python_info"} <= names
    assert set(REGISTRY._names_to_collectors) == before


async def test_a_scrape_tells_how_long_the_last_one_took_and_how_many_there_were() -> None:
    target = exporter(MetricTable())
    await scrape(target)
    await scrape(target, OPENMETRICS)
    samples = {
        (s.name, *s.labels.values()): s.value
        for f in parse_text((await scrape(target)).body.decode())
        for s in f.samples
    }
    assert samples["dialtone_scrapes_total", "text"] == 1
    assert samples["dialtone_scrapes_total", "openmetrics"] == 1
    assert 0 < samples["dialtone_scrape_duration_seconds",] < 10


class Gate(Collector):
    """Collects nothing, but only once it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.reached = threading.Event()
        self.entered = 0

    def collect(self) -> Iterator[Metric]:
        self.entered += 1
        self.reached.set()
        self.opened.wait(10)
        yield from ()


async def reached(gate: Gate) -> None:
    assert await anyio.to_thread.run_sync(gate.reached.wait, 5)


async def test_scrapes_of_the_same_format_at_once_share_one_rendering() -> None:
    gate, answers = Gate(), list[Scrape]()
    target = exporter(counted(), process=gate)

    async def collect() -> None:
        answers.append(await scrape(target, OPENMETRICS, "gzip"))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(collect)
        await reached(gate)
        gate.opened.set()
    assert gate.entered == 1
    assert len(answers) == 20
    assert len({id(answer) for answer in answers}) == 1


class Asked:
    """A source that counts how often the table is copied."""

    def __init__(self) -> None:
        self.times = 0

    def samples(self) -> Iterator[Sample]:
        self.times += 1
        yield from ()


async def test_however_many_ask_for_different_metrics_the_table_is_copied_for_two_at_once() -> None:
    gate, asked, table, answers = Gate(), Asked(), counted(), list[Scrape]()
    table.add_source(asked)
    target = exporter(table, process=gate)

    async def collect(name: str) -> None:
        answers.append(await target.scrape(accept="", accept_encoding="", names=["process_a", name]))

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(collect, f"name_{number}")
        await reached(gate)
        await anyio.wait_all_tasks_blocked()
        at_once = asked.times
        gate.opened.set()
    assert (at_once, asked.times, len(answers)) == (2, 20, 20)


async def test_only_what_is_chosen_is_copied() -> None:
    names = {"dialtone_calls_total"}

    readings = await copied(counted(), clock=SystemClock(), chosen=Selection(names).chosen)

    assert {reading.family.name for reading in readings} == names


async def test_a_scrape_after_another_is_rendered_anew() -> None:
    table = counted()
    target = exporter(table)
    before = await scrape(target)
    table.on_signal(call_record())
    after = await scrape(target)
    assert b'outcome="ok",vendor="github"} 1.0' in before.body
    assert b'outcome="ok",vendor="github"} 2.0' in after.body


async def test_a_client_that_leaves_does_not_take_the_rendering_from_the_others() -> None:
    gate, answers = Gate(), list[Scrape]()
    target, leader = exporter(counted(), process=gate), anyio.CancelScope()

    async def leave() -> None:
        with leader:
            await scrape(target)

    async def stay() -> None:
        answers.append(await scrape(target))

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        await reached(gate)
        group.start_soon(stay)
        await anyio.sleep(0.01)
        leader.cancel()
        gate.opened.set()
    assert leader.cancelled_caught
    assert len(answers) == 1


async def test_a_scrape_over_its_deadline_is_given_up_with_a_reason_and_counted() -> None:
    gate, table = Gate(), counted()
    target = exporter(table, process=gate, deadline=0.05)
    with pytest.raises(ScrapeTimeoutError, match=r"not ready within 0\.05 s"):
        await scrape(target)
    gate.opened.set()
    assert Sample("dialtone_scrapes_timed_out_total", (), 1) in list(target.samples())


async def test_after_a_timeout_the_next_scrape_works() -> None:
    gate = Gate()
    target = exporter(counted(), process=gate, deadline=0.05)
    with pytest.raises(ScrapeTimeoutError):
        await scrape(target)
    gate.opened.set()
    assert b"dialtone_calls_total" in (await scrape(target)).body


class Turns(SystemClock):
    """Time is up, for a thread, whenever it looks; tells which beat of the loop it was then."""

    def __init__(self) -> None:
        self.beat, self.seen, self._loop, self._now = 0, set[int](), threading.get_ident(), 0.0

    def monotonic(self) -> float:  # type: ignore[override]  # SystemClock's is a static method.
        if threading.get_ident() != self._loop:
            self._now += 1.0
            self.seen.add(self.beat)
        return self._now


async def test_between_two_turns_of_the_rendering_the_loop_goes_through_all_that_is_ready() -> None:
    clock, table = Turns(), MetricTable()
    table.add_source(SampleList(*(Sample("dialtone_queue_depth", (f"{n}",), n) for n in range(1_000))))
    target = PrometheusExporter(table, clock=clock, process=CollectorRegistry())

    async def beat() -> None:
        while True:
            clock.beat += 1
            await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as group:
        group.start_soon(beat)
        await scrape(target)
        group.cancel_scope.cancel()
    assert len(clock.seen) >= 8


def ten_thousand_series(integrations: int = 500) -> MetricTable:
    table = MetricTable(series_limit=20_000)
    for number in range(integrations):
        table.on_signal(call_record(integration=f"i{number}"))
    table.add_source(
        SampleList(*(Sample("dialtone_quota_remaining", (f"i{n}", "core"), n) for n in range(1_000)))
    )
    return table


async def stalled_share(target: PrometheusExporter) -> float:
    """The longest time the loop stood still during a scrape, as a share of the scrape; 1 when it blocked."""
    stalls = list[float]()

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await anyio.lowlevel.checkpoint()
            stalls.append(time.perf_counter() - before)

    async with anyio.create_task_group() as group:
        group.start_soon(beat)
        await anyio.lowlevel.checkpoint()
        began = time.perf_counter()
        await scrape(target)
        took = time.perf_counter() - began
        group.cancel_scope.cancel()
    return max(stalls) / took


async def test_a_scrape_of_a_hundred_thousand_lines_lets_the_loop_run_on() -> None:
    target = exporter(ten_thousand_series(integrations=2_500))
    answer = await scrape(target)
    lines = [line for line in answer.body.splitlines() if not line.startswith(b"#")]
    assert len(lines) > 95_000
    assert max(map(len, answer.pieces)) < 1_000_000 < len(answer.body)
    assert min([await stalled_share(target) for _ in range(3)]) < 0.4


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
async def test_promtool_accepts_a_whole_scrape() -> None:
    answer = await scrape(PrometheusExporter(ten_thousand_series(), clock=SystemClock()))
    ours = b"".join(line for line in answer.body.splitlines(keepends=True) if b"python_" not in line)
    done = await anyio.to_thread.run_sync(
        lambda: subprocess.run(
            [str(shutil.which("promtool")), "check", "metrics"], input=ours, capture_output=True, check=False
        )
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


PROTOBUF = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,"
    "application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(("native", "content_type"), [(True, "vnd.google"), (False, "openmetrics-text")])
async def test_protobuf_is_given_where_native_histograms_are_kept(*, native: bool, content_type: str) -> None:
    target = exporter(MetricTable(native=native))

    answer = await target.scrape(accept=PROTOBUF, accept_encoding="")

    assert content_type in answer.content_type
