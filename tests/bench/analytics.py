"""What analytics costs the loop, how fast it takes rows, and how fresh its answers are.

python -m tests.bench.analytics
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import anyio
import duckdb
import structlog

from exporters.analytics.settings import AnalyticsSettings
from exporters.analytics.store import AnalyticsStore
from integrations.clock import SystemClock
from integrations.signals import CallRecord
from tests.exporters.analytics.generated import call, started

SECONDS = 8.0
RATES = (5_000, 20_000)
PACE = 0.002
SETTINGS = AnalyticsSettings(queue_rows=2_000_000, checkpoint_seconds=3.0)


def main() -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("critical"))
    print(f"DuckDB {duckdb.__version__}; call records with two attempts, about 600 bytes of JSON a row")
    _measure_on_signal()
    _measure_ingest()
    for rate in RATES:
        anyio.run(_measure_load, 0, rate)
        anyio.run(_measure_load, rate, rate)


def _measure_on_signal() -> None:
    with _directory() as directory:
        store = AnalyticsStore(directory, clock=SystemClock(), settings=SETTINGS)
        signal, rounds = call(1), []
        for _ in range(20):
            begun = time.perf_counter_ns()
            for _ in range(50_000):
                store.on_signal(signal)
            rounds.append((time.perf_counter_ns() - begun) / 50_000)
    print(
        f"on_signal                 {median(rounds):6.0f} ns median, {max(rounds):.0f} ns worst of 20 rounds"
    )


def _measure_ingest() -> None:
    batch, batches = [call(number) for number in range(20_000)], 20
    with _directory() as directory:
        pair = started(directory)
        begun, used = time.perf_counter(), time.process_time()
        for _ in range(batches):
            pair.write(batch)
        spooled, spool_used = time.perf_counter() - begun, time.process_time() - used
        begun, used = time.perf_counter(), time.process_time()
        pair.writer.step()
        loaded, load_used = time.perf_counter() - begun, time.process_time() - used
        begun = time.perf_counter()
        pair.writer.checkpoint()
        checkpointed = time.perf_counter() - begun
        size = pair.writer.path.stat().st_size
        pair.close()
    rows = len(batch) * batches
    print(
        f"spool (encode and write)  {rows / spooled:9,.0f} rows/s, {spool_used / rows * 1e6:.1f} µs CPU a row"
    )
    print(
        f"load, 64 segments at once  {rows / loaded:,.0f} rows/s, {load_used / rows * 1e6:.1f} µs CPU a row"
    )
    print(
        f"checkpoint of {rows:,} rows  {checkpointed:.2f} s; {size / rows:.0f} bytes a row (they vary little)"
    )


async def _measure_load(published: int, ticked: int) -> None:
    """Publish at a rate (0: only make records, as a baseline) beside a task that measures the delay."""
    delays: list[float] = []
    times: list[float] = []
    ages: list[float] = []
    with _directory() as directory:
        store = AnalyticsStore(directory, clock=SystemClock(), settings=AnalyticsSettings())
        await store.start()
        used = time.process_time()
        async with anyio.create_task_group() as group:
            group.start_soon(store.run)
            group.start_soon(_tick, delays)
            group.start_soon(_watch, store, times, ages)
            await _publish(store, times, rate=ticked, is_kept=bool(published))
            used = time.process_time() - used
            group.cancel_scope.cancel()
        dropped = store.status().dropped
        await store.aclose()
    hundredths = quantiles(delays, n=100)
    name = f"{published:,} rows/s" if published else f"baseline: {ticked:,}/s made, none kept"
    print(f"{name:32} loop delay p50 {hundredths[49] * 1e3:.2f}, p99 {hundredths[98] * 1e3:.2f}, ", end="")
    print(f"max {max(delays) * 1e3:.1f} ms; process {used / SECONDS * 100:.0f} % of a core", end="")
    print(f"; freshness p50 {median(ages):.2f}, max {max(ages):.2f} s; dropped {dropped}" if ages else "")


async def _publish(store: AnalyticsStore, times: list[float], *, rate: int, is_kept: bool) -> None:
    begun, number = time.monotonic(), 0
    while (now := time.monotonic()) - begun < SECONDS:
        while number < (now - begun) * rate:
            record: CallRecord = call(number, at=now)
            if is_kept:
                store.on_signal(record)
                times.append(now)
            number += 1
        await anyio.sleep(PACE)


async def _tick(delays: list[float]) -> None:
    while True:
        begun = time.monotonic()
        await anyio.sleep(0.001)
        delays.append(time.monotonic() - begun - 0.001)


async def _watch(store: AnalyticsStore, times: list[float], ages: list[float]) -> None:
    """Note each row's age when a query can first see it, to 10 ms."""
    seen = 0
    while True:
        committed = store.status().rows["calls"]
        now = time.monotonic()
        ages.extend(now - at for at in times[seen:committed])
        seen = committed
        await anyio.sleep(0.01)


@contextmanager
def _directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="analytics-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


if __name__ == "__main__":
    main()
