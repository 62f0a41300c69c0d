"""A whole Dialtone as `dialtone serve` starts it, which watches itself: CPU, memory, checks, stalls.

Run by tests/bench/checks.py in a process of its own:
`python -m tests.bench.instance FILE BEGAN MODE SECONDS`. BEGAN is the monotonic clock's reading when the
process was asked for. MODE is `steady` (checks by their intervals) or `burst` (16 callers who ask for one
check after the other). Prints one line of JSON.
"""

import os
import signal
import sys
import time
from itertools import cycle
from pathlib import Path

import anyio
import msgspec

from app.configuration.vendors import rules_of
from app.serving import serve
from app.settings import load_settings
from app.wiring import Dialtone
from integrations.manifest.loading import Catalog
from integrations.signals import CheckResult, Signal
from tests.bench.process import resident_bytes

TICK = 0.005
CALLERS = 16
WARM_SECONDS = 3.0


class Measured(msgspec.Struct, kw_only=True):
    """What one instance saw of itself. Seconds and bytes; `stall` is the loop's longest in quiet, and
    `scraped_stall` while /metrics was read again and again, after which it held `scraped_rss`.
    """

    settings_read: float = 0.0
    listening: float = 0.0
    first_results: float = 0.0
    checks: int = 0
    failed: int = 0
    rows: int = 0
    seconds: float = 0.0
    cpu: float = 0.0
    rss: int = 0
    scraped_rss: int = 0
    lag_p99: float = 0.0
    stall: float = 0.0
    scraped_stall: float = 0.0


class Watcher:
    """Subscribes to the bus and counts."""

    def __init__(self, integrations: int) -> None:
        self.missing = integrations
        self.seen: set[str] = set()
        self.all_seen = anyio.Event()
        self.lags: list[float] = []
        self.failed = 0

    def on_signal(self, one: Signal) -> None:
        if type(one) is CheckResult:
            self.failed += one.kind is not None
            self.lags.append(one.lag)
            if self.missing and one.integration not in self.seen:
                self.seen.add(one.integration)
                self.missing -= 1
                if not self.missing:
                    self.all_seen.set()

    def reset(self) -> None:
        self.lags, self.failed = [], 0


class Measurement:
    """Runs beside the server, measures, prints and ends the process."""

    def __init__(self, integrations: int, *, began: float, mode: str, seconds: float) -> None:
        self.measured = Measured()
        self._watcher = Watcher(integrations)
        self._began = began
        self._is_burst = mode == "burst"
        self._seconds = seconds

    def ready(self, _: Dialtone) -> None:
        self.measured.listening = time.monotonic() - self._began

    async def run(self, dialtone: Dialtone) -> None:
        dialtone.bus.subscribe("bench", self._watcher)
        with anyio.fail_after(300):
            await self._watcher.all_seen.wait()
        self.measured.first_results = time.monotonic() - self._began
        if self._is_burst:
            await self._burst(dialtone, WARM_SECONDS)
        else:
            await anyio.sleep(WARM_SECONDS)
        await self._watch(dialtone)
        if not self._is_burst:
            self.measured.stall = await _longest_stall(5.0)
            self.measured.scraped_stall = await _longest_stall(5.0, scraping=dialtone)
            self.measured.scraped_rss = resident_bytes(os.getpid())
        print(msgspec.json.encode(self.measured).decode(), flush=True)
        os.kill(os.getpid(), signal.SIGTERM)

    async def _watch(self, dialtone: Dialtone) -> None:
        measured = self.measured
        self._watcher.reset()
        rows, wall, cpu = _rows(dialtone), time.monotonic(), time.process_time()
        if self._is_burst:
            await self._burst(dialtone, self._seconds)
        else:
            await anyio.sleep(self._seconds)
        measured.seconds, measured.cpu = time.monotonic() - wall, time.process_time() - cpu
        measured.checks, measured.failed = len(self._watcher.lags), self._watcher.failed
        measured.rows = _rows(dialtone) - rows
        lags = sorted(self._watcher.lags)
        measured.lag_p99 = lags[int(0.99 * (len(lags) - 1))] if lags else 0.0
        measured.rss = resident_bytes(os.getpid())

    async def _burst(self, dialtone: Dialtone, seconds: float) -> None:
        names = cycle([one.id for one in dialtone.framework.integrations()])
        ends = time.monotonic() + seconds

        async def ask() -> None:
            while time.monotonic() < ends:
                await dialtone.monitor.check_integration_health(next(names))

        async with anyio.create_task_group() as group:
            for _ in range(CALLERS):
                group.start_soon(ask)


def _rows(dialtone: Dialtone) -> int:
    """Rows of checks that are on disk."""
    return dialtone.analytics._spool.acknowledged["check_results"]


async def _longest_stall(seconds: float, *, scraping: Dialtone | None = None) -> float:
    """The longest time by which the loop woke too late, looked at every 5 ms."""
    longest, ends = 0.0, time.monotonic() + seconds

    async def scrape() -> None:
        while scraping is not None:
            await scraping.prometheus.scrape(accept="", accept_encoding="gzip")
            await anyio.sleep(0.5)

    async with anyio.create_task_group() as group:
        group.start_soon(scrape)
        while (due := time.monotonic() + TICK) < ends:
            await anyio.sleep(TICK)
            longest = max(longest, time.monotonic() - due)
        group.cancel_scope.cancel()
    return longest


def main() -> None:
    """Serve, measure, print, stop."""
    file, mode = Path(sys.argv[1]), sys.argv[3]
    began, seconds = float(sys.argv[2]), float(sys.argv[4])
    settings = load_settings(file, validate=rules_of(Catalog.bundled()))
    measurement = Measurement(len(settings.integrations), began=began, mode=mode, seconds=seconds)
    measurement.measured.settings_read = time.monotonic() - began
    anyio.run(lambda: serve(settings, ready=measurement.ready, companions=(measurement.run,)))


if __name__ == "__main__":
    main()
