"""A process of its own that publishes calls into an AnalyticsStore at a rate, and says what that took.

    python -m tests.bench.analytics_load '{"rate": 5000, "seconds": 8}'

It is one process as Dialtone is: the loop that publishes, the threads that spool and load, and where asked
the whole application's modules, so that the memory is Dialtone's.
"""

import gc
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from statistics import quantiles

import anyio
import msgspec
import structlog

from exporters.analytics.settings import AnalyticsSettings
from exporters.analytics.sql.desk import SQLRequest
from exporters.analytics.store import AnalyticsStore
from integrations.clock import Clock, SystemClock
from integrations.signals import CallRecord
from tests.bench.analytics_records import Records

Task = Callable[[], Awaitable[None]]

PACE, WATCH = 0.002, 0.01
READY = 50_000
"""Records made beforehand at a rate that making them would take the loop's time for."""
DRAIN_SECONDS = 15.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. Not `kept`: the same loop without the store, to compare with. `fresh`: records are
    made one by one, as calls do; otherwise a stock of them is published round and round.
    """

    rate: int
    seconds: float
    kept: bool = True
    fresh: bool = True
    free_sql: bool = False
    whole: bool = False


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: the median, the 99th percentile and the largest."""

    p50: float = 0.0
    p99: float = 0.0
    max: float = 0.0

    @classmethod
    def of(cls, values: list[float]) -> "Spread":
        """Sum up; nothing for fewer than two values."""
        if len(values) < 2:
            return cls()
        hundredths = quantiles(values, n=100, method="inclusive")
        return cls(p50=hundredths[49], p99=hundredths[98], max=max(values))


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What it came to. `seconds` until all was committed, `cpu` seconds of the process meanwhile; `delays` of
    a task that sleeps 1 ms, beyond that; `ages` of rows when a panel can see them; `sql_ages` of the oldest
    row that an answer of free SQL does not know.
    """

    published: int
    committed: int
    dropped: int
    seconds: float
    cpu: float
    delays: Spread
    ages: Spread
    sql_ages: Spread
    answers: int
    resident: int


class Run:
    """One load on a store that has started, until all that was published is committed. `beside` are tasks
    that run meanwhile.
    """

    def __init__(
        self, load: Load, store: AnalyticsStore, clock: Clock, *, beside: Sequence[Task] = ()
    ) -> None:
        self._load = load
        self._store = store
        self._clock = clock
        self._beside = beside
        self._before = store.status().rows["calls"]
        self._records = Records()
        self._stock: list[CallRecord] = []
        self._notes: list[tuple[int, float]] = []
        self._delays: list[float] = []
        self._ages: list[float] = []
        self._sql_ages: list[float] = []
        self._published = self._resident = 0

    async def work(self) -> Loaded:
        self._prepare()
        async with anyio.create_task_group() as group:
            for task in (self._store.run, self._tick, self._watch, self._ask, *self._beside):
                group.start_soon(task)
            began, used = time.monotonic(), time.process_time()
            await self._publish()
            await self._until_committed()
            seconds, used = time.monotonic() - began, time.process_time() - used
            group.cancel_scope.cancel()
        return Loaded(
            published=self._published,
            committed=self._committed(),
            dropped=self._store.status().dropped,
            seconds=seconds,
            cpu=used,
            delays=Spread.of(self._delays),
            ages=Spread.of(self._ages),
            sql_ages=Spread.of(self._sql_ages),
            answers=len(self._sql_ages),
            resident=self._resident,
        )

    def _prepare(self) -> None:
        if self._load.whole:
            importlib.import_module("app.asgi")
        if not self._load.fresh:
            self._stock = list(self._records.calls(READY, at=time.time(), per_second=self._load.rate))
        gc.collect()
        gc.freeze()

    async def _publish(self) -> None:
        take = self._store.on_signal if self._load.kept else _leave
        began = time.monotonic()
        while (now := time.monotonic()) - began < self._load.seconds:
            due, at = int((now - began) * self._load.rate), self._clock.time()
            for number in range(self._published + 1, due + 1):
                take(self._stock[number % READY] if self._stock else self._records.call(number, at=at))
            self._published = max(due, self._published)
            self._notes.append((self._published, now))
            await anyio.sleep(PACE)

    async def _until_committed(self) -> None:
        ends = time.monotonic() + (DRAIN_SECONDS if self._load.kept else 0.0)
        while time.monotonic() < ends:
            if self._committed() + self._store.status().dropped >= self._published:
                return
            await anyio.sleep(WATCH)

    def _committed(self) -> int:
        return self._store.status().rows["calls"] - self._before

    async def _tick(self) -> None:
        while True:
            began = time.monotonic()
            await anyio.sleep(0.001)
            self._delays.append(time.monotonic() - began - 0.001)

    async def _watch(self) -> None:
        """Note each batch's age when a query can first see it, to 10 ms, and the process's memory."""
        seen = 0
        while True:
            committed, now = self._committed(), time.monotonic()
            while seen < len(self._notes) and self._notes[seen][0] <= committed:
                self._ages.append(now - self._notes[seen][1])
                seen += 1
            self._resident = max(self._resident, _resident())
            await anyio.sleep(WATCH)

    async def _ask(self) -> None:
        """Ask free SQL how many rows there are, and note how old the first is that it does not count."""
        while self._load.free_sql:
            await anyio.sleep(0.1)
            request = SQLRequest(sql="SELECT count(*) AS n FROM calls")
            answer = await self._store.sql.ask(request, caller="bench")
            ((count,),) = msgspec.json.decode(answer.body)["rows"]
            now = time.monotonic()
            unseen = next((at for number, at in self._notes if number > count), now)
            self._sql_ages.append(now - unseen)


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _leave(_record: CallRecord) -> None:
    """Keep nothing."""


def loaded(load: Load) -> Loaded:
    """Run a load in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.analytics_load", msgspec.json.encode(load).decode()]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=load.seconds + 120)
    return msgspec.json.decode(ended.stdout, type=Loaded)


async def _work(load: Load, folder: Path) -> Loaded:
    clock = SystemClock()
    store = AnalyticsStore(folder, clock=clock, settings=AnalyticsSettings())
    await store.start()
    answer = await Run(load, store, clock).work()
    await store.aclose()
    return answer


def main() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    load = msgspec.json.decode(sys.argv[1], type=Load)
    with tempfile.TemporaryDirectory(prefix="analytics-") as folder:
        answer = anyio.run(_work, load, Path(folder))
    gc.unfreeze()
    print(msgspec.json.encode(answer).decode())


if __name__ == "__main__":
    main()
