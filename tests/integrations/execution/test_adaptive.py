"""Limits that learn: down to what a vendor bears, up again with it, and untouched while it is healthy."""

import heapq
import random
from collections.abc import Callable

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.execution.adaptive import Adaptive, AIMDLimit, ConcurrencyLimit, Gradient2Limit, new_limit
from integrations.execution.gauges import line_samples
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from tests.fakes.clock import VIRTUAL_TIME, FakeClock, LoopClock
from tests.fakes.execution import Bench, ScriptedVendor, call, check, line_spec

Vendor = Callable[[int], tuple[float, bool]]
"""What a call meets among so many: the seconds it takes, and whether it is well."""


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def drive(limit: ConcurrencyLimit, vendor: Vendor, *, seconds: float, since: float = 0.0) -> list[int]:
    """Keep as many calls under way as the limit allows; return the limit at each end of one."""
    ends: list[tuple[float, float, bool]] = []
    now, seen = since, []
    while now < since + seconds:
        while len(ends) < limit.limit:
            took, is_well = vendor(len(ends) + 1)
            heapq.heappush(ends, (now + took, now, is_well))
        now, sent, is_well = heapq.heappop(ends)
        if not is_well:
            limit.overloaded(sent, now)
        elif limit.is_learning:
            limit.succeeded(sent, now, running=len(ends) + 1)
        seen.append(limit.limit)
    return seen


def middle(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]


def vendor_that_refuses_over(capacity: int, rng: random.Random) -> Vendor:
    return lambda running: (0.1 * (0.9 + rng.random() / 5), running <= capacity)


def vendor_that_queues_over(capacity: int, rng: random.Random) -> Vendor:
    return lambda running: (0.1 * max(1.0, running / capacity) * (0.95 + rng.random() / 10), True)


def test_a_healthy_vendor_is_called_as_often_as_the_policy_says() -> None:
    limit = AIMDLimit(16)
    assert set(drive(limit, lambda _: (0.1, True), seconds=60)) == {16}
    assert not limit.is_learning


@pytest.mark.parametrize("capacity", [1, 4, 10, 40])
def test_aimd_finds_what_a_vendor_bears(capacity: int) -> None:
    seen = drive(AIMDLimit(100), vendor_that_refuses_over(capacity, random.Random(1)), seconds=120)
    assert capacity * 0.8 - 1 <= middle(seen[len(seen) // 2 :]) <= capacity * 1.1 + 1


def test_aimd_grows_again_when_the_vendor_has_recovered() -> None:
    limit = AIMDLimit(16)
    drive(limit, lambda _: (1.0, False), seconds=60)
    assert limit.limit == 1
    drive(limit, lambda _: (0.1, True), seconds=5, since=60)
    assert limit.limit == 16


def test_calls_of_one_round_trip_cut_the_limit_once() -> None:
    limit = AIMDLimit(20)
    for _ in range(20):
        limit.overloaded(0.0, 1.0)
    assert limit.limit == 18
    limit.overloaded(1.0, 2.0)
    assert limit.limit == 16


def test_successes_raise_a_limit_only_while_half_of_it_is_used() -> None:
    limit = AIMDLimit(20)
    limit.overloaded(0.0, 1.0)
    for _ in range(1_000):
        limit.succeeded(1.0, 2.0, running=8)
    assert limit.limit == 18
    for _ in range(1_000):
        limit.succeeded(1.0, 2.0, running=10)
    assert limit.limit == 20


def test_gradient2_comes_down_to_where_latency_rises() -> None:
    limit = Gradient2Limit(256)
    seen = drive(limit, vendor_that_queues_over(10, random.Random(2)), seconds=3_600)
    assert max(seen[-1_000:]) < 40


def test_gradient2_uses_a_vendor_that_bears_all() -> None:
    limit = Gradient2Limit(100)
    assert limit.limit == 20
    assert drive(limit, lambda _: (0.1, True), seconds=300)[-1] == 100


def test_gradient2_does_not_grow_on_timeouts_however_steady() -> None:
    limit = Gradient2Limit(256)
    drive(limit, lambda _: (10.0, False), seconds=600)
    assert limit.limit == 1


def test_gradient2_accepts_in_the_end_that_a_vendor_has_become_slower() -> None:
    limit = Gradient2Limit(64)
    drive(limit, lambda _: (0.05, True), seconds=300)
    assert min(drive(limit, lambda _: (0.4, True), seconds=300, since=300)) < 16
    assert drive(limit, lambda _: (0.4, True), seconds=7_200, since=600)[-1] == 64


def test_gradient2_learns_nothing_from_a_few_calls() -> None:
    limit = Gradient2Limit(64)
    for number in range(200):
        limit.succeeded(number * 10.0, number * 10.0 + number, running=20)
    assert limit.limit == 20


@given(
    rule=st.sampled_from(Adaptive),
    maximum=st.integers(1, 256),
    steps=st.lists(st.tuples(st.booleans(), st.floats(0, 100), st.integers(1, 256)), max_size=300),
    later=st.integers(1, 256),
)
def test_a_limit_stays_between_one_and_its_maximum(
    rule: Adaptive, maximum: int, steps: list[tuple[bool, float, int]], later: int
) -> None:
    limit, now = new_limit(rule, maximum), 0.0
    for number, (is_well, took, running) in enumerate(steps):
        if number == len(steps) // 2:
            limit.adopt(later)
            maximum = later
        now += took
        if is_well:
            limit.succeeded(now - took, now, running=running)
        else:
            limit.overloaded(now - took, now)
        assert 1 <= limit.limit <= maximum


class Narrow:
    """Bears so many calls at once; the others get a 503, or whatever `refusal` is."""

    def __init__(self, capacity: int, refusal: int = 503) -> None:
        self.capacity = capacity
        self.refusal = refusal
        self.running = self.refused = 0

    async def __call__(self, _: httpx.Request) -> httpx.Response:
        self.running += 1
        is_full = self.running > self.capacity
        self.refused += is_full
        try:
            await anyio.sleep(0.1)
        finally:
            self.running -= 1
        return httpx.Response(self.refusal if is_full else 200)


async def busy(adaptive: Adaptive, vendor: Narrow) -> Bench:
    """Thirty callers without a pause, for fifteen seconds, no breaker and no retries."""
    policy = Policy(adaptive=adaptive, retry=RetryPolicy(attempts=1), breaker=BreakerPolicy(failure_ratio=1))
    bench = Bench(LoopClock(), ScriptedVendor(vendor), policy=policy)
    bench.executor.disable("shop", actor="test", reason="only the limit is to act")

    async def work() -> None:
        while True:
            await bench.executor.execute(call())

    with anyio.move_on_after(15):
        async with anyio.create_task_group() as group:
            for _ in range(30):
                group.start_soon(work)
    return bench


async def test_a_vendor_that_bears_four_calls_gets_about_four() -> None:
    fixed, adaptive = Narrow(4), Narrow(4)
    await busy(Adaptive.FIXED, fixed)
    bench = await busy(Adaptive.AIMD, adaptive)

    status = bench.executor.status("shop")
    assert 2 <= status.concurrency <= 6
    assert status.concurrency_maximum == 16
    assert adaptive.refused < fixed.refused / 4
    gauges = {sample.metric: sample.value for sample in line_samples(bench.line)}
    assert gauges["dialtone_concurrency_limit"] == status.concurrency
    assert bench.holds_nothing()


@pytest.mark.parametrize("status", [500, 404])
async def test_other_failures_say_nothing_of_the_limit(status: int) -> None:
    bench = await busy(Adaptive.AIMD, Narrow(4, refusal=status))
    assert bench.executor.status("shop").concurrency == 16


async def test_timeouts_lower_the_limit_but_not_a_callers_own_impatience() -> None:
    policy = Policy(retry=RetryPolicy(attempts=1))
    bench = Bench(LoopClock(), ScriptedVendor(60.0), policy=policy)
    await bench.executor.execute(call(deadline=bench.clock.monotonic() + 0.1))
    assert bench.executor.status("shop").concurrency == 16
    await bench.executor.execute(call(timeout=0.1))
    assert bench.executor.status("shop").concurrency == 14


async def test_checks_do_not_move_the_limit() -> None:
    bench = Bench(LoopClock(), ScriptedVendor(httpx.Response(503)), policy=Policy())
    for _ in range(5):
        await bench.executor.execute(check())
    assert bench.executor.status("shop").concurrency == 16


async def test_a_changed_policy_keeps_what_was_learnt_unless_the_rule_changes() -> None:
    bench = Bench(FakeClock(), ScriptedVendor(httpx.Response(503)), policy=Policy())
    await bench.executor.execute(call(max_attempts=1))
    for policy, limit in [
        (Policy(queue=9), 14),
        (Policy(concurrency=8), 8),
        (Policy(concurrency=20), 20),
        (Policy(concurrency=20, adaptive=Adaptive.FIXED), 20),
        (Policy(concurrency=32, adaptive=Adaptive.GRADIENT2), 20),
        (Policy(concurrency=32, adaptive=Adaptive.AIMD), 32),
    ]:
        bench.executor.open_line(line_spec(policy))
        assert bench.executor.status("shop").concurrency == limit
