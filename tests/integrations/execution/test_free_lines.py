"""Lines of which nothing is called but checks: they hold next to nothing, and tell what they always told."""

import anyio
import httpx
import pytest

from integrations.execution.breaker import CircuitBreaker
from integrations.execution.call import Call, QuotaReading, Verdict
from integrations.execution.gauges import line_status
from integrations.execution.outcome import FailureKind, RejectReason
from integrations.execution.policy import BreakerPolicy, Policy
from integrations.execution.status import unused_breaker
from integrations.execution.transport import Reply
from integrations.manifest.schema import Limit
from integrations.signals import BreakerState, CallRecord
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.execution import Bench, ScriptedVendor, call, check, line_spec

TIME = "dialtone_breaker_time_seconds_total"
THROTTLED = httpx.Response(429, headers={"retry-after": "5"})


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
def clock(anyio_backend: object) -> LoopClock:
    return LoopClock()


async def test_checks_alone_make_nothing_and_share_their_route(clock: LoopClock) -> None:
    bench = Bench(clock)
    bench.executor.open_line(line_spec(integration="other"))

    for name in ("shop", "shop", "other"):
        assert (await bench.executor.execute(check(integration=name))).outcome.ok
        bench.executor.check_succeeded(name, "read")
    list(bench.executor.samples())
    bench.executor.status("shop")

    line, other = bench.line, bench.executor._lines["other"]
    assert [line.slots, line.spent, line.buckets, line._strikes] == [None] * 4
    assert not line._breakers
    assert line.route is other.route
    assert line.routes == {}


async def test_calls_have_what_they_pass_to_themselves(clock: LoopClock) -> None:
    bench = Bench(clock)
    bench.executor.open_line(line_spec(integration="other"))

    for name in ("shop", "other"):
        await bench.executor.execute(call(integration=name))

    mine, other = bench.line.route, bench.executor._lines["other"].route
    assert mine.breaker is not other.breaker
    assert mine.quota is not other.quota
    assert mine.queue is not other.queue


async def test_a_breaker_that_is_not_there_tells_what_a_new_one_would(clock: LoopClock) -> None:
    policy = BreakerPolicy(failure_ratio=0.3, slow_ratio=0.7, slow_floor=1.5)
    new = CircuitBreaker(policy, clock=clock, rng=None, on_transition=lambda _: None)
    new.began(17.0, 0.0)

    assert unused_breaker("read", policy, since=17.0) == new.status("read")


async def test_a_breaker_counts_as_closed_since_the_line_was_opened(clock: LoopClock) -> None:
    bench = Bench(clock)
    opened = clock.time()

    def told() -> tuple[float, float]:
        (seconds,) = [
            one.value
            for one in bench.executor.samples()
            if one.labels == ("shop", "read", "closed") and one.metric == TIME
        ]
        return seconds, line_status(bench.line).breakers[0].since

    await anyio.sleep(10)
    before = told()
    await bench.executor.execute(call())
    await anyio.sleep(10)

    assert before == (pytest.approx(10), pytest.approx(opened))
    assert told() == (pytest.approx(20), pytest.approx(opened))


async def test_a_check_tells_the_state_of_a_breaker_that_was_made_after_its_route(clock: LoopClock) -> None:
    bench = Bench(clock)
    await bench.executor.execute(check())

    bench.executor.force_open("shop", "read", actor="ann", reason="game day")
    await bench.executor.execute(check())

    states = [record.breaker_state for record in bench.signals.of(CallRecord)]
    assert states == [BreakerState.CLOSED, BreakerState.FORCED_OPEN]
    assert bench.executor.is_forced_open("shop", "read")
    assert not bench.executor.is_forced_open("shop", "write")


async def test_a_check_keeps_quiet_once_a_call_was_asked_to(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(httpx.Response(200), THROTTLED, httpx.Response(200)))
    await bench.executor.execute(check())

    await bench.executor.execute(call(max_attempts=1))
    skipped = (await bench.executor.execute(check())).outcome
    await anyio.sleep(5)
    later = (await bench.executor.execute(check())).outcome

    assert (skipped.kind, skipped.attempts) == (FailureKind.THROTTLED, ())
    assert later.ok
    assert bench.holds_nothing()


async def test_a_call_keeps_quiet_once_a_check_was_asked_to(clock: LoopClock) -> None:
    bench = Bench(clock, ScriptedVendor(THROTTLED, httpx.Response(200)))
    await bench.executor.execute(check(max_attempts=1))

    refused = (await bench.executor.execute(call(deadline=clock.monotonic() + 3))).outcome

    assert refused.reason is RejectReason.QUOTA
    assert len(bench.vendor.requests) == 1


async def test_what_a_check_learns_of_the_quota_holds_for_its_own_next_attempt(clock: LoopClock) -> None:
    def used_up(reply: Reply) -> Verdict:
        reading = QuotaReading(bucket="", limit=10, remaining=0, reset_at=clock.time() + 60)
        return Verdict(kind=FailureKind.SERVER_ERROR, detail="no", readings=(reading,))

    bench = Bench(clock)
    outcome = (await bench.executor.execute(check(classify=used_up))).outcome

    assert len(bench.vendor.requests) == len(outcome.attempts) == 1
    assert outcome.kind is FailureKind.SERVER_ERROR
    assert bench.holds_nothing()


async def test_a_check_under_a_declared_limit_is_skipped_without_a_place_in_line(clock: LoopClock) -> None:
    bench = Bench(clock, limits=(Limit(id="all", rate=1, per=60, burst=1),))

    first, second = [(await bench.executor.execute(check())).outcome for _ in range(2)]

    assert first.ok
    assert (second.kind, len(bench.vendor.requests)) == (FailureKind.THROTTLED, 1)
    assert bench.line.quotas == {}
    assert bench.holds_nothing()


@pytest.mark.parametrize("asked", [call, check])
async def test_a_capability_that_is_not_there_is_an_error_of_the_caller(
    clock: LoopClock, asked: type[Call]
) -> None:
    bench = Bench(clock)

    with pytest.raises(LookupError, match="only read, write"):
        await bench.executor.execute(asked(capability="nope"))
    with pytest.raises(LookupError, match="nope"):
        bench.executor.check_succeeded("shop", "nope")
    assert bench.holds_nothing()


async def test_closing_a_line_cuts_off_nothing_of_another(clock: LoopClock) -> None:
    bench = Bench(
        clock, ScriptedVendor(30.0), policy=Policy(timeout=40, deadline=50, breaker=BreakerPolicy(window=90))
    )
    bench.executor.open_line(line_spec(bench.spec.policy, integration="other"))
    kinds: dict[str, FailureKind | None] = {}

    async def ask(name: str) -> None:
        kinds[name] = (await bench.executor.execute(call(integration=name, max_attempts=1))).outcome.kind

    async with anyio.create_task_group() as group:
        group.start_soon(ask, "shop")
        group.start_soon(ask, "other")
        await anyio.sleep(1)
        await bench.executor.close_line("other")

    assert kinds == {"other": FailureKind.CANCELLED, "shop": None}


async def test_a_capability_that_goes_takes_its_breaker_with_it(clock: LoopClock) -> None:
    bench = Bench(clock)
    bench.executor.force_open("shop", actor="ann", reason="game day")

    bench.executor.open_line(line_spec(capabilities=("read",)))

    assert [one.capability for one in bench.executor.status("shop").breakers] == ["read"]
    assert [one.capability for one in bench.line.saved().breakers] == ["read"]
