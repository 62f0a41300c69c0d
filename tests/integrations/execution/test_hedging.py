"""A second request beside one that takes long, in virtual time."""

import anyio
import httpx
import pytest

from integrations.execution.outcome import Effect, Origin
from integrations.execution.outcome import FailureKind as K
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.signals import BreakerState, CallRecord
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.execution import Bench, Script, ScriptedVendor, call

HEDGED = Policy(hedge_after=0.5)
OK = httpx.Response(200)
DOWN = httpx.Response(503)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def bench(*script: Script, policy: Policy = HEDGED) -> Bench:
    return Bench(LoopClock(), ScriptedVendor(*script), policy=policy)


def late(seconds: float, status: int) -> Script:
    async def answer(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(seconds)
        return httpx.Response(status)

    return answer


async def test_a_read_that_takes_long_is_answered_by_the_second_request() -> None:
    one = bench(5.0, OK)

    answer = await one.executor.execute(call())
    outcome, reply = answer.outcome, answer.reply

    (record,) = one.signals.of(CallRecord)
    assert outcome.ok
    assert reply is not None
    assert outcome.duration == pytest.approx(0.5, abs=0.05)
    assert [attempt.kind for attempt in outcome.attempts] == [K.CANCELLED, None]
    assert [attempt.start for attempt in outcome.attempts] == pytest.approx([0, 0.5], abs=0.05)
    assert record.attempts == outcome.attempts
    assert one.vendor.running == 0
    assert one.holds_nothing()


async def test_the_first_request_wins_when_it_is_quicker_after_all() -> None:
    one = bench(0.7, 5.0)

    outcome = (await one.executor.execute(call())).outcome

    assert outcome.ok
    assert outcome.duration == pytest.approx(0.7, abs=0.05)
    assert [attempt.kind for attempt in outcome.attempts] == [None, K.CANCELLED]
    assert one.holds_nothing()


async def test_a_quick_answer_makes_no_second_request() -> None:
    one = bench(0.4)

    await one.executor.execute(call())

    assert len(one.vendor.requests) == 1


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"idempotent": False}, id="not idempotent"),
        pytest.param({"effect": Effect.WRITE}, id="a write"),
        pytest.param({"origin": Origin.CHECK}, id="a check"),
        pytest.param({"origin": Origin.DELIVERY}, id="a delivery"),
        pytest.param({"max_attempts": 1}, id="one attempt only"),
    ],
)
async def test_what_may_not_be_repeated_is_not_hedged(fields: dict[str, object]) -> None:
    one = bench(2.0)

    await one.executor.execute(call(**fields))

    assert len(one.vendor.requests) == 1


async def test_a_failure_of_the_first_waits_for_the_second() -> None:
    one = bench(late(0.7, 503), late(1.0, 200))

    outcome = (await one.executor.execute(call())).outcome

    assert outcome.ok
    assert [attempt.status for attempt in outcome.attempts] == [503, 200]


async def test_a_failure_of_the_second_leaves_the_first_on_its_way() -> None:
    one = bench(1.5, DOWN)

    outcome = (await one.executor.execute(call())).outcome

    assert outcome.ok
    assert outcome.duration == pytest.approx(1.5, abs=0.05)


async def test_when_both_fail_the_first_ones_failure_stands_and_is_retried() -> None:
    one = bench(late(0.7, 502), DOWN, OK)

    outcome = (await one.executor.execute(call())).outcome

    assert outcome.ok
    assert [attempt.status for attempt in outcome.attempts] == [502, 503, 200]


async def test_a_hedge_that_loses_is_paid_and_one_that_wins_is_not() -> None:
    losing, winning = bench(0.7, 5.0), bench(5.0, OK)

    await losing.executor.execute(call())
    await winning.executor.execute(call())

    assert losing.line.budget.tokens == 500 - 14 + 1
    assert winning.line.budget.tokens == 500


async def test_an_empty_budget_allows_no_hedge() -> None:
    one = bench(2.0, policy=Policy(hedge_after=0.5, retry=RetryPolicy(budget=10)))

    await one.executor.execute(call())

    assert len(one.vendor.requests) == 1


async def test_no_hedge_takes_the_last_slot_from_others() -> None:
    one = bench(2.0, policy=Policy(hedge_after=0.5, concurrency=1))

    await one.executor.execute(call())

    assert len(one.vendor.requests) == 1


async def test_the_loser_says_nothing_to_the_breaker() -> None:
    one = bench(5.0, OK)

    await one.executor.execute(call())

    status = one.breaker().status("read")
    assert (status.calls, status.failures, status.slow) == (1, 0, 0)


async def test_a_half_open_circuit_lets_no_hedge_through() -> None:
    policy = Policy(
        hedge_after=0.5, breaker=BreakerPolicy(min_calls=1, jitter=0), retry=RetryPolicy(attempts=1)
    )
    one = bench(DOWN, 1.0, policy=policy)
    await one.executor.execute(call())
    await anyio.sleep(16)

    await one.executor.execute(call())

    assert one.breaker().state is BreakerState.HALF_OPEN
    assert len(one.vendor.requests) == 2
    assert one.line.budget.tokens == 500
    assert one.holds_nothing()


async def test_a_cancelled_call_takes_both_with_it() -> None:
    one = bench(5.0)
    with anyio.move_on_after(1.0):
        await one.executor.execute(call())

    (record,) = one.signals.of(CallRecord)
    assert (record.kind, len(record.attempts)) == (K.CANCELLED, 2)
    assert one.vendor.running == 0
    assert one.holds_nothing()


async def test_both_end_by_the_deadline() -> None:
    one = bench(99.0)

    outcome = (await one.executor.execute(call(deadline=one.clock.monotonic() + 2))).outcome

    assert outcome.kind is K.TIMEOUT
    assert outcome.duration == pytest.approx(2, abs=0.05)
    assert one.holds_nothing()


async def test_what_preparing_raises_comes_out_as_it_is() -> None:
    def prepare() -> httpx.Request:
        raise ValueError("no such value")

    with pytest.raises(ValueError, match="no such value"):
        await bench(OK).executor.execute(call(prepare=prepare))


@pytest.mark.parametrize("after", [0.0, -1.0, 10.0])
def test_a_hedge_that_comes_at_once_or_after_the_timeout_is_refused(after: float) -> None:
    with pytest.raises(ValueError, match="hedge_after"):
        Policy(hedge_after=after)
