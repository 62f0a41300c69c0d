"""OTLP metrics against a strict endpoint that misbehaves: totals are exact, and each point counts once."""

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.exponent_mapping import ExponentMapping
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import (
    LogarithmMapping,
)

from exporters.native import NativeHistogram
from exporters.otlp.exponential import MOST_BUCKETS, exponential
from exporters.otlp.metrics import OTLPMetrics
from exporters.push.exporter import PushExporter
from exporters.push.sending import BatchSender
from exporters.push.spool import Spool
from exporters.push.window import Cutter, Window
from exporters.settings import Histograms, OTLPSettings, Temporality
from exporters.table import MetricTable
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from tests.fakes.calls import SampleList, call_record
from tests.fakes.clock import FakeClock
from tests.fakes.execution import Bench, ScriptedVendor
from tests.fakes.otlp_intake import CUMULATIVE, DELTA, LostError, OTLPIntake, PartlyError
from tests.golden.otlp.build import HERE, bodies, readable

CANARY = "canary-6627"
INTEGRATIONS, WINDOWS = 40, 3
GOLDEN = list(bodies())
KINDS = [(temporality, histograms) for temporality in Temporality for histograms in Histograms]


class Site:
    """A table, an exporter of it, and the endpoint it sends to."""

    def __init__(
        self,
        directory: Path,
        intake: OTLPIntake,
        *,
        temporality: Temporality = Temporality.DELTA,
        histograms: Histograms = Histograms.EXPLICIT,
        max_bytes: int = 1_000_000,
    ) -> None:
        self.intake = intake
        self.clock = FakeClock()
        bench = Bench(self.clock, ScriptedVendor(intake))
        settings = OTLPSettings(
            endpoint="https://otlp.example.com",
            headers={"api-key": Secret(CANARY)},
            temporality=temporality,
            histograms=histograms,
            max_bytes=max_bytes,
        )
        metrics = OTLPMetrics(settings, version="1.2", instance="web-1")
        self.table = MetricTable(native=True)
        self.table.add_source(SampleList())
        self._cutter = Cutter(began=self.clock.time())
        self.told = 0
        self.exporter = PushExporter[Window](
            metrics,
            spool=Spool(directory, limit=10_000_000, keep=metrics.keep, clock=self.clock),
            send=BatchSender("otlp", calls=bench.executor, clock=self.clock, network=NetworkPolicy()).send,
            clock=self.clock,
            random=random.Random(1),
        )

    def count_calls(self) -> None:
        """Make one call of each integration, and hand the window over."""
        self.clock.advance(10)
        for number in range(INTEGRATIONS):
            self.table.on_signal(call_record(integration=f"i-{number}", duration=0.01 * (number + 1)))
        window = self._cutter.cut(list(self.table.read(cut=True)), at=self.clock.time())
        self.told += len(window.points)
        self.exporter.take(window)

    def became(self) -> dict[str, float]:
        """What became of the points, by the exporter's own metrics."""
        return {
            (*sample.labels[1:], "exported")[0]: float(sample.value)
            for sample in self.exporter.samples()
            if sample.metric in {"dialtone_exporter_points_total", "dialtone_exporter_points_dropped_total"}
        }


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(site.exporter.run)
        yield
        group.cancel_scope.cancel()


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not condition():  # noqa: ASYNC110 - the exporter's own tasks set no event
            await anyio.sleep(0.001)


async def sent(site: Site) -> None:
    """Count calls in some windows, and wait until all is settled."""
    async with running(site):
        for _ in range(WINDOWS):
            site.count_calls()
            await until(lambda: sum(site.became().values()) == site.told)


TROUBLES: dict[str, list[httpx.Response | Exception | None]] = {
    "reset": [httpx.ReadError("reset"), httpx.ConnectError("refused")],
    "reset after it was taken": [LostError(), None, LostError()],
    "429": [httpx.Response(429, headers={"retry-after": "7"}), None, httpx.Response(429)],
    "502, 503, 504": [httpx.Response(status) for status in (502, 503, 504)],
    "garbage": [httpx.Response(503, content=b"\xff" * 40_000), httpx.RemoteProtocolError("no HTTP")],
    "too large": [httpx.Response(413), httpx.Response(413), None, httpx.Response(413)],
    "slow": [httpx.ReadTimeout("slow"), httpx.ConnectTimeout("slow")],
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize(("temporality", "histograms"), KINDS)
async def test_totals_are_exact_whatever_the_endpoint_does(
    tmp_path: Path, trouble: str, temporality: Temporality, histograms: Histograms
) -> None:
    taken = DELTA if temporality is Temporality.DELTA else CUMULATIVE
    intake = OTLPIntake(key=CANARY, temporality=taken)
    intake.answers = list(TROUBLES[trouble])
    site = Site(tmp_path, intake, temporality=temporality, histograms=histograms)

    await sent(site)

    assert intake.faults == []
    assert intake.answers == []
    assert intake.total("dialtone.calls") == INTEGRATIONS * WINDOWS
    assert intake.total("dialtone.call_duration") == INTEGRATIONS * WINDOWS
    assert site.became() == {"exported": site.told}


async def test_what_is_rejected_of_a_request_that_was_taken_is_no_success(tmp_path: Path) -> None:
    intake = OTLPIntake(key=CANARY)
    intake.answers = [PartlyError(7)]
    site = Site(tmp_path, intake)

    await sent(site)

    assert site.became() == {"exported": site.told - 7, "rejected": 7}
    assert intake.points == site.told - 7


@pytest.mark.parametrize("status", [400, 404, 500, 501])
async def test_what_is_refused_is_given_up_once_and_the_next_is_sent(tmp_path: Path, status: int) -> None:
    intake = OTLPIntake(key=CANARY)
    intake.answers = [httpx.Response(status)]
    site = Site(tmp_path, intake)

    await sent(site)

    assert sum(site.became().values()) == site.told
    assert site.became()["refused"] > 0
    assert intake.total("dialtone.calls") == INTEGRATIONS * (WINDOWS - 1)


async def test_requests_keep_to_an_endpoint_s_own_limit(tmp_path: Path) -> None:
    intake = OTLPIntake(key=CANARY, max_bytes=1_500)
    site = Site(tmp_path, intake, max_bytes=1_500)

    await sent(site)

    assert intake.faults == []
    assert intake.requests > WINDOWS
    assert intake.total("dialtone.calls") == INTEGRATIONS * WINDOWS


async def test_an_endpoint_with_a_lower_limit_gets_halves(tmp_path: Path) -> None:
    intake = OTLPIntake(key=CANARY, max_bytes=900)
    site = Site(tmp_path, intake)

    await sent(site)

    assert {fault[:3] for fault in intake.faults} == {"413"}
    assert intake.total("dialtone.calls") == INTEGRATIONS * WINDOWS
    assert site.became() == {"exported": site.told}


async def test_the_strict_endpoint_finds_what_is_wrong(tmp_path: Path) -> None:
    cumulative, wrong_key = OTLPIntake(key=CANARY), OTLPIntake(key="another")
    await sent(Site(tmp_path / "1", cumulative, temporality=Temporality.CUMULATIVE))
    await sent(Site(tmp_path / "2", wrong_key))

    assert "temporality" in cumulative.faults[0]
    assert wrong_key.faults[0].startswith("401")
    assert CANARY not in repr(wrong_key.faults)


@pytest.mark.parametrize(("name", "body"), GOLDEN, ids=[name for name, _ in GOLDEN])
def test_what_is_sent_is_byte_for_byte_the_golden_file(name: str, body: bytes) -> None:
    assert body == (HERE / f"{name}.binpb").read_bytes()
    assert readable(body) == (HERE / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "body"), GOLDEN, ids=[name for name, _ in GOLDEN])
def test_what_is_sent_is_what_protobuf_itself_would_write(name: str, body: bytes) -> None:
    assert ExportMetricsServiceRequest.FromString(body).SerializeToString() == body, name


@given(
    values=st.lists(st.floats(min_value=1e-9, max_value=1e9), min_size=1, max_size=300).map(
        lambda values: [value * 1.000_000_1 for value in values]
    )
)
def test_values_fall_into_the_buckets_that_opentelemetry_s_own_mapping_names(values: list[float]) -> None:
    histogram = NativeHistogram()
    histogram.add(values)

    scale, offset, counts = exponential(histogram.copy(cut=False))

    mapping = LogarithmMapping(scale) if scale > 0 else ExponentMapping(scale)
    expected: dict[int, int] = {}
    for value in values:
        place = mapping.map_to_index(value)
        expected[place] = expected.get(place, 0) + 1
    assert len(counts) <= MOST_BUCKETS
    assert {offset + place: count for place, count in enumerate(counts) if count} == expected


def test_an_empty_histogram_has_no_buckets() -> None:
    histogram = NativeHistogram()
    histogram.add([0.0])

    assert exponential(histogram.copy(cut=False)) == (5, 0, ())
