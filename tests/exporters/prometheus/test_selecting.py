"""`name[]`: a scrape of some metrics only, in every format, next to scrapes of others."""

import gzip
import io

import anyio
import pytest
from google.protobuf import proto
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector

from exporters.process import process_registry
from exporters.prometheus.exposition import render
from exporters.prometheus.negotiation import Format
from exporters.prometheus.protobuf import family_class
from exporters.prometheus.scrape import PrometheusExporter
from exporters.prometheus.selecting import Selection
from exporters.table import MetricTable
from integrations.clock import SystemClock
from integrations.samples import Sample
from tests.fakes.calls import SampleList, call_record
from tests.fakes.oracle import Oracle

ACCEPT = {
    Format.TEXT: "",
    Format.OPENMETRICS: "application/openmetrics-text;version=1.0.0",
    Format.PROTOBUF: (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
    ),
}
CALLS, DURATION, UP = "dialtone_calls_total", "dialtone_call_duration_seconds", "dialtone_storage_up"


def counted(*, native: bool = False) -> MetricTable:
    table = MetricTable(native=native)
    table.on_signal(call_record(integration='a\n# TYPE b\\" counter\u2028', duration=0.2))
    table.on_signal(call_record())
    table.add_source(SampleList(Sample(UP, (), 1)))
    return table


def exporter(table: MetricTable, process: Collector | None = None) -> PrometheusExporter:
    return PrometheusExporter(table, clock=SystemClock(), process=process or CollectorRegistry())


async def scraped(*names: str, wanted: Format = Format.TEXT, process: Collector | None = None) -> bytes:
    target = exporter(counted(native=wanted is Format.PROTOBUF), process)
    return (await target.scrape(accept=ACCEPT[wanted], accept_encoding="", names=names)).body


def heads(body: bytes) -> list[str]:
    return [line.split()[2] for line in body.decode().split("\n") if line.startswith("# TYPE")]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        pytest.param([CALLS], [CALLS], id="a counter"),
        pytest.param([UP, CALLS, UP], [CALLS, UP], id="several, in the catalogue's order"),
        pytest.param([DURATION], [DURATION], id="a histogram"),
        pytest.param([f"{DURATION}_sum"], [DURATION], id="a series of a histogram"),
        pytest.param(["dialtone_call"], [], id="a beginning is no name"),
        pytest.param([f"{UP}_count", f"{CALLS}_sum"], [], id="series that only histograms have"),
        pytest.param(["nonsense", ""], [], id="nothing"),
    ],
)
async def test_a_name_selects_its_metric_and_nothing_else(names: list[str], told: list[str]) -> None:
    assert heads(await scraped(*names)) == told


async def test_without_a_name_everything_is_told() -> None:
    assert {CALLS, DURATION, UP, "dialtone_attempts_total"} <= set(heads(await scraped()))


async def test_openmetrics_calls_a_counter_by_its_shorter_name_too() -> None:
    short, long = [await scraped(name, wanted=Format.OPENMETRICS) for name in ("dialtone_calls", CALLS)]
    assert short == long
    assert heads(short) == ["dialtone_calls"]
    assert short.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    "names",
    [
        (CALLS,),
        (f"{DURATION}_bucket",),
        (f"{DURATION}_sum", f"{DURATION}_count", UP),
        (f"{DURATION}_bucket", f"{DURATION}_sum", f"{DURATION}_count"),
        (),
    ],
    ids=str,
)
@pytest.mark.parametrize("wanted", [Format.TEXT, Format.OPENMETRICS])
def test_series_are_restricted_as_prometheus_client_restricts_them(
    wanted: Format, names: tuple[str, ...]
) -> None:
    readings = list(counted().read())
    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(Oracle(readings))
    oracle = registry.restricted_registry(names) if names else registry
    generate = generate_openmetrics if wanted is Format.OPENMETRICS else generate_latest
    written = render(readings, CollectorRegistry(), wanted, compress=False, selection=Selection(names))
    ours = written.decode().removesuffix("# EOF\n")
    # The library forgets the unit of what it restricts.
    lines = [line for line in ours.split("\n") if not (names and line.startswith("# UNIT"))]
    assert "\n".join(lines).encode() == generate(oracle).removesuffix(b"# EOF\n")


async def test_protobuf_has_whole_metrics_only() -> None:
    body = io.BytesIO(await scraped(f"{DURATION}_sum", UP, wanted=Format.PROTOBUF))
    told = []
    while (family := proto.parse_length_prefixed(family_class(), body)) is not None:
        told.append((family.name, len(family.metric)))
    assert told == [(DURATION, 2), (UP, 1)]


@pytest.mark.parametrize("wanted", Format)
async def test_metrics_of_the_process_can_be_named_too(wanted: Format) -> None:
    body = await scraped(
        "process_cpu_seconds_total", "python_gc_collections", wanted=wanted, process=process_registry()
    )
    assert b"process_cpu_seconds" in body
    assert b"python_gc_collections" in body
    assert b"process_open_fds" not in body
    assert b"dialtone" not in body


async def test_scrapes_of_different_names_at_the_same_time_get_different_answers() -> None:
    target = exporter(counted())
    bodies: dict[tuple[tuple[str, ...], str], bytes] = {}

    async def scrape(names: tuple[str, ...], encoding: str) -> None:
        answer = await target.scrape(accept="", accept_encoding=encoding, names=names)
        bodies[names, encoding] = gzip.decompress(answer.body) if encoding else answer.body

    async with anyio.create_task_group() as group:
        for names in ((), (CALLS,), (UP,), (UP, CALLS)):
            for encoding in ("", "gzip"):
                group.start_soon(scrape, names, encoding)

    for encoding in ("", "gzip"):
        told = {names: heads(body) for (names, used), body in bodies.items() if used == encoding}
        assert (told[CALLS,], told[UP,], told[UP, CALLS]) == ([CALLS], [UP], [CALLS, UP])
        assert len(told[()]) > 3


async def test_scrapes_of_the_same_names_in_any_order_share_one_rendering() -> None:
    target = exporter(counted())
    async with anyio.create_task_group() as group:
        for names in ((UP, CALLS), (CALLS, UP), [CALLS, UP, CALLS]):
            group.start_soon(lambda names: target.scrape(accept="", accept_encoding="", names=names), names)
    counts = {
        sample.labels: sample.value for sample in target.samples() if sample.metric.endswith("scrapes_total")
    }
    assert counts["text",] == 1
