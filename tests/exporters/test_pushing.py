"""All push exporters together, through a real executor, to intakes that are scripted."""

import gzip
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import anyio
import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from exporters.push.exporter import ExporterStatus
from exporters.push.window import Cutter, Window
from exporters.pushing import PushExporters, UnknownExporterError
from exporters.settings import DatadogSettings, ExporterSettings, NewRelicSettings, OTLPSettings
from exporters.table import MetricTable
from integrations.clock import Clock, SystemClock
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.outcome import Origin
from integrations.samples import Sample
from integrations.signals import CallRecord
from tests.fakes.calls import SampleList, call_record
from tests.fakes.clock import FakeClock
from tests.fakes.execution import Bench, ScriptedVendor

CANARY = "canary-5521"
ALL = ExporterSettings(
    otlp=OTLPSettings(endpoint="https://otlp.example", headers={"api-key": Secret(CANARY)}),
    datadog=DatadogSettings(api_key=Secret(CANARY)),
    newrelic=NewRelicSettings(license_key=Secret(CANARY)),
)


class Site:
    """Exporters over a table, and everything that was sent."""

    def __init__(
        self, directory: Path, *script: object, settings: ExporterSettings = ALL, clock: Clock | None = None
    ) -> None:
        self.clock = clock or FakeClock()
        self.vendor = ScriptedVendor(*(script or (httpx.Response(202),)))  # type: ignore[arg-type]  # As its own.
        self.bench = Bench(self.clock, self.vendor)
        self.table = MetricTable(native=True)
        self.table.add_source(SampleList(Sample("dialtone_build_info", ("1.2",), 1)))
        self.exporters = PushExporters(
            settings,
            table=self.table,
            calls=self.bench.executor,
            clock=self.clock,
            directory=directory,
            network=NetworkPolicy(),
            version="1.2",
            instance="web-1",
            random=random.Random(3),
        )

    def calls_counted(self, host: str) -> float:
        """How many calls an intake was told of, over all requests."""
        return sum(READERS[host](request) for request in self.vendor.requests if host in request.url.host)


def otlp_calls(request: httpx.Request) -> float:
    message = ExportMetricsServiceRequest.FromString(gzip.decompress(request.content))
    metrics = message.resource_metrics[0].scope_metrics[0].metrics
    calls = [metric for metric in metrics if metric.name == "dialtone.calls"]
    return sum(
        point.as_double
        for metric in calls
        for point in metric.sum.data_points
        if point.attributes[0].value.string_value == "github-prod"
    )


def datadog_calls(request: httpx.Request) -> float:
    if "series" not in request.url.path:
        return 0.0
    series = json.loads(zlib.decompress(request.content))["series"]
    mine = [item for item in series if item["metric"] == "dialtone.calls"]
    return sum(item["points"][0]["value"] for item in mine if "integration:github-prod" in item["tags"])


def newrelic_calls(request: httpx.Request) -> float:
    (body,) = json.loads(gzip.decompress(request.content))
    mine = [item for item in body["metrics"] if item["name"] == "dialtone.calls"]
    return sum(item["value"] for item in mine if item["attributes"]["integration"] == "github-prod")


READERS: dict[str, Callable[[httpx.Request], float]] = {
    "datadoghq": datadog_calls,
    "newrelic": newrelic_calls,
    "otlp": otlp_calls,
}


async def test_every_intake_is_told_all_that_was_counted_when_dialtone_stops(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for _ in range(7):
        site.table.on_signal(call_record())

    await site.exporters.drain()

    assert {host: site.calls_counted(host) for host in READERS} == dict.fromkeys(READERS, 7.0)
    assert [status.batches for status in site.exporters.status()] == [0, 0, 0, 0]


async def test_intakes_are_told_of_the_process_too(tmp_path: Path) -> None:
    site = Site(tmp_path, settings=ExporterSettings(newrelic=ALL.newrelic))
    await site.exporters.drain()
    (body,) = json.loads(gzip.decompress(site.vendor.requests[0].content))
    told = {item["name"]: item["value"] for item in body["metrics"]}
    assert told["dialtone.process_resident_memory"] > 1_000_000
    assert told["dialtone.process_cpu"] > 0


async def test_windows_add_up_over_restarts_and_outages(tmp_path: Path) -> None:
    delta = ExporterSettings(datadog=ALL.datadog, newrelic=ALL.newrelic)
    total = 0
    answers = (httpx.Response(503), httpx.Response(202))
    counted = dict.fromkeys(("datadoghq", "newrelic"), 0.0)
    for number in range(4):
        site = Site(tmp_path, answers[number % 2], settings=delta)
        for _ in range(number + 1):
            site.table.on_signal(call_record())
        total += number + 1
        await site.exporters.drain()
        if number % 2:
            counted = {host: counted[host] + site.calls_counted(host) for host in counted}

    assert counted == dict.fromkeys(counted, float(total))


async def test_an_export_is_a_call_of_that_origin_on_a_line_of_its_own(tmp_path: Path) -> None:
    site = Site(tmp_path, settings=ExporterSettings(datadog=ALL.datadog))
    site.table.on_signal(call_record())

    await site.exporters.drain()

    records = [signal for signal in site.bench.signals.signals if isinstance(signal, CallRecord)]
    assert {(record.integration, record.vendor, record.origin) for record in records} == {
        ("exporter:datadog", "datadog", Origin.EXPORT)
    }


async def test_intakes_that_fail_hold_up_neither_the_others_nor_the_end(tmp_path: Path) -> None:
    async def by_host(request: httpx.Request) -> httpx.Response:
        if "newrelic" in request.url.host:
            await anyio.sleep_forever()
        return httpx.Response(503 if "otlp" in request.url.host else 202)

    site = Site(tmp_path, by_host, clock=SystemClock())
    site.table.on_signal(call_record())
    with anyio.fail_after(10):
        await site.exporters.drain()

    assert site.calls_counted("datadoghq") == 1.0
    waiting = {status.name: status.batches for status in site.exporters.status()}
    assert waiting == {"otlp": 1, "datadog": 0, "datadog-events": 0, "newrelic": 1}


async def test_an_exporter_that_fails_at_the_end_costs_no_other(tmp_path: Path) -> None:
    class Failing:
        """Its end is an error of ours."""

        async def finish(self, *, within: float) -> None:
            raise RuntimeError("a fault of ours")

        def status(self) -> ExporterStatus:
            return ExporterStatus(
                name="otlp", ok=True, reason="", batches=0, bytes=0, oldest=None, dropped={}
            )

    site = Site(tmp_path)
    site.exporters._running["otlp"] = Failing()  # type: ignore[assignment]  # As far as it is asked.
    site.table.on_signal(call_record())

    await site.exporters.drain()

    assert {host: site.calls_counted(host) for host in ("datadoghq", "newrelic")} == {
        "datadoghq": 1.0,
        "newrelic": 1.0,
    }


@pytest.mark.parametrize("name", ["otlp", "datadog", "newrelic"])
async def test_a_trial_tells_what_the_intake_said_without_the_key(tmp_path: Path, name: str) -> None:
    answer = httpx.Response(403, text=f"the key {CANARY} is not known")
    site = Site(tmp_path, answer)

    trial = await site.exporters.test(name)

    assert (trial.status, trial.exporter) == (403, name)
    assert trial.body == "the key *** is not known"
    assert trial.reason
    assert CANARY not in repr(trial)


@pytest.mark.parametrize("name", ["otlp", "datadog", "newrelic"])
async def test_a_preview_sends_nothing_and_takes_nothing_from_a_window(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path)
    site.table.on_signal(call_record())

    previews = await site.exporters.preview(name)

    assert site.vendor.requests == []
    assert sum(preview.points for preview in previews) > 1
    assert CANARY not in repr(previews)
    await site.exporters.drain()
    assert site.calls_counted({"datadog": "datadoghq"}.get(name, name)) == 1.0


async def test_an_exporter_that_is_not_configured_is_named_with_those_that_are(tmp_path: Path) -> None:
    site = Site(tmp_path, settings=ExporterSettings(datadog=ALL.datadog))

    with pytest.raises(UnknownExporterError, match="'otlp' is configured; there are: datadog"):
        await site.exporters.preview("otlp")


async def test_without_exporters_nothing_runs_and_nothing_is_made(tmp_path: Path) -> None:
    site = Site(tmp_path, settings=ExporterSettings())

    await site.exporters.drain()

    assert list(site.exporters.tasks()) == []
    assert list(site.exporters.samples()) == []
    assert [file async for file in anyio.Path(tmp_path).iterdir()] == []


async def test_windows_are_cut_at_each_interval_while_it_runs(tmp_path: Path) -> None:
    site = Site(
        tmp_path, settings=ExporterSettings(newrelic=ALL.newrelic, flush_interval=1.0), clock=SystemClock()
    )
    site.table.on_signal(call_record())
    async with anyio.create_task_group() as group:
        for _, task in site.exporters.tasks():
            group.start_soon(task)
        with anyio.fail_after(8):
            while not site.vendor.requests:  # noqa: ASYNC110 - the executor tells no event
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()

    assert site.calls_counted("newrelic") == 1.0


@pytest.mark.parametrize(
    ("status", "headers", "waits"),
    [
        (429, {"retry-after": "17"}, 17.0),
        (429, {"x-ratelimit-reset": "9"}, 9.0),
        (503, {"retry-after": "soon"}, None),
        (503, {}, None),
    ],
)
async def test_what_an_intake_asks_to_wait_is_heard(
    tmp_path: Path, status: int, headers: dict[str, str], waits: float | None
) -> None:
    site = Site(tmp_path, httpx.Response(status, headers=headers))
    sender = site.exporters._senders["datadog"]
    intake = site.exporters._metrics["datadog"]
    site.table.on_signal(call_record())
    await site.exporters.drain()

    (batch, *_) = intake.encode(await window_of(site))
    reply = await sender.send(intake.address(batch), batch)

    assert (reply.status, reply.retry_after) == (status, waits)


async def window_of(site: Site) -> Window:
    return Cutter(began=site.clock.time() - 10).cut(list(site.table.read()), at=site.clock.time())
