"""A replay of today's policy over its own history gives back what happened; another policy something else."""

from collections.abc import Sequence

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.analytics.backtest.recorded import Checks, Recorded, RecordedCall, tries_of
from exporters.analytics.backtest.replay import Replay
from exporters.analytics.backtest.tally import Counter, Tally
from integrations.execution.outcome import Attempt, FailureKind, Origin, RejectReason
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.signals import BreakerState, BreakerTransition, CheckResult
from tests.exporters.analytics.backtest.lived import Lived, live, replayed
from tests.fakes.clock import VirtualTimeLoop

BREAKERS = st.builds(
    BreakerPolicy,
    window=st.sampled_from([20, 60]),
    min_calls=st.sampled_from([3, 5, 10]),
    failure_ratio=st.sampled_from([0.2, 0.5, 0.9]),
    slow_ratio=st.sampled_from([0.3, 0.8]),
    open_seconds=st.sampled_from([3.0, 15.0]),
    jitter=st.sampled_from([0.0, 0.2]),
    half_open_calls=st.sampled_from([1, 3]),
    half_open_concurrency=st.sampled_from([1, 2]),
    half_open_seconds=st.sampled_from([2.0, 60.0]),
)
# A longer first wait, so that a retry does not look like a request that is sent again at once.
RETRIES = st.builds(
    RetryPolicy, attempts=st.sampled_from([1, 2, 3]), budget=st.sampled_from([30, 500]), base=st.just(0.5)
)
K = FailureKind
T0 = 1_800_000_000.0


def lived(policy: Policy, *, seed: int, seconds: float) -> Lived:
    return anyio.run(
        lambda: live(policy, seed=seed, seconds=seconds), backend_options={"loop_factory": VirtualTimeLoop}
    )


def told(transitions: Sequence[BreakerTransition]) -> list[tuple[object, ...]]:
    """What must be alike. Where time alone decided, a trial that ends in that moment may count or not."""
    return [
        (row.capability, row.before, row.after, row.reason, row.actor)
        + (() if row.reason.endswith("expired undecided") else (row.calls, row.failures, row.slow))
        for row in sorted(transitions, key=lambda each: each.capability)
    ]


@settings(max_examples=12)
@given(breaker=BREAKERS, retry=RETRIES, timeout=st.sampled_from([4.0, 10.0]), seed=st.integers(0, 10_000))
def test_todays_policy_gives_back_the_same_transitions(
    breaker: BreakerPolicy, retry: RetryPolicy, timeout: float, seed: int
) -> None:
    policy = Policy(breaker=breaker, retry=retry, timeout=timeout)
    history = lived(policy, seed=seed, seconds=130.0)

    transitions, counter = replayed(history, policy)

    assert told(transitions) == told(history.transitions)
    for mine, theirs in zip(transitions, history.transitions, strict=True):
        assert mine.at == pytest.approx(theirs.at, abs=0.001)
    tally = counter.tally()
    assert tally.calls == len(history.calls)
    assert tally.succeeded == sum(call.kind is None for call in history.calls)
    assert tally.rejected == sum(call.was_refused_open for call in history.calls)


def test_a_break_that_was_over_when_its_beginning_was_found_is_given_back() -> None:
    breaker = BreakerPolicy(
        min_calls=2, failure_ratio=0.9, slow_ratio=1.0, slow_factor=1.5, open_seconds=0.5, open_max=20.0,
        jitter=0.5, half_open_calls=5, half_open_concurrency=2, half_open_seconds=1.0,
    )  # fmt: skip
    policy = Policy(
        breaker=breaker, retry=RetryPolicy(attempts=2, budget=30, base=1.0), timeout=4.0, deadline=15.0
    )
    history = lived(policy, seed=109, seconds=30.0)
    late = [each for each in history.transitions if "expired" in each.reason and not each.open_seconds]

    transitions, _ = replayed(history, policy)

    assert late
    assert told(transitions) == told(history.transitions)


def test_a_retry_that_was_made_as_a_break_ended_is_made_again() -> None:
    breaker = BreakerPolicy(
        window=20, min_calls=3, failure_ratio=0.2, slow_ratio=1.0, slow_floor=0.3, open_seconds=1.0,
        jitter=0.0, half_open_calls=5, half_open_concurrency=2, half_open_seconds=2.0,
    )  # fmt: skip
    retry = RetryPolicy(attempts=2, budget=30, base=0.5)
    policy = Policy(breaker=breaker, retry=retry, timeout=3.0, deadline=10.0)
    history = lived(policy, seed=375, seconds=20.0)

    transitions, _ = replayed(history, policy)

    assert told(transitions) == told(history.transitions)


def test_of_calls_in_one_microsecond_the_one_that_was_refused_is_refused() -> None:
    breaker = BreakerPolicy(
        window=20, min_calls=5, slow_ratio=0.3, open_seconds=3.0, jitter=0.0, half_open_seconds=2.0
    )
    policy = Policy(breaker=breaker, retry=RetryPolicy(attempts=1, budget=30, base=0.5))
    history = lived(policy, seed=621, seconds=130.0)
    began = [call.began for call in history.calls if call.capability == "read"]

    transitions, _ = replayed(history, policy)

    assert len(set(began)) < len(began)
    assert told(transitions) == told(history.transitions)
    theirs = [each.at for each in history.transitions]
    assert [each.at for each in transitions] == pytest.approx(theirs, abs=0.001)


def calls(*outcomes: FailureKind | None, every: float = 1.0, seconds: float = 0.2) -> list[RecordedCall]:
    """One attempt each, one after another."""
    return [
        made(T0 + place * every, Attempt(start=0.0, duration=seconds, kind=kind))
        for place, kind in enumerate(outcomes)
    ]


def made(began: float, *attempts: Attempt, is_read: bool = True) -> RecordedCall:
    last = attempts[-1]
    return RecordedCall(
        capability="read",
        began=began,
        ended=began + last.start + last.duration,
        is_read=is_read,
        origin=Origin.TRAFFIC,
        kind=last.kind,
        reason=None,
        attempts=attempts,
    )


def refused(began: float) -> RecordedCall:
    return RecordedCall(
        capability="read",
        began=began,
        ended=began,
        is_read=True,
        origin=Origin.TRAFFIC,
        kind=K.REJECTED,
        reason=RejectReason.OPEN_CIRCUIT,
        attempts=(),
    )


def check(at: float, kind: FailureKind | None = None, *, duration: float = 0.1) -> CheckResult:
    return CheckResult(
        at=at,
        integration="shop",
        vendor="http",
        capability="read",
        action="get",
        kind=kind,
        duration=duration,
    )


def replay(
    given_calls: Sequence[RecordedCall],
    policy: Policy,
    *,
    today: Policy | None = None,
    checks: Sequence[CheckResult] = (),
) -> tuple[Tally, list[BreakerTransition]]:
    end = given_calls[-1].began + 10
    counter = Counter(start=T0, end=end, buckets=4)
    engine = Replay(
        policy, today=today or Policy(), recorded=Recorded(checks=checks), counter=counter, began=T0
    )
    for each in given_calls:
        engine.take_call(each)
    engine.finish(end)
    return counter.tally(), engine.transitions


def breaker(**keys: float) -> Policy:
    return Policy(breaker=BreakerPolicy(jitter=0.0, **keys))  # type: ignore[arg-type] # keys by name


def test_a_lower_threshold_opens_earlier_and_tells_what_it_refused() -> None:
    history = calls(*[None] * 7, *[K.SERVER_ERROR] * 3, None, K.SERVER_ERROR, None)

    today, quiet = replay(history, breaker())
    tally, transitions = replay(history, breaker(failure_ratio=0.3))

    assert quiet == []
    assert (today.succeeded, today.failed, today.rejected) == (9, 4, 0)
    assert [each.after for each in transitions] == [BreakerState.OPEN]
    assert transitions[0].reason == "3 of 10 calls failed"
    assert transitions[0].at == pytest.approx(T0 + 9.2)
    assert (tally.rejected, tally.lost, tally.spared, tally.failed) == (3, 2, 1, 3)


def test_a_call_that_was_refused_ends_as_the_nearest_check_did() -> None:
    history = [*calls(None), refused(T0 + 10), refused(T0 + 200), refused(T0 + 2_000)]
    checks = [check(T0 + 12), check(T0 + 199, K.TIMEOUT)]

    tally, _ = replay(history, breaker(min_calls=100), checks=checks)

    assert (tally.succeeded, tally.failed, tally.unknown, tally.assumed) == (2, 1, 1, 2)


def test_a_call_that_is_refused_again_is_judged_by_the_checks() -> None:
    history = [*calls(*[K.SERVER_ERROR] * 10), refused(T0 + 11), refused(T0 + 12)]

    tally, _ = replay(history, breaker(), checks=[check(T0 + 10.9), check(T0 + 12.1, K.TIMEOUT)])

    assert (tally.lost, tally.spared, tally.assumed) == (1, 1, 2)


def test_a_shorter_timeout_cuts_off_slow_calls_and_asks_checks_of_the_retry() -> None:
    slow = made(T0, Attempt(start=0.0, duration=5.0))

    alone, _ = replay([slow], Policy(timeout=4.0))
    tally, _ = replay([slow], Policy(timeout=4.0), checks=[check(T0 + 4)])

    assert (alone.failed, alone.waited) == (1, pytest.approx(4.0, abs=0.001))
    assert (tally.succeeded, tally.attempts, tally.assumed) == (1, 2, 1)


def test_a_longer_timeout_does_not_make_a_success_of_what_was_cut_off() -> None:
    late = made(T0, Attempt(start=0.0, duration=10.0, kind=K.TIMEOUT), is_read=False)

    tally, _ = replay([late], Policy(timeout=20.0))

    assert (tally.failed, tally.assumed) == (1, 1)
    assert tally.waited == pytest.approx(20.0, abs=0.001)


def test_fewer_attempts_end_calls_that_a_retry_had_saved() -> None:
    saved = made(
        T0,
        Attempt(start=0.0, duration=0.1, kind=K.SERVER_ERROR, status=503),
        Attempt(start=0.2, duration=0.1),
    )

    today, _ = replay([saved], Policy())
    tally, _ = replay([saved], Policy(retry=RetryPolicy(attempts=1)))

    assert (today.succeeded, today.attempts) == (1, 2)
    assert (tally.failed, tally.attempts) == (1, 1)


@pytest.mark.parametrize(("is_read", "attempts"), [(True, 4), (False, 3)])
def test_one_more_attempt_is_made_where_a_repeat_does_no_harm(*, is_read: bool, attempts: int) -> None:
    tries = [Attempt(start=float(place), duration=0.1, kind=K.SERVER_ERROR, status=503) for place in range(3)]
    lost = made(T0, *tries, is_read=is_read)

    tally, _ = replay([lost], Policy(retry=RetryPolicy(attempts=4)), checks=[check(T0 + 3)])

    assert (tally.attempts, tally.succeeded) == (attempts, int(is_read))


def test_a_smaller_retry_budget_ends_calls_when_it_is_spent() -> None:
    def retried(at: float) -> RecordedCall:
        first = Attempt(start=0.0, duration=0.1, kind=K.SERVER_ERROR, status=503)
        return made(at, first, Attempt(start=0.2, duration=0.1, kind=K.SERVER_ERROR, status=503))

    tally, _ = replay([retried(T0), retried(T0 + 1)], Policy(retry=RetryPolicy(budget=14)))

    assert tally.attempts == 3


def test_a_shorter_deadline_cuts_the_call_off_and_says_nothing_of_the_vendor() -> None:
    slow = calls(*[None] * 10, every=20.0, seconds=8.0)

    tally, transitions = replay(slow, Policy(deadline=5.0, timeout=5.0, breaker=BreakerPolicy(min_calls=5)))

    assert (tally.failed, transitions) == (10, [])


def test_breakers_keep_their_state_over_a_restart_and_forget_their_counts() -> None:
    counter = Counter(start=T0, end=T0 + 100, buckets=4)
    engine = Replay(breaker(), today=breaker(), recorded=Recorded(), counter=counter, began=T0)
    for each in calls(*[K.SERVER_ERROR] * 9):
        engine.take_call(each)
    engine.take_start(T0 + 10)
    engine.take_call(calls(K.SERVER_ERROR, every=0)[0]._replace(began=T0 + 11, ended=T0 + 11.2))
    engine.finish(T0 + 100)

    assert engine.transitions == []


def test_a_request_that_found_a_dead_connection_is_one_attempt() -> None:
    call = made(
        T0,
        Attempt(start=0.0, duration=0.01, kind=K.CONNECTION),
        Attempt(start=0.01, duration=0.2, status=200),
    )

    (one,) = tries_of(call, Policy())

    assert (one.start, one.lead, one.seconds, one.kind) == (0.0, 0.01, 0.2, None)


@pytest.mark.parametrize(
    ("seconds", "total", "is_cut"),
    [
        pytest.param(10.0, 10.0, False, id="its own time"),
        pytest.param(3.0, 3.0, False, id="the connection's"),
        pytest.param(3.0, 30.0, True, id="the deadline's, by chance after as long"),
        pytest.param(9.95, 30.0, True, id="the deadline's, a moment before its own"),
        pytest.param(10.02, 30.03, True, id="the deadline's, both of them late"),
        pytest.param(10.0, 29.95, False, id="its own time, a moment before the deadline"),
        pytest.param(1.0, 1.0, True, id="the caller's"),
    ],
)
def test_a_timeout_is_the_vendors_unless_the_caller_was_impatient(
    seconds: float, total: float, *, is_cut: bool
) -> None:
    call = made(T0, Attempt(start=total - seconds, duration=seconds, kind=K.TIMEOUT))

    assert tries_of(call, Policy())[0].was_cut_short is is_cut


def test_checks_far_away_say_nothing() -> None:
    checks = Checks([check(T0), check(T0 + 1_000, K.TIMEOUT)])

    assert checks.near("read", T0 + 299) == check(T0)
    assert checks.near("read", T0 + 500) is None
    assert checks.near("write", T0) is None
