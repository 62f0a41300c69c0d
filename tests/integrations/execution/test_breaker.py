"""The breaker: when it opens, what it admits, how it closes."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from integrations.execution.breaker import REFUSED, CircuitBreaker, Transition
from integrations.execution.policy import BreakerPolicy
from integrations.signals import BreakerState as S
from tests.fakes.clock import FakeClock


class Watched:
    """A breaker with a clock and a list of its transitions."""

    def __init__(self, **policy: object) -> None:
        self.clock = FakeClock()
        self.transitions: list[Transition] = []
        self.breaker = CircuitBreaker(
            BreakerPolicy(**{"jitter": 0.0, **policy}),
            clock=self.clock,
            rng=random.Random(1),
            on_transition=self.transitions.append,
        )

    @property
    def now(self) -> float:
        return self.clock.monotonic()

    def call(self, *, ok: bool, seconds: float = 0.1) -> int:
        permit = self.breaker.acquire(self.now)
        if permit != REFUSED:
            record = self.breaker.record_success if ok else self.breaker.record_failure
            record(permit, self.now, seconds)
        return permit

    def open(self) -> None:
        for _ in range(10):
            self.call(ok=False)

    def half_open(self) -> None:
        self.open()
        self.clock.advance(15)


def test_a_forced_state_says_who_refuses_and_why_also_after_a_restart() -> None:
    watched, restarted = Watched(), Watched()
    watched.breaker.hold(S.FORCED_OPEN, watched.now, actor="ada", reason="maintenance", expires_at=None)
    saved = watched.breaker.saved("read")
    assert saved is not None
    restarted.breaker.restore(saved)
    assert watched.breaker.refusal == "the circuit is forced open by ada: maintenance"
    assert restarted.breaker.refusal == watched.breaker.refusal


@pytest.mark.parametrize(
    ("calls", "failures", "state"),
    [
        pytest.param(9, 9, S.CLOSED, id="too few calls decide nothing"),
        pytest.param(10, 4, S.CLOSED, id="under the ratio"),
        pytest.param(10, 5, S.OPEN, id="at the ratio"),
        pytest.param(20, 10, S.OPEN, id="at the ratio of more calls"),
    ],
)
def test_it_opens_at_the_failure_ratio_of_enough_calls(calls: int, failures: int, state: S) -> None:
    watched = Watched()
    for number in range(calls):
        watched.call(ok=number < calls - failures)
    assert watched.breaker.state is state


def test_a_success_that_completes_the_minimum_can_open_it() -> None:
    watched = Watched()
    for number in range(10):
        watched.call(ok=number == 9)
    assert watched.breaker.state is S.OPEN


@pytest.mark.parametrize(("slow", "state"), [(7, S.CLOSED), (8, S.OPEN)])
def test_slow_successes_open_it_at_their_own_ratio(slow: int, state: S) -> None:
    watched = Watched()
    for number in range(10):
        watched.call(ok=True, seconds=2.01 if number < slow else 2.0)
    assert watched.breaker.state is state


def test_failures_older_than_the_window_are_forgotten() -> None:
    watched = Watched()
    for _ in range(9):
        watched.call(ok=False)
    watched.clock.advance(60)
    watched.call(ok=False)
    assert watched.breaker.state is S.CLOSED
    assert watched.breaker.status("read").calls == 1


def test_an_open_breaker_rejects_until_the_break_ends() -> None:
    watched = Watched()
    watched.open()
    watched.clock.advance(14.9)
    assert watched.breaker.acquire(watched.now) == REFUSED
    assert watched.breaker.retry_after(watched.now) == pytest.approx(0.1)
    watched.clock.advance(0.2)
    assert watched.breaker.acquire(watched.now) != REFUSED
    assert watched.breaker.state is S.HALF_OPEN


def test_asking_takes_no_permit_and_starts_no_trial() -> None:
    watched = Watched()
    watched.half_open()
    assert not watched.breaker.refuses(watched.now)
    assert watched.breaker.state is S.OPEN


def test_half_open_admits_one_at_a_time_and_three_in_all() -> None:
    watched = Watched(half_open_calls=3)
    watched.half_open()
    first = watched.breaker.acquire(watched.now)
    assert watched.breaker.acquire(watched.now) == REFUSED
    watched.breaker.record_success(first, watched.now, 0.1)
    assert [watched.call(ok=True) != REFUSED for _ in range(2)] == [True, True]
    assert watched.breaker.state is S.CLOSED


def test_half_open_never_has_more_trials_out_than_it_admits_in_all() -> None:
    watched = Watched(half_open_calls=2, half_open_concurrency=5)
    watched.half_open()
    permits = [watched.breaker.acquire(watched.now) for _ in range(5)]
    assert [permit != REFUSED for permit in permits] == [True, True, False, False, False]


def test_trials_that_fail_open_it_for_twice_as_long_up_to_the_most() -> None:
    watched = Watched(open_max=50)
    watched.open()
    lengths = []
    for _ in range(4):
        wait = watched.breaker.retry_after(watched.now)
        assert wait is not None
        lengths.append(wait)
        watched.clock.advance(wait)
        watched.call(ok=False)
        watched.call(ok=False)
    assert lengths == [15, 30, 50, 50]


def test_one_failed_trial_of_three_does_not_open_it_again() -> None:
    watched = Watched()
    watched.half_open()
    for ok in (False, True, True):
        watched.call(ok=ok)
    assert watched.breaker.state is S.CLOSED


def test_a_closed_breaker_starts_small_again() -> None:
    watched = Watched()
    watched.half_open()
    for _ in range(3):
        watched.call(ok=True)
    watched.open()
    assert watched.breaker.retry_after(watched.now) == 15


def test_a_trial_that_says_nothing_makes_room_for_another() -> None:
    watched = Watched(half_open_calls=1)
    watched.half_open()
    for _ in range(5):
        watched.breaker.release(watched.breaker.acquire(watched.now))
    assert watched.breaker.state is S.HALF_OPEN
    assert watched.call(ok=True) != REFUSED
    assert watched.breaker.state is S.CLOSED


def test_a_lost_trial_does_not_wedge_it() -> None:
    watched = Watched(half_open_calls=1)
    watched.half_open()
    watched.breaker.acquire(watched.now)
    watched.clock.advance(60)
    assert watched.breaker.acquire(watched.now) == REFUSED
    assert watched.breaker.state is S.OPEN
    watched.clock.advance(15)
    assert watched.breaker.acquire(watched.now) != REFUSED


def test_results_of_an_earlier_state_count_nowhere() -> None:
    watched = Watched()
    early = [watched.breaker.acquire(watched.now) for _ in range(20)]
    watched.half_open()
    trial = watched.breaker.acquire(watched.now)
    for permit in early[:10]:
        watched.breaker.record_failure(permit, watched.now, 0.1)
    for permit in early[10:]:
        watched.breaker.release(permit)
    assert watched.breaker.state is S.HALF_OPEN
    assert watched.breaker.acquire(watched.now) == REFUSED
    watched.breaker.record_success(trial, watched.now, 0.1)


def test_a_check_that_succeeds_ends_the_break_at_once() -> None:
    watched = Watched()
    watched.open()
    watched.breaker.check_succeeded(watched.now)
    assert watched.breaker.state is S.HALF_OPEN


@pytest.mark.parametrize(("state", "admits"), [(S.FORCED_OPEN, False), (S.DISABLED, True), (S.SHADOW, True)])
def test_a_held_state_ignores_results_and_checks_until_it_expires(state: S, admits: bool) -> None:
    watched = Watched()
    expires = watched.clock.time() + 100
    watched.breaker.hold(state, watched.now, actor="ann", reason="drill", expires_at=expires)
    for _ in range(30):
        assert (watched.call(ok=False) != REFUSED) is admits
    watched.breaker.check_succeeded(watched.now)
    assert watched.breaker.state is state
    status = watched.breaker.status("read")
    assert (status.actor, status.reason, status.expires_at) == ("ann", "drill", expires)
    watched.clock.advance(100)
    assert watched.breaker.acquire(watched.now) != REFUSED
    watched.breaker.tick(watched.now)
    assert watched.breaker.state is S.CLOSED


def test_shadow_counts_and_disabled_does_not() -> None:
    watched = Watched()
    for state, counted in ((S.SHADOW, 12), (S.DISABLED, 0)):
        watched.breaker.hold(state, watched.now, actor="ann", reason="drill", expires_at=None)
        for _ in range(12):
            watched.call(ok=False)
        assert watched.breaker.status("read").calls == counted


def test_reset_closes_it_with_an_empty_window() -> None:
    watched = Watched()
    watched.open()
    watched.breaker.reset(actor="ann", reason="fixed")
    status = watched.breaker.status("read")
    assert (status.state, status.calls, status.failure_ratio) == (S.CLOSED, 0, None)


def test_each_transition_tells_the_counts_that_decided() -> None:
    watched = Watched()
    watched.open()
    (opened,) = watched.transitions
    assert (opened.before, opened.after, opened.calls, opened.failures) == (S.CLOSED, S.OPEN, 10, 10)
    assert opened.open_seconds == pytest.approx(15)
    assert "10 of 10 calls failed" in opened.reason


def test_jitter_stays_within_its_share() -> None:
    waits = []
    for seed in range(200):
        watched = Watched(jitter=0.2)
        watched.breaker._random.seed(seed)
        watched.open()
        waits.append(watched.breaker.retry_after(watched.now))
    assert min(waits) >= 12
    assert max(waits) <= 18
    assert max(waits) - min(waits) > 4


def test_the_slow_line_follows_the_usual_duration_two_periods_later() -> None:
    watched = Watched()
    for minute in range(21):
        for _ in range(9):
            watched.call(ok=True, seconds=1.0)
        watched.clock.advance(60)
        assert (watched.breaker.slow_seconds > 2.0) is (minute >= 10)
    assert watched.breaker.slow_seconds == pytest.approx(3.0, rel=0.15)


def test_another_policy_keeps_the_state() -> None:
    watched = Watched()
    watched.open()
    watched.breaker.adopt(BreakerPolicy(window=30, slow_floor=5))
    assert watched.breaker.state is S.OPEN
    assert watched.breaker.slow_seconds == 5


@pytest.mark.parametrize("downtime", [5.0, 100.0])
def test_an_open_breaker_survives_a_restart_on_the_wall_clock(downtime: float) -> None:
    before, after = Watched(), Watched()
    before.open()
    saved = before.breaker.saved("read")
    assert saved is not None
    after.clock.jump_utc(downtime)
    after.breaker.restore(saved)
    assert after.breaker.state is S.OPEN
    assert after.breaker.refuses(after.now) is (downtime < 15)
    assert after.breaker.status("read").reason == before.breaker.status("read").reason
    assert after.transitions == []


def test_an_open_breaker_is_not_open_for_longer_because_the_wall_clock_was_set_back() -> None:
    before, after = Watched(), Watched()
    before.open()
    saved = before.breaker.saved("read")
    assert saved is not None
    after.clock.jump_utc(-3_600)
    after.breaker.restore(saved)
    assert after.breaker.refuses(after.now)
    assert not after.breaker.refuses(after.now + 361)


def test_a_half_open_breaker_is_saved_as_open_and_overdue() -> None:
    before, after = Watched(), Watched()
    before.half_open()
    before.breaker.acquire(before.now)
    saved = before.breaker.saved("read")
    assert saved is not None
    assert saved.state is S.OPEN
    after.clock.jump_utc(15)
    after.breaker.restore(saved)
    assert not after.breaker.refuses(after.now)


def test_a_closed_breaker_needs_no_saving() -> None:
    assert Watched().breaker.saved("read") is None


class BreakerMachine(RuleBasedStateMachine):
    """Whatever happens in whatever order, what a breaker promises holds."""

    def __init__(self) -> None:
        super().__init__()
        self.watched = Watched(min_calls=3, half_open_calls=3, half_open_concurrency=2)
        self.out: list[tuple[int, int]] = []
        self.generation = self.watched.breaker.generation
        self.trials = 0

    @property
    def breaker(self) -> CircuitBreaker:
        return self.watched.breaker

    @rule()
    def acquire(self) -> None:
        now = self.watched.now
        until = self.breaker.status("read").open_until
        before, open_before = self.breaker.state, until is not None and self.watched.clock.time() < until
        refused = self.breaker.refuses(now)
        permit = self.breaker.acquire(now)
        assert refused is (permit == REFUSED)
        if open_before or before is S.FORCED_OPEN:
            assert permit == REFUSED
        if before in {S.CLOSED, S.DISABLED, S.SHADOW}:
            assert permit != REFUSED
        if permit != REFUSED:
            self._note_trial(permit)
            self.out.append((permit, self.breaker.generation))

    def _note_trial(self, permit: int) -> None:
        if self.breaker.generation != self.generation:
            self.generation, self.trials = self.breaker.generation, 0
        self.trials += self.breaker.state is S.HALF_OPEN

    @precondition(lambda self: self.out)
    @rule(data=st.data(), ok=st.booleans(), seconds=st.sampled_from([0.1, 3.0]))
    def record(self, data: st.DataObject, ok: bool, seconds: float) -> None:
        permit, generation = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        before, stale = self.breaker.state, generation != self.breaker.generation
        record = self.breaker.record_success if ok else self.breaker.record_failure
        record(permit, self.watched.now, seconds)
        if stale:
            assert self.breaker.state is before

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        permit, generation = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        before = self.breaker.state
        if generation == self.breaker.generation and before is S.HALF_OPEN:
            self.trials -= 1
        self.breaker.release(permit)
        assert self.breaker.state is before

    @rule(seconds=st.sampled_from([0.5, 5.0, 15.0, 61.0]))
    def wait(self, seconds: float) -> None:
        self.watched.clock.advance(seconds)

    @rule(state=st.sampled_from([S.FORCED_OPEN, S.DISABLED, S.SHADOW]), lasting=st.sampled_from([None, 20.0]))
    def hold(self, state: S, lasting: float | None) -> None:
        expires = None if lasting is None else self.watched.clock.time() + lasting
        self.breaker.hold(state, self.watched.now, actor="a", reason="r", expires_at=expires)

    @rule()
    def reset(self) -> None:
        self.breaker.reset(actor="a", reason="r")

    @rule()
    def check_succeeded(self) -> None:
        self.breaker.check_succeeded(self.watched.now)

    @invariant()
    def half_open_admits_so_many_and_no_more(self) -> None:
        if self.breaker.state is S.HALF_OPEN and self.generation == self.breaker.generation:
            current = [permit for permit, made in self.out if made == self.breaker.generation]
            assert len(current) <= 2
            assert self.trials <= 3

    @invariant()
    def status_and_counts_agree(self) -> None:
        status = self.breaker.status("read")
        assert 0 <= status.failures <= status.calls
        assert 0 <= status.slow <= status.calls


TestBreakerMachine = BreakerMachine.TestCase
TestBreakerMachine.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)


@pytest.mark.parametrize(
    ("calls", "distance"),
    [
        pytest.param("", 1.0, id="no call"),
        pytest.param("+" * 40, 1.0, id="no failure"),
        pytest.param("--", 0.6, id="two of the five failures that ten calls may not have"),
        pytest.param("-----", 0.0, id="enough failures, too few calls"),
        pytest.param("+" * 15 + "-----", 0.5, id="five of the ten failures that twenty calls may not have"),
        pytest.param("s" * 6, 0.25, id="six of the eight slow calls that ten may not have"),
        pytest.param("-" + "s" * 6, 0.25, id="the nearer of both"),
    ],
)
def test_its_distance_from_opening_is_the_share_of_failures_that_is_missing(
    calls: str, distance: float
) -> None:
    watched = Watched()
    for call in calls:
        watched.call(ok=call != "-", seconds=9 if call == "s" else 0.1)
    assert watched.breaker.status("read").trip_distance == pytest.approx(distance)


def test_what_cannot_open_has_no_distance_and_what_is_open_none_left() -> None:
    watched = Watched()
    watched.open()
    opened = watched.breaker.status("read").trip_distance
    watched.clock.advance(15)
    watched.breaker.acquire(watched.now)
    half_open = watched.breaker.status("read").trip_distance
    told = []
    for state in (S.FORCED_OPEN, S.DISABLED, S.SHADOW):
        watched.breaker.hold(state, watched.now, actor="ada", reason="", expires_at=None)
        told.append(watched.breaker.status("read").trip_distance)
    assert (opened, half_open, told) == (0, 0, [0, None, 1])


def test_it_opens_exactly_when_nothing_is_missing_and_there_are_enough_calls() -> None:
    watched = Watched(failure_ratio=0.3, min_calls=7)
    for ok in (True, False, True, True, False, True, True, True):
        watched.call(ok=ok)
        assert watched.breaker.status("read").trip_distance > 0
    watched.call(ok=False)
    assert watched.breaker.state is S.OPEN


def test_the_time_in_each_state_adds_up_to_all_of_its_time() -> None:
    watched = Watched()
    watched.clock.advance(100)
    watched.open()
    watched.clock.advance(15)
    watched.breaker.acquire(watched.now)
    watched.clock.advance(60)
    assert watched.breaker.state_seconds() == {S.CLOSED: 100, S.OPEN: 15, S.HALF_OPEN: 60}
    watched.breaker.reset(actor="ada", reason="")
    watched.clock.advance(5)
    assert watched.breaker.state_seconds()[S.CLOSED] == 105
