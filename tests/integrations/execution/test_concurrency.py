"""The bulkhead: never more than its limit, fair to callers, no slot lost."""

import asyncio
import random
from itertools import count

import anyio
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from integrations.execution.adaptive import AIMDLimit
from integrations.execution.concurrency import Bulkhead
from integrations.execution.fairness import Priority
from integrations.execution.outcome import RejectReason
from tests.fakes.clock import VIRTUAL_TIME, VirtualTimeLoop


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


async def test_a_greedy_caller_does_not_keep_a_modest_one_out() -> None:
    bulkhead, served = Bulkhead(2, queue=2_000), []

    async def visit(caller: str) -> None:
        assert await bulkhead.enter(60, caller=caller) is None
        served.append(caller)
        await anyio.sleep(0.01)
        bulkhead.leave()

    async with anyio.create_task_group() as group:
        for _ in range(1_000):
            group.start_soon(visit, "greedy")
        await anyio.sleep(0.1)
        so_far = len(served)
        group.start_soon(visit, "modest")
    assert served.index("modest") - so_far <= 2
    assert len(served) == 1_001


async def test_who_is_sent_away_from_a_full_line_is_refused_at_once() -> None:
    bulkhead, ends = Bulkhead(1, queue=2), []
    assert bulkhead.try_enter()

    async def visit(caller: str) -> None:
        ends.append((caller, await bulkhead.enter(1, caller=caller)))

    async with anyio.create_task_group() as group:
        for caller in ("greedy", "greedy", "modest"):
            group.start_soon(visit, caller)
            await anyio.lowlevel.checkpoint()
        await anyio.sleep(0.1)
        assert ends == [("greedy", RejectReason.BULKHEAD)]
        bulkhead.leave()
    assert ends[1:] == [("greedy", None), ("modest", RejectReason.DEADLINE)]
    assert (bulkhead.running, bulkhead.waiting) == (1, 0)


class Visit:
    """One who wants a slot, and how that ended."""

    def __init__(self, bulkhead: Bulkhead, caller: str, priority: Priority, *, number: int) -> None:
        self.caller, self.priority, self.number = caller, priority, number
        self.task = asyncio.get_running_loop().create_task(
            bulkhead.enter(1_000, caller=caller, priority=priority)
        )

    @property
    def waits(self) -> bool:
        return not self.task.done()

    @property
    def entered(self) -> bool:
        return self.task.done() and not self.task.cancelled() and self.task.result() is None


class BulkheadMachine(RuleBasedStateMachine):
    """No slot idle while one waits, none too many, none lost, and nobody overtaken within its caller."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.bulkhead = Bulkhead(AIMDLimit(4), queue=6)
        self.visits: list[Visit] = []
        self.holders: list[Visit] = []
        self.numbers = count()

    def _settle(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0.001))
        entered = [visit for visit in self.visits if visit.entered]
        self.visits = [visit for visit in self.visits if visit.waits]
        self.holders += entered
        for visit in entered:
            behind = [one for one in self.visits if one.caller == visit.caller]
            assert all(one.priority is not visit.priority or one.number > visit.number for one in behind)

    @rule(caller=st.sampled_from("aab"), priority=st.sampled_from(Priority), burst=st.integers(1, 4))
    def come(self, caller: str, priority: Priority, burst: int) -> None:
        async def start() -> None:
            for _ in range(burst):
                visit = Visit(self.bulkhead, caller, priority, number=next(self.numbers))
                self.visits.append(visit)

        self.loop.run_until_complete(start())
        self._settle()

    @precondition(lambda self: self.holders)
    @rule(ending=st.sampled_from(["success", "overload", "neither"]), data=st.data())
    def go(self, ending: str, data: st.DataObject) -> None:
        self.holders.remove(data.draw(st.sampled_from(self.holders)))
        now = self.loop.time()
        if ending == "success":
            self.bulkhead.succeeded(now - 0.01, now)
        elif ending == "overload":
            self.bulkhead.overloaded(now, now)
        self.bulkhead.leave()
        self._settle()

    @precondition(lambda self: self.visits)
    @rule(data=st.data(), leaves=st.booleans())
    def give_up(self, data: st.DataObject, leaves: bool) -> None:
        """A waiter is cancelled, perhaps in the very turn of the loop that hands it a slot."""
        visit = data.draw(st.sampled_from(self.visits))
        if leaves and self.holders:
            self.holders.pop()
            self.bulkhead.leave()
        visit.task.cancel()
        self._settle()

    @invariant()
    def slots_are_neither_lost_nor_idle(self) -> None:
        assert self.bulkhead.running == len(self.holders)
        assert self.bulkhead.waiting == len(self.visits) <= 6
        assert 1 <= self.bulkhead.limit <= 4
        assert self.bulkhead.running >= self.bulkhead.limit or not self.visits
        assert self.bulkhead.running <= 4

    def teardown(self) -> None:
        for visit in self.visits:
            visit.task.cancel()
        self._settle()
        self.loop.close()
        assert self.bulkhead.waiting == 0


TestBulkheadMachine = BulkheadMachine.TestCase
TestBulkheadMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
