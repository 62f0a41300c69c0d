"""Complete checks: what one costs beside blackbox_exporter, and what ten thousand a minute take.

Run: `python -m tests.bench.checks [cost|many]`. A complete check is one by all of Dialtone as it runs under
`dialtone serve`: transport, two conditions (status, a JSON value), state, metrics, a row on disk and in
DuckDB; every tenth opens a connection of its own, as always. blackbox_exporter probes the same nginx, stores
nothing, and opens a connection for each probe, as it always does. Both are asked by 16 callers, in turns; CPU
is user and system time of the whole process.
"""

import asyncio
import json
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
import msgspec

from tests.bench.instance import CALLERS, Measured
from tests.bench.machine import Peer, Target, blackbox, has, nginx
from tests.bench.process import cpu_seconds
from tests.real.servers import free_port

ROUNDS, SECONDS, PEER_SECONDS = 3, 6.0, 4.0
MANY, MANY_SECONDS = 10_000, 60.0
MIB = 2**20


def main() -> None:
    """Measure what is asked for, or all."""
    if not has("nginx"):
        print("nginx is not installed, so there is nothing to check: apt-get install nginx-light")
        return
    parts = {"cost", "many"}
    chosen = parts.intersection(sys.argv[1:]) or parts
    with tempfile.TemporaryDirectory() as folder, nginx(Path(folder)) as target:
        if "cost" in chosen:
            _cost(Path(folder), target)
        if "many" in chosen:
            _many(Path(folder), target)


def _cost(folder: Path, target: Target) -> None:
    with _peer(folder, target) as peer:
        for scheme in ("http", "https"):
            ours, theirs = [], []
            for _ in range(ROUNDS):
                measured = _instance(folder, target, count=200, interval=600, scheme=scheme, mode="burst")
                ours.append(measured.cpu / measured.checks * 1e6)
                if peer is not None:
                    theirs.append(asyncio.run(_probe(peer, _url(target, scheme, 0))))
            _tell_cost(scheme, ours, theirs)


def _tell_cost(scheme: str, ours: list[float], theirs: list[float]) -> None:
    cost = statistics.median(ours)
    print(
        f"{scheme:5}  Dialtone {cost:6.0f} us of CPU a complete check, {1e6 / cost:6,.0f} a second and core"
    )
    if not theirs:
        print(f"{scheme:5}  prometheus-blackbox-exporter is not installed: no comparison, no ratio")
        return
    peer = statistics.median(theirs)
    print(
        f"{scheme:5}  blackbox_exporter {peer:6.0f} us a probe; ratio {cost / peer:.2f} "
        f"(0.5: {'met' if cost <= peer / 2 else 'MISSED'}; 0.25: {'met' if cost <= peer / 4 else 'MISSED'})"
    )


def _many(folder: Path, target: Target) -> None:
    measured = _instance(folder, target, count=MANY, interval=60, mode="steady", seconds=MANY_SECONDS)
    share = measured.cpu / measured.seconds
    print(
        f"{MANY:,} checks every 60 s, {measured.checks:,} in {measured.seconds:.0f} s ({measured.failed} "
        f"failed, {measured.rows:,} rows on disk): {share:.1%} of a core (goal 10 %), RSS "
        f"{measured.rss / MIB:.0f} MiB (goal 250), start lag p99 {measured.lag_p99 * 1e3:.1f} ms"
    )
    print(
        f"from the start of the process: configuration read {measured.settings_read:.1f} s, listening "
        f"{measured.listening:.1f} s, the last of {MANY:,} first results {measured.first_results:.1f} s "
        "(goal 10)"
    )
    print(
        f"longest stall of the loop {measured.stall * 1e3:.0f} ms, while /metrics is read all the time "
        f"{measured.scraped_stall * 1e3:.0f} ms (goal 20), RSS then {measured.scraped_rss / MIB:.0f} MiB"
    )


def _instance(
    folder: Path,
    target: Target,
    *,
    count: int,
    interval: int,
    mode: str,
    scheme: str = "http",
    seconds: float = SECONDS,
) -> Measured:
    with tempfile.TemporaryDirectory(dir=folder) as own:
        file = Path(own) / "dialtone.yaml"
        file.write_text("\n".join(_configuration(Path(own), target, count, interval=interval, scheme=scheme)))
        command = [sys.executable, "-m", "tests.bench.instance", str(file)]
        command += [str(time.monotonic()), mode, str(seconds)]
        ended = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return msgspec.json.decode(ended.stdout.splitlines()[-1], type=Measured)


def _configuration(folder: Path, target: Target, count: int, *, interval: int, scheme: str) -> Iterator[str]:
    yield f"listen: 127.0.0.1:{free_port()}"
    yield f"state_dir: {folder}/state"
    yield "log: {level: warning}"
    yield f"network: {{ca_file: {target.authority}}}"
    yield f"defaults: {{check: {{interval: {interval}, timeout: 5}}}}"
    yield "integrations:"
    good = {"all": [{"status": [200]}, {"json": {"pointer": "/status", "equals": "ok"}}]}
    for number in range(count):
        config = {"url": _url(target, scheme, number), "expect": good}
        yield "  - " + json.dumps({"id": f"site-{number}", "vendor": "http", "config": config})


def _url(target: Target, scheme: str, number: int) -> str:
    """An address of its own for each, as far as the certificate allows."""
    if scheme == "https":
        return f"https://localhost:{target.tls}/"
    return f"http://127.0.{number // 250}.{number % 250 + 1}:{target.port}/"


@contextmanager
def _peer(folder: Path, target: Target) -> Iterator[Peer | None]:
    if not has("prometheus-blackbox-exporter"):
        yield None
        return
    with blackbox(folder, target.authority) as peer:
        yield peer


async def _probe(peer: Peer, url: str) -> float:
    """Ask for one probe after the other; return the peer's CPU in us for each."""
    ends, probes = time.monotonic() + PEER_SECONDS, 0
    address = f"http://127.0.0.1:{peer.port}/probe"

    async def ask(session: aiohttp.ClientSession) -> None:
        nonlocal probes
        while time.monotonic() < ends:
            async with session.get(address, params={"module": "http_2xx", "target": url}) as answer:
                if b"probe_success 1" not in await answer.read():
                    raise RuntimeError(f"blackbox_exporter could not probe {url}")
            probes += 1

    cpu = cpu_seconds(peer.pid)
    async with aiohttp.ClientSession() as session, anyio.create_task_group() as group:
        for _ in range(CALLERS):
            group.start_soon(ask, session)
    return (cpu_seconds(peer.pid) - cpu) / probes * 1e6


if __name__ == "__main__":
    main()
