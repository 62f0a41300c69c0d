"""A fifth of the vendors swallows everything and every exporter hangs: the others fare as before.

Both are measured by turns in one Dialtone, so that what the machine does meanwhile falls on both. The first
in a hundred is told but not judged: on a machine that others use it is theirs.

Each kind has an address of its own on loopback, because checks of one host wait for one another.
"""

import asyncio
import re
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import anyio
from prometheus_client.registry import Collector

from app.settings import load_settings
from app.storage.errors import StorageUnavailableError
from app.wiring import Dialtone
from exporters.prometheus.scrape import ScrapeTimeoutError
from integrations.execution.outcome import FailureKind
from integrations.signals import CheckResult
from tests.fakes.signals import RecordingSubscriber
from tests.fuzz.conftest import Covered

WELL, MUTE, FULL = 160, 20, 20
HOSTS = {"well": "127.0.0.1", "mute": "127.0.0.2", "full": "127.0.0.3", "intake": "127.0.0.4"}
PUSHED_TO = ("otlp", "datadog", "newrelic")
TURNS, SECONDS, SETTLE, CALLS_EVERY = 3, 5.0, 1.0, 0.02
LATER = 0.010
"""By how much trouble may make those late who are well."""

DISTURBED, PATIENCE = 0.005, 2
"""Seconds by which an idle process may be woken late, and phases thrown away when it is later."""

_SLEEPER = """
import time
while True:
    due = time.monotonic() + 0.005
    time.sleep(0.005)
    print(time.monotonic() - due, flush=True)
"""
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


class Intake(Vendor):
    """Takes what is pushed to it, bodies and all."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = re.search(rb"content-length: (\d+)", head.lower())
                await reader.readexactly(int(length[1]) if length else 0)
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
        for n in range({"well": WELL, "mute": MUTE, "full": FULL, "intake": 0}[kind])
    )
    intake = f"http://{HOSTS['intake']}:{ports['intake']}"
    path = folder / "dialtone.yaml"
    path.write_text(
        "defaults:\n"
        "  check: {interval: 2, retry_interval: 2, timeout: 1, adaptive: false}\n"
        "  policy: {timeout: 1, connect: 1, deadline: 2}\n"
        "exporters:\n"
        "  flush_interval: 1\n"
        f"  otlp: {{endpoint: '{intake}'}}\n"
        f"  datadog: {{api_key: {'d' * 32}, url: '{intake}'}}\n"
        f"  newrelic: {{license_key: {'n' * 40}, url: '{intake}/metric/v1'}}\n"
        "integrations:\n" + entries
    )
    return path


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[Dialtone, Sequence[Vendor]]]:
    ends = {"well": Vendor(), "mute": Vendor(), "intake": Intake()}
    servers = [await asyncio.start_server(end.serve, HOSTS[kind], 0) for kind, end in ends.items()]
    port, held = full_port()
    ports = dict(zip(ends, (server.sockets[0].getsockname()[1] for server in servers), strict=True))
    settings = load_settings(configuration(folder, {**ports, "full": port}), environment={})
    dialtone = Dialtone(settings)
    async with dialtone.running():
        yield dialtone, (ends["mute"], ends["intake"])
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


def percentile(values: list[float], percent: int) -> float:
    return sorted(values)[int(len(values) * percent / 100)]


async def scrape(dialtone: Dialtone) -> None:
    """Ask for the metrics every second, as Prometheus would, whether they come or not."""
    while True:
        with suppress(ScrapeTimeoutError):
            await dialtone.prometheus.scrape(accept="", accept_encoding="")
        await asyncio.sleep(1)


@asynccontextmanager
async def trouble(
    dialtone: Dialtone, ends: Sequence[Vendor], group: anyio.abc.TaskGroup
) -> AsyncIterator[None]:
    """While it lasts a vendor and all intakes swallow everything; the storage's thread, analytics' own and
    the rendering of metrics are blocked.
    """
    gate = threading.Event()
    write, process = dialtone.analytics._spool.write, dialtone.prometheus._process

    async def store() -> None:
        with suppress(StorageUnavailableError):
            await dialtone.storage._units.run(lambda _: gate.wait(60))

    def stuck(*given: object, **named: object) -> object:
        gate.wait(60)
        return write(*given, **named)

    dialtone.analytics._spool.write = stuck
    dialtone.prometheus._process = Blocked(gate)
    for end in ends:
        end.is_mute = True
    group.start_soon(store)
    try:
        yield
    finally:
        gate.set()
        for end in ends:
            end.is_mute = False
        dialtone.analytics._spool.write, dialtone.prometheus._process = write, process


class Machine:
    """How late a process that does nothing else wakes: what others take of the machine, and we do not."""

    def __init__(self, lines: asyncio.StreamReader) -> None:
        self._lines = lines
        self._late: list[float] = []

    async def listen(self) -> None:
        async for line in self._lines:
            self._late.append(float(line))

    async def disturbance(self, phase: Measured) -> float:
        """Seconds by which one in ten of its awakenings was late while a phase ran."""
        self._late.clear()
        await phase.run()
        return percentile(self._late, 90)


@asynccontextmanager
async def watched_machine() -> AsyncIterator[Machine]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _SLEEPER, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    machine = Machine(process.stdout)
    async with anyio.create_task_group() as group:
        group.start_soon(machine.listen)
        try:
            yield machine
        finally:
            process.terminate()
            await process.wait()
            group.cancel_scope.cancel()


async def undisturbed(machine: Machine, phase: Callable[[], Measured]) -> tuple[Measured, int]:
    """A phase, measured anew while others take the machine; and how many were thrown away for that."""
    for thrown in range(PATIENCE):
        measured = phase()
        if await machine.disturbance(measured) < DISTURBED:
            return measured, thrown
    await (measured := phase()).run()
    return measured, PATIENCE


async def measure(folder: Path) -> tuple[list[Measured], list[Measured], int]:
    """How those who are well fare as usual and in trouble, by turns; and the phases thrown away."""
    signals, thrown = RecordingSubscriber(), 0
    usual: list[Measured] = []
    troubled: list[Measured] = []
    waiting: list[int] = []
    async with (
        running(folder) as (dialtone, ends),
        watched_machine() as machine,
        anyio.create_task_group() as group,
    ):
        dialtone.bus.subscribe("test", signals)
        group.start_soon(scrape, dialtone)
        await asyncio.sleep(4)
        for _ in range(TURNS):
            async with AsyncExitStack() as now:
                for phases in (usual, troubled):
                    if phases is troubled:
                        await now.enter_async_context(trouble(dialtone, ends, group))
                    await asyncio.sleep(SETTLE)
                    one, away = await undisturbed(machine, lambda: Measured(dialtone, signals))
                    phases.append(one)
                    thrown += away
                waiting += [each.batches for each in dialtone.pushing.status() if each.name in PUSHED_TO]
        group.cancel_scope.cancel()
    swallowed = [one for one in signals.of(CheckResult) if not one.integration.startswith("well")]
    timeouts = {one.integration.split("-")[0] for one in swallowed if one.kind is FailureKind.TIMEOUT}
    assert timeouts == {"mute", "full"}
    assert len(waiting) == TURNS * len(PUSHED_TO)
    assert all(waiting)
    assert sum(one.failed for one in (*usual, *troubled)) == 0
    return usual, troubled, thrown


def told(name: str, usual: list[float], troubled: list[float]) -> tuple[str, float]:
    """What is told of one figure, and by how much trouble makes its median or its p90 later."""
    pairs = [(percentile(usual, at), percentile(troubled, at)) for at in (50, 90, 99)]
    text = ", ".join(
        f"p{at} {after * 1e3:.1f} ms (usually {before * 1e3:.1f})"
        for at, (before, after) in zip((50, 90, 99), pairs, strict=True)
    )
    later = max(after - before for before, after in pairs[:2])
    return f"{len(troubled)} {name} {text}", later


async def test_those_who_are_well_are_watched_and_called_as_before(tmp_path: Path, covered: Covered) -> None:
    usual, troubled, thrown = await measure(tmp_path)

    checks, checks_later = told("checks' lag", *(_all(phases, "lags") for phases in (usual, troubled)))
    calls, calls_later = told("calls", *(_all(phases, "calls") for phases in (usual, troubled)))
    covered(
        f"black holes: {MUTE + FULL} of {WELL + MUTE + FULL} vendors, exporters hung, {TURNS} turns; "
        f"{checks}; {calls}; {thrown} phases thrown away because others took the machine"
    )
    assert len(_all(troubled, "lags")) > WELL * SECONDS * TURNS / 4
    assert checks_later < LATER
    assert calls_later < LATER


def _all(phases: list[Measured], name: str) -> list[float]:
    return [value for one in phases for value in getattr(one, name)]
