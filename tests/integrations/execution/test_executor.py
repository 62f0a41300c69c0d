"""The pipeline as its callers see it, in virtual time."""

import math
from collections.abc import Awaitable, Callable

import anyio
import httpx
import pytest

from integrations.execution.call import Call, QuotaReading, Verdict
from integrations.execution.outcome import FailureKind as K
from integrations.execution.outcome import Origin, RejectReason
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.execution.transport import Reply
from integrations.manifest.schema import Limit
from integrations.signals import BreakerState, BreakerTransition, CallRecord, QuotaSample
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.execution import Bench, ScriptedVendor, call, check, classify, line_spec

OK = httpx.Response(200, json={"ok": True})
DOWN = httpx.Response(503)
THROTTLED = httpx.Response(429, headers={"retry-after": "5"})
DENIED = httpx.Response(401)
ONCE = Policy(retry=RetryPolicy(attempts=1))


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
def clock(anyio_backend: object) -> LoopClock:
    return LoopClock()


def write(**fields: object) -> Call:
    return call(method="POST", capability="write", action="post", idempotent=False, **fields)


async def times(number: int, make: Callable[[], Awaitable[object]]) -> None:
    for _ in range(number):
        await make()


async def test_a_success_is_answered_recorded_and_lets_go_of_everything(clock: LoopClock) -> None:
    bench = Bench(clock)
    answer = await bench.executor.execute(call(caller="ann", step="page-2"))
    outcome, reply = answer.outcome, answer.reply
    (record,) = bench.signals.of(CallRecord)
    assert outcome.ok
    assert reply is not None
    assert reply.json() == {"ok": True}
    assert (record.kind, record.status, record.caller, record.step) == (None, 200, "ann", "page-2")
    assert (record.integration, record.vendor, record.action, record.capability) == (
        "shop",
        "http",
        "get",
        "read",
    )
    assert record.breaker_state is BreakerState.CLOSED
    assert record.call_id == outcome.call_id
    assert record.response_bytes == len(reply.body)
    assert len(record.attempts) == 1
    assert bench.holds_nothing()


async def test_ids_have_the_lengths_of_trace_context_and_the_callers_trace_is_kept(clock: LoopClock) -> None:
    bench = Bench(clock)
    await bench.executor.execute(call())
    await bench.executor.execute(call(trace_id="f" * 32, parent_span_id="e" * 16, sampled=False))
    first, second = bench.signals.of(CallRecord)
    assert (len(first.trace_id), len(first.span_id), first.sampled) == (32, 16, True)
    assert (second.trace_id, second.parent_span_id, second.sampled) == ("f" * 32, "e" * 16, False)
    assert first.span_id != second.span_id


async def test_a_retry_helps_an_idempotent_call_and_is_paid_and_refunded(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN, DOWN, OK))
    outcome = (await bench.executor.execute(call())).outcome
    assert outcome.ok
    assert [attempt.kind for attempt in outcome.attempts] == [K.SERVER_ERROR, K.SERVER_ERROR, None]
    assert bench.executor.status("shop").retry_tokens == 500 - 14
    await bench.executor.execute(call())
    assert bench.executor.status("shop").retry_tokens == 500 - 14 + 1


async def test_the_last_live_failure_stands_when_attempts_are_used_up(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN))
    answer = await bench.executor.execute(call())
    outcome, reply = answer.outcome, answer.reply
    assert (outcome.kind, outcome.status, len(outcome.attempts)) == (K.SERVER_ERROR, 503, 3)
    assert reply is not None


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        pytest.param(httpx.ConnectError("refused"), 3, id="not sent: any action"),
        pytest.param(httpx.ReadError("reset"), 1, id="sent: only idempotent ones"),
    ],
)
async def test_a_write_is_sent_again_only_when_nothing_was_sent(
    clock: LoopClock, error: Exception, attempts: int
) -> None:
    bench = Bench(clock, ScriptedVendor(error))
    outcome = (await bench.executor.execute(write())).outcome
    assert (outcome.kind, len(bench.vendor.requests)) == (K.CONNECTION, attempts)


async def test_a_budget_that_is_empty_leaves_the_live_failure(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN), policy=Policy(retry=RetryPolicy(budget=14)))
    outcome = (await bench.executor.execute(call())).outcome
    assert (outcome.kind, outcome.reason, len(outcome.attempts)) == (K.SERVER_ERROR, None, 2)


@pytest.mark.parametrize("origin", [Origin.DELIVERY, Origin.EXPORT])
async def test_who_has_a_queue_that_retries_gets_one_attempt(clock: LoopClock, origin: Origin) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN))
    await bench.executor.execute(call(origin=origin))
    assert len(bench.vendor.requests) == 1


async def test_the_classifiers_word_on_retrying_holds(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN, OK))
    no = Verdict(kind=K.SERVER_ERROR, retryable=False)
    outcome = (await bench.executor.execute(call(classify=lambda _: no))).outcome
    assert len(outcome.attempts) == 1


async def test_retry_after_is_waited_out_in_full(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(THROTTLED, OK))
    outcome = (await bench.executor.execute(write())).outcome
    assert outcome.ok
    assert outcome.attempts[1].start >= 5


async def test_retry_after_past_the_deadline_fails_at_once_and_says_when(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(THROTTLED))
    outcome = (await bench.executor.execute(call(deadline=clock.monotonic() + 4))).outcome
    assert outcome.kind is K.THROTTLED
    assert outcome.retry_after == pytest.approx(5, abs=0.1)
    assert outcome.duration < 1


async def test_while_throttled_calls_wait_or_are_refused_and_checks_are_skipped(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(THROTTLED, OK), policy=ONCE)
    await bench.executor.execute(call())
    refused = (await bench.executor.execute(call(deadline=clock.monotonic() + 2))).outcome
    assert (refused.kind, refused.reason) == (K.REJECTED, RejectReason.QUOTA)
    assert refused.retry_after == pytest.approx(5, abs=0.1)
    answer = await bench.executor.execute(check())
    skipped, reply = answer.outcome, answer.reply
    assert (skipped.kind, skipped.attempts, reply) == (K.THROTTLED, (), None)
    assert "not sent" in skipped.detail
    waited = (await bench.executor.execute(call())).outcome
    assert waited.ok
    assert bench.signals.of(CallRecord)[-1].queued == pytest.approx(5, abs=0.1)
    assert len(bench.vendor.requests) == 2
    assert bench.holds_nothing()


async def test_another_bucket_is_not_throttled(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(THROTTLED, OK), policy=ONCE)
    await bench.executor.execute(call(bucket="search"))
    outcome = (await bench.executor.execute(call(bucket="core"))).outcome
    assert outcome.duration < 1
    assert outcome.ok


async def test_what_an_answer_says_of_the_quota_holds_for_the_next_call(clock: LoopClock) -> None:
    def read(reply: Reply) -> Verdict:
        reading = QuotaReading(bucket="", limit=10, remaining=0, reset_at=clock.time() + 100)
        return Verdict(readings=(reading,))

    bench = Bench(clock)
    await bench.executor.execute(call(classify=read))
    outcome = (await bench.executor.execute(call())).outcome
    assert outcome.reason is RejectReason.QUOTA
    (quota,) = bench.executor.status("shop").quotas
    assert (quota.limit, quota.remaining) == (10, 0)
    assert [sample.remaining for sample in bench.signals.of(QuotaSample)] == [0]


async def test_a_declared_limit_paces_its_actions_and_no_others(clock: LoopClock) -> None:
    limit = Limit(id="posts", rate=1, per=1, burst=1, actions=("post",))
    bench = Bench(clock, limits=(limit,))
    start = clock.monotonic()
    await times(5, lambda: bench.executor.execute(call()))
    assert clock.monotonic() - start < 0.5
    await times(5, lambda: bench.executor.execute(write()))
    assert clock.monotonic() - start == pytest.approx(4, abs=0.1)


async def test_a_limit_that_the_vendor_counts_as_one_is_shared_between_integrations(clock: LoopClock) -> None:
    limit = Limit(id="all", rate=1, per=1, burst=1, scope="vendor")
    bench = Bench(clock, limits=(limit,))
    bench.executor.open_line(line_spec(integration="other", limits=(limit,)))
    start = clock.monotonic()
    for integration in ("shop", "other", "shop", "other"):
        await bench.executor.execute(call(integration=integration))
    assert clock.monotonic() - start == pytest.approx(3, abs=0.1)


async def test_a_token_of_a_call_that_a_later_stage_refuses_is_returned(clock: LoopClock) -> None:
    limit = Limit(id="all", rate=2, per=1_000, burst=2)
    bench = Bench(clock, ScriptedVendor(3.0), policy=Policy(concurrency=1, queue=0), limits=(limit,))
    async with anyio.create_task_group() as group:
        group.start_soon(bench.executor.execute, call())
        await anyio.sleep(1)
        refused = (await bench.executor.execute(call())).outcome
        assert refused.reason is RejectReason.BULKHEAD
    outcome = (await bench.executor.execute(call())).outcome
    assert outcome.ok


async def test_a_token_of_a_request_that_never_left_is_returned(clock: LoopClock) -> None:
    limit = Limit(id="all", rate=1, per=1_000, burst=1)
    bench = Bench(clock, ScriptedVendor(httpx.ConnectError("no"), OK), policy=ONCE, limits=(limit,))
    await bench.executor.execute(call())
    outcome = (await bench.executor.execute(call())).outcome
    assert outcome.ok


async def test_a_fresh_credential_is_asked_for_once_and_tried_outside_the_budget(clock: LoopClock) -> None:
    asked = []

    async def refresh() -> bool:
        asked.append(clock.monotonic())
        return True

    bench = Bench(clock, ScriptedVendor(DENIED, OK))
    outcome = (await bench.executor.execute(write(refresh=refresh, max_attempts=1))).outcome
    assert outcome.ok
    assert bench.executor.status("shop").retry_tokens == 500
    bench.vendor.script = [DENIED]
    outcome = (await bench.executor.execute(write(refresh=refresh))).outcome
    assert (outcome.kind, len(outcome.attempts), len(asked)) == (K.UNAUTHORIZED, 2, 2)


@pytest.mark.parametrize("problem", ["no", "raises"])
async def test_no_fresh_credential_means_no_second_try(clock: LoopClock, problem: str) -> None:
    async def refresh() -> bool:
        if problem == "raises":
            raise OSError("gone")
        return False

    bench = Bench(clock, ScriptedVendor(DENIED))
    outcome = (await bench.executor.execute(call(refresh=refresh))).outcome
    assert (outcome.kind, len(outcome.attempts)) == (K.UNAUTHORIZED, 1)


async def test_an_attempt_ends_with_its_timeout_and_is_retried_within_the_deadline(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(60.0, 60.0, OK))
    outcome = (await bench.executor.execute(call(timeout=2))).outcome
    assert [attempt.kind for attempt in outcome.attempts] == [K.TIMEOUT, K.TIMEOUT, None]
    assert [attempt.duration for attempt in outcome.attempts[:2]] == pytest.approx([2, 2], abs=0.1)


async def test_a_deadline_is_kept_over_all_attempts_and_waits(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(60.0))
    outcome = (await bench.executor.execute(call(timeout=4, deadline=clock.monotonic() + 10))).outcome
    assert outcome.kind is K.TIMEOUT
    assert outcome.duration == pytest.approx(10, abs=0.1)


async def test_a_deadline_that_has_passed_sends_nothing(clock: LoopClock) -> None:
    bench = Bench(clock)
    outcome = (await bench.executor.execute(call(deadline=clock.monotonic() - 1))).outcome
    assert (outcome.kind, outcome.reason, bench.vendor.requests) == (K.REJECTED, RejectReason.DEADLINE, [])


async def test_a_timeout_that_the_transport_turns_into_an_error_of_its_own_is_still_one(
    clock: LoopClock,
) -> None:
    async def stubborn(_: httpx.Request) -> httpx.Response:
        try:
            await anyio.sleep(60)
        except anyio.get_cancelled_exc_class():
            raise httpx.ConnectError("cancelled") from None
        return OK

    bench = Bench(clock, ScriptedVendor(stubborn))
    outcome = (await bench.executor.execute(write(timeout=1))).outcome
    assert (outcome.kind, len(outcome.attempts)) == (K.TIMEOUT, 1)


async def test_no_deadline_at_all_is_possible(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(7_200.0))
    outcome = (await bench.executor.execute(call(timeout=math.inf, deadline=math.inf))).outcome
    assert outcome.ok


async def test_a_timeout_that_the_callers_deadline_forced_is_not_the_vendors_fault(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(60.0))
    await times(10, lambda: bench.executor.execute(call(deadline=clock.monotonic() + 1)))
    assert bench.executor.status("shop").breakers[0].calls == 0
    await times(10, lambda: bench.executor.execute(call(timeout=1, max_attempts=1)))
    assert bench.breaker().state is BreakerState.OPEN


async def test_an_open_circuit_refuses_with_the_time_and_sends_nothing(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN), policy=ONCE)
    await times(10, lambda: bench.executor.execute(call()))
    sent = len(bench.vendor.requests)
    answer = await bench.executor.execute(call())
    outcome, reply = answer.outcome, answer.reply
    record = bench.signals.of(CallRecord)[-1]
    assert (outcome.kind, outcome.reason, reply) == (K.REJECTED, RejectReason.OPEN_CIRCUIT, None)
    assert outcome.retry_after is not None
    assert 10 < outcome.retry_after < 18
    assert (record.kind, record.reason, record.breaker_state) == (
        K.REJECTED,
        RejectReason.OPEN_CIRCUIT,
        BreakerState.OPEN,
    )
    assert len(bench.vendor.requests) == sent
    assert bench.executor.status("shop").breakers[0].rejected == 1
    other = (await bench.executor.execute(write())).outcome
    assert other.kind is K.SERVER_ERROR, "another capability has its own breaker"


async def test_a_circuit_that_opens_between_attempts_ends_the_retries_with_the_live_failure(
    clock: LoopClock,
) -> None:
    policy = Policy(breaker=BreakerPolicy(min_calls=2))
    bench = Bench(clock, ScriptedVendor(DOWN), policy=policy)
    outcome = (await bench.executor.execute(call())).outcome
    assert (outcome.kind, len(outcome.attempts), bench.breaker().state) == (
        K.SERVER_ERROR,
        2,
        BreakerState.OPEN,
    )


async def test_fifty_callers_at_half_open_are_one_in_flight_and_three_in_all(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN), policy=ONCE)
    await times(10, lambda: bench.executor.execute(call()))
    bench.vendor.script, bench.vendor.requests, bench.vendor.most_running = [1.0], [], 0
    await clock.sleep(20)
    for _ in range(3):
        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(bench.executor.execute, call())
    assert (bench.vendor.most_running, len(bench.vendor.requests)) == (1, 3)
    assert bench.breaker().state is BreakerState.CLOSED
    assert bench.holds_nothing()


@pytest.mark.parametrize(
    ("answer", "calls", "failures"),
    [
        pytest.param(OK, 1, 0, id="a success"),
        pytest.param(DOWN, 1, 1, id="a server error"),
        pytest.param(httpx.Response(501), 1, 0, id="not implemented"),
        pytest.param(httpx.Response(404), 1, 0, id="not found: it answered"),
        pytest.param(httpx.Response(400), 1, 0, id="a client error: it answered"),
        pytest.param(THROTTLED, 0, 0, id="throttled: neither"),
        pytest.param(DENIED, 0, 0, id="unauthorized: neither"),
        pytest.param(httpx.ConnectError("no"), 1, 1, id="no connection"),
        pytest.param(httpx.UnsupportedProtocol("no"), 0, 0, id="no request could be made"),
        pytest.param(
            httpx.Response(200, headers={"content-encoding": "gzip"}, content=b"x"), 1, 1, id="malformed"
        ),
    ],
)
async def test_what_an_attempt_says_to_the_breaker(
    clock: LoopClock, answer: httpx.Response | Exception, calls: int, failures: int
) -> None:
    if isinstance(answer, httpx.Response) and "content-encoding" in answer.headers:

        async def garbage(_: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"x"))

        bench = Bench(clock, ScriptedVendor(garbage), policy=ONCE)
    else:
        bench = Bench(clock, ScriptedVendor(answer), policy=ONCE)
    await bench.executor.execute(call())
    status = bench.executor.status("shop").breakers[0]
    assert (status.calls, status.failures) == (calls, failures)
    assert bench.holds_nothing()


async def test_checks_stay_out_of_the_window_and_run_in_two_slots_of_their_own(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(1.0), policy=Policy(concurrency=1))
    async with anyio.create_task_group() as group:
        group.start_soon(bench.executor.execute, call())
        for _ in range(6):
            group.start_soon(bench.executor.execute, check())
    assert bench.vendor.most_running == 3
    assert bench.executor.status("shop").breakers[0].calls == 1


async def test_a_check_passes_an_open_circuit_and_its_success_ends_the_break(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN), policy=ONCE)
    await times(10, lambda: bench.executor.execute(call()))
    bench.vendor.script = [OK]
    outcome = (await bench.executor.execute(check())).outcome
    assert outcome.ok
    assert bench.breaker().state is BreakerState.OPEN
    bench.executor.check_succeeded("shop", "read")
    assert (await bench.executor.execute(call())).outcome.ok


async def test_forced_open_refuses_calls_but_not_checks_and_expires_by_itself(clock: LoopClock) -> None:
    bench = Bench(clock)
    bench.executor.force_open("shop", actor="ann", reason="drill", expires_at=clock.time() + 10)
    assert (await bench.executor.execute(call())).outcome.reason is RejectReason.OPEN_CIRCUIT
    assert (await bench.executor.execute(check())).outcome.ok
    bench.executor.check_succeeded("shop", "read")
    assert bench.breaker().state is BreakerState.FORCED_OPEN
    async with anyio.create_task_group() as group:
        group.start_soon(bench.executor.run)
        await anyio.sleep(11)
        assert bench.breaker().state is BreakerState.CLOSED, "nobody had to call"
        group.cancel_scope.cancel()
    assert {t.actor for t in bench.signals.of(BreakerTransition)} == {"ann", ""}


async def test_operators_act_on_one_capability_or_on_all(clock: LoopClock) -> None:
    bench = Bench(clock)
    states = lambda: [breaker.state for breaker in bench.executor.status("shop").breakers]  # noqa: E731 - asked thrice
    bench.executor.disable("shop", "write", actor="ann", reason="drill")
    assert states() == [BreakerState.CLOSED, BreakerState.DISABLED]
    bench.executor.shadow("shop", actor="ann", reason="drill")
    assert states() == [BreakerState.SHADOW] * 2
    bench.executor.reset("shop", actor="ann", reason="done")
    assert states() == [BreakerState.CLOSED] * 2


@pytest.mark.parametrize("what", ["integration", "capability"])
async def test_what_is_not_known_is_a_lookup_error(clock: LoopClock, what: str) -> None:
    bench = Bench(clock)
    with pytest.raises(LookupError, match="nope"):
        await bench.executor.execute(call(**{what: "nope"}))
    names = {"integration": "shop", "capability": None, what: "nope"}
    with pytest.raises(LookupError, match="nope"):
        bench.executor.force_open(names["integration"], names["capability"], actor="a", reason="r")


async def test_a_classifier_that_raises_makes_the_answer_malformed_and_leaks_nothing(
    clock: LoopClock,
) -> None:
    def broken(_: Reply) -> Verdict:
        raise KeyError("secret")

    bench = Bench(clock)
    outcome = (await bench.executor.execute(write(classify=broken))).outcome
    assert (outcome.kind, "secret" in outcome.detail) == (K.MALFORMED, False)
    assert bench.holds_nothing()
    assert ("dialtone_executor_errors_total", ("shop",), 1) in list(bench.executor.samples())


async def test_a_request_that_cannot_be_prepared_is_a_bug_and_leaks_nothing(clock: LoopClock) -> None:
    def broken() -> httpx.Request:
        raise ValueError("no such field")

    bench = Bench(clock)
    with pytest.raises(ValueError, match="no such field"):
        await bench.executor.execute(call(prepare=broken))
    assert bench.holds_nothing()


async def test_a_call_waits_for_a_slot_and_says_how_long(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(2.0), policy=Policy(concurrency=1))
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(bench.executor.execute, call())
    assert [record.queued for record in bench.signals.of(CallRecord)] == pytest.approx([0, 2, 4], abs=0.1)
    assert bench.vendor.most_running == 1


async def test_a_wait_for_a_slot_ends_with_the_deadline(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(8.0), policy=Policy(concurrency=1))
    async with anyio.create_task_group() as group:
        group.start_soon(bench.executor.execute, call())
        await anyio.sleep(0.1)
        outcome = (await bench.executor.execute(call(deadline=clock.monotonic() + 2))).outcome
        assert (outcome.reason, outcome.duration) == (RejectReason.DEADLINE, pytest.approx(2, abs=0.1))


async def test_a_cancelled_call_is_recorded_as_cancelled_and_counts_for_nothing(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(60.0))
    with anyio.move_on_after(1) as scope:
        await bench.executor.execute(call())
    assert scope.cancelled_caught
    (record,) = bench.signals.of(CallRecord)
    assert (record.kind, [attempt.kind for attempt in record.attempts]) == (K.CANCELLED, [K.CANCELLED])
    assert bench.executor.status("shop").breakers[0].calls == 0
    assert bench.holds_nothing()


async def test_a_cancellation_during_a_retry_passes_through(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN, 60.0))
    with anyio.move_on_after(3) as scope:
        await bench.executor.execute(call())
    assert scope.cancelled_caught
    assert len(bench.vendor.requests) == 2
    assert bench.holds_nothing()


async def test_an_unchanged_spec_changes_nothing_and_a_changed_policy_keeps_state(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(DOWN), policy=ONCE)
    await times(10, lambda: bench.executor.execute(call()))
    line, transport = bench.line, bench.line.transport
    bench.executor.open_line(line_spec(ONCE))
    bench.executor.open_line(line_spec(Policy(concurrency=3, timeout=5), capabilities=("read", "admin")))
    status = bench.executor.status("shop")
    assert bench.line is line
    assert line.transport is not transport, "another concurrency needs another pool"
    assert status.concurrency == 3
    assert [(breaker.capability, breaker.state) for breaker in status.breakers] == [
        ("read", BreakerState.OPEN),
        ("admin", BreakerState.CLOSED),
    ]


@pytest.mark.parametrize(
    "spec",
    [
        {"capabilities": ()},
        {"limits": (Limit(id="l", rate=0, per=1),)},
        {"limits": (Limit(id="l", rate=-1, per=1, concurrency=2),)},
        {"limits": (Limit(id="l", rate=1, per=0),)},
    ],
    ids=["no capability", "a limit of nothing", "a rate below nothing", "a rate in no time"],
)
def test_a_line_that_could_not_work_is_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="shop"):
        line_spec(**spec)


async def test_a_declared_concurrency_lowers_the_lines_own(clock: LoopClock) -> None:
    bench = Bench(clock, limits=(Limit(id="l", rate=10, per=1, concurrency=2),))
    assert bench.executor.status("shop").concurrency == 2


async def test_a_limit_of_concurrency_alone_paces_no_calls(clock: LoopClock) -> None:
    bench = Bench(clock, limits=(Limit(id="l", concurrency=2),))
    start = clock.monotonic()
    await times(50, lambda: bench.executor.execute(call()))
    assert bench.executor.status("shop").concurrency == 2
    assert clock.monotonic() - start < 0.5


async def test_samples_name_every_state(clock: LoopClock) -> None:
    bench = Bench(clock)
    began = clock.time()
    await bench.executor.execute(call())
    await clock.sleep(0.5)
    samples = {(sample.metric, sample.labels): sample.value for sample in bench.executor.samples()}
    assert samples["dialtone_breaker_state", ("shop", "read", "closed")] == 1
    assert samples["dialtone_breaker_state", ("shop", "read", "open")] == 0
    since = samples["dialtone_breaker_since_timestamp_seconds", ("shop", "read")]
    assert since == pytest.approx(began)
    assert samples["dialtone_breaker_time_seconds_total", ("shop", "read", "closed")] == pytest.approx(0.5)
    assert samples["dialtone_breaker_trip_distance_ratio", ("shop", "read")] == 1
    assert samples["dialtone_calls_in_flight", ("shop",)] == 0
    assert samples["dialtone_pool_orphans", ("shop",)] == 0


def test_classify_of_the_fakes_knows_a_success() -> None:
    assert classify(Reply(status=200, headers={}, body=b"")).kind is None
