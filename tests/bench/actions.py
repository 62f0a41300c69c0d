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
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio

from app.serving import serve
from app.settings import load_settings
from integrations.clock import SystemClock
from integrations.manifest.loading import Catalog
from integrations.simulator.server import loopback, serving
from integrations.simulator.simulator import Simulator
from tests.bench.process import cpu_seconds
from tests.real.servers import free_port

ROUNDS, SECONDS, CLIENTS, GOAL = 12, 2.0, 32, 1_500
START_SECONDS = 60.0
_BODY = json.dumps({"params": {"query": "up"}}).encode()
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)")


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
                asyncio.run(_measure(server, port))
            finally:
                server.terminate()


async def _measure(server: "subprocess.Popen[bytes]", port: int) -> None:
    await _until_up(server, port)
    rounds = [await _round(server.pid, port) for _ in range(ROUNDS + 1)][1:]
    rate, cost, p50, p99 = (statistics.median(figures) for figures in zip(*rounds, strict=True))
    least = min(cost for _, cost, _, _ in rounds)
    print(
        f"{CLIENTS} clients: {rate:,.0f} calls/s seen, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms; "
        f"{cost * 1e6:.0f} us of Dialtone's CPU a call, so {1 / cost:,.0f}/s on one core; in the round least "
        f"disturbed {least * 1e6:.0f} us, {1 / least:,.0f}/s "
        f"(goal {GOAL:,}: {'met' if 1 / least >= GOAL else 'MISSED'})"
    )


class _Client(asyncio.Protocol):
    """One connection that asks again as soon as it has its answer. It knows no more of HTTP than it must, so
    that what it takes of the machine is left to those who are measured.
    """

    def __init__(self, asked: bytes, taken: list[float]) -> None:
        self._asked, self._taken = asked, taken
        self._answer = b""
        self._began = 0.0
        self.ends = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self, ends: float) -> None:
        self.ends = ends
        self._ask()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("Dialtone has closed a connection"))

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._taken.append(time.monotonic() - self._began)
        if not head.startswith(b"HTTP/1.1 200"):
            self.ended.set_exception(RuntimeError(self._answer.decode()))
        elif time.monotonic() < self.ends:
            self._ask()
        else:
            self.ended.set_result(None)

    def _ask(self) -> None:
        self._answer, self._began = b"", time.monotonic()
        self._transport.write(self._asked)


def _asked(port: int) -> bytes:
    head = (
        f"POST /v2/integrations/bench/actions/query HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Accept: */*\r\nUser-Agent: bench\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(_BODY)}\r\n\r\n"
    )
    return head.encode() + _BODY


async def _ask(port: int, clients: int, seconds: float) -> list[float]:
    """How long each answer took, of so many clients for so long."""
    taken: list[float] = []
    loop, asked = asyncio.get_running_loop(), _asked(port)
    pairs = [
        await loop.create_connection(lambda: _Client(asked, taken), "127.0.0.1", port) for _ in range(clients)
    ]
    ends = time.monotonic() + seconds
    for _, client in pairs:
        client.begin(ends)
    with anyio.fail_after(seconds + 30):
        await asyncio.gather(*(client.ended for _, client in pairs))
    for transport, _ in pairs:
        transport.close()
    return sorted(taken)


async def _round(pid: int, port: int) -> tuple[float, float, float, float]:
    """Calls a second, CPU seconds a call, and the latency's p50 and p99."""
    began, cpu = time.monotonic(), cpu_seconds(pid)
    taken = await _ask(port, CLIENTS, SECONDS)
    wall = time.monotonic() - began
    cost = (cpu_seconds(pid) - cpu) / len(taken)
    return len(taken) / wall, cost, taken[len(taken) // 2], taken[int(0.99 * len(taken))]


async def _until_up(server: "subprocess.Popen[bytes]", port: int) -> None:
    """Wait for the first answer; a Dialtone that ended has said why."""
    ends = time.monotonic() + START_SECONDS
    while True:
        try:
            await _ask(port, 1, 0.0)
        except OSError as error:
            if server.poll() is not None:
                raise RuntimeError(f"Dialtone ended with status {server.returncode}; see above") from error
            if time.monotonic() > ends:
                raise
            await asyncio.sleep(0.1)
        else:
            return


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
