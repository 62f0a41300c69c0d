"""Injected faults through a real executor with a scripted vendor, in virtual time."""

import random

import anyio
import httpx
import msgspec
import pytest

from integrations.execution.call import Call
from integrations.execution.executor import Executor
from integrations.execution.injection import (
    MARK,
    Cut,
    Error,
    Fault,
    Injection,
    Injector,
    Latency,
    Throttle,
    fault_samples,
)
from integrations.execution.outcome import Effect, Origin, RejectReason
from integrations.execution.outcome import FailureKind as K
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.signals import BreakerState, CallRecord
from tests.fakes.clock import VIRTUAL_TIME, FakeClock, LoopClock
from tests.fakes.execution import Bench, call, check, line_spec

ONCE = Policy(retry=RetryPolicy(attempts=1))


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
def clock(anyio_backend: object) -> LoopClock:
    return LoopClock()


def injection(*faults: Fault) -> Injection:
    return Injection(actor="ann", reason="game day", since=0.0, expires_at=60.0, faults=faults)


def inject(bench: Bench, *faults: Fault, seconds: float = 60.0) -> None:
    bench.executor.faults.begin("shop", injection(*faults), seconds=seconds)


def write() -> Call:
    return call(method="POST", capability="write", action="post", effect=Effect.WRITE, idempotent=False)


async def test_latency_comes_before_the_vendors_own_answer(clock: LoopClock) -> None:
    bench = Bench(clock)
    inject(bench, Latency(seconds=2.0))

    answer = await bench.executor.execute(call())
    outcome, reply = answer.outcome, answer.reply

    (record,) = bench.signals.of(CallRecord)
    assert outcome.ok
    assert reply is not None
    assert len(bench.vendor.requests) == 1
    for seconds in (outcome.duration, record.attempts[0].duration, reply.duration):
        assert seconds == pytest.approx(2.0, abs=0.01)
    assert (record.injected, record.attempts[0].injected) == (True, True)
    assert bench.holds_nothing()


async def test_latency_is_within_its_jitter_and_differs(clock: LoopClock) -> None:
    bench = Bench(clock)
    inject(bench, Latency(seconds=1.0, jitter=0.5))

    taken = [(await bench.executor.execute(call())).outcome.duration for _ in range(20)]

    assert 0.5 <= min(taken) < 0.8
    assert 1.2 < max(taken) <= 1.5


async def test_latency_beyond_the_timeout_is_a_timeout_and_the_vendor_sees_nothing(clock: LoopClock) -> None:
    bench = Bench(clock, policy=Policy(connect=1.0, timeout=1.0, retry=RetryPolicy(attempts=1)))
    inject(bench, Latency(seconds=5.0))

    outcome = (await bench.executor.execute(call())).outcome

    assert (outcome.kind, outcome.attempts[0].injected) == (K.TIMEOUT, True)
    assert outcome.duration == pytest.approx(1.0, abs=0.01)
    assert not bench.vendor.requests
    assert bench.holds_nothing()


async def test_an_error_is_answered_without_the_vendor_and_marked(clock: LoopClock) -> None:
    bench = Bench(clock, policy=ONCE)
    inject(bench, Error(status=502))

    outcome = (await bench.executor.execute(call())).outcome

    assert (outcome.kind, outcome.status, outcome.headers[MARK]) == (K.SERVER_ERROR, 502, "error")
    assert not bench.vendor.requests


async def test_an_injected_error_is_retried_and_each_attempt_tells_whether_it_was_struck(
    clock: LoopClock,
) -> None:
    bench = Bench(clock)
    inject(bench, Error(share=0.5))

    outcome = (await bench.executor.execute(call())).outcome
    while len(outcome.attempts) == 1:
        outcome = (await bench.executor.execute(call())).outcome

    assert [one.injected for one in outcome.attempts] == [one.kind is not None for one in outcome.attempts]
    assert bench.signals.of(CallRecord)[-1].injected


async def test_a_throttle_makes_the_line_keep_quiet_as_long_as_it_says(clock: LoopClock) -> None:
    bench = Bench(clock, policy=ONCE)
    inject(bench, Throttle(retry_after=30))

    outcome = (await bench.executor.execute(call())).outcome
    second = (await bench.executor.execute(call(timeout=1.0, deadline=clock.monotonic() + 5))).outcome

    assert (outcome.kind, outcome.status) == (K.THROTTLED, 429)
    assert outcome.retry_after == pytest.approx(30, abs=3)
    assert second.reason is RejectReason.QUOTA
    assert not bench.vendor.requests


@pytest.mark.parametrize(("when", "attempts"), [("before", 3), ("after", 1)])
async def test_a_cut_is_a_broken_connection_and_a_write_is_repeated_only_when_it_cannot_have_left(
    clock: LoopClock, when: str, attempts: int
) -> None:
    bench = Bench(clock)
    inject(bench, msgspec.convert({"kind": "cut", "when": when}, Fault))

    outcome = (await bench.executor.execute(write())).outcome

    assert (outcome.kind, len(outcome.attempts)) == (K.CONNECTION, attempts)
    assert outcome.detail.endswith("fault injected")
    assert not bench.vendor.requests
    assert bench.holds_nothing()


async def test_latency_and_an_end_go_together_and_of_two_ends_the_first_counts(clock: LoopClock) -> None:
    bench = Bench(clock, policy=ONCE)
    inject(bench, Error(status=500), Cut(), Latency(seconds=1.0), Latency(seconds=0.5))

    outcome = (await bench.executor.execute(call())).outcome

    assert outcome.status == 500
    assert outcome.duration == pytest.approx(1.5, abs=0.01)
    assert bench.line.strikes == {"latency": 2, "error": 1}


@pytest.mark.parametrize(
    ("fault", "struck"),
    [
        pytest.param(Error(), {"read", "write", "check", "delivery"}, id="both"),
        pytest.param(Error(target="calls"), {"read", "write", "delivery"}, id="calls"),
        pytest.param(Error(target="checks"), {"check"}, id="checks"),
        pytest.param(Error(capabilities=("write",)), {"write"}, id="capability"),
        pytest.param(Error(actions=("get",), target="calls"), {"read", "delivery"}, id="action"),
        pytest.param(
            Error(actions=("post",), capabilities=("read",)), set(), id="action of another capability"
        ),
    ],
)
async def test_a_fault_strikes_only_what_it_aims_at(clock: LoopClock, fault: Fault, struck: set[str]) -> None:
    bench = Bench(clock, policy=ONCE)
    inject(bench, fault)
    calls = {"read": call(), "write": write(), "check": check(), "delivery": call(origin=Origin.DELIVERY)}

    outcomes = {name: (await bench.executor.execute(one)).outcome for name, one in calls.items()}

    assert {name for name, outcome in outcomes.items() if not outcome.ok} == struck
    assert [one.injected for one in bench.signals.of(CallRecord)] == [name in struck for name in calls]


async def test_a_share_strikes_about_as_many(clock: LoopClock) -> None:
    bench = Bench(clock, policy=Policy(retry=RetryPolicy(attempts=1), breaker=BreakerPolicy(min_calls=1_000)))
    inject(bench, Error(share=0.3))

    outcomes = [(await bench.executor.execute(call())).outcome for _ in range(500)]

    assert 110 <= sum(not outcome.ok for outcome in outcomes) <= 190
    assert len(bench.vendor.requests) == sum(outcome.ok for outcome in outcomes)


async def test_the_breaker_opens_under_a_fault_and_closes_after_it(clock: LoopClock) -> None:
    bench = Bench(clock, policy=ONCE)
    inject(bench, Cut(), seconds=30.0)

    while bench.breaker().state is BreakerState.CLOSED:
        await bench.executor.execute(call())
    refused = (await bench.executor.execute(call())).outcome
    await clock.sleep(31.0)
    bench.executor.check_succeeded("shop", "read")
    for _ in range(10):
        await bench.executor.execute(call())

    assert refused.reason is RejectReason.OPEN_CIRCUIT
    assert bench.breaker().state is BreakerState.CLOSED
    assert not bench.signals.of(CallRecord)[-1].injected


async def test_a_fault_ends_when_its_time_is_up(clock: LoopClock) -> None:
    bench = Bench(clock, policy=ONCE)
    inject(bench, Error(), seconds=60.0)

    await clock.sleep(59.9)
    before = bench.executor.status("shop").fault
    struck = (await bench.executor.execute(call())).outcome
    await clock.sleep(0.1)
    free = (await bench.executor.execute(call())).outcome

    assert before == injection(Error())
    assert (struck.ok, free.ok) == (False, True)
    assert bench.executor.faults.current("shop") is bench.executor.status("shop").fault is None


async def test_the_executor_lets_go_of_a_fault_that_is_over(clock: LoopClock) -> None:
    bench = Bench(clock)
    inject(bench, Error(), seconds=5.0)

    with anyio.move_on_after(6.0):
        await bench.executor.run()

    assert bench.line.injector is None


async def test_an_operator_ends_it_at_once_and_ending_nothing_is_no_error(clock: LoopClock) -> None:
    bench = Bench(clock, policy=ONCE)
    inject(bench, Error())

    bench.executor.faults.end("shop")
    bench.executor.faults.end("shop")
    bench.executor.faults.end("nobody")

    assert (await bench.executor.execute(call())).outcome.ok


async def test_a_later_injection_takes_the_place_of_the_first(clock: LoopClock) -> None:
    bench = Bench(clock, policy=ONCE)
    inject(bench, Error())
    inject(bench, Throttle())

    assert (await bench.executor.execute(call())).outcome.status == 429


def test_nothing_can_be_injected_where_no_line_is_open() -> None:
    executor = Executor(
        clock=FakeClock(), publish=lambda _: None, transport=lambda _: httpx.AsyncHTTPTransport()
    )

    with pytest.raises(LookupError, match="no line is open to 'nobody'"):
        executor.faults.begin("nobody", injection(Error()), seconds=1.0)


async def test_a_changed_line_keeps_its_fault_and_one_of_another_vendor_begins_without(
    clock: LoopClock,
) -> None:
    bench = Bench(clock)
    inject(bench, Error())

    bench.executor.open_line(line_spec(ONCE))
    kept = bench.executor.faults.current("shop")
    bench.executor.open_line(line_spec(ONCE, vendor="slack"))

    assert kept == injection(Error())
    assert bench.executor.faults.current("shop") is None


async def test_a_fault_goes_with_its_line(clock: LoopClock) -> None:
    bench = Bench(clock)
    inject(bench, Error())

    await bench.executor.close_line("shop")
    bench.executor.open_line(bench.spec)

    assert bench.executor.faults.current("shop") is None


async def test_metrics_tell_faults_that_are_on_and_what_they_struck(clock: LoopClock) -> None:
    bench = Bench(clock, policy=ONCE)

    def told() -> dict[tuple[str, ...], float]:
        samples = bench.executor.samples()
        return {(one.metric, *one.labels): one.value for one in samples if "fault" in one.metric}

    before = told()
    inject(bench, Error(), Latency(seconds=0.1))
    on = told()
    await bench.executor.execute(call())
    bench.executor.faults.end("shop")

    assert before == {}
    assert on == {("dialtone_fault_injected", "shop"): 1.0}
    assert told() == {
        ("dialtone_fault_injected", "shop"): 0.0,
        ("dialtone_faults_injected_total", "shop", "error"): 1,
        ("dialtone_faults_injected_total", "shop", "latency"): 1,
    }


async def test_a_call_cancelled_in_an_injected_delay_lets_go_of_everything(clock: LoopClock) -> None:
    bench = Bench(clock)
    inject(bench, Latency(seconds=10.0))

    with anyio.move_on_after(1.0):
        await bench.executor.execute(call())

    (record,) = bench.signals.of(CallRecord)
    assert (record.kind, record.injected) == (K.CANCELLED, True)
    assert bench.holds_nothing()


async def test_a_hedge_tells_which_of_the_two_was_struck(clock: LoopClock) -> None:
    bench = Bench(clock, policy=Policy(hedge_after=0.5))
    inject(bench, Latency(seconds=3.0, share=0.5))

    while True:
        outcome = (await bench.executor.execute(call())).outcome
        if len(outcome.attempts) == 2 and outcome.duration < 3.0:
            break

    assert sorted(one.injected for one in outcome.attempts) == [False, True]
    assert bench.signals.of(CallRecord)[-1].injected


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"kind": "explode"}, "kind"),
        ({"kind": "latency"}, "seconds"),
        ({"kind": "latency", "seconds": 0}, "seconds"),
        ({"kind": "latency", "seconds": 601}, "seconds"),
        ({"kind": "error", "status": 404}, "status"),
        ({"kind": "error", "seconds": 1}, "seconds"),
        ({"kind": "throttle", "retry_after": 0}, "retry_after"),
        ({"kind": "cut", "when": "never"}, "when"),
        ({"kind": "cut", "share": 0}, "share"),
        ({"kind": "cut", "share": 1.1}, "share"),
        ({"kind": "cut", "target": "people"}, "target"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_and_says_where(given: dict[str, object], why: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=why):
        msgspec.convert(given, Fault)


def test_without_a_strike_the_wire_is_used_as_it_is() -> None:
    class Wire:
        async def send(self, request: httpx.Request, **_: object) -> object:
            raise NotImplementedError

    class Attempted:
        call = call()
        is_struck = False

    wire, attempted = Wire(), Attempted()
    injector = Injector(
        injection(Error(target="checks")),
        seconds=1.0,
        clock=FakeClock(),
        rng=random.Random(1),
        strikes={},
    )

    assert injector.sender(attempted, wire) == wire.send
    assert not attempted.is_struck


def test_a_fault_that_strikes_first_while_a_scrape_is_under_way_costs_no_gauge() -> None:
    strikes = {"status": 1}
    told = iter(fault_samples("gh", is_on=True, strikes=strikes))
    first = [next(told), next(told)]
    strikes["timeout"] = 1
    assert [sample.labels for sample in (*first, *told)] == [("gh",), ("gh", "status")]
