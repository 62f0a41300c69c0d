"""How soon questions over thirty days of calls are answered, beside SQLite and plain DuckDB.

python -m tests.bench.analytics_scale [MILLIONS [FOLDER [SECONDS]]]

Ten million calls unless told, or a hundred. The history is kept in FOLDER, where one is named; writing a
hundred million takes half an hour and 12 GB, and may end after SECONDS, to be gone on with by the next call.
"""

import datetime as dt
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from statistics import median, quantiles

import anyio
import duckdb
import structlog

from exporters.analytics.settings import AnalyticsBusy
from exporters.analytics.store import AnalyticsStore
from tests.bench.analytics_history import LAST, SETTINGS, StillClock, written
from tests.bench.analytics_load import Load, Run
from tests.bench.analytics_peers import Plain, SQLite, peers
from tests.bench.analytics_questions import QUESTIONS, Question
from tests.bench.analytics_records import INTEGRATIONS
from tests.bench.goals import judge

ROUNDS, PEER_ROUNDS = 20, 3
ANALYSTS, RATE, SECONDS = 4, 5_000, 15.0
MIB = 1 << 20


def main(millions: int = 10, folder: Path | None = None, within: float = math.inf) -> None:
    """Measure, in a folder that is kept, or in one of its own."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    if folder is not None:
        _measure(folder, millions, within)
        return
    with tempfile.TemporaryDirectory(prefix="dialtone-analytics-") as name:
        _measure(Path(name), millions, within)


def _measure(folder: Path, millions: int, within: float) -> None:
    if written(folder, millions, within=within):
        anyio.run(_ask_all, folder, millions)
    else:
        print("not whole yet: call again")


async def _ask_all(folder: Path, millions: int) -> None:
    clock = StillClock(LAST)
    store = AnalyticsStore(folder, clock=clock, settings=SETTINGS)
    await store.start()
    while store._writer.rollups.is_due():
        store._writer.step()
    _weigh(folder, millions)
    beside = peers(folder, store._database(), millions)
    print(
        f"{millions} million calls; DuckDB {duckdb.__version__}; times in ms, of the answer's rows in Python"
    )
    if millions == min(QUESTIONS[0].goals):
        await _analysts(store, clock)
    for question in QUESTIONS:
        await _ask(store, question, beside, millions)
    await store.aclose()


def _weigh(folder: Path, millions: int) -> None:
    archive, kept = (
        sum(path.stat().st_size for path in (folder / name).rglob("*.parquet"))
        for name in ("archive", "kept")
    )
    hot = (folder / "hot.duckdb").stat().st_size
    print(
        f"archive {archive / MIB:,.0f} MiB, hot.duckdb with its rollups {hot / MIB:,.0f} MiB, "
        f"copies of rollups {kept / MIB:,.0f} MiB"
    )
    judge("disk, a million calls", (archive + hot + kept) / MIB / millions, 30, "MiB")


async def _ask(
    store: AnalyticsStore, question: Question, beside: Iterable[Plain | SQLite], millions: int
) -> None:
    """Ask Dialtone and its peers. The first answer, which also reads the disk, is told by itself; CPU time
    tells on a busy machine what a quiet one would take.
    """
    first, *rest = [await _answered(store, question, number) for number in range(1 + ROUNDS)]
    wall, cpu = [one for one, _ in rest], [one for _, one in rest]
    for what, seconds in (("wall", wall), ("CPU", cpu)):
        p95 = quantiles(seconds, n=20, method="inclusive")[18] * 1e3
        if millions in question.goals:
            judge(f"{question.name}, p95 {what}", p95, question.goals[millions], "ms")
        else:
            print(f"{question.name}, p95 {what} {p95:.1f} ms")
    print(
        f"    median {median(wall) * 1e3:.1f}, least {min(wall) * 1e3:.1f}, the first {first[0] * 1e3:.0f}; "
        f"CPU median {median(cpu) * 1e3:.1f}, most {max(cpu) * 1e3:.1f}",
        flush=True,
    )
    for peer in beside:
        try:
            took = peer.answer(question, [_integration(number) for number in range(1 + PEER_ROUNDS)])
        except duckdb.OutOfMemoryException:
            print(f"    {peer.name}: no answer in as much memory as Dialtone has", flush=True)
            continue
        took = took[1:] or took
        times = f"{min(took) / min(wall):.2f} times"
        print(
            f"    {peer.name}: median {median(took) * 1e3:.1f}, least {min(took) * 1e3:.1f}: {times}",
            flush=True,
        )


async def _answered(store: AnalyticsStore, question: Question, number: int) -> tuple[float, float]:
    """Wall and CPU seconds of one answer."""
    began, used = time.perf_counter(), time.process_time()
    params = _params(question, number)
    while True:
        try:
            answer = await store.query(question.query, params, caller="bench")
        except AnalyticsBusy:
            await anyio.sleep(0.01)
        else:
            break
    assert answer.rows, f"{question.name} has no answer"
    return time.perf_counter() - began, time.process_time() - used


def _params(question: Question, number: int) -> dict[str, str]:
    begin = LAST - dt.timedelta(days=question.days)
    window = {"from": begin.isoformat(), "to": LAST.isoformat()}
    return dict(question.params) | window | ({"integration": _integration(number)} if question.each else {})


def _integration(number: int) -> str:
    return f"integration-{number * 7 % INTEGRATIONS:02d}"


async def _analysts(store: AnalyticsStore, clock: StillClock) -> None:
    """Publish rows, alone and beside analysts who ask without a pause, and watch the loop."""
    load = Load(rate=RATE, seconds=SECONDS)
    alone = await Run(load, store, clock).work()
    asked = Counter[str]()
    analysts = [partial(_ask_on, store, asked, number) for number in range(ANALYSTS)]
    beside = await Run(load, store, clock, beside=analysts).work()
    who = f"{ANALYSTS} analysts"
    print(f"{who}: {asked.total()} answers in {SECONDS:g} s beside {RATE:,} rows/s, {beside.dropped} dropped")
    extra = (beside.delays.p99 - alone.delays.p99) * 1e3
    judge(f"{who}: loop's extra delay p99 ({alone.delays.p99 * 1e3:.2f} ms alone)", extra, 10.0, "ms")
    judge(f"{who}: rows seen by panels, p50", beside.ages.p50, 1.0, "s")
    judge(f"{who}: rows seen by panels, p99", beside.ages.p99, 3.0, "s")


async def _ask_on(store: AnalyticsStore, asked: Counter[str], number: int) -> None:
    while True:
        question = QUESTIONS[number % len(QUESTIONS)]
        await _answered(store, question, number)
        asked[question.name] += 1
        number += ANALYSTS + 1


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        int(given[0]) if given else 10,
        Path(given[1]) if len(given) > 1 else None,
        float(given[2]) if len(given) > 2 else math.inf,
    )
