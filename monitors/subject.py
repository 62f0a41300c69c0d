"""One watched integration with all that belongs to it, and what signals tell of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import inf

from integrations.clock import Clock
from integrations.connection import Connection
from integrations.execution.outcome import Origin, Source
from integrations.signals import (
    BreakerTransition,
    CallRecord,
    CredentialNotice,
    Health,
    QuotaSample,
    WebhookReceipt,
)
from monitors.breakers import observe_breaker
from monitors.debugging import Looked, Looks
from monitors.health import Observation
from monitors.pace import UNSTRETCHED, Pace, Stretch
from monitors.traffic import Traffic
from monitors.turns import PacedCheck, Turn
from monitors.watched import WatchedIntegration

Telling = CallRecord | QuotaSample | BreakerTransition | CredentialNotice | WebhookReceipt
TELLING = (CallRecord, QuotaSample, BreakerTransition, CredentialNotice, WebhookReceipt)
"""The signals that say something of an integration's health."""

KEEP = 15
"""Looks after which what is remembered is stored, though it is no news."""

MISSED = 3
"""Intervals without an answer after which a capability's state is no longer known."""

# Each look-up of a member in its class takes 0.1 µs in Python 3.11.
_LIVE, _TRAFFIC, _UP = Source.LIVE, Origin.TRAFFIC, Health.UP

_SLOT = 0.9
"""Of an interval, what must have passed for a round to be one of the timetable's; a retry comes earlier."""


@dataclass(kw_only=True, slots=True)
class Subject:
    """All that belongs to one watched integration. `resume_at` is when its pause ends (monotonic).
    `is_asked`: somebody wants all checks run now. `skipped` slots were told by no result yet.
    """

    connection: Connection
    watched: WatchedIntegration
    turns: tuple[Turn, ...] = ()
    traffic: Traffic = field(default_factory=Traffic)
    is_asked: bool = False
    skipped: int = 0
    resume_at: float | None = None
    looked: int = 0
    is_slot: bool = False
    _slot_at: float = -inf
    _watched_since: float = inf
    _pace: Pace | None = None
    _looks: Looks | None = None

    @property
    def pace(self) -> Pace:
        """What makes its checks wait; made when there first is something."""
        if self._pace is None:
            self._pace = Pace()
        return self._pace

    @property
    def stretched(self) -> int:
        """How many checks rounds have left out."""
        return 0 if self._pace is None else self._pace.stretched

    @property
    def looks(self) -> Looks:
        """Who looks into its checks; made for the first who does."""
        if self._looks is None:
            self._looks = Looks()
        return self._looks

    def begin_look(self, check: PacedCheck) -> Looked | None:
        """A check begins; None when nobody looks."""
        return None if self._looks is None else self._looks.begin(check, self.watched)

    def end_look(self, looked: Looked | None) -> None:
        """It has run, and its result is counted."""
        if self._looks is not None:
            self._looks.end(looked, self.watched, self.connection.check)

    def hear(self, signal: Telling, clock: Clock) -> None:
        """Take what a signal says of this integration."""
        if type(signal) is CallRecord:
            self._call(signal, clock)
        elif type(signal) is BreakerTransition:
            if seen := observe_breaker(signal, at=clock.time()):
                self.watched.observe(signal.capability, seen)
        elif not isinstance(signal, CallRecord | BreakerTransition):
            self.watched.around.hear(signal, now=clock.monotonic())
            if type(signal) is QuotaSample:
                self.pace.take_quota(signal)

    def adopt(self, connection: Connection, checks: Iterable[PacedCheck]) -> None:
        """Take a configuration; what is remembered of checks that stay is kept."""
        self.connection = connection
        self.turns = tuple([_renewed(self.turn(one.capability, one.action), one) for one in checks])

    def turn(self, capability: str, action: str) -> Turn | None:
        """The turns of a check; None when there is no such check."""
        for turn in self.turns:
            if (turn.check.capability, turn.check.action) == (capability, action):
                return turn
        return None

    def stretch(self, turn: Turn, clock: Clock) -> Stretch:
        """How far a check is stretched now, and why."""
        if self._pace is None and not turn.check.least_interval:
            return UNSTRETCHED
        policy, now = self.connection.check, clock.monotonic()
        return self.pace.stretch(
            turn,
            interval=policy.interval,
            is_steady=policy.adaptive and self.watched.is_steady(turn.check.capability),
            now=now,
            ahead=clock.time() - now,
        )

    def due(self, clock: Clock) -> Sequence[Turn]:
        """The checks that run in the round that begins: all of them, unless one may wait."""
        if self.is_asked:
            self.is_asked = False
            return self.turns
        return [turn for turn in self.turns if self._is_due(turn, clock)]

    def begin_round(self, *, now: float) -> None:
        """A round of checks begins: one of the timetable's, or a repetition."""
        self.is_slot = now - self._slot_at >= _SLOT * self.connection.check.interval
        if self.is_slot:
            self._slot_at = now

    def take(self, turn: Turn, seen: Observation, *, now: float) -> None:
        """Take what a check found out."""
        turn.end(now=now, failed=seen.state is not _UP)
        self.watched.observe(turn.check.capability, seen, is_scheduled=self.is_slot)

    def look(self, clock: Clock) -> None:
        """Weigh what only time shows; now and then, store what is remembered."""
        now = clock.monotonic()
        self.looked += 1
        self.watched.look(at=clock.time(), now=now, overdue=self._overdue(now, clock))
        if self.looked % KEEP == 0:
            self.watched.keep()

    def expect(self, *, now: float, is_on: bool) -> None:
        """From now on checks run, or do not."""
        for turn in self.turns:
            turn.heard = None
        self._watched_since = now if is_on else inf

    def _is_due(self, turn: Turn, clock: Clock) -> bool:
        stretched = self.stretch(turn, clock)
        if stretched.intervals == 1:
            return True
        return self.pace.is_due(
            turn, stretched, interval=self.connection.check.interval, now=clock.monotonic()
        )

    def _overdue(self, now: float, clock: Clock) -> dict[str, float]:
        """For how long nothing was heard of each capability of which it is too long."""
        policy, missing = self.connection.check, {}
        for turn in self.turns:
            quiet = now - self._heard(turn.check.capability)
            if quiet > MISSED * policy.interval * self.stretch(turn, clock).intervals + policy.timeout:
                missing[turn.check.capability] = quiet
        return missing

    def _heard(self, capability: str) -> float:
        """When any check of a capability was answered last; before that, since when it is watched."""
        heard = [each.heard for each in self.turns if each.check.capability == capability]
        return max([at for at in heard if at is not None], default=self._watched_since)

    def _call(self, call: CallRecord, clock: Clock) -> None:
        # An answer without a request of its own says nothing of the vendor as it is now.
        if call.source is not _LIVE:
            return
        bucket = self.traffic.record(call)
        if call.origin is not _TRAFFIC:
            return
        now = clock.monotonic()
        self.pace.take_call(call.capability, call.kind, now=now)
        watched = self.watched
        if bucket is not None:
            watched.live(call.capability).record(call.kind, bucket=bucket, now=now)
        if watched.healed_by_calls and call.kind is None:
            watched.succeed(call.capability, at=clock.time())


def _renewed(known: Turn | None, check: PacedCheck) -> Turn:
    """The turn of a check as it is configured now."""
    if known is None:
        return Turn(check)
    known.check = check
    return known
