"""Injections from order to end, each on record, in virtual time."""

from contextlib import asynccontextmanager

import anyio
import pytest

from app.faults import DIALTONE, FaultOrders, FaultsForbiddenError
from integrations.execution.injection import Cut, Error
from integrations.signals import OperatorAction
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.execution import Bench, call, line_spec
from tests.fakes.signals import RecordingSubscriber


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Record:
    """Where actions are stored; fails while `is_down`."""

    def __init__(self) -> None:
        self.actions: list[OperatorAction] = []
        self.is_down = False

    async def record(self, action: OperatorAction) -> None:
        if self.is_down:
            raise OSError("disk full")
        self.actions.append(action)

    async def recent(self, limit: int) -> list[OperatorAction]:
        return self.actions[:limit]


class GameDay:
    """Orders over a real executor with one line, `shop`."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.bench = Bench(self.clock)
        self.record = Record()
        self.published = RecordingSubscriber()
        self.allowed = True
        self.orders = FaultOrders(
            faults=self.bench.executor.faults,
            operators=self.record,
            clock=self.clock,
            publish=self.published,
            is_allowed=lambda: self.allowed,
        )

    async def begin(self, *, actor: str = "ann", seconds: float = 60.0) -> None:
        await self.orders.begin("shop", [Error()], actor=actor, reason="game day", seconds=seconds)

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(one.action, one.actor) for one in self.record.actions]

    @asynccontextmanager
    async def running(self):
        async with anyio.create_task_group() as group:
            group.start_soon(self.orders.run)
            yield
            group.cancel_scope.cancel()


async def test_an_end_by_expiry_is_recorded_and_published_once() -> None:
    day = GameDay()
    async with day.running():
        await day.begin(seconds=60)
        await day.clock.sleep(59)
        before = list(day.told)
        await day.clock.sleep(120)

    assert before == [("fault_injected", "ann")]
    assert day.told == [("fault_injected", "ann"), ("fault_ended", DIALTONE)]
    assert day.record.actions[-1].reason.startswith("its time is up (status 503 on all requests; by ann")
    assert day.published.of(OperatorAction) == day.record.actions
    assert day.orders.standing() == {}


async def test_an_order_by_another_ends_the_first_and_takes_its_place() -> None:
    day = GameDay()

    await day.begin()
    await day.orders.begin("shop", [Cut()], actor="bob", reason="harder", seconds=30)
    async with day.running():
        await day.clock.sleep(1)

    assert day.told[:3] == [("fault_injected", "ann"), ("fault_injected", "bob"), ("fault_ended", "bob")]
    assert "replaced by another" in day.record.actions[2].reason


async def test_what_is_forbidden_is_refused_before_it_is_recorded() -> None:
    day = GameDay()
    day.allowed = False

    with pytest.raises(FaultsForbiddenError):
        await day.begin()

    assert day.record.actions == []
    assert day.orders.standing() == {}


async def test_forbidding_faults_later_ends_those_that_are_on() -> None:
    day = GameDay()
    async with day.running():
        await day.begin()
        day.allowed = False
        await day.clock.sleep(1)
        answer = await day.bench.executor.execute(call())

    assert answer.outcome.ok
    assert "no longer allows faults" in day.record.actions[-1].reason


async def test_a_line_that_closes_ends_its_fault() -> None:
    day = GameDay()
    async with day.running():
        await day.begin()
        await day.bench.executor.close_line("shop")
        await day.clock.sleep(1)

    assert day.told[-1] == ("fault_ended", DIALTONE)
    assert "gone" in day.record.actions[-1].reason


async def test_another_vendor_ends_it_and_a_changed_policy_does_not() -> None:
    day = GameDay()
    async with day.running():
        await day.begin()
        day.bench.executor.open_line(line_spec(capabilities=("read",)))
        await day.clock.sleep(1)
        kept = list(day.orders.standing())
        day.bench.executor.open_line(line_spec(vendor="slack"))
        await day.clock.sleep(1)

    assert kept == ["shop"]
    assert day.told[-1] == ("fault_ended", DIALTONE)


async def test_an_end_takes_effect_without_the_store_and_is_recorded_when_it_is_back() -> None:
    day = GameDay()
    async with day.running():
        await day.begin()
        day.record.is_down = True
        ended = await day.orders.end("shop", actor="bob", reason="enough")
        answer = await day.bench.executor.execute(call())
        await day.clock.sleep(5)
        unstored = list(day.told)
        day.record.is_down = False
        await day.clock.sleep(1)

    assert ended
    assert answer.outcome.ok
    assert unstored == [("fault_injected", "ann")]
    assert day.told[-1] == ("fault_ended", "bob")
    assert day.published.of(OperatorAction) == day.record.actions


async def test_nothing_begins_without_the_store() -> None:
    day = GameDay()
    day.record.is_down = True

    with pytest.raises(OSError, match="disk full"):
        await day.begin()

    assert (await day.bench.executor.execute(call())).outcome.ok
    assert day.published.of(OperatorAction) == []


async def test_an_integration_that_is_gone_cannot_be_struck() -> None:
    day = GameDay()

    with pytest.raises(LookupError):
        await day.orders.begin("nobody", [Error()], actor="ann", reason="x", seconds=5)

    assert day.orders.standing() == {}


async def test_an_order_on_record_that_could_not_take_effect_has_its_end_there_too() -> None:
    day = GameDay()

    async with day.running():
        with pytest.raises(LookupError):
            await day.orders.begin("nobody", [Error()], actor="ann", reason="x", seconds=5)
        await anyio.sleep(1.0)

    assert day.told == [("fault_injected", "ann"), ("fault_ended", "dialtone")]
    assert "the integration is gone" in day.record.actions[-1].reason
    assert [one.action for one in day.published.signals] == ["fault_injected", "fault_ended"]


async def test_ending_what_is_not_there_is_told_and_not_recorded() -> None:
    day = GameDay()

    assert not await day.orders.end("shop", actor="bob", reason="x")
    assert day.record.actions == []


async def test_stopping_ends_and_records_what_is_on() -> None:
    day = GameDay()
    async with day.running():
        await day.begin()
        await day.clock.sleep(1)

    assert "Dialtone stopped" in day.record.actions[-1].reason
    assert (await day.bench.executor.execute(call())).outcome.ok
