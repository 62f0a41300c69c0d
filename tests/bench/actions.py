"""What a call over the API costs: `POST /v2/integrations/{id}/actions/{action}` through to the simulator.

Run: `python -m tests.bench.actions`. Three processes: Dialtone as `dialtone serve` runs it, pinned to one
core; the simulator (over real HTTP) and the clients share the other. The policy shares no reads, or equal
calls at once would be one. The simulator is slower than Dialtone and may hold the clients up, so two rates
are told: what was seen, and what Dialtone's core would do by the CPU (user and system, all threads) that a
call took.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import anyio

from app.settings import load_settings
from app.wiring import serve
from integrations.clock import SystemClock
from integrations.manifest.loading import Catalog
from integrations.simulator.server import loopback, serving
from integrations.simulator.simulator import Simulator
from tests.bench.machine import cpu_seconds
from tests.real.servers import free_port

ROUNDS, SECONDS, CLIENTS, GOAL = 3, 6.0, 32, 1_500
_BODY = json.dumps({"params": {"query": "up"}}).encode()
_HEADERS = {"content-type": "application/json"}


def main() -> None:
    """Measure some rounds and print the medians."""
    with tempfile.TemporaryDirectory() as name, _simulator() as origin:
        file, port = Path(name) / "dialtone.yaml", free_port()
        file.write_text(
            f"listen: 127.0.0.1:{port}\nstate_dir: {name}/state\nlog: {{level: warning}}\n"
            f"integrations:\n  - id: bench\n    vendor: prometheus\n"
            f"    policy: {{share: false, concurrency: 64}}\n"
            f"    check: {{enabled: false}}\n    config: {{base_url: '{origin}'}}\n"
        )
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        with subprocess.Popen([sys.executable, "-m", "tests.bench.actions", "dialtone", str(file)]) as server:
            try:
                asyncio.run(_measure(server.pid, port))
            finally:
                server.terminate()


async def _measure(pid: int, port: int) -> None:
    url = f"http://127.0.0.1:{port}/v2/integrations/bench/actions/query"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CLIENTS)) as session:
        await _until_up(session, url)
        rounds = [await _round(session, url, pid) for _ in range(ROUNDS + 1)][1:]
    rate, cost, p50, p99 = (statistics.median(figures) for figures in zip(*rounds, strict=True))
    print(
        f"{CLIENTS} clients: {rate:,.0f} calls/s seen, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms; "
        f"{cost * 1e6:.0f} us of Dialtone's CPU a call, so {1 / cost:,.0f}/s on one core "
        f"(goal {GOAL:,}: {'met' if 1 / cost >= GOAL else 'MISSED'})"
    )


async def _round(session: aiohttp.ClientSession, url: str, pid: int) -> tuple[float, float, float, float]:
    """Calls a second, CPU seconds a call, and the latency's p50 and p99."""
    taken: list[float] = []
    began, cpu = time.monotonic(), cpu_seconds(pid)

    async def ask() -> None:
        while (at := time.monotonic()) < began + SECONDS:
            async with session.post(url, data=_BODY, headers=_HEADERS) as answer:
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status}: {await answer.text()}")
                await answer.read()
            taken.append(time.monotonic() - at)

    async with anyio.create_task_group() as group:
        for _ in range(CLIENTS):
            group.start_soon(ask)
    taken.sort()
    wall = time.monotonic() - began
    cost = (cpu_seconds(pid) - cpu) / len(taken)
    return len(taken) / wall, cost, taken[len(taken) // 2], taken[int(0.99 * len(taken))]


async def _until_up(session: aiohttp.ClientSession, url: str) -> None:
    ends = time.monotonic() + 30.0
    while True:
        try:
            async with session.post(url, data=_BODY, headers=_HEADERS) as answer:
                await answer.read()
                return
        except aiohttp.ClientError:
            if time.monotonic() > ends:
                raise
            await asyncio.sleep(0.1)


@contextmanager
def _simulator() -> Iterator[str]:
    """The simulator in a process of its own; gives the base URL of its Prometheus."""
    command = [sys.executable, "-m", "tests.bench.actions", "simulator"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the simulator has no output")
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _simulate() -> None:
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    simulator = Simulator(Catalog.bundled(), clock=SystemClock())
    simulator.add_account("prometheus", "main", limit=10**9)
    with loopback() as sock, serving(simulator, sock):
        print(simulator.base_url("prometheus", f"http://127.0.0.1:{sock.getsockname()[1]}"), flush=True)
        sys.stdin.read()


def _serve(file: Path) -> None:
    os.sched_setaffinity(0, {0})
    settings = load_settings(file)
    anyio.run(lambda: serve(settings))


if __name__ == "__main__":
    if sys.argv[1:] == ["simulator"]:
        _simulate()
    elif sys.argv[1:2] == ["dialtone"]:
        _serve(Path(sys.argv[2]))
    else:
        main()
