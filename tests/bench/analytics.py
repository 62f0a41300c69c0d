"""What analytics costs the loop, how fast it takes rows, how fresh its answers are, and what a row weighs.

python -m tests.bench.analytics [SECONDS]

SECONDS is how long each load lasts: 10 unless told, and 60 for the figures of a release.
"""

import sys
import tempfile
import time
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from statistics import median

import duckdb
import structlog

from exporters.analytics.settings import AnalyticsSettings
from exporters.analytics.store import AnalyticsStore
from integrations.clock import SystemClock
from integrations.signals import Signal
from tests.bench.analytics_load import Load, Loaded, loaded
from tests.bench.analytics_records import Records
from tests.bench.goals import judge
from tests.exporters.analytics.generated import START, started

SECONDS = 10.0
QUIET, BUSY, FULL = 5_000, 50_000, 100_000
WEIGHED = 1_000_000
MIB = 1 << 20
LARGE = AnalyticsSettings(queue_rows=2_000_000)


def main(seconds: float = SECONDS) -> None:
    """Measure and print."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    print(f"DuckDB {duckdb.__version__}; loads of {seconds:g} s, each in a process of its own")
    _measure_record()
    _measure_work()
    _measure_quiet(seconds)
    _measure_busy(seconds)
    _measure_full(seconds)


def _measure_record() -> None:
    (signal,) = Records().calls(1, at=START, per_second=1)
    rounds = []
    with tempfile.TemporaryDirectory(prefix="analytics-") as folder:
        store = AnalyticsStore(Path(folder), clock=SystemClock(), settings=LARGE)
        for _ in range(20):
            began = time.perf_counter_ns()
            for _ in range(50_000):
                store.on_signal(signal)
            rounds.append((time.perf_counter_ns() - began) / 50_000 / 1e3)
    judge(f"record(), median of 20 rounds (worst {max(rounds):.2f})", median(rounds), 2.0, "µs")


def _measure_work() -> None:
    """CPU that a row takes on its way, and the bytes it takes when it is there."""
    records = Records()
    calls = list(records.calls(WEIGHED, at=START, per_second=500))
    _weigh("calls", calls)
    requests = [records.request(number, at=call.at) for number, call in enumerate(calls)]
    both = [signal for pair in zip(calls, requests, strict=True) for signal in pair]
    _weigh("calls and the requests to the API that asked for them", both)
    checks = list(records.checks(WEIGHED, at=START, per_second=500))
    _weigh("checks", checks)
    made = [records.call(number, at=check.at) for number, check in enumerate(checks)]
    _weigh(
        "checks and the calls that made them",
        [one for pair in zip(checks, made, strict=True) for one in pair],
    )


def _weigh(name: str, signals: Iterable[Signal]) -> None:
    signals = list(signals)
    with tempfile.TemporaryDirectory(prefix="analytics-") as folder:
        pair = started(Path(folder))
        empty = pair.writer.path.stat().st_size
        used = [time.process_time()]
        for first in range(0, len(signals), 20_000):
            pair.write(signals[first : first + 20_000])
        used.append(time.process_time())
        pair.writer.step()
        used.append(time.process_time())
        pair.writer.checkpoint()
        used.append(time.process_time())
        size = pair.writer.path.stat().st_size - empty
        pair.close()
    spool, load, checkpoint = ((after - before) / len(signals) * 1e6 for before, after in pairwise(used))
    print(f"{name}: CPU a row {spool:.1f} µs spool, {load:.1f} µs load, {checkpoint:.1f} µs checkpoint")
    judge(f"hot.duckdb, a million {name}", size / len(signals) * 1e6 / MIB, 30, "MiB")


def _measure_quiet(seconds: float) -> None:
    """Measure memory with all of Dialtone's modules loaded, then beside somebody who always asks free SQL."""
    seconds = max(seconds, 25.0)
    result = loaded(Load(rate=QUIET, seconds=seconds, whole=True))
    _say(QUIET, result)
    judge(f"{QUIET:,}/s: memory of the process, all modules loaded", result.resident / MIB, 250, "MiB")
    judge(f"{QUIET:,}/s: rows seen by panels, p50", result.ages.p50, 1.0, "s")
    judge(f"{QUIET:,}/s: rows seen by panels, p99", result.ages.p99, 3.0, "s")
    result = loaded(Load(rate=QUIET, seconds=seconds, free_sql=True))
    print(f"beside free SQL, {result.answers} answers: rows seen by panels p99 {result.ages.p99:.2f} s")
    judge(f"{QUIET:,}/s: rows seen by free SQL, p50", result.sql_ages.p50, 10.0, "s")
    judge(f"{QUIET:,}/s: rows seen by free SQL, p99", result.sql_ages.p99, 10.0, "s")


def _measure_busy(seconds: float) -> None:
    without = loaded(Load(rate=BUSY, seconds=seconds, kept=False, fresh=False))
    result = loaded(Load(rate=BUSY, seconds=seconds, fresh=False))
    _say(BUSY, result)
    extra = (result.delays.p99 - without.delays.p99) * 1e3
    what = f"{BUSY:,}/s: loop's extra delay p99 ({without.delays.p99 * 1e3:.2f} ms without)"
    judge(what, extra, 5.0, "ms")


def _measure_full(seconds: float) -> None:
    result = loaded(Load(rate=FULL, seconds=seconds, fresh=False))
    _say(FULL, result)
    judge(f"{FULL:,}/s: published a second", result.published / seconds, FULL * 0.999, "rows/s", least=True)
    judge(f"{FULL:,}/s: dropped", result.dropped, 0, "rows")
    judge(f"{FULL:,}/s: not committed at the end", result.published - result.committed, 0, "rows")
    judge(f"{FULL:,}/s: rows seen by panels, p99 (nothing piles up)", result.ages.p99, 3.0, "s")


def _say(rate: int, result: Loaded) -> None:
    print(
        f"{rate:,}/s: {result.published:,} published, {result.dropped:,} dropped; "
        f"CPU {result.cpu / result.seconds * 100:.0f} % of a core; seen after p50 {result.ages.p50:.2f}, "
        f"p99 {result.ages.p99:.2f}, max {result.ages.max:.2f} s; "
        f"loop delay p99 {result.delays.p99 * 1e3:.2f}, max {result.delays.max * 1e3:.1f} ms; "
        f"memory {result.resident / MIB:.0f} MiB",
        flush=True,
    )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]))
