"""The bulkhead: never more than its limit, first come first served, no slot lost."""

import random

import anyio
import pytest

from integrations.execution.concurrency import Bulkhead
from integrations.execution.outcome import RejectReason
from tests.fakes.clock import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def test_slots_are_handed_on_in_the_order_of_coming() -> None:
    bulkhead, served = Bulkhead(2, queue=10), []

    async def visit(number: int) -> None:
        assert await bulkhead.enter(60) is None
        served.append(number)
        assert bulkhead.running <= 2
        await anyio.sleep(1)
        bulkhead.leave()

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(visit, number)
            await anyio.lowlevel.checkpoint()
    assert served == list(range(8))
    assert (bulkhead.running, bulkhead.waiting) == (0, 0)


async def test_a_full_line_refuses_at_once() -> None:
    bulkhead = Bulkhead(1, queue=0)
    assert bulkhead.try_enter()
    assert await bulkhead.enter(60) is RejectReason.BULKHEAD


async def test_a_wait_ends_with_its_deadline_and_leaves_the_line() -> None:
    bulkhead = Bulkhead(1, queue=5)
    assert bulkhead.try_enter()
    assert await bulkhead.enter(0.5) is RejectReason.DEADLINE
    assert bulkhead.waiting == 0


async def test_nobody_overtakes_who_waits() -> None:
    bulkhead = Bulkhead(1, queue=5)
    assert bulkhead.try_enter()
    async with anyio.create_task_group() as group:
        group.start_soon(bulkhead.enter, 60)
        await anyio.lowlevel.checkpoint()
        bulkhead.leave()
        assert not bulkhead.try_enter()
    bulkhead.leave()
    assert bulkhead.running == 0


async def test_a_smaller_limit_lets_nobody_in_until_it_is_met_and_a_larger_one_at_once() -> None:
    bulkhead = Bulkhead(3, queue=5)
    assert all(bulkhead.try_enter() for _ in range(3))
    bulkhead.limit = 1
    for running in (2, 1):
        bulkhead.leave()
        assert bulkhead.running == running
        assert not bulkhead.try_enter()
    async with anyio.create_task_group() as group:
        group.start_soon(bulkhead.enter, 60)
        await anyio.lowlevel.checkpoint()
        bulkhead.limit = 2
        bulkhead.admit()
    assert bulkhead.running == 2


async def test_cancellations_at_any_moment_lose_no_slot() -> None:
    bulkhead, rng = Bulkhead(3, queue=1_000), random.Random(3)

    async def visit() -> None:
        with anyio.move_on_after(rng.random() * 0.2):
            if await bulkhead.enter(rng.random() * 0.2) is None:
                try:
                    await anyio.sleep(rng.random() * 0.05)
                finally:
                    bulkhead.leave()

    async with anyio.create_task_group() as group:
        for _ in range(1_000):
            group.start_soon(visit)
            if rng.random() < 0.2:
                await anyio.sleep(0.01)
    assert (bulkhead.running, bulkhead.waiting) == (0, 0)
