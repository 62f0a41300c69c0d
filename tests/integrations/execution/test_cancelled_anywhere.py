"""Ten thousand calls, cancelled at random moments in every way there is, leave nothing behind."""

import asyncio
import gc
import random

import anyio
import httpx
import pytest

from integrations.execution.adaptive import Adaptive
from integrations.execution.fairness import Priority
from integrations.execution.outcome import FailureKind as K
from integrations.execution.policy import BreakerPolicy, Policy
from integrations.manifest.schema import Limit
from integrations.signals import CallRecord
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.execution import Bench, ScriptedVendor, call, check

CALLS, WORKERS = 10_000, 100


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Rough:
    """Now quick, now slow, now broken, now throttling."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    async def __call__(self, _: httpx.Request) -> httpx.Response:
        await anyio.sleep(self.rng.random() * 0.1)
        luck = self.rng.random()
        if luck < 0.1:
            raise httpx.ReadError("reset")
        if luck < 0.15:
            raise httpx.ConnectError("refused")
        if luck < 0.17:
            return httpx.Response(429, headers={"retry-after": "0.05"})
        return httpx.Response(503 if luck < 0.3 else 200)


async def end_somehow(bench: Bench, rng: random.Random) -> None:
    """Make one call and end it by its deadline, a scope, a native cancellation, or not at all."""
    make = check if rng.random() < 0.1 else call
    patience = rng.random() * 0.15
    deadline = bench.clock.monotonic() + (patience if rng.random() < 0.3 else 30)
    request = make(
        deadline=deadline,
        timeout=0.08,
        idempotent=rng.random() < 0.7,
        bucket=rng.choice("ab"),
        caller=rng.choice(["greedy", "greedy", "greedy", "modest", "third/one"]),
        priority=rng.choice([None, *Priority]),
        cost=rng.choice([0.5, 1.0, 3.0]),
    )
    way = rng.choice(["scope", "native", "both", "none"])
    if way == "none":
        await bench.executor.execute(request)
    elif way == "scope":
        with anyio.move_on_after(patience):
            await bench.executor.execute(request)
    else:
        await cancel_natively(bench, request, patience, scoped=way == "both")


async def cancel_natively(bench: Bench, request: object, patience: float, *, scoped: bool) -> None:
    async def run() -> None:
        with anyio.move_on_after(patience if scoped else 60):
            await bench.executor.execute(request)

    task = asyncio.get_running_loop().create_task(run())
    await anyio.sleep(patience)
    task.cancel()
    await asyncio.wait([task])


@pytest.mark.parametrize("adaptive", Adaptive)
async def test_no_slot_permit_token_or_task_is_lost(adaptive: Adaptive) -> None:
    rng = random.Random(11)
    policy = Policy(
        concurrency=8,
        adaptive=adaptive,
        queue=40,
        hedge_after=0.03,
        breaker=BreakerPolicy(open_seconds=0.2, open_max=0.5, half_open_seconds=1),
    )
    limit = Limit(id="l", rate=400, per=1, burst=400)
    bench = Bench(LoopClock(), ScriptedVendor(Rough(rng)), policy=policy, limits=(limit,))
    tasks = len(asyncio.all_tasks())

    async def work() -> None:
        for _ in range(CALLS // WORKERS):
            await end_somehow(bench, rng)

    async with anyio.create_task_group() as group:
        for _ in range(WORKERS):
            group.start_soon(work)
    records = bench.signals.of(CallRecord)
    assert len(records) == CALLS
    assert sum(record.kind is K.CANCELLED for record in records) > CALLS // 10
    assert {record.kind for record in records} >= {None, K.TIMEOUT, K.REJECTED, K.CONNECTION, K.SERVER_ERROR}
    assert bench.holds_nothing()
    assert len(asyncio.all_tasks()) == tasks
    gc.collect()


async def test_a_shutdown_amid_them_loses_nothing_either() -> None:
    rng = random.Random(12)
    bench = Bench(LoopClock(), ScriptedVendor(3_600.0), policy=Policy(concurrency=4, queue=100))
    bench.executor._drain = 0.5
    async with anyio.create_task_group() as group:
        for _ in range(60):
            group.start_soon(bench.executor.execute, call(timeout=29))
        for _ in range(20):
            group.start_soon(end_somehow, bench, rng)
        await anyio.sleep(0.05)
        await bench.executor.aclose()
    assert bench.holds_nothing()
    assert len(bench.signals.of(CallRecord)) == 80
