"""An intake that is away for 180 windows of 10,000 points, which is half an hour, with real spools on disk:
what the spool takes, how long it takes to catch up, and whether calls and the other exporters feel it.

Run: python -m tests.bench outage [otlp | datadog | newrelic …]

Windows come thirty times as fast as in life; the waits between attempts are as long as in life.
"""

import asyncio
import contextlib
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx

from app.garbage import GarbageCollection
from exporters.intakes import metric_intakes
from exporters.push.batchfile import Batch
from exporters.push.exporter import Action, Address, Intake, PushExporter, Reply
from exporters.push.sending import BatchSender
from exporters.push.spool import Spool
from exporters.push.window import Window
from exporters.settings import DatadogSettings, ExporterSettings, NewRelicSettings, OTLPSettings
from integrations.clock import SystemClock
from integrations.connection import NetworkPolicy
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from tests.bench.windows import Traffic
from tests.fakes.execution import call, line_spec

POINTS, USUAL, AWAY = 10_000, 30, 180
PACE, LATENCY, CALLS_EVERY = 1 / 3, 0.05, 0.005
SPOOL_GOAL, CATCH_UP_GOAL = 40.0, 60.0
NAMES = ("otlp", "datadog", "newrelic")


class Told:
    """Sends batches, and notes how late each was taken and how many points."""

    def __init__(self, sender: BatchSender, intake: Intake[Window]) -> None:
        self._sender = sender
        self._intake = intake
        self.handed_over = 0.0
        self.points = 0
        self.late: list[float] = []

    async def send(self, address: Address, batch: Batch) -> Reply:
        reply = await self._sender.send(address, batch)
        if self._intake.judge(reply).action is Action.TAKEN:
            self.points += batch.points if batch.route != "checks" else 0
            self.late.append(time.monotonic() - self.handed_over)
        return reply


class World:
    """Exporters to three intakes, one of which may be away, and calls beside them."""

    def __init__(self, folder: Path) -> None:
        self.away = ""
        self.traffic = Traffic(points=POINTS)
        self.calls: list[float] = []
        self.cut_points = 0
        clock = SystemClock()
        self._executor = Executor(
            clock=clock, publish=lambda _: None, transport=lambda _: httpx.MockTransport(self._take)
        )
        self._executor.open_line(line_spec())
        self.told: dict[str, Told] = {}
        self.exporters: dict[str, PushExporter[Window]] = {}
        for intake in metric_intakes(_settings(), version="1", instance="one"):
            sender = BatchSender(intake.name, calls=self._executor, clock=clock, network=NetworkPolicy())
            told = self.told[intake.name] = Told(sender, intake)
            self.exporters[intake.name] = PushExporter(
                intake,
                spool=Spool(folder / intake.name, limit=256 << 20, keep=1e9, clock=clock),
                send=told.send,
                clock=clock,
                random=random.Random(1),
            )

    async def _take(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if host == "shop.example":
            return httpx.Response(200)
        await anyio.sleep(LATENCY)
        if host.startswith(self.away or "nobody"):
            raise httpx.ConnectError("connection refused")
        return httpx.Response(202)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            for exporter in self.exporters.values():
                group.start_soon(exporter.run)
            group.start_soon(self._call)
            yield
            group.cancel_scope.cancel()

    async def _call(self) -> None:
        """Make calls to an other end that answers at once, and note what each took."""
        while True:
            await asyncio.sleep(CALLS_EVERY)
            began = time.perf_counter()
            await self._executor.execute(call())
            self.calls.append(time.perf_counter() - began)

    async def windows(self, count: int) -> None:
        """Cut so many windows at an even pace; cutting itself is on a thread here, as are its calls."""
        due = time.monotonic()
        for _ in range(count):
            due += PACE
            window = await anyio.to_thread.run_sync(self.traffic.cut)
            self.cut_points += len(window.points)
            for name, exporter in self.exporters.items():
                self.told[name].handed_over = time.monotonic()
                exporter.take(window)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def caught_up(self, *names: str) -> float:
        """Wait until these have nothing on disk; return for how many seconds."""
        began = time.monotonic()
        while any(self.exporters[name].status().batches for name in names):  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.05)
        return time.monotonic() - began

    def told_since(self, names: list[str]) -> dict[str, list[float]]:
        """How late each of these was, and what calls took, since this was last asked."""
        found = {name: self.told[name].late for name in names} | {"calls": self.calls}
        for told in self.told.values():
            told.late = []
        self.calls = []
        return found


def _settings() -> ExporterSettings:
    key = Secret("k" * 40)
    return ExporterSettings(
        otlp=OTLPSettings(endpoint="http://otlp"),
        datadog=DatadogSettings(api_key=key, url="http://datadog"),
        newrelic=NewRelicSettings(license_key=key, url="http://newrelic/metric/v1"),
    )


async def measure(name: str, folder: Path) -> None:
    """Take one intake away for half an hour's windows, and print what that came to."""
    world = World(folder)
    others = [each for each in NAMES if each != name]
    async with world.running():
        await world.windows(2)
        world.told_since(others)
        await world.windows(USUAL)
        before = world.told_since(others)
        world.away = name
        await world.windows(AWAY)
        meanwhile = world.told_since(others)
        status = world.exporters[name].status()
        world.away = ""
        took = await world.caught_up(name)
        world.told_since(others)
        await world.windows(USUAL)
        after = world.told_since(others)
        await world.caught_up(*NAMES)
    lost = {each: told.points - world.cut_points for each, told in world.told.items()}
    print(f"\n{name} away for {AWAY} windows of {POINTS:,} points")
    print(f"  points told less those cut: {lost}; dropped: {dict(status.dropped) or 'none'}")
    print(f"  spool        {status.bytes / 1e6:6.1f} MB   goal {_goal(status.bytes / 1e6, SPOOL_GOAL)}")
    print(f"  caught up in {took:6.1f} s    goal {_goal(took, CATCH_UP_GOAL)}, {LATENCY:g} s a request")
    for each in (*others, "calls"):
        phases = {"before": before, "meanwhile": meanwhile, "after": after}
        told = "; ".join(f"{phase} {_told(found[each])}" for phase, found in phases.items())
        print(f"  {each:<9} {told}", flush=True)


def _told(values: list[float]) -> str:
    values = sorted(values)
    median, high = statistics.median(values), values[int(len(values) * 0.99)]
    return f"p50 {median * 1e3:.2f}, p99 {high * 1e3:.2f} ms"


def _goal(value: float, goal: float) -> str:
    return f"{goal:.0f}: {'met' if value <= goal else 'MISSED'}"


def main() -> None:
    """Measure each intake named on the command line, or all."""
    garbage = GarbageCollection(SystemClock())
    garbage.start()
    for name in [each for each in sys.argv[1:] if each in NAMES] or NAMES:
        folder = Path(tempfile.mkdtemp(prefix="dialtone-outage-"))
        try:
            asyncio.run(measure(name, folder))
        finally:
            shutil.rmtree(folder)
    garbage.stop()


if __name__ == "__main__":
    main()
