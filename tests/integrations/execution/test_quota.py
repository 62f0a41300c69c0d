"""Quotas: never over-granted, fair to callers, refused early, given back."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from itertools import count

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from integrations.execution.call import QuotaReading
from integrations.execution.fairness import Priority
from integrations.execution.quota import Allowance, QuotaLine, VendorQuota
from integrations.manifest.schema import Limit
from tests.fakes.clock import VIRTUAL_TIME, FakeClock, LoopClock, VirtualTimeLoop


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def reading(
    clock: FakeClock, remaining: float | None, reset: float | None, limit: float | None = None
) -> QuotaReading:
    reset_at = None if reset is None else clock.time() + reset
    return QuotaReading(bucket="core", limit=limit, remaining=remaining, reset_at=reset_at)


def quota_with(
    remaining: float | None, reset: float | None, limit: float | None = 100
) -> tuple[FakeClock, VendorQuota]:
    clock = FakeClock()
    quota = VendorQuota("core", clock)
    quota.learn(reading(clock, remaining, reset, limit))
    return clock, quota


def test_nothing_known_stands_in_no_ones_way() -> None:
    clock = FakeClock()
    assert VendorQuota("core", clock).draw(clock.monotonic(), 5) == 0


@pytest.mark.parametrize(
    ("remaining", "reset", "cost", "wait"),
    [
        pytest.param(5, 60, 5, 0, id="enough"),
        pytest.param(4, 60, 5, 60, id="too little: until the reset"),
        pytest.param(0, None, 1, 0, id="no reset known: only the vendor can tell"),
        pytest.param(None, 60, 1, 0, id="no level known"),
    ],
)
def test_what_remains_decides(remaining: float | None, reset: float | None, cost: float, wait: float) -> None:
    clock, quota = quota_with(remaining, reset)
    assert quota.wait(clock.monotonic(), cost) == wait


def test_a_new_window_starts_full_less_what_is_in_flight() -> None:
    clock, quota = quota_with(3, 60, limit=10)
    assert quota.draw(clock.monotonic(), 2) == 0
    clock.advance(60)
    assert quota.wait(clock.monotonic(), 8) == 0
    assert quota.status(0).remaining == 8


def test_a_new_window_of_which_nothing_was_heard_gives_the_limit_once() -> None:
    clock, quota = quota_with(10, 60, limit=10)
    clock.advance(65)
    waits = [quota.draw(clock.monotonic(), 1) for _ in range(11)]
    assert waits == [0] * 10 + [55]
    assert quota.status(0).reset_at is None
    quota.settle(7)
    clock.advance(55)
    assert [quota.draw(clock.monotonic(), 1) for _ in range(8)] == [0] * 7 + [60]


def test_a_call_that_ends_in_a_new_window_before_any_other_begins_is_counted_in_it() -> None:
    clock, quota = quota_with(10, 60, limit=10)
    assert quota.draw(clock.monotonic(), 9) == 0
    clock.advance(60)
    quota.settle(9)
    assert quota.draw(clock.monotonic(), 2) == 60


def test_calls_in_flight_that_are_the_whole_limit_let_no_other_into_the_new_window() -> None:
    clock, quota = quota_with(10, 60, limit=10)
    assert quota.draw(clock.monotonic(), 10) == 0
    clock.advance(60)
    assert quota.draw(clock.monotonic(), 1) == 60


def test_an_answer_corrects_what_was_assumed_of_a_new_window() -> None:
    clock, quota = quota_with(1, 60, limit=1)
    clock.advance(60)
    assert quota.draw(clock.monotonic(), 1) == 0
    assert quota.wait(clock.monotonic(), 1) == 60
    quota.settle(1)
    quota.learn(reading(clock, 0, 20))
    assert quota.wait(clock.monotonic(), 1) == 20


def test_a_named_pause_wins_over_what_was_assumed_of_a_new_window() -> None:
    clock, quota = quota_with(1, 60, limit=1)
    clock.advance(60)
    assert quota.draw(clock.monotonic(), 1) == 0
    quota.settle(1)
    quota.throttle(5, base=1, cap=20)
    clock.advance(5)
    assert quota.draw(clock.monotonic(), 1) == 0


def test_a_new_window_after_a_restart_gives_the_limit_once() -> None:
    clock, quota = quota_with(1, 60, limit=1)
    restored = VendorQuota("core", clock)
    restored.restore(quota.saved())
    clock.advance(60)
    assert [restored.draw(clock.monotonic(), 1) for _ in range(2)] == [0, 60]


def test_an_answer_that_was_overtaken_gives_nothing_back() -> None:
    clock, quota = quota_with(5, 60)
    quota.learn(reading(clock, 9, 60.9))
    assert quota.status(0).remaining == 5


def test_a_new_window_is_believed_less_the_calls_in_flight() -> None:
    clock, quota = quota_with(5, 60)
    assert quota.draw(clock.monotonic(), 3) == 0
    quota.learn(reading(clock, 90, 3_600))
    assert quota.status(0).remaining == 87


def test_retry_after_wins_over_the_windows_reset() -> None:
    clock, quota = quota_with(0, 3_600)
    quota.throttle(5, base=1, cap=20)
    assert quota.wait(clock.monotonic(), 1) == pytest.approx(5)
    clock.advance(5)
    assert quota.wait(clock.monotonic(), 1) == 0


def test_a_pause_that_is_not_named_doubles_up_to_the_cap() -> None:
    clock = FakeClock()
    quota, waits = VendorQuota("core", clock), []
    for _ in range(4):
        quota.throttle(None, base=1, cap=5)
        waits.append(quota.wait(clock.monotonic(), 1))
        clock.advance(100)
    assert waits == [1, 2, 4, 5]


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    clock = FakeClock()
    quota = VendorQuota("core", clock)
    quota.throttle(60, base=1, cap=20)
    quota.throttle(1, base=1, cap=20)
    assert quota.wait(clock.monotonic(), 1) == 60


def test_levels_and_pauses_survive_a_restart_on_the_wall_clock() -> None:
    clock, quota = quota_with(0, 60)
    quota.throttle(30, base=1, cap=20)
    later = FakeClock(now=5, utc=clock.time() + 10)
    restored = VendorQuota("core", later)
    restored.restore(quota.saved())
    assert restored.wait(later.monotonic(), 1) == pytest.approx(20)
    assert restored.status(0).limit == 100


@given(
    rate=st.integers(1, 50),
    per=st.sampled_from([0.5, 1.0, 60.0]),
    steps=st.lists(st.floats(0, 20, allow_nan=False), max_size=150),
)
def test_a_declared_rate_without_burst_is_never_exceeded_in_any_window(
    rate: int, per: float, steps: list[float]
) -> None:
    clock = FakeClock()
    allowance = Allowance(Limit(id="l", rate=rate, per=per), clock)
    granted: deque[float] = deque()
    for step in steps:
        clock.advance(step * per / 20)
        while allowance.draw(clock.monotonic(), 1) == 0:
            granted.append(clock.monotonic())
            assert len([at for at in granted if at > clock.monotonic() - per + 1e-6]) <= rate


def test_a_declared_rate_is_used_nearly_whole() -> None:
    clock = FakeClock()
    allowance, granted = Allowance(Limit(id="l", rate=100, per=60), clock), 0
    for _ in range(6_000):
        clock.advance(0.1)
        granted += allowance.draw(clock.monotonic(), 1) == 0
    assert 900 <= granted <= 1_000


def test_a_stated_burst_is_held_and_refilled_at_the_rate() -> None:
    clock = FakeClock()
    allowance = Allowance(Limit(id="l", rate=2, per=1, burst=5), clock)
    assert [allowance.draw(clock.monotonic(), 1) == 0 for _ in range(6)] == [True] * 5 + [False]
    assert allowance.wait(clock.monotonic(), 1) == pytest.approx(0.5)
    allowance.give_back(1)
    assert allowance.draw(clock.monotonic(), 1) == 0


def test_a_cost_over_the_capacity_waits_for_a_full_bucket_and_goes_into_debt() -> None:
    clock = FakeClock()
    allowance = Allowance(Limit(id="l", rate=2, per=1, burst=5), clock)
    assert allowance.draw(clock.monotonic(), 8) == 0
    assert allowance.wait(clock.monotonic(), 1) == pytest.approx(2)


def test_all_parts_give_or_none_does() -> None:
    clock = FakeClock()
    free, empty = VendorQuota("core", clock), Allowance(Limit(id="l", rate=1, per=10), clock)
    empty.draw(clock.monotonic(), 1)
    line = QuotaLine(clock, bound=10)
    assert not line.try_take([free, empty], 1, clock.monotonic())
    assert free._in_flight == 0


async def test_the_line_is_first_come_first_served_and_keeps_the_rate() -> None:
    clock = LoopClock()
    start = clock.monotonic()
    parts = [Allowance(Limit(id="l", rate=1, per=1, burst=1), clock)]
    line, served = QuotaLine(clock, bound=100), []

    async def come(number: int) -> None:
        assert await line.take(parts, 1, 60) == 0
        served.append((number, clock.monotonic() - start))

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(come, number)
            await anyio.lowlevel.checkpoint()
        assert line.waiting == 5
    assert [number for number, _ in served] == list(range(6))
    assert [at for _, at in served] == pytest.approx(list(range(6)), abs=0.01)
    assert line.waiting == 0


async def test_who_would_wait_too_long_is_refused_at_once_also_for_those_ahead() -> None:
    clock = LoopClock()
    parts = [Allowance(Limit(id="l", rate=1, per=1, burst=1), clock)]
    line = QuotaLine(clock, bound=100)
    assert line.try_take(parts, 1, clock.monotonic())
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(line.take, parts, 1, 60)
            await anyio.lowlevel.checkpoint()
        before = clock.monotonic()
        assert await line.take(parts, 1, 3.5) == pytest.approx(4, abs=0.01)
        assert clock.monotonic() == pytest.approx(before, abs=0.01)


async def test_who_comes_after_the_deadline_takes_nothing() -> None:
    clock = LoopClock()
    quota = VendorQuota("core", clock)
    assert await QuotaLine(clock, bound=10).take([quota], 1, -0.001) > 0
    assert quota._in_flight == 0


async def test_a_full_line_refuses() -> None:
    clock = LoopClock()
    assert await QuotaLine(clock, bound=0).take([], 1, 60) == float("inf")


async def test_who_gives_up_leaves_the_line_to_the_next() -> None:
    clock = LoopClock()
    parts = [Allowance(Limit(id="l", rate=1, per=10, burst=1), clock)]
    line, served = QuotaLine(clock, bound=100), []
    assert line.try_take(parts, 1, clock.monotonic())

    async def stay() -> None:
        served.append(await line.take(parts, 1, 60))

    async with anyio.create_task_group() as group:
        with anyio.move_on_after(1):
            async with anyio.create_task_group() as impatient:
                impatient.start_soon(line.take, parts, 1, 60)
                await anyio.lowlevel.checkpoint()
                group.start_soon(stay)
    assert served == [0]
    assert line.waiting == 0


async def test_a_token_given_back_wakes_the_head_of_the_line() -> None:
    clock = LoopClock()
    start = clock.monotonic()
    parts = [Allowance(Limit(id="l", rate=1, per=1_000, burst=1), clock)]
    line = QuotaLine(clock, bound=100)
    assert line.try_take(parts, 1, start)
    async with anyio.create_task_group() as group:
        group.start_soon(line.take, parts, 1, 2_000)
        await anyio.sleep(1)
        parts[0].give_back(1)
        line.wake()
    assert clock.monotonic() - start < 2


async def test_a_longer_pause_refuses_those_who_wait_already() -> None:
    clock = LoopClock()
    quota = VendorQuota("core", clock)
    quota.throttle(5, base=1, cap=20)
    line, waits = QuotaLine(clock, bound=100), []

    async def come() -> None:
        waits.append(await line.take([quota], 1, 30))

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(come)
        await anyio.sleep(1)
        quota.throttle(600, base=1, cap=20)
        line.wake()
        await anyio.sleep(1)
        assert waits == pytest.approx([600] * 3, abs=2)


class QuotaMachine(RuleBasedStateMachine):
    """Against a vendor that counts for itself: what we grant, it never has to refuse."""

    limit = 10

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.quota = VendorQuota("core", self.clock)
        self.window_ends = self.clock.time() + 60
        self.used = 0
        self.flying = 0
        self.quota.learn(self._reading())

    def _reading(self) -> QuotaReading:
        return QuotaReading(
            bucket="core", limit=self.limit, remaining=self.limit - self.used, reset_at=self.window_ends
        )

    def _turn(self) -> None:
        while self.clock.time() >= self.window_ends:
            self.window_ends += 60
            self.used = 0

    @rule()
    def draw(self) -> None:
        if self.quota.draw(self.clock.monotonic(), 1) == 0:
            self.flying += 1

    @rule(calls=st.integers(2, 12))
    def draw_many(self, calls: int) -> None:
        for _ in range(calls):
            self.draw()

    @precondition(lambda self: self.flying)
    @rule(heard=st.booleans())
    def all_arrive(self, heard: bool) -> None:
        while self.flying:
            self.arrive(heard=heard)

    @precondition(lambda self: self.flying)
    @rule(heard=st.booleans())
    def arrive(self, heard: bool) -> None:
        self._turn()
        self.used += 1
        self.flying -= 1
        assert self.used <= self.limit
        self.quota.settle(1)
        if heard:
            self.quota.learn(self._reading())

    @precondition(lambda self: self.flying)
    @rule()
    def never_leave(self) -> None:
        self.flying -= 1
        self.quota.give_back(1)

    @rule(seconds=st.sampled_from([1.0, 20.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self._turn()

    @invariant()
    def what_flies_is_counted(self) -> None:
        assert self.quota._in_flight == self.flying


TestQuotaMachine = QuotaMachine.TestCase
TestQuotaMachine.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)


async def test_a_greedy_caller_does_not_keep_a_modest_one_from_the_quota() -> None:
    clock = LoopClock()
    parts = [Allowance(Limit(id="l", rate=10, per=1, burst=1), clock)]
    line, served = QuotaLine(clock, bound=2_000), []

    async def come(caller: str, within: float) -> None:
        if await line.take(parts, 1, within, caller=caller) == 0:
            served.append(caller)

    async with anyio.create_task_group() as group:
        for _ in range(1_000):
            group.start_soon(come, "greedy", 200)
        await anyio.sleep(1)
        so_far = len(served)
        group.start_soon(come, "modest", 1)
    assert served.index("modest") - so_far <= 1
    assert len(served) == 1_001


async def test_a_page_goes_before_all_who_wait_also_before_who_was_next() -> None:
    clock = LoopClock()
    parts = [Allowance(Limit(id="l", rate=1, per=1, burst=1), clock)]
    line, served = QuotaLine(clock, bound=100), []

    async def come(priority: Priority) -> None:
        assert await line.take(parts, 1, 60, priority=priority) == 0
        served.append(priority)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(come, Priority.LOW)
        await anyio.sleep(0.5)
        group.start_soon(come, Priority.PAGE)
    assert served == [Priority.LOW, Priority.PAGE, *[Priority.LOW] * 3]
    assert line.waiting == 0


async def test_who_is_sent_away_from_a_full_quota_line_is_told_at_once() -> None:
    clock = LoopClock()
    quota = VendorQuota("core", clock)
    quota.throttle(5, base=1, cap=20)
    line, ends = QuotaLine(clock, bound=2), []

    async def come(caller: str) -> None:
        ends.append((caller, await line.take([quota], 1, 30, caller=caller)))

    async with anyio.create_task_group() as group:
        for caller in ("greedy", "greedy", "modest"):
            group.start_soon(come, caller)
            await anyio.lowlevel.checkpoint()
        await anyio.sleep(1)
        assert ends == [("greedy", float("inf"))]
    assert ends[1:] == [("greedy", 0), ("modest", 0)]


class QuotaLineMachine(RuleBasedStateMachine):
    """Two limits and a line: never over-granted, never idle while one may go, nobody overtaken by his own."""

    rate, burst = 2.0, 3

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.line = self.parts = None
        self.tasks: dict[int, tuple[str, float, Priority, asyncio.Task[float]]] = {}
        self.numbers = count()
        self.used = self.flying = 0.0
        self._run(self._open())

    async def _open(self) -> None:
        self.clock = LoopClock()
        self.began = self.clock.monotonic()
        self.allowance = Allowance(Limit(id="l", rate=self.rate, per=1, burst=self.burst), self.clock)
        self.quota = VendorQuota("core", self.clock)
        self.parts = [self.quota, self.allowance]
        self.line = QuotaLine(self.clock, bound=6)

    def _run(self, coroutine: Coroutine[None, None, None]) -> None:
        self.loop.run_until_complete(coroutine)

    def _settle(self, seconds: float = 0.001) -> None:
        self._run(asyncio.sleep(seconds))
        for number, (caller, cost, priority, task) in tuple(self.tasks.items()):
            if not task.done():
                continue
            del self.tasks[number]
            if task.cancelled() or task.result() > 0:
                continue
            earlier = [n for n, (c, _, p, _) in self.tasks.items() if (c, p) == (caller, priority)]
            assert all(other > number for other in earlier)
            self.used += cost
            self.flying += cost

    @rule(caller=st.sampled_from("aab"), priority=st.sampled_from(Priority), cost=st.sampled_from([1.0, 2.0]))
    def come(self, caller: str, priority: Priority, cost: float) -> None:
        async def start() -> None:
            taking = self.line.take(self.parts, cost, 1_000, caller=caller, priority=priority)
            task = asyncio.get_running_loop().create_task(taking)
            self.tasks[next(self.numbers)] = (caller, cost, priority, task)

        self._run(start())
        self._settle()

    @precondition(lambda self: self.tasks)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        self.tasks[data.draw(st.sampled_from(sorted(self.tasks)))][3].cancel()
        self._settle()

    @precondition(lambda self: self.flying)
    @rule()
    def give_back(self) -> None:
        async def give_back() -> None:
            for part in self.parts:
                part.give_back(1)
            self.line.wake()

        self.used -= 1
        self.flying -= 1
        self._run(give_back())
        self._settle()

    @rule(seconds=st.sampled_from([0.1, 1.0, 5.0]))
    def time_passes(self, seconds: float) -> None:
        self._settle(seconds)

    @rule(seconds=st.sampled_from([0.5, 3.0]))
    def the_vendor_asks_for_quiet(self, seconds: float) -> None:
        async def throttle() -> None:
            self.quota.throttle(seconds, base=1, cap=20)
            self.line.wake()

        self._run(throttle())
        self._settle()

    @invariant()
    def no_more_than_the_rate_and_no_less_than_may_be(self) -> None:
        async def check() -> None:
            now = self.clock.monotonic()
            assert self.used <= self.burst + self.rate * (now - self.began) + 1e-6
            assert self.quota._in_flight == self.flying
            assert self.line.waiting == len(self.tasks) <= 6
            if self.tasks:
                dearest = max(cost for _, cost, _, _ in self.tasks.values())
                assert max(part.wait(now, dearest) for part in self.parts) > 0

        self._run(check())

    def teardown(self) -> None:
        for _, _, _, task in self.tasks.values():
            task.cancel()
        self._settle()
        assert self.line.waiting == 0
        self.loop.close()


TestQuotaLineMachine = QuotaLineMachine.TestCase
TestQuotaLineMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def quota_after(
    *steps: tuple[float, float], remaining: float = 1000, reset: float = 3600
) -> tuple[FakeClock, VendorQuota]:
    """A quota of a window that ends in `reset` seconds; each step is a pause and what remains after it."""
    clock, quota = quota_with(remaining, reset, limit=1000)
    end = clock.time() + reset
    for pause, left in steps:
        clock.advance(pause)
        quota.learn(QuotaReading(bucket="core", limit=1000, remaining=left, reset_at=end))
    return clock, quota


def test_a_forecast_goes_on_at_the_rate_of_the_period_so_far() -> None:
    clock, quota = quota_after((600, 400))
    assert quota.status(0).exhausted_at == pytest.approx(clock.time() + 400)
    clock.advance(200)
    assert quota.status(0).exhausted_at == pytest.approx(clock.time() + 400 / 600 * 800)


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param([], id="nothing used yet"),
        pytest.param([(600, 900)], id="it will last until the reset"),
        pytest.param([(60, 500)], id="too early to tell"),
        pytest.param([(600, 400), (3000, 400)], id="filled again"),
    ],
)
def test_there_is_no_forecast_of_what_lasts_or_cannot_be_told(steps: list[tuple[float, float]]) -> None:
    assert quota_after(*steps)[1].status(0).exhausted_at is None


def test_what_is_used_up_is_so_now_and_until_the_reset() -> None:
    clock, quota = quota_after((60, 0))
    assert quota.status(0).exhausted_at == clock.time()
    clock.advance(3541)
    assert quota.status(0).exhausted_at is None


def test_a_bucket_that_never_resets_has_no_forecast() -> None:
    clock, quota = quota_with(100, None)
    clock.advance(600)
    quota.learn(reading(clock, 1, None))
    assert quota.status(0).exhausted_at is None


def test_a_forecast_after_a_restart_rests_on_what_was_seen_since() -> None:
    clock, quota = quota_after((600, 400))
    restored = VendorQuota("core", clock)
    restored.restore(quota.saved())
    assert restored.status(0).exhausted_at is None
    clock.advance(600)
    restored.draw(clock.monotonic(), 200)
    assert restored.status(0).exhausted_at == pytest.approx(clock.time() + 600)
