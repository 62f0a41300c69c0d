"""A fifth of the vendors swallows everything and every exporter hangs: the others fare as before.

Each kind has an address of its own on loopback, because checks of one host wait for one another.
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest
from prometheus_client.registry import Collector

from app.settings import load_settings
from app.storage.errors import StorageUnavailableError
from app.wiring import Dialtone
from exporters.prometheus import ScrapeTimeoutError
from integrations.execution.outcome import FailureKind
from integrations.signals import CheckResult
from tests.fakes.signals import RecordingSubscriber
from tests.fuzz.conftest import Covered

WELL, MUTE, FULL = 160, 20, 20
HOSTS = {"well": "127.0.0.1", "mute": "127.0.0.2", "full": "127.0.0.3"}
SECONDS, CALLS_EVERY, ATTEMPTS = 9.0, 0.02, 3
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Vendor:
    """Answers; or, while it `is_mute`, takes everything and says nothing."""

    def __init__(self) -> None:
        self.is_mute = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                if self.is_mute:
                    await reader.read()
                    break
                writer.write(ANSWER)
        writer.close()


class Blocked(Collector):
    """Metrics that are never ready while the gate is shut."""

    def __init__(self, gate: threading.Event) -> None:
        self.gate = gate

    def collect(self) -> list[object]:
        self.gate.wait(60)
        return []


def full_port() -> tuple[int, list[socket.socket]]:
    """A port whose backlog is full, so that a SYN to it gets no answer; and what keeps it so."""
    listening = socket.create_server((HOSTS["full"], 0), backlog=0)
    port = listening.getsockname()[1]
    held = [listening]
    for _ in range(3):
        filler = socket.socket()
        filler.setblocking(False)
        with suppress(BlockingIOError):
            filler.connect((HOSTS["full"], port))
        held.append(filler)
    return port, held


def configuration(folder: Path, ports: dict[str, int]) -> Path:
    entries = "".join(
        f"  - {{id: {kind}-{n}, vendor: http, config: {{url: 'http://{HOSTS[kind]}:{port}/'}}}}\n"
        for kind, port in ports.items()
        for n in range({"well": WELL, "mute": MUTE, "full": FULL}[kind])
    )
    path = folder / "dialtone.yaml"
    path.write_text(
        "defaults:\n"
        "  check: {interval: 2, retry_interval: 2, timeout: 1, adaptive: false}\n"
        "  policy: {timeout: 1, connect: 1, deadline: 2}\n"
        "integrations:\n" + entries
    )
    return path


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Dialtone, Vendor]]:
    well, mute = Vendor(), Vendor()
    servers = [
        await asyncio.start_server(well.serve, HOSTS["well"], 0),
        await asyncio.start_server(mute.serve, HOSTS["mute"], 0),
    ]
    port, held = full_port()
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    settings = load_settings(
        configuration(folder, {"well": ports[0], "mute": ports[1], "full": port}), environment={}
    )
    dialtone = Dialtone(settings)
    async with dialtone.running():
        yield dialtone, mute
    for server in servers:
        server.close()
    for each in held:
        each.close()


class Measured:
    """How late checks of those who are well begin, and how long calls to them take, in one phase."""

    def __init__(self, dialtone: Dialtone, signals: RecordingSubscriber) -> None:
        self._dialtone, self._signals = dialtone, signals
        self.calls: list[float] = []
        self.lags: list[float] = []
        self.failed = 0

    async def run(self) -> None:
        began = len(self._signals.of(CheckResult))
        end = anyio.current_time() + SECONDS
        number = 0
        while anyio.current_time() < end:
            number += 1
            before = anyio.current_time()
            # The same call each time would be shared or seem one; the integrations take turns.
            outcome = await self._dialtone.framework.execute_integration(f"well-{number % WELL}", "fetch", {})
            self.calls.append(anyio.current_time() - before)
            self.failed += not outcome.ok
            await asyncio.sleep(CALLS_EVERY)
        seen = self._signals.of(CheckResult)[began:]
        self.lags = [one.lag for one in seen if one.integration.startswith("well") and one.ran]


def p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


async def scrape(dialtone: Dialtone) -> None:
    """Ask for the metrics every second, as Prometheus would, whether they come or not."""
    while True:
        with suppress(ScrapeTimeoutError):
            await dialtone.prometheus.scrape(accept="", accept_encoding="")
        await asyncio.sleep(1)


async def hang_every_exporter(dialtone: Dialtone, gate: threading.Event, group: anyio.abc.TaskGroup) -> None:
    """Block the storage's thread, analytics' own, and the rendering of metrics, until the gate opens."""

    async def store() -> None:
        with suppress(StorageUnavailableError):
            await dialtone.storage._units.run(lambda _: gate.wait(60))

    def stuck(*_: object) -> None:
        gate.wait(60)

    dialtone.analytics._spool.write = stuck
    dialtone.prometheus._process = Blocked(gate)
    group.start_soon(store)
    await asyncio.sleep(0.5)


async def measure(folder: Path) -> tuple[Measured, Measured]:
    """How those who are well fare, as usual and in trouble."""
    signals, gate = RecordingSubscriber(), threading.Event()
    async with running(folder) as (dialtone, mute), anyio.create_task_group() as group:
        dialtone.bus.subscribe("test", signals)
        group.start_soon(scrape, dialtone)
        await asyncio.sleep(4)
        usual, troubled = Measured(dialtone, signals), Measured(dialtone, signals)
        await usual.run()
        mute.is_mute = True
        await hang_every_exporter(dialtone, gate, group)
        await troubled.run()
        gate.set()
        group.cancel_scope.cancel()
    swallowed = [one for one in signals.of(CheckResult) if not one.integration.startswith("well")]
    timeouts = {one.integration.split("-")[0] for one in swallowed if one.kind is FailureKind.TIMEOUT}
    assert timeouts == {"mute", "full"}
    assert usual.failed == troubled.failed == 0
    assert len(troubled.lags) > WELL * 3
    return usual, troubled


async def test_those_who_are_well_are_watched_and_called_as_before(tmp_path: Path, covered: Covered) -> None:
    # Other processes of the machine are in these figures too, so a bad one is measured again.
    for attempt in range(ATTEMPTS):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        usual, troubled = await measure(folder)
        lags, calls = (p99(usual.lags), p99(troubled.lags)), (p99(usual.calls), p99(troubled.calls))
        covered(
            f"black holes: {MUTE + FULL} of {WELL + MUTE + FULL} vendors, exporters hung; p99 of "
            f"{len(troubled.lags)} checks' lag {lags[1] * 1e3:.1f} ms (before {lags[0] * 1e3:.1f}), of "
            f"{len(troubled.calls)} calls {calls[1] * 1e3:.1f} ms (before {calls[0] * 1e3:.1f})"
        )
        if lags[1] < lags[0] + 0.010 and calls[1] < calls[0] * 1.1 + 0.002:
            return
    pytest.fail(f"late each time: checks {lags}, calls {calls}")
