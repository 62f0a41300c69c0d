"""Durable deliveries a second: enqueued with fsync, signed, sent over HTTP, read, acknowledged durably; the
receiver is a process of its own on the same cores. Then a backlog drained, and 1 % of 1,000 receivers dark.

    python -m tests.bench deliveries
"""

import math
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio

from integrations.clock import SystemClock
from integrations.signals import DeliveryAttempt, Signal
from tests.bench.process import cpu_seconds, resident_bytes
from tests.fakes.delivering import Delivering, delivering, local, told
from tests.fakes.receiver_server import ReceiverServer

RECEIVERS = 200
WRITERS = 64
SECONDS = 10.0
BACKLOG = 100_000
GROUP = 100
MANY = 1_000
DARK = 10
RATE = 250.0
TURNS = 3
_SERVE = "serve"


def serve() -> None:
    """The receiver: answers 204 to everything, until its input ends."""
    with ReceiverServer(lambda _: (204, 0.0)) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        sys.stdin.read()


@contextmanager
def receiver() -> Iterator[tuple[int, int]]:
    """The receiver as a process: its port and pid."""
    command = [sys.executable, "-m", "tests.bench.deliveries", _SERVE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield int(process.stdout.readline()), process.pid
        process.stdin.close()


class Count:
    """Counts deliveries that are durably done, and how long they took since they were decided on."""

    def __init__(self) -> None:
        self.delivered = 0
        self.lags: list[float] = []
        self.dark = 0

    def on_signal(self, signal: Signal) -> None:
        if isinstance(signal, DeliveryAttempt):
            if signal.result == "delivered":
                self.delivered += 1
                self.lags.append(signal.lag)
            else:
                self.dark += 1


async def sustained(running: Delivering, count: Count) -> tuple[int, float]:
    """Let writers enqueue one message a unit for SECONDS; they stay at most 2,000 ahead."""
    until, enqueued = time.monotonic() + SECONDS, [0]
    began = time.monotonic()

    async def write(number: int) -> None:
        sequence = 0
        while time.monotonic() < until:
            if enqueued[0] - count.delivered > 2_000:
                await anyio.sleep(0.01)
                continue
            sequence += 1
            name = f"r{(number * 31 + sequence) % RECEIVERS}"
            await running.put([told(name, subject=f"s{number}", sequence=sequence, at=time.time())])
            enqueued[0] += 1

    async with anyio.create_task_group() as group:
        for number in range(WRITERS):
            group.start_soon(write, number)
    while count.delivered < enqueued[0]:  # noqa: ASYNC110 - nobody tells
        await anyio.sleep(0.01)
    return enqueued[0], time.monotonic() - began


async def drained(folder: Path, port: int) -> None:
    """A backlog that a stop left behind, drained after the start."""
    receivers = [local(f"r{n}", f"http://127.0.0.1:{port}/r{n}") for n in range(RECEIVERS)]
    async with delivering(folder, receivers, clock=SystemClock()) as running:
        running.relay._is_closing = True
        for start in range(0, BACKLOG, GROUP):
            now = time.time()
            await running.storage.outbox.enqueue(
                [
                    told(f"r{n % RECEIVERS}", subject=f"b{n}", sequence=1, at=now)
                    for n in range(start, start + GROUP)
                ]
            )
    count, began, cpu = Count(), time.monotonic(), cpu_seconds(os.getpid())
    async with delivering(folder, receivers, clock=SystemClock(), publish=count.on_signal):
        while count.delivered < BACKLOG:  # noqa: ASYNC110 - the same
            await anyio.sleep(0.05)
        took = time.monotonic() - began
    cpu = cpu_seconds(os.getpid()) - cpu
    print(
        f"{'a backlog of ' + format(BACKLOG, ','):<44} {BACKLOG / took:>8.0f} /s   drained in {took:.0f} s, "
        f"{cpu / BACKLOG * 1e6:.0f} µs CPU each, peak RSS {_peak()} MB"
    )


async def isolation(folder: Path, port: int, *, dark: int) -> float:
    """The 99th percentile of how long healthy deliveries take at RATE, with some receivers that never
    answer.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as hole:
        where = hole.getsockname()[1]
        receivers = [
            local(f"r{n}", f"http://127.0.0.1:{where if n < dark else port}/r{n}", timeout=3.0)
            for n in range(MANY)
        ]
        count = Count()
        async with delivering(folder, receivers, clock=SystemClock(), publish=count.on_signal) as running:
            began, sent = time.monotonic(), 0
            while sent < RATE * 2 * SECONDS:
                due = min(math.floor((time.monotonic() - began) * RATE), sent + 50)
                some = [
                    told(f"r{n % MANY}", subject=f"i{n}", sequence=1, at=time.time())
                    for n in range(sent, due)
                ]
                sent = max(sent, due)
                await running.put(some)
                await anyio.sleep(0.02)
            expected = sum(n % MANY >= dark for n in range(sent))
            with anyio.move_on_after(20):
                while count.delivered < expected:  # noqa: ASYNC110 - the same
                    await anyio.sleep(0.01)
            settled = sorted(count.lags[len(count.lags) // 4 :])
    p99 = settled[math.ceil(0.99 * len(settled)) - 1]
    print(
        f"{f'{MANY} receivers, {dark} dark, at {RATE:.0f}/s':<44} {count.delivered:>8,} done   "
        f"p50 {statistics.median(settled) * 1000:>6.1f} ms   p99 {p99 * 1000:>6.1f} ms"
    )
    return p99


async def measure(folder: Path, port: int, pid: int) -> None:
    receivers = [local(f"r{n}", f"http://127.0.0.1:{port}/r{n}") for n in range(RECEIVERS)]
    count = Count()
    (folder / "a").mkdir()
    async with delivering(folder / "a", receivers, clock=SystemClock(), publish=count.on_signal) as running:
        own, other = cpu_seconds(os.getpid()), cpu_seconds(pid)
        enqueued, took = await sustained(running, count)
        own, other = cpu_seconds(os.getpid()) - own, cpu_seconds(pid) - other
        rss = resident_bytes(os.getpid()) / 1e6
    lags = statistics.quantiles(count.lags, n=100)
    print(
        f"{f'sustained, {RECEIVERS} receivers, one a unit':<44} {enqueued / took:>8.0f} /s   "
        f"p50 {lags[49] * 1000:.0f} ms, p99 {lags[98] * 1000:.0f} ms since decided; "
        f"CPU {own / enqueued * 1e6:.0f} µs each (receiver {other / enqueued * 1e6:.0f}), RSS {rss:.0f} MB"
    )
    (folder / "b").mkdir()
    await drained(folder / "b", port)
    fair, dark = [], []
    for turn in range(TURNS):
        # By turns, so that what else the machine does strikes both.
        fair.append(await isolation(_made(folder / f"fair{turn}"), port, dark=0))
        dark.append(await isolation(_made(folder / f"dark{turn}"), port, dark=DARK))
    ratio = statistics.median(dark) / statistics.median(fair)
    print(f"{'p99 of the others with 1 % dark, medians':<44} {(ratio - 1) * 100:>+8.1f} %")


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def main() -> None:
    """Measure in a temporary folder of the working directory's disk, or of TMPDIR."""
    print(f"load before: {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as name, receiver() as (port, pid):
        anyio.run(measure, Path(name), port, pid)
    print(f"load after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    serve() if sys.argv[1:] == [_SERVE] else main()
