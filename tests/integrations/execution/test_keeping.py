"""What survives a restart, and how an executor ends."""

import anyio
import httpx
import pytest

from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind as K
from integrations.execution.outcome import RejectReason
from integrations.execution.policy import Policy, RetryPolicy
from integrations.signals import BreakerState
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.execution import Bench, MemoryStore, ScriptedVendor, call, line_spec

ONCE = Policy(retry=RetryPolicy(attempts=1))


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
def clock(anyio_backend: object) -> LoopClock:
    return LoopClock()


async def fail(bench: Bench) -> None:
    for _ in range(10):
        await bench.executor.execute(call())


async def test_state_survives_a_restart_saved_within_a_second(clock: LoopClock) -> None:
    store = MemoryStore()
    before = Bench(clock, ScriptedVendor(httpx.Response(503)), policy=ONCE, store=store)
    async with anyio.create_task_group() as group:
        group.start_soon(before.executor.run)
        await fail(before)
        before.executor.disable("shop", "write", actor="ann", reason="drill")
        before.vendor.script = [httpx.Response(429, headers={"retry-after": "900"})]
        before.executor.reset("shop", "read", actor="ann", reason="for the throttling")
        await before.executor.execute(call())
        before.executor.force_open("shop", "read", actor="bob", reason="broken")
        await anyio.sleep(1)
        assert store.saves
        group.cancel_scope.cancel()

    after = Bench(clock, store=store)
    await after.executor.load()
    read, write = after.executor.status("shop").breakers
    (quota,) = after.executor.status("shop").quotas
    assert (read.state, read.actor, read.reason) == (BreakerState.FORCED_OPEN, "bob", "broken")
    assert (write.state, write.actor) == (BreakerState.DISABLED, "ann")
    assert (read.calls, quota.throttled_until) == (0, pytest.approx(clock.time() + 899, abs=2))


async def test_lines_that_open_after_loading_are_restored_too(clock: LoopClock) -> None:
    store = MemoryStore()
    before = Bench(clock, ScriptedVendor(httpx.Response(503)), policy=ONCE, store=store)
    await fail(before)
    await before.executor.aclose()
    after = Bench(clock, store=store, integration="first")
    await after.executor.load()
    after.executor.open_line(line_spec())
    assert (await after.executor.execute(call())).outcome.reason is RejectReason.OPEN_CIRCUIT


async def test_a_restored_hold_ends_at_its_time_though_no_call_comes_by(clock: LoopClock) -> None:
    store = MemoryStore()
    before = Bench(clock, store=store)
    before.executor.force_open("shop", actor="ann", reason="drill", expires_at=clock.time() + 60)
    await before.executor.aclose()
    after = Bench(clock, store=store)
    await after.executor.load()
    async with anyio.create_task_group() as group:
        group.start_soon(after.executor.run)
        await anyio.sleep(50)
        held = after.executor.status("shop").breakers[0].state
        await anyio.sleep(20)
        freed = after.executor.status("shop").breakers[0].state
        group.cancel_scope.cancel()
    assert (held, freed) == (BreakerState.FORCED_OPEN, BreakerState.CLOSED)


async def test_only_lines_that_changed_or_hold_something_with_an_end_are_looked_after(
    clock: LoopClock,
) -> None:
    bench = Bench(clock, store=MemoryStore())
    for name in ("quiet", "held"):
        bench.executor.open_line(line_spec(integration=name))
    bench.executor.force_open("held", actor="ann", reason="drill", expires_at=clock.time() + 60)
    bench.executor.force_open("shop", actor="ann", reason="drill")
    async with anyio.create_task_group() as group:
        group.start_soon(bench.executor.run)
        await anyio.sleep(2)
        looked_after = [line.spec.integration for line in bench.executor._astir]
        await anyio.sleep(70)
        group.cancel_scope.cancel()
    assert looked_after == ["held"]
    assert not bench.executor._astir


async def test_a_store_that_is_down_is_tried_again_and_counted(clock: LoopClock) -> None:
    store = MemoryStore()
    store.is_down = True
    bench = Bench(clock, store=store)
    bench.executor.force_open("shop", actor="ann", reason="drill")
    async with anyio.create_task_group() as group:
        group.start_soon(bench.executor.run)
        await anyio.sleep(2)
        samples = {sample.metric: sample.value for sample in bench.executor.samples()}
        assert samples["dialtone_execution_save_errors_total"] >= 2
        store.is_down = False
        await anyio.sleep(1)
        assert store.lines["shop"].breakers[0].state is BreakerState.FORCED_OPEN
        group.cancel_scope.cancel()


async def test_nothing_is_saved_while_nothing_changes(clock: LoopClock) -> None:
    store = MemoryStore()
    bench = Bench(clock, store=store)
    async with anyio.create_task_group() as group:
        group.start_soon(bench.executor.run)
        await bench.executor.execute(call())
        await anyio.sleep(10)
        group.cancel_scope.cancel()
    assert store.saves == 0


async def test_closing_waits_for_calls_in_flight_and_refuses_new_ones(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(5.0))
    answers = []

    async def late() -> None:
        await anyio.sleep(1)
        answers.append(await bench.executor.execute(call()))

    async with anyio.create_task_group() as group:
        group.start_soon(late)
        early = Early(bench)
        group.start_soon(early.run)
        await anyio.sleep(0.5)
        await bench.executor.aclose()
        assert early.outcome.ok
    assert answers[0].outcome.reason is RejectReason.SHUTDOWN
    assert bench.holds_nothing()


class Early:
    """A call that is under way when the executor closes."""

    def __init__(self, bench: Bench, **fields: object) -> None:
        self.bench, self.fields = bench, fields

    async def run(self) -> None:
        self.outcome = (await self.bench.executor.execute(call(**self.fields))).outcome


async def test_closing_cuts_off_what_takes_too_long_wherever_it_is(clock: LoopClock) -> None:
    throttled = httpx.Response(429, headers={"retry-after": "25"})
    bench = Bench(clock, ScriptedVendor(throttled, 3_600.0), policy=Policy(concurrency=1, timeout=29))
    retrying, flying, waiting = Early(bench, bucket="a"), Early(bench, bucket="b"), Early(bench, bucket="c")
    queued = Early(bench, bucket="a")
    async with anyio.create_task_group() as group:
        for early in (retrying, flying, waiting, queued):
            group.start_soon(early.run)
            await anyio.sleep(0.1)
        before = clock.monotonic()
        await bench.executor.aclose()
        assert clock.monotonic() - before == pytest.approx(10, abs=0.5)
    assert flying.outcome.kind is K.CANCELLED
    assert waiting.outcome.reason is RejectReason.SHUTDOWN
    assert queued.outcome.reason is RejectReason.SHUTDOWN
    assert retrying.outcome.kind is K.THROTTLED, "its live failure stands"
    assert bench.holds_nothing()


async def test_what_is_cut_off_is_the_closing_lines_alone(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(25.0), policy=Policy(timeout=30.0))
    bench.executor.open_line(line_spec(Policy(timeout=30.0), integration="other"))
    kinds: dict[str, object] = {}

    async def ask(name: str) -> None:
        kinds[name] = (await bench.executor.execute(call(integration=name))).outcome.kind

    async with anyio.create_task_group() as group:
        for name in ("shop", "other"):
            group.start_soon(ask, name)
        await clock.sleep(1.0)
        await bench.executor.close_line("shop")

    assert kinds == {"shop": K.CANCELLED, "other": None}


async def test_a_line_closes_alone_keeps_its_state_and_may_open_again(clock: LoopClock) -> None:
    bench = Bench(clock, store=MemoryStore())
    bench.executor.force_open("shop", actor="ann", reason="drill")
    await bench.executor.close_line("shop")
    with pytest.raises(LookupError):
        bench.executor.status("shop")
    bench.executor.open_line(bench.spec)
    assert bench.breaker().state is BreakerState.FORCED_OPEN


class Stubborn(httpx.AsyncBaseTransport):
    """Connections that do not close, or do."""

    def __init__(self, *, closes: bool) -> None:
        self.closes, self.asked = closes, 0

    async def aclose(self) -> None:
        self.asked += 1
        if not self.closes:
            raise OSError("it does not close")


async def test_a_pool_that_fails_to_close_leaves_no_later_one_open(clock: LoopClock) -> None:
    pools = {name: Stubborn(closes=name != "a") for name in ("a", "b", "c")}
    executor = Executor(clock=clock, publish=lambda _: None, transport=lambda spec: pools[spec.integration])
    for name in pools:
        executor.open_line(line_spec(integration=name))
    with pytest.raises(ExceptionGroup, match="did not close"):
        await executor.aclose()
    assert [pool.asked for pool in pools.values()] == [1, 1, 1]
