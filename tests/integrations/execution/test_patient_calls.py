"""Calls of the executor over a pool that keeps the time itself: their ends are those of any other."""

import random

import anyio
import pytest

from integrations.execution.executor import Executor
from integrations.execution.injection import Injection, Latency
from integrations.execution.outcome import FailureKind, Outcome
from integrations.execution.policy import Policy, RetryPolicy
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.execution import call, line_spec
from tests.fakes.pooled import PooledLines
from tests.fakes.signals import RecordingSubscriber


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Bench(PooledLines):
    """An executor with one line over a pool whose lines are in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.executor = Executor(
            clock=self.clock,
            publish=RecordingSubscriber(),
            transport=lambda _: self.pool,
            random=random.Random(7),
            drain=1.0,
        )
        self.executor.open_line(line_spec(Policy(timeout=3.0, retry=RetryPolicy(attempts=1))))

    async def call(self, **fields: object) -> Outcome:
        return (await self.executor.execute(call(**fields))).outcome

    async def warm(self) -> None:
        assert (await self.call()).ok
        self.dialed.answer = b""

    def assert_all_is_given_back(self) -> None:
        line = self.executor._lines["shop"]
        assert line.under_way == {}
        assert line.active == line.in_flight == line.transport.in_flight == self.pool.taken == 0
        assert len(self.deadlines) == 0


@pytest.mark.parametrize("warm", [False, True], ids=["a new connection", "one that stands"])
async def test_an_attempt_times_out_as_the_policy_says(*, warm: bool) -> None:
    bench = Bench()
    if warm:
        await bench.warm()
    bench.dialed.answer = b""
    outcome = await bench.call()
    assert (outcome.kind, outcome.detail) == (FailureKind.TIMEOUT, "no answer in time")
    assert outcome.attempts[0].duration == pytest.approx(3)
    bench.assert_all_is_given_back()


async def test_a_deadline_before_the_timeout_ends_an_attempt() -> None:
    bench = Bench()
    await bench.warm()
    outcome = await bench.call(deadline=bench.clock.monotonic() + 0.5)
    assert outcome.kind is FailureKind.TIMEOUT
    assert outcome.duration == pytest.approx(0.5)
    bench.assert_all_is_given_back()


async def test_a_stop_cuts_off_what_is_on_its_way() -> None:
    bench = Bench()
    await bench.warm()
    outcomes: list[Outcome] = []

    async def ask() -> None:
        outcomes.append(await bench.call(timeout=60.0, deadline=bench.clock.monotonic() + 60))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await anyio.sleep(0.1)
        await bench.executor.aclose()
    assert [(one.kind, one.detail) for one in outcomes] == [
        (FailureKind.CANCELLED, "Dialtone was stopped before the answer came")
    ]
    bench.assert_all_is_given_back()


async def test_an_injected_delay_counts_into_the_timeout() -> None:
    bench = Bench()
    await bench.call()
    now = bench.clock.time()
    injection = Injection(
        actor="ada", reason="game day", since=now, expires_at=now + 99, faults=(Latency(seconds=30.0),)
    )
    bench.executor.faults.begin("shop", injection, seconds=99)
    outcome = await bench.call()
    assert outcome.kind is FailureKind.TIMEOUT
    assert outcome.duration == pytest.approx(3)
    bench.assert_all_is_given_back()
