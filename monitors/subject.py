"""One watched integration with all that belongs to it, and what signals tell of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf

import msgspec

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
from integrations.sparing import nothing, put
from monitors.breakers import observe_breaker
from monitors.cold import ColdTurns
from monitors.debugging import Looked, Looks
from monitors.health import Observation
from monitors.pace import Pace, PacedCheck, Stretch
from monitors.traffic import Traffic
from monitors.watched import WatchedIntegration

Telling = CallRecord | QuotaSample | BreakerTransition | CredentialNotice | WebhookReceipt
TELLING = (CallRecord, QuotaSample, BreakerTransition, CredentialNotice, WebhookReceipt)
"""The signals that say something of an integration's health."""

KEEP = 15
"""Looks after which what is remembered is stored, though it is no news."""

MISSED = 3
"""Intervals without an answer after which a capability's state is no longer known."""

# Each look-up of a member in its class takes 0.1 µs in Python 3.11.
_LIVE, _TRAFFIC = Source.LIVE, Origin.TRAFFIC

_SLOT = 0.9
"""Of an interval, what must have passed for a round to be one of the timetable's; a retry comes earlier."""


@dataclass(kw_only=True, slots=True)
class Subject:
    """All that belongs to one watched integration. `resume_at` is when its pause ends (monotonic).
    `is_asked`: somebody wants all checks run now. `skipped` slots were told by no result yet.
    """

    connection: Connection
    checks: Sequence[PacedCheck]
    watched: WatchedIntegration
    cold: ColdTurns
    traffic: Traffic = field(default_factory=Traffic)
    pace: Pace = field(default_factory=Pace)
    is_asked: bool = False
    skipped: int = 0
    resume_at: float | None = None
    looked: int = 0
    is_slot: bool = False
    _slot_at: float = -inf
    _watched_since: float = inf
    _heard: Mapping[str, float] = field(default_factory=nothing)
    _looks: Looks | None = None

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

    def begin_round(self, *, now: float) -> None:
        """A round of checks begins: one of the timetable's, or a repetition."""
        self.is_slot = now - self._slot_at >= _SLOT * self.connection.check.interval
        if self.is_slot:
            self._slot_at = now

    def take(self, check: PacedCheck, seen: Observation, *, now: float) -> None:
        """Take what a check found out."""
        self._heard = put(self._heard, check.capability, now)
        self.cold.note(check.capability, failed=seen.state is not Health.UP)
        if self.is_slot:
            seen = msgspec.structs.replace(seen, is_scheduled=True)
        self.watched.observe(check.capability, seen)

    def look(self, clock: Clock, stretch: Callable[[PacedCheck], Stretch]) -> None:
        """Weigh what only time shows; now and then, store what is remembered."""
        now = clock.monotonic()
        self.looked += 1
        self.watched.look(at=clock.time(), now=now, overdue=self._overdue(now, stretch))
        if self.looked % KEEP == 0:
            self.watched.keep()

    def expect(self, *, now: float, is_on: bool) -> None:
        """From now on checks run, or do not."""
        self._heard = nothing()
        self._watched_since = now if is_on else inf

    def _overdue(self, now: float, stretch: Callable[[PacedCheck], Stretch]) -> dict[str, float]:
        """For how long nothing was heard of each capability of which it is too long."""
        policy, missing = self.connection.check, {}
        for check in self.checks:
            quiet = now - self._heard.get(check.capability, self._watched_since)
            if quiet > MISSED * policy.interval * stretch(check).intervals + policy.timeout:
                missing[check.capability] = quiet
        return missing

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
