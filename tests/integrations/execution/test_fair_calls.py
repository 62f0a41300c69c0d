"""Whole calls that must wait: one caller starves no other, pages go first, a limit holds its actions only."""

import anyio
import httpx
import pytest

from integrations.execution.fairness import Priority
from integrations.execution.outcome import FailureKind, Origin, RejectReason
from integrations.execution.policy import Policy
from integrations.manifest.schema import Limit
from integrations.signals import CallRecord
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.execution import Bench, ScriptedVendor, call

POLICY = Policy(concurrency=4, queue=256)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def steady(_: httpx.Request) -> httpx.Response:
    await anyio.sleep(0.1)
    return httpx.Response(200)


def ended(bench: Bench, *, ok: bool = True) -> list[CallRecord]:
    return [record for record in bench.signals.of(CallRecord) if (record.kind is None) is ok]


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param((), id="slots"),
        pytest.param((Limit(id="l", rate=40, per=1, burst=4),), id="quota"),
    ],
)
async def test_a_modest_caller_waits_a_round_behind_a_thousand_calls_of_a_greedy_one(
    limits: tuple[Limit, ...],
) -> None:
    bench = Bench(LoopClock(), ScriptedVendor(steady), policy=POLICY, limits=limits)
    async with anyio.create_task_group() as group:
        for number in range(1_000):
            group.start_soon(bench.executor.execute, call(caller=f"greedy/{number}"))
        await anyio.sleep(0.55)
        answer = await bench.executor.execute(call(caller="modest"))
        group.cancel_scope.cancel()

    assert answer.outcome.ok
    assert answer.outcome.duration < 0.35
    refused = [record for record in ended(bench, ok=False) if record.kind is FailureKind.REJECTED]
    reason = RejectReason.QUOTA if limits else RejectReason.BULKHEAD
    assert {(record.caller.partition("/")[0], record.reason) for record in refused} == {("greedy", reason)}
    assert bench.holds_nothing()


async def test_a_delivery_goes_before_traffic_and_traffic_before_an_export() -> None:
    bench = Bench(LoopClock(), ScriptedVendor(steady), policy=Policy(concurrency=1))
    async with anyio.create_task_group() as group:
        for origin in (Origin.TRAFFIC, Origin.EXPORT, Origin.TRAFFIC, Origin.CREDENTIAL, Origin.DELIVERY):
            group.start_soon(bench.executor.execute, call(origin=origin))
            await anyio.sleep(0.001)

    order = [record.origin for record in ended(bench)]
    assert order == [Origin.TRAFFIC, Origin.DELIVERY, Origin.CREDENTIAL, Origin.TRAFFIC, Origin.EXPORT]


async def test_a_call_may_name_its_priority() -> None:
    bench = Bench(LoopClock(), ScriptedVendor(steady), policy=Policy(concurrency=1))
    async with anyio.create_task_group() as group:
        for run_id, priority in [("1", None), ("low", Priority.LOW), ("none", None), ("high", Priority.HIGH)]:
            group.start_soon(bench.executor.execute, call(run_id=run_id, priority=priority))
            await anyio.sleep(0.001)

    assert [record.run_id for record in ended(bench)] == ["1", "high", "none", "low"]


async def test_a_batch_job_gets_through_a_flood_of_pages() -> None:
    bench = Bench(LoopClock(), ScriptedVendor(steady), policy=Policy(concurrency=1))
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(bench.executor.execute, call(origin=Origin.DELIVERY))
        await anyio.sleep(0.05)
        answer = await bench.executor.execute(call(origin=Origin.EXPORT))
        group.cancel_scope.cancel()

    assert answer.outcome.ok
    assert answer.outcome.duration < 1.2


async def test_calls_do_not_wait_behind_those_that_a_limit_of_their_own_action_holds() -> None:
    limit = Limit(id="writes", rate=1, per=60, burst=1, actions=("create",))
    bench = Bench(LoopClock(), ScriptedVendor(), limits=(limit,))
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(
                bench.executor.execute, call(action="create", deadline=bench.clock.monotonic() + 300)
            )
        await anyio.sleep(0.1)
        assert bench.executor.status("shop").quotas[0].waiting == 2
        answer = await bench.executor.execute(call())
        assert answer.outcome.duration < 0.01

    assert len(ended(bench)) == 4
    assert bench.holds_nothing()
