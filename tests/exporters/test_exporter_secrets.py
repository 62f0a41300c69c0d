"""No key of an intake is anywhere but in the header that carries it: not on disk, in a log or a status."""

import gzip
import random
import zlib
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from exporters.push.batchfile import read_batch
from exporters.pushing import PushExporters
from exporters.settings import DatadogSettings, ExporterSettings, NewRelicSettings, OTLPSettings
from exporters.table import MetricTable
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from tests.fakes.calls import call_record
from tests.fakes.clock import FakeClock
from tests.fakes.execution import Bench, ScriptedVendor

CANARY = "canary0c0ffee0canary0c0ffee0canary0c0ffe"
METRICS = ("otlp", "datadog", "newrelic")


class Site:
    """Exporters to all intakes, whose answers repeat the key that they were sent."""

    def __init__(self, directory: Path, status: int) -> None:
        self._status = status
        self.settings = ExporterSettings(
            otlp=OTLPSettings(endpoint="https://otlp.example", headers={"api-key": Secret(CANARY)}),
            datadog=DatadogSettings(api_key=Secret(CANARY)),
            newrelic=NewRelicSettings(license_key=Secret(CANARY)),
        )
        clock = FakeClock()
        self.bench = Bench(clock, ScriptedVendor(self._answer))
        self.table = MetricTable(native=True)
        self.exporters = PushExporters(
            self.settings,
            table=self.table,
            calls=self.bench.executor,
            clock=clock,
            directory=directory,
            network=NetworkPolicy(),
            version="1.2",
            instance="web-1",
            random=random.Random(3),
            process=CollectorRegistry(),
        )
        self.table.on_signal(call_record())

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        assert CANARY in str(request.headers.raw)
        return httpx.Response(self._status, text=f"{CANARY} is not known", headers={"x-echo": CANARY})


def unpacked(body: bytes) -> bytes:
    return gzip.decompress(body) if body[:2] == b"\x1f\x8b" else zlib.decompress(body)


@pytest.mark.parametrize("status", [202, 400, 401, 403, 413, 429, 503])
async def test_an_intake_that_repeats_the_key_makes_it_seen_nowhere(tmp_path: Path, status: int) -> None:
    site = Site(tmp_path, status)
    with capture_logs() as logs:
        await site.exporters.drain()

    seen = [
        repr(logs),
        repr(list(site.exporters.status())),
        repr(list(site.exporters.samples())),
        repr(site.bench.signals.signals),
        repr(site.settings),
        repr([vars(each) for each in site.exporters._exporters.values()]),
    ]
    assert not any(CANARY in text for text in seen)


async def test_what_waits_on_disk_holds_no_key_packed_or_not(tmp_path: Path) -> None:
    site = Site(tmp_path, 503)
    await site.exporters.drain()

    batches = [read_batch(path).batch for name in METRICS for path in (tmp_path / name).iterdir()]
    assert len(batches) >= len(METRICS)
    for batch in batches:
        assert CANARY not in repr(dict(batch.headers)) + batch.route
        assert CANARY.encode() not in batch.body + unpacked(batch.body)
