"""An intake that is away for half an hour: it is told all soon after, and the others see nothing."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest
from prometheus_client import CollectorRegistry

from exporters.pushing import PushExporters
from exporters.settings import (
    DatadogSettings,
    ExporterSettings,
    NewRelicSettings,
    OTLPSettings,
    Temporality,
)
from exporters.table import MetricTable
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from tests.fakes.all_intakes import AllIntakes, DatadogStore, intake_of
from tests.fakes.calls import call_record
from tests.fakes.clock import PATIENT_TIME, PatientTimeLoop, ThreadsClock
from tests.fakes.newrelic_intake import NewRelicIntake
from tests.fakes.otlp_intake import OTLPIntake

KEY = "k" * 40
NAMES = ("otlp", "datadog", "newrelic")
INTERVAL, MINUTE = 60.0, 60.0
USUAL, OUTAGE, CATCH_UP = 5 * MINUTE, 30 * MINUTE, 60.0
LATENCY = 0.05
CALLS = 12
INTEGRATIONS = ("web-1", "web-2", "web-3")


@pytest.fixture
def anyio_backend() -> object:
    return PATIENT_TIME


class World:
    """Exporters to all intakes in virtual time, and when each intake took what."""

    def __init__(self, directory: Path) -> None:
        self.clock = ThreadsClock()
        self.away = ""
        self.arrivals: dict[str, list[float]] = {name: [] for name in NAMES}
        self.intakes = AllIntakes(
            otlp=OTLPIntake(key=KEY),
            datadog=DatadogStore(KEY),
            newrelic=NewRelicIntake(key=KEY, now=self.clock.time),
            seed=1,
        )
        self.table = MetricTable(native=True)
        self.executor = Executor(
            clock=self.clock,
            publish=self.table.on_signal,
            transport=lambda _: httpx.MockTransport(self._take),
        )
        self.exporters = PushExporters(
            _settings(),
            table=self.table,
            calls=self.executor,
            clock=self.clock,
            directory=directory,
            network=NetworkPolicy(),
            version="1.2",
            instance="web-1",
            random=random.Random(2),
            process=CollectorRegistry(),
        )

    async def _take(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep(LATENCY)
        name = intake_of(request.url.path)
        if name == self.away:
            raise httpx.ConnectError("connection refused")
        self.arrivals[name].append(self.clock.time() % INTERVAL)
        return self.intakes.answer(request)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run all tasks; while their threads work, time stands."""
        pushed = self.exporters._exporters.values()
        limiters = [self.exporters._windows._threads, *(each._threads for each in pushed)]
        loop = asyncio.get_running_loop()
        assert isinstance(loop, PatientTimeLoop)
        loop.selector.is_busy = lambda: any(limiter.borrowed_tokens for limiter in limiters)
        async with anyio.create_task_group() as group:
            for _, task in self.exporters.tasks():
                group.start_soon(task)
            yield
            group.cancel_scope.cancel()

    async def count_for(self, seconds: float) -> int:
        """Count calls evenly for a while; return how many."""
        ends, counted = self.clock.monotonic() + seconds, 0
        while self.clock.monotonic() < ends:
            for name in INTEGRATIONS:
                self.table.on_signal(call_record(integration=name, duration=0.1))
            counted += 1
            await anyio.sleep(INTERVAL / CALLS)
        return counted * len(INTEGRATIONS)

    def waiting(self, name: str) -> int:
        """How many batches an exporter has on disk."""
        return next(status.batches for status in self.exporters.status() if status.name == name)

    def late(self) -> dict[str, float]:
        """By how much each intake's latest request came after its window, since this was last asked."""
        late = {name: max(found, default=0.0) for name, found in self.arrivals.items()}
        self.arrivals = {name: [] for name in NAMES}
        return late


def _settings() -> ExporterSettings:
    url = "https://intakes.example.com"
    return ExporterSettings(
        otlp=OTLPSettings(endpoint=url, headers={"api-key": Secret(KEY)}, temporality=Temporality.DELTA),
        datadog=DatadogSettings(api_key=Secret(KEY), url=url),
        newrelic=NewRelicSettings(license_key=Secret(KEY), url=f"{url}/metric/v1"),
        flush_interval=INTERVAL,
    )


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_is_lost_in_half_an_hour_and_the_others_see_nothing(tmp_path: Path, name: str) -> None:
    world = World(tmp_path)
    async with world.running():
        counted = await world.count_for(USUAL)
        usual = world.late()
        world.away = name
        counted += await world.count_for(OUTAGE)
        troubled = world.late()
        kept = world.waiting(name)
        world.away = ""
        await anyio.sleep(CATCH_UP)
        left = world.waiting(name)
    await world.exporters.drain()

    assert kept >= OUTAGE / INTERVAL - 1
    assert left == 0
    others = [each for each in NAMES if each != name]
    assert {each: troubled[each] for each in others} == pytest.approx(
        {each: usual[each] for each in others}, abs=LATENCY
    )
    told = world.intakes.totals("dialtone.calls", origin="traffic")
    assert told == dict.fromkeys(NAMES, float(counted))
    assert world.intakes.faults() == []
    assert not any(status.dropped for status in world.exporters.status())
