"""The circuit breaker's controller. Its knobs are policy.BreakerPolicy, its rule tripping.py, its memory
window.py.

Semantics follow resilience4j and Polly where both agree; sources in the order of the code: a rate counts from
a minimum of calls on and opens at >= (resilience4j), the open time doubles with jitter, half-open admits a
fixed number of trials in all and expires (resilience4j #903, Polly #1979), and a permit carries the
generation it was granted in, so that a result of an earlier state counts nowhere (interlock, httpware).
Nothing here awaits: between the question and the permit no other task can run.
"""

import random
from collections.abc import Callable, Mapping
from math import inf
from typing import NamedTuple

from integrations.clock import Clock
from integrations.execution.policy import BreakerPolicy
from integrations.execution.status import BreakerStatus, SavedBreaker
from integrations.execution.tripping import too_bad, trip_distance
from integrations.execution.window import CallWindow, UsualDuration
from integrations.signals import BreakerState

_CLOSED, _OPEN, _HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
_FORCED_OPEN, _DISABLED, _SHADOW = BreakerState.FORCED_OPEN, BreakerState.DISABLED, BreakerState.SHADOW
_HELD = frozenset({_FORCED_OPEN, _DISABLED, _SHADOW})
_GUARDED = frozenset({_OPEN, _HALF_OPEN, _FORCED_OPEN})
_MOST_DOUBLINGS = 32

_NO_CALLS = CallWindow(1)
REFUSED = -1
"""The permit that is none."""


class Transition(NamedTuple):
    """A change of state, with the counts that decided it."""

    before: BreakerState
    after: BreakerState
    reason: str
    actor: str
    calls: int
    failures: int
    slow: int
    open_seconds: float


class CircuitBreaker:
    """Admits calls and learns from their results. `now` is always the clock's monotonic time."""

    __slots__ = (
        "_actor",
        "_admitted",
        "_bad",
        "_clock",
        "_entered",
        "_on_transition",
        "_openings",
        "_policy",
        "_random",
        "_reason",
        "_running",
        "_shut_until",
        "_since",
        "_slow",
        "_spent",
        "_trials",
        "_until",
        "_usual",
        "_window",
        "generation",
        "is_guarded",
        "refusal",
        "rejected",
        "slow_seconds",
        "state",
    )

    def __init__(
        self,
        policy: BreakerPolicy,
        *,
        clock: Clock,
        rng: random.Random,
        on_transition: Callable[[Transition], None],
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._random = rng
        self._on_transition = on_transition
        self.state = _CLOSED
        self.is_guarded = False
        self.rejected = 0
        self.generation = 0
        # Made with the first call: most integrations have only checks, which never come here.
        self._window: CallWindow | None = None
        self._usual: UsualDuration | None = None
        self.slow_seconds = policy.slow_floor
        self._openings = 0
        self._since = clock.time()
        self._entered = clock.monotonic()
        self._spent: dict[BreakerState, float] | None = None
        self._reason = self._actor = ""
        self._until: float | None = None
        self._shut_until = 0.0
        self.refusal = ""
        self._admitted = self._running = self._trials = self._bad = self._slow = 0

    def began(self, since: float, entered: float) -> None:
        """It counts as closed for longer than it was needed: since a UTC second, and a monotonic one."""
        self._since, self._entered = since, entered

    # Reading.

    @property
    def is_timed(self) -> bool:
        """Whether its state has an end that `tick` must find."""
        return self._until is not None

    def refuses(self, now: float) -> bool:
        """Whether a call would be refused now; takes no permit and starts no trial."""
        if now < self._shut_until:
            return True
        if not self.is_guarded:
            return False
        self.tick(now)
        return self._is_full() if self.state is _HALF_OPEN else now < self._shut_until

    def state_seconds(self) -> Mapping[BreakerState, float]:
        """How long it was in each state that it was in since it was made."""
        now = self._clock.monotonic()
        self.tick(now)
        spent = self._spent or {}
        return {**spent, self.state: spent.get(self.state, 0.0) + now - self._entered}

    def retry_after(self, now: float) -> float | None:
        """Seconds until a refused call may be worth another try, where that is known."""
        return self._shut_until - now if now < self._shut_until < inf else None

    # The way of a call.

    def acquire(self, now: float) -> int:
        """Return a permit for one call, or REFUSED. Each goes back by `record_…` or `release`."""
        if not self.is_guarded:
            return self.generation
        if self.refuses(now):
            return REFUSED
        if self.state is _OPEN:
            self._half_open(now, "the break is over")
        if self.state is _HALF_OPEN:
            self._admitted += 1
            self._running += 1
        return self.generation

    def record_success(self, permit: int, now: float, seconds: float) -> None:
        """Take the permit back with a success; one of an earlier state counts nowhere."""
        if permit != self.generation:
            return
        window = self._window or self._new_window()
        if self.state is _CLOSED and seconds <= self.slow_seconds and not (window.failures or window.slow):
            # Nothing can follow from this one: the way of nearly all calls.
            if now >= window.ends:
                window.move_to(now)
            window.calls += 1
        else:
            self._count(now, 0, seconds)
        usual = self._usual
        if usual is None:
            usual = self._usual = UsualDuration()
        if usual.add(now, seconds):
            self._set_slow_line()

    def record_failure(self, permit: int, now: float, seconds: float) -> None:
        """Take the permit back with a failure; one of an earlier state counts nowhere."""
        if permit == self.generation:
            self._count(now, 1, seconds)

    def release(self, permit: int) -> None:
        """Take the permit back without a result: the call was cancelled, or says nothing of the vendor."""
        if permit == self.generation and self.state is _HALF_OPEN:
            self._running -= 1
            self._admitted -= 1

    # What others say.

    def check_succeeded(self, now: float) -> None:
        """A check got through: an open circuit goes half-open at once."""
        if self.state is _OPEN:
            self._half_open(now, "a check succeeded")

    def hold(
        self, state: BreakerState, now: float, *, actor: str, reason: str, expires_at: float | None
    ) -> None:
        """Hold it in forced_open, disabled or shadow until reset, or until `expires_at` (UTC seconds)."""
        until = None if expires_at is None else now + (expires_at - self._clock.time())
        self._openings = 0
        self._enter(state, reason, actor=actor, until=until)
        self._window = None

    def reset(self, *, actor: str, reason: str) -> None:
        """Close it, with an empty window."""
        self._close(reason, actor=actor)

    def tick(self, now: float) -> None:
        """Let end what has an end: a held state, a half-open one that nobody decided."""
        if self._until is None or now < self._until:
            return
        if self.state in _HELD:
            self._close(f"{self.state} expired")
        elif self.state is _HALF_OPEN:
            expired = self._until
            self._enter(_OPEN, "half-open expired undecided", until=expired + self._break_seconds())

    def adopt(self, policy: BreakerPolicy) -> None:
        """Go on under another policy, in the same state; another window starts empty."""
        if policy.window != self._policy.window:
            self._window = None
        self._policy = policy
        self._set_slow_line()

    # Transitions. Each takes a new generation, so that permits of the old state are void.

    def _count(self, now: float, failed: int, seconds: float) -> None:
        slow = 1 if seconds > self.slow_seconds else 0
        state, window = self.state, self._window or self._new_window()
        if state is _HALF_OPEN:
            self._count_trial(now, failed, slow)
        elif state is not _DISABLED:
            window.add(now, failed, slow)
            if (window.failures or window.slow) and state is _CLOSED:
                self._open_if_bad(now, window)

    def _new_window(self) -> CallWindow:
        self._window = CallWindow(self._policy.window)
        return self._window

    def _open_if_bad(self, now: float, window: CallWindow) -> None:
        policy = self._policy
        if window.calls < policy.min_calls:
            return
        reason = too_bad(policy, calls=window.calls, failures=window.failures, slow=window.slow)
        if reason:
            self._open(now, reason)

    def _count_trial(self, now: float, failed: int, slow: int) -> None:
        policy = self._policy
        self._running -= 1
        self._trials += 1
        self._bad += failed
        self._slow += slow
        # A share of all trials that is already too bad cannot get better, so it need not wait for the rest.
        reason = too_bad(policy, calls=policy.half_open_calls, failures=self._bad, slow=self._slow)
        if reason:
            self._open(now, f"half-open: {reason}")
        elif self._trials >= policy.half_open_calls:
            self._close(f"half-open: {self._trials} trial calls went well")

    def _open(self, now: float, reason: str) -> None:
        self._openings += 1
        self._enter(_OPEN, reason, until=now + self._break_seconds())

    def _half_open(self, now: float, reason: str) -> None:
        self._enter(_HALF_OPEN, reason, until=now + self._policy.half_open_seconds)

    def _close(self, reason: str, *, actor: str = "") -> None:
        self._openings = 0
        self._enter(_CLOSED, reason, actor=actor)
        self._window = None

    def _enter(
        self, state: BreakerState, reason: str, *, actor: str = "", until: float | None = None
    ) -> None:
        before = self.state
        self._reason, self._actor = reason, actor
        self._be(state, until)
        self._since = self._clock.time()
        window = self._window or _NO_CALLS
        counts = (window.calls, window.failures, window.slow)
        if before is _HALF_OPEN:
            counts = (self._trials, self._bad, self._slow)
        self._admitted = self._running = self._trials = self._bad = self._slow = 0
        seconds = until - self._clock.monotonic() if state is _OPEN and until is not None else 0.0
        self._on_transition(Transition(before, state, reason, actor, *counts, open_seconds=max(0.0, seconds)))

    def _be(self, state: BreakerState, until: float | None) -> None:
        now = self._clock.monotonic()
        if self._spent is None:
            self._spent = {}
        self._spent[self.state] = self._spent.get(self.state, 0.0) + now - self._entered
        self._entered = now
        self.state, self._until = state, until
        self.generation += 1
        self.is_guarded = state in _GUARDED
        who = f" by {self._actor}: {self._reason}" if self._actor else ""
        self.refusal = f"the circuit is {state.value.replace('_', ' ')}{who}"
        is_shut = state is _OPEN or state is _FORCED_OPEN
        self._shut_until = (inf if until is None else until) if is_shut else 0.0

    def _break_seconds(self) -> float:
        policy = self._policy
        doublings = min(max(self._openings - 1, 0), _MOST_DOUBLINGS)
        seconds = min(policy.open_max, policy.open_seconds * 2.0**doublings)
        return seconds * (1 + policy.jitter * (2 * self._random.random() - 1))

    def _is_full(self) -> bool:
        policy = self._policy
        return self._admitted >= policy.half_open_calls or self._running >= policy.half_open_concurrency

    def _set_slow_line(self) -> None:
        usual = 0.0 if self._usual is None else self._usual.p95 or 0.0
        self.slow_seconds = max(self._policy.slow_floor, self._policy.slow_factor * usual)

    # Telling and keeping.

    def status(self, capability: str) -> BreakerStatus:
        """Return what it is now."""
        now = self._clock.monotonic()
        self.tick(now)
        window, policy = self._window or _NO_CALLS, self._policy
        window.move_to(now)
        decided = window.calls >= policy.min_calls
        return BreakerStatus(
            capability=capability,
            state=self.state,
            since=self._since,
            reason=self._reason,
            actor=self._actor,
            expires_at=self._utc(self._until) if self.state in _HELD else None,
            open_until=self._utc(self._until) if self.state is _OPEN else None,
            calls=window.calls,
            failures=window.failures,
            slow=window.slow,
            failure_ratio=window.failures / window.calls if decided else None,
            slow_ratio=window.slow / window.calls if decided else None,
            failure_threshold=policy.failure_ratio,
            slow_threshold=policy.slow_ratio,
            slow_seconds=self.slow_seconds,
            trip_distance=self._trip_distance(),
            rejected=self.rejected,
        )

    def _trip_distance(self) -> float | None:
        if self.state is _DISABLED:
            return None
        if self.state is not _CLOSED and self.state is not _SHADOW:
            return 0.0
        window = self._window or _NO_CALLS
        return trip_distance(self._policy, calls=window.calls, failures=window.failures, slow=window.slow)

    def saved(self, capability: str) -> SavedBreaker | None:
        """Return what must survive a restart; None when it is closed. Half-open is kept as open, overdue."""
        if self.state is _CLOSED:
            return None
        state, until = self.state, self._utc(self._until)
        if state is _HALF_OPEN:
            state, until = _OPEN, self._since
        return SavedBreaker(
            capability=capability,
            state=state,
            since=self._since,
            reason=self._reason,
            actor=self._actor,
            expires_at=until if state in _HELD else None,
            open_until=until if state is _OPEN else None,
            openings=self._openings,
        )

    def restore(self, saved: SavedBreaker) -> None:
        """Take up a saved state, its times moved from the wall clock; tells nobody, for nothing changed.

        None is open for longer than it can be: the wall clock may have been set back since.
        """
        until = saved.open_until if saved.state is _OPEN else saved.expires_at
        now, utc = self._clock.monotonic(), self._clock.time()
        if saved.state not in _HELD | {_OPEN}:
            return
        self._since, self._reason, self._actor = saved.since, saved.reason, saved.actor
        longest = self._policy.open_max * (1 + self._policy.jitter) if saved.state is _OPEN else inf
        self._be(saved.state, None if until is None else now + min(until - utc, longest))
        self._openings = saved.openings

    def _utc(self, monotonic: float | None) -> float | None:
        if monotonic is None:
            return None
        return self._clock.time() + (monotonic - self._clock.monotonic())
