"""What the trace of a call tells, in virtual time."""

import re

import anyio
import httpx
import pytest

from integrations.execution.injection import Error, Injection
from integrations.execution.outcome import Effect
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.execution.trace import MOST_EVENTS, Stage, Trace
from integrations.manifest.schema import Limit
from tests.fakes.clock import VIRTUAL_TIME, FakeClock, LoopClock
from tests.fakes.execution import Bench, Script, ScriptedVendor, call


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def traced(bench: Bench, **fields: object) -> Trace:
    trace = Trace(bench.clock.monotonic)
    await bench.executor.execute(call(trace=trace, **fields))
    return trace


def told(trace: Trace) -> list[str]:
    return [f"{one.stage.value}: {one.decision}" for one in trace.events()]


def detail(trace: Trace, stage: Stage, decision: str) -> str:
    (found,) = [one.detail for one in trace.events() if (one.stage, one.decision) == (stage, decision)]
    return found


def bench(*script: Script, policy: Policy | None = None, **spec: object) -> Bench:
    return Bench(LoopClock(), ScriptedVendor(*script), policy=policy, **spec)


async def test_a_good_call_is_told_stage_by_stage() -> None:
    trace = await traced(bench())

    assert told(trace) == [
        "breaker: closed",
        "quota: taken",
        "slot: taken",
        "permit: granted",
        "attempt: attempt 1 sent",
        "attempt: first byte",
        "attempt: attempt 1 succeeded",
        "breaker: counted",
    ]
    assert detail(trace, Stage.BREAKER, "counted").startswith("closed; 0 of 1 calls failed")
    assert "1 of 16 in flight" in detail(trace, Stage.SLOT, "taken")


async def test_times_count_from_the_start_and_never_go_back() -> None:
    trace = await traced(bench(httpx.Response(503), httpx.Response(200)))

    times = [one.at for one in trace.events()]
    assert times == sorted(times)
    assert 0.0 <= times[0] < 1.0


async def test_the_url_is_told_without_what_sounds_secret_in_its_query() -> None:
    trace = await traced(bench())

    sent = detail(trace, Stage.ATTEMPT, "attempt 1 sent")
    assert sent.startswith("GET https://shop.example/x?token=***; timeout 10 s")
    assert "secret" not in "".join(one.detail for one in trace.events())


async def test_a_retry_is_told_with_its_wait_and_what_is_left_of_the_budget() -> None:
    trace = await traced(bench(httpx.Response(503), httpx.Response(200)))

    (retry,) = [one for one in trace.events() if one.stage is Stage.RETRY]
    assert retry.decision == "tries again"
    assert retry.waited is not None
    assert re.search(r"\d+ of 500 retry tokens left", retry.detail)
    second = next(one for one in trace.events() if one.decision == "attempt 2 sent")
    assert second.at - retry.at >= retry.waited


@pytest.mark.parametrize(
    ("script", "policy", "fields", "why"),
    [
        pytest.param((httpx.Response(404),), Policy(), {}, "does not help against not_found", id="the kind"),
        pytest.param(
            (httpx.Response(503),),
            Policy(),
            {"effect": Effect.WRITE, "idempotent": False},
            "a repeat of this action may do harm",
            id="not idempotent",
        ),
        pytest.param(
            (httpx.Response(503),),
            Policy(retry=RetryPolicy(attempts=2)),
            {},
            "2 of 2 attempts are made",
            id="all attempts made",
        ),
        pytest.param(
            (httpx.Response(503),),
            Policy(),
            {"max_attempts": 1},
            "this call makes one attempt",
            id="one only",
        ),
        pytest.param(
            (httpx.Response(503),),
            Policy(retry=RetryPolicy(budget=1)),
            {},
            "the retry budget holds 1 tokens",
            id="budget",
        ),
        pytest.param(
            (httpx.Response(429, headers={"retry-after": "90"}),),
            Policy(),
            {},
            "would end after the deadline",
            id="deadline",
        ),
    ],
)
async def test_why_there_is_no_retry_is_told(
    script: tuple[Script, ...], policy: Policy, fields: dict[str, object], why: str
) -> None:
    trace = await traced(bench(*script, policy=policy), **fields)

    assert why in detail(trace, Stage.RETRY, "no retry")


async def test_a_call_that_an_open_circuit_refuses_tells_who_holds_it_and_why() -> None:
    one = bench()
    one.executor.force_open("shop", actor="ann", reason="duplicates")

    trace = await traced(one)

    assert told(trace) == ["breaker: forced_open", "breaker: refused: open_circuit"]
    assert "by ann: duplicates" in detail(trace, Stage.BREAKER, "forced_open")
    assert not one.vendor.requests


async def test_the_breaker_that_opens_is_told_with_its_counts() -> None:
    policy = Policy(breaker=BreakerPolicy(min_calls=1), retry=RetryPolicy(attempts=1))

    trace = await traced(bench(httpx.Response(500), policy=policy))

    assert detail(trace, Stage.BREAKER, "counted").startswith("open; 1 of 1 calls failed")


async def test_a_wait_for_a_slot_is_told_with_its_length_and_the_priority() -> None:
    one = bench(2.0, policy=Policy(concurrency=1))
    trace = Trace(one.clock.monotonic)

    async with anyio.create_task_group() as group:
        group.start_soon(one.executor.execute, call())
        await anyio.lowlevel.checkpoint()
        group.start_soon(one.executor.execute, call(trace=trace))

    slot = next(one for one in trace.events() if (one.stage, one.decision) == (Stage.SLOT, "taken"))
    assert slot.waited == pytest.approx(2.0, abs=0.05)
    assert "1 of 1 in flight" in detail(trace, Stage.SLOT, "waits")
    assert "priority normal" in detail(trace, Stage.SLOT, "waits")
    assert told(trace).count("permit: granted") == 1


async def test_a_wait_for_quota_is_told_with_its_length_and_what_is_left() -> None:
    limit = Limit(id="slow", rate=1, per=2, burst=1)
    one = bench(limits=(limit,))
    await one.executor.execute(call())

    trace = await traced(one)

    taken = next(one for one in trace.events() if (one.stage, one.decision) == (Stage.QUOTA, "taken"))
    assert taken.waited == pytest.approx(2.0, abs=0.05)
    assert "declared slow: 0.0 of 1 left" in detail(trace, Stage.QUOTA, "waits")


async def test_a_refusal_for_quota_says_when_to_come_back() -> None:
    one = bench(limits=(Limit(id="slow", rate=1, per=600, burst=1),))
    await one.executor.execute(call())

    trace = await traced(one)

    assert re.search(r"worth another try in 600\.0 s", detail(trace, Stage.QUOTA, "refused: quota"))


async def test_a_second_request_is_told_and_which_of_the_two_won() -> None:
    one = bench(5.0, httpx.Response(200), policy=Policy(hedge_after=0.5))

    trace = await traced(one)

    assert "no answer after 0.5 s" in detail(trace, Stage.HEDGE, "second request")
    assert "hedge: the second request won" in told(trace)
    assert one.holds_nothing()


async def test_another_credential_after_a_401_is_told() -> None:
    async def refresh() -> bool:
        return True

    trace = await traced(bench(httpx.Response(401), httpx.Response(200)), refresh=refresh)

    assert "credential: another attempt" in told(trace)
    assert "attempt: attempt 2 succeeded" in told(trace)


async def test_a_broken_connection_ends_an_attempt_by_its_kind() -> None:
    trace = await traced(bench(httpx.ConnectError("no"), policy=Policy(retry=RetryPolicy(attempts=1))))

    assert "attempt: attempt 1 failed: connection" in told(trace)


async def test_an_injected_fault_strikes_a_traced_call_too_and_is_told() -> None:
    one = bench(policy=Policy(retry=RetryPolicy(attempts=1)))
    injection = Injection(
        actor="ann", reason="game day", since=0.0, expires_at=60.0, faults=(Error(status=503),)
    )
    one.executor.faults.begin("shop", injection, seconds=60.0)

    trace = await traced(one)

    told_of = detail(trace, Stage.ATTEMPT, "attempt 1 failed: server_error")
    assert told_of.endswith("the fault was injected")
    assert not one.vendor.requests


async def test_a_traced_call_ends_as_one_without_a_trace() -> None:
    script = (httpx.Response(503), httpx.Response(200, json={"a": 1}))
    plain, watched = bench(*script), bench(*script)

    alone = (await plain.executor.execute(call())).outcome
    seen = (await watched.executor.execute(call(trace=Trace(watched.clock.monotonic)))).outcome

    assert (seen.kind, seen.status, len(seen.attempts)) == (alone.kind, alone.status, len(alone.attempts))
    assert watched.line.budget.tokens == plain.line.budget.tokens
    assert watched.holds_nothing()


def test_a_trace_is_bounded_and_says_how_much_is_missing() -> None:
    trace = Trace(FakeClock().monotonic)
    for _ in range(MOST_EVENTS + 3):
        trace.note(Stage.RETRY, "again")

    events = trace.events()

    assert len(events) == MOST_EVENTS + 1
    assert events[-1].detail == "3 more events did not fit"


def test_what_is_to_be_hidden_never_gets_into_an_event() -> None:
    trace = Trace(FakeClock().monotonic)
    trace.hide(lambda text: text.replace("first", "***"))
    trace.hide(lambda text: text.replace("second", "***"))

    trace.note(Stage.VERDICT, "first", "of first and second")

    assert [(one.decision, one.detail) for one in trace.events()] == [("***", "of *** and ***")]
