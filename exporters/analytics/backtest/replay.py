"""One integration replayed under one policy: the breakers and the retry budget that run live, on a clock that
follows what was recorded.

A call takes its permits and gives them back when its attempts did. What people and checks did to a breaker
is done again; what time does (a half-open state that nobody decided) happens when it did, or when it is due.
"""

import heapq
import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count

from exporters.analytics.backtest.clock import ReplayClock
from exporters.analytics.backtest.ends import Ends
from exporters.analytics.backtest.flight import Flight
from exporters.analytics.backtest.luck import RecordedLuck, is_expiry, openings
from exporters.analytics.backtest.recorded import Checks, Recorded, RecordedCall, Try, by_capability, tries_of
from exporters.analytics.backtest.tally import Counter, End
from integrations.execution.breaker import REFUSED, CircuitBreaker, Transition
from integrations.execution.effect import is_failure, record
from integrations.execution.outcome import FailureKind
from integrations.execution.policy import Policy
from integrations.execution.retry import RetryBudget
from integrations.execution.status import SavedBreaker
from integrations.signals import BreakerState, BreakerTransition, CheckResult

MOST_TRANSITIONS = 5_000
"""Transitions of one replay that are kept; later ones are only counted."""

_HELD = frozenset({BreakerState.FORCED_OPEN, BreakerState.DISABLED, BreakerState.SHADOW})
_CLOSED, _OPEN, _HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
_LATEST, _NOTICED = 1.0, 1.5
"""Seconds: the executor looks after its breakers once a second, or a little later."""

_TURN = 0.001
"""Seconds within which those who wait in line are let go when a place is free."""

_AFTER = 0.000_005
"""Seconds, more than times are rounded by: an attempt that began as another one ended began because of that.
"""

Step = Callable[[], None]


def _arrival(call: RecordedCall) -> float:
    """When a call comes to the breaker. One that was refused comes behind those of the same moment that were
    not, and after it had waited in line behind those that were let go with it: one of them took the permit.
    """
    if call.attempts:
        return call.began
    return call.ended + (_TURN if call.ended - call.began > _TURN else 2 * _AFTER)


class Replay:
    """Takes what was recorded, in order of time, and counts what this policy makes of it. `today` is the
    policy that it was recorded under. `ends`, where given, is told how live calls end.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        today: Policy,
        recorded: Recorded,
        counter: Counter,
        began: float,
        ends: Ends | None = None,
    ) -> None:
        self._policy, self._today = policy, today
        self._clock = ReplayClock(began)
        self._counter = counter
        self._ends = ends
        self._checks = Checks(recorded.checks)
        self._history = by_capability(recorded.transitions)
        self._random = random.Random(0)  # noqa: S311 - the same replay gives the same answer
        self._budget = RetryBudget(policy.retry.budget)
        self._breakers: dict[str, CircuitBreaker] = {}
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, int, Step]] = []
        self._serial = count()
        self.transitions: list[BreakerTransition] = []
        self.left_out = 0
        for capability, rows in self._history.items():
            self._resume(capability, [each for each in rows if each.at < began])

    # What was recorded.

    def take_call(self, call: RecordedCall) -> None:
        """A call begins."""
        self._pass(call.began)
        if self._breaker(call.capability).refuses(call.began):
            self._refuse(call)
            return
        tries = tries_of(call, self._today)
        if not tries and not call.was_refused_open:
            self._ended(call, End.OTHER)
            return
        flight = Flight(
            call,
            tries,
            policy=self._policy,
            today=self._today,
            budget=self._budget,
            checks=self._checks,
            rng=self._random,
        )
        if call.is_hedged:
            self._fly_side_by_side(flight, tries)
        else:
            self._at(_arrival(call), partial(self._depart, flight))

    def take_check(self, check: CheckResult) -> None:
        """A check ended: one that got through lets an open breaker go half-open."""
        self._pass(check.at)
        if check.kind is None:
            self._budget.earn()
            self._breaker(check.capability).check_succeeded(check.at)

    def take_transition(self, change: BreakerTransition) -> None:
        """A breaker changed its state: done again, where a person did it."""
        if not change.actor:
            return
        self._pass(change.at)
        breaker = self._breaker(change.capability)
        if change.after in _HELD:
            self._hold(breaker, change)
        elif change.after is _CLOSED:
            breaker.reset(actor=change.actor, reason=change.reason)

    def take_start(self, at: float) -> None:
        """Dialtone was started: breakers keep their state and lose their memory, calls are gone."""
        self._pass(at)
        self._heap.clear()
        self._budget = RetryBudget(self._policy.retry.budget)
        for capability, former in tuple(self._breakers.items()):
            saved = former.saved(capability)
            self._due.pop(capability, None)
            del self._breakers[capability]
            if saved is not None:
                self._breaker(capability).restore(saved)

    def finish(self, at: float) -> None:
        """Let end what is under way, and time pass until `at`."""
        while self._heap:
            self._pass(self._heap[0][0])
        self._pass(at)

    # A call's way.

    def _depart(self, flight: Flight) -> None:
        if not flight.attempts and not flight.call.attempts and self._refuses(flight.call):
            self._refuse(flight.call)
            return
        at = flight.begin(self._clock.now)
        if at is None:
            self._ended(flight.call, End.UNKNOWN)
        else:
            self._start_at(at, flight)

    def _refuses(self, call: RecordedCall) -> bool:
        return self._breaker(call.capability).refuses(self._clock.now)

    def _start_at(self, at: float, flight: Flight) -> None:
        self._at(at + _AFTER, partial(self._start, flight, at))

    def _start(self, flight: Flight, at: float) -> None:
        permit = self._breaker(flight.call.capability).acquire(self._clock.now)
        if permit == REFUSED:
            self._stop(flight)
            return
        one = flight.attempt(at)
        self._at(at + one.lead + one.seconds, partial(self._end, flight, one, permit))

    def _end(self, flight: Flight, one: Try, permit: int) -> None:
        now = self._clock.now
        breaker = self._breaker(flight.call.capability)
        self._settle(breaker, one, permit)
        at = flight.next(one, now, bars=breaker.refuses)
        if at is None:
            self._stop(flight)
        else:
            self._start_at(at, flight)

    def _settle(self, breaker: CircuitBreaker, one: Try, permit: int) -> None:
        now = self._clock.now
        if one.kind is None:
            breaker.record_success(permit, now, one.seconds)
            return
        sent = one.status is not None or one.kind is not FailureKind.CLIENT_ERROR
        failed = is_failure(one.kind, status=one.status, sent=sent, was_cut_short=one.was_cut_short)
        record(breaker, permit, now, seconds=one.seconds, failed=failed)

    def _fly_side_by_side(self, flight: Flight, tries: Sequence[Try]) -> None:
        """Attempts of a hedged call: each as it was."""
        for one in tries:
            self._at(flight.call.began + one.start, partial(self._start_beside, flight.call, one))
        call = flight.call
        self._ended(call, End.SUCCEEDED if call.kind is None else End.FAILED, attempts=len(tries))
        if self._ends is not None:
            self._ends.add(call, call.kind, at=call.ended)

    def _start_beside(self, call: RecordedCall, one: Try) -> None:
        breaker = self._breaker(call.capability)
        permit = breaker.acquire(self._clock.now)
        if permit != REFUSED:
            ends = self._clock.now + one.lead + one.seconds
            self._at(ends, partial(self._settle, breaker, one, permit))

    def _stop(self, flight: Flight) -> None:
        """A call is over: refused before its first attempt, or as its last one ended."""
        if not flight.attempts:
            self._refuse(flight.call)
            return
        end = End.SUCCEEDED if flight.last.kind is None else End.FAILED
        if flight.last.kind is FailureKind.CANCELLED:
            end = End.OTHER
        self._ended(flight.call, end, attempts=flight.attempts, is_assumed=flight.is_assumed)
        if self._ends is not None:
            self._ends.add(flight.call, flight.last.kind, at=self._clock.now)

    def _refuse(self, call: RecordedCall) -> None:
        """What would have been is known of a call that was made, else a check of the time tells."""
        if call.attempts:
            self._ended(call, End.LOST if call.kind is None else End.SPARED)
            return
        check = self._checks.near(call.capability, call.began)
        if check is None:
            self._ended(call, End.REFUSED)
        else:
            self._ended(call, End.LOST if check.kind is None else End.SPARED, is_assumed=True)

    def _ended(self, call: RecordedCall, end: End, *, attempts: int = 0, is_assumed: bool = False) -> None:
        seconds = max(0.0, self._clock.now - call.began)
        self._counter.add(end, began=call.began, seconds=seconds, attempts=attempts, is_assumed=is_assumed)

    # Time.

    def _at(self, at: float, step: Step) -> None:
        heapq.heappush(self._heap, (at, next(self._serial), step))

    def _pass(self, until: float) -> None:
        """Do all that is due until a moment, and stand there."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            at, _, step = heapq.heappop(heap)
            self._tick(at)
            step()
        self._tick(until)

    def _tick(self, until: float) -> None:
        """Let states end whose time is over by then."""
        while self._due and (first := min(self._due.items(), key=lambda each: each[1]))[1] <= until:
            capability, at = first
            del self._due[capability]
            self._clock.now = max(self._clock.now, at)
            self._breaker(capability).tick(self._clock.now)
        self._clock.now = max(self._clock.now, until)

    # Breakers.

    def _breaker(self, capability: str) -> CircuitBreaker:
        breaker = self._breakers.get(capability)
        if breaker is None:
            history = self._history.get(capability, [])
            breaker = self._breakers[capability] = CircuitBreaker(
                self._policy.breaker,
                clock=self._clock,
                rng=RecordedLuck(history, self._today.breaker, clock=self._clock),
                on_transition=partial(self._on_transition, capability),
            )
        return breaker

    def _resume(self, capability: str, before: Sequence[BreakerTransition]) -> None:
        """Begin in the state that the breaker was in."""
        if not before or before[-1].after is _CLOSED:
            return
        last = before[-1]
        if last.after in _HELD:
            saved = SavedBreaker(
                capability=capability,
                state=last.after,
                since=last.at,
                reason=last.reason,
                actor=last.actor,
                expires_at=self._expiry(capability, last.at),
            )
        else:
            ends = last.at + last.open_seconds if last.after is _OPEN else last.at
            saved = SavedBreaker(
                capability=capability,
                state=_OPEN,
                since=last.at,
                reason=last.reason,
                open_until=ends,
                openings=openings(before),
            )
        self._breaker(capability).restore(saved)
        self._await_expiry(capability, saved.expires_at)

    def _hold(self, breaker: CircuitBreaker, change: BreakerTransition) -> None:
        expires_at = self._expiry(change.capability, change.at)
        breaker.hold(change.after, change.at, actor=change.actor, reason=change.reason, expires_at=expires_at)
        self._await_expiry(change.capability, expires_at)

    def _expiry(self, capability: str, held_at: float) -> float | None:
        """When a held state that began then ended by itself."""
        later = (each for each in self._history.get(capability, ()) if each.at > held_at)
        following = next(later, None)
        return following.at if following is not None and is_expiry(following) else None

    def _await_expiry(self, capability: str, at: float | None) -> None:
        if at is not None:
            self._due[capability] = at

    def _on_transition(self, capability: str, transition: Transition) -> None:
        now = self._clock.now
        self._due.pop(capability, None)
        if transition.after is _HALF_OPEN:
            self._due[capability] = self._noticed(capability, now + self._policy.breaker.half_open_seconds)
        if len(self.transitions) >= MOST_TRANSITIONS:
            self.left_out += 1
            return
        self.transitions.append(
            BreakerTransition(
                at=now, integration="", vendor="", capability=capability, **transition._asdict()
            )
        )

    def _noticed(self, capability: str, expires: float) -> float:
        """When an end is noticed: as recorded, else as late as the executor may look; a call may be first."""
        history: Mapping[str, Sequence[BreakerTransition]] = self._history
        for each in history.get(capability, ()):
            if expires <= each.at <= expires + _NOTICED and is_expiry(each):
                return each.at
        return expires + _LATEST
