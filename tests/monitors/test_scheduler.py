"""The scheduler in virtual time: tasks, hanging vendors, faults, rounds on demand."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

import anyio
import pytest

from integrations.deadlines import Cancellable
from monitors.scheduler import MOST_IDLE, Scheduler
from monitors.timetable import AT_ONCE, VENDOR_WAIT, Round, Timetable
from tests.fakes.clock import VIRTUAL_TIME, LoopClock


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Stage:
    """A scheduler whose rounds do what `work` says, by integration."""

    def __init__(self, *, vendor_rounds: int = 8, spread: float = 1.0) -> None:
        self.clock = LoopClock()
        self.began = self.clock.monotonic()
        epoch = self.clock.monotonic() - self.clock.time()
        self.timetable = Timetable(epoch=epoch, vendor_rounds=vendor_rounds, spread=spread)
        self.scheduler = Scheduler(clock=self.clock, timetable=self.timetable, work=self.round)
        self.work: dict[str, Callable[[], Awaitable[None]]] = {}
        self.starts: list[tuple[str, float]] = []
        self.lags: list[float] = []
        self.running: Counter[str] = Counter()
        self.most_running: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()

    async def round(self, begun: Round, _: Cancellable) -> bool:
        self.starts.append((begun.key, self.clock.monotonic() - self.began))
        self.lags.append(begun.lag)
        self.running[begun.key] += 1
        self.most_running[begun.key] = max(self.most_running[begun.key], self.running[begun.key])
        try:
            await self.work.get(begun.key, anyio.lowlevel.checkpoint)()
        finally:
            self.running[begun.key] -= 1
            self.ended[begun.key] += 1
        return False

    def add(self, key: str, *, vendor: str = "wikis", interval: float = 60.0) -> None:
        self.scheduler.add(key, vendor=vendor, interval=interval, retry_interval=15.0)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(self.scheduler.run)
            await anyio.lowlevel.checkpoint()
            yield
            group.cancel_scope.cancel()

    def times(self, key: str) -> list[float]:
        return [at for started, at in self.starts if started == key]


async def sleep_forever() -> None:
    await anyio.sleep_forever()


async def fault() -> None:
    await anyio.lowlevel.checkpoint()
    raise RuntimeError("a fault in the round")


async def test_it_keeps_its_grid_over_an_hour() -> None:
    stage = Stage()
    stage.add("wiki")
    async with stage.open():
        await stage.clock.sleep(3700)
    grid = stage.times("wiki")[1:]
    assert len(grid) >= 60
    assert all(at == pytest.approx(grid[0] + 60 * n, abs=1.1) for n, at in enumerate(grid))


async def test_a_hanging_vendor_delays_nobody_else() -> None:
    stage = Stage()
    for number in range(50):
        stage.add(f"bad-{number}", vendor="bad", interval=10.0)
        stage.work[f"bad-{number}"] = sleep_forever
        stage.add(f"good-{number}", vendor="good", interval=10.0)
    async with stage.open():
        await stage.clock.sleep(100)
    assert sum(count for key, count in stage.ended.items() if key.startswith("good")) >= 500
    bad = [lag for (key, _), lag in zip(stage.starts, stage.lags, strict=True) if key.startswith("bad")]
    assert sorted(bad)[:8] == pytest.approx([0.0] * 8, abs=0.1)
    assert len(bad) == 50
    assert max(bad) == pytest.approx(VENDOR_WAIT, abs=0.1)
    lags = [lag for (key, _), lag in zip(stage.starts, stage.lags, strict=True) if key.startswith("good")]
    assert sorted(lags)[-len(lags) // 100] < 0.1


async def test_at_most_one_round_of_an_integration_runs() -> None:
    stage = Stage()
    stage.add("wiki", interval=10.0)
    stage.work["wiki"] = lambda: stage.clock.sleep(25)
    async with stage.open():
        for _ in range(40):
            await stage.clock.sleep(7)
            async with anyio.create_task_group() as group:
                group.start_soon(stage.scheduler.run_now, "wiki")
                group.start_soon(stage.scheduler.run_now, "wiki")
    assert stage.most_running["wiki"] == 1
    assert stage.timetable.skipped > 10


async def test_a_fault_in_one_round_is_counted_and_harms_no_other() -> None:
    stage = Stage()
    stage.add("bad", interval=10.0)
    stage.add("good", interval=10.0)
    stage.work["bad"] = fault
    async with stage.open():
        await stage.clock.sleep(100)
    assert stage.scheduler.errors == len(stage.times("bad")) >= 10
    assert len(stage.times("good")) >= 10


async def test_a_round_on_demand_joins_the_one_that_runs() -> None:
    stage = Stage()
    stage.add("wiki", interval=3600.0)
    stage.work["wiki"] = lambda: stage.clock.sleep(5)
    async with stage.open():
        await stage.clock.sleep(2)
        await stage.scheduler.run_now("wiki")
    assert len(stage.starts) == 1
    assert stage.ended["wiki"] == 1


async def test_a_round_on_demand_starts_at_once_and_survives_its_caller() -> None:
    stage = Stage()
    stage.add("wiki", interval=3600.0)
    async with stage.open():
        await stage.clock.sleep(60)
        stage.starts.clear()
        stage.work["wiki"] = lambda: stage.clock.sleep(5)
        with anyio.move_on_after(1):
            await stage.scheduler.run_now("wiki")
        await stage.clock.sleep(10)
    assert len(stage.starts) == 1
    assert stage.running["wiki"] == 0
    assert stage.timetable.in_flight == 0


async def test_a_round_on_demand_passes_those_that_wait_for_their_vendor() -> None:
    stage = Stage(vendor_rounds=1, spread=0.001)
    for number in range(5):
        stage.add(f"wiki-{number}", interval=3600.0)
        stage.work[f"wiki-{number}"] = lambda: stage.clock.sleep(10)
    async with stage.open():
        await stage.clock.sleep(1)
        last = next(key for key in stage.work if not stage.times(key))
        await stage.scheduler.run_now(last)
        assert stage.times(last)[0] == pytest.approx(1, abs=0.2)
        await stage.clock.sleep(60)
    assert Counter(key for key, _ in stage.starts) == dict.fromkeys(stage.work, 1)


async def test_a_round_on_demand_runs_in_the_callers_task_when_nothing_else_runs() -> None:
    stage = Stage()
    stage.add("wiki")
    await stage.scheduler.run_now("wiki")
    assert stage.ended["wiki"] == 1


async def test_one_task_carries_out_one_round_after_the_other() -> None:
    stage, tasks = Stage(), set[object]()

    async def note_task() -> None:
        tasks.add(anyio.get_current_task().id)
        await stage.clock.sleep(1)

    stage.add("wiki", interval=10.0)
    stage.work["wiki"] = note_task
    async with stage.open():
        await stage.clock.sleep(100)
    assert stage.ended["wiki"] >= 10
    assert len(tasks) == 1


async def test_a_stopped_round_takes_its_task_with_it_and_later_ones_run() -> None:
    stage = Stage()
    stage.add("wiki", interval=10.0)
    async with stage.open():
        await stage.clock.sleep(15)
        stage.work["wiki"] = sleep_forever
        await stage.clock.sleep(10)
        stage.scheduler.remove("wiki")
        stage.work.clear()
        stage.starts.clear()
        stage.add("wiki", interval=10.0)
        await stage.clock.sleep(30)
    assert len(stage.starts) >= 3
    assert stage.timetable.in_flight == 0


async def test_a_round_that_was_stopped_as_it_ended_costs_no_later_one() -> None:
    stage = Stage()
    stage.add("wiki", interval=10.0)
    stage.add("blog", interval=10.0)

    async def remove_itself() -> None:
        stage.scheduler.remove("wiki")

    stage.work["wiki"] = remove_itself
    async with stage.open():
        await stage.clock.sleep(100)
    assert stage.times("wiki")
    assert stage.ended["blog"] == len(stage.times("blog")) >= 9


async def test_few_tasks_stay_after_many_rounds_at_once() -> None:
    stage = Stage(spread=0.0)
    for number in range(3 * MOST_IDLE):
        stage.add(f"wiki-{number}", vendor=f"vendor-{number}", interval=3600.0)
        stage.work[f"wiki-{number}"] = lambda: stage.clock.sleep(5)
    async with stage.open():
        await stage.clock.sleep(3)
        at_once = len(anyio.get_running_tasks())
        await stage.clock.sleep(27)
        left = len(anyio.get_running_tasks())
    assert at_once > 3 * MOST_IDLE
    assert left < at_once - MOST_IDLE


async def test_what_one_who_asks_carries_along_is_not_kept_for_others() -> None:
    stage, carried = Stage(), ContextVar("carried", default="nothing")
    seen: list[str] = []

    async def look() -> None:
        seen.append(carried.get())

    stage.add("wiki", interval=3600.0)
    stage.work["wiki"] = look
    async with stage.open():
        carried.set("of one who asks")
        await stage.scheduler.run_now("wiki")
        await stage.scheduler.run_now("wiki")
    assert seen == ["nothing", "nothing"]


async def test_removing_an_integration_stops_its_round() -> None:
    stage = Stage()
    stage.add("wiki", interval=10.0)
    stage.work["wiki"] = sleep_forever
    async with stage.open():
        await stage.clock.sleep(5)
        stage.scheduler.remove("wiki")
        await stage.clock.sleep(100)
    assert stage.ended["wiki"] == len(stage.starts) == 1
    assert stage.timetable.in_flight == 0


async def test_what_is_added_while_it_sleeps_starts_in_time() -> None:
    stage = Stage(spread=2.0)
    async with stage.open():
        await stage.clock.sleep(1000)
        stage.add("wiki", interval=3600.0)
        await stage.clock.sleep(2.1)
    assert len(stage.starts) == 1


async def test_after_a_restart_nothing_is_left_in_flight() -> None:
    stage = Stage()
    stage.add("wiki", interval=10.0)
    stage.work["wiki"] = sleep_forever
    async with stage.open():
        await stage.clock.sleep(5)
    stage.work.clear()
    async with stage.open():
        await stage.clock.sleep(30)
    assert stage.ended["wiki"] >= 3


async def test_ten_thousand_integrations_start_on_time() -> None:
    stage = Stage(spread=10.0)
    for number in range(10_000):
        stage.add(f"wiki-{number}", vendor=f"vendor-{number % 500}")
    async with stage.open():
        await stage.clock.sleep(70)
    assert len(stage.starts) >= 20_000
    assert max(stage.lags) < 0.02
    assert max(stage.most_running.values()) == 1


async def test_others_have_the_loop_between_rounds_that_are_due_at_once() -> None:
    stage = Stage(spread=0.0)
    for number in range(100):
        stage.add(f"wiki-{number}", vendor=f"vendor-{number}")
    started: list[int] = []
    async with stage.open():
        while not stage.starts:
            await anyio.lowlevel.checkpoint()
        for _ in range(20):
            started.append(len(stage.starts))
            await anyio.lowlevel.checkpoint()
    assert started[0] <= AT_ONCE
    assert started[-1] == 100
