"""One watched integration with all that belongs to it, and what signals tell of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.clock import Clock
from integrations.connection import Connection
from integrations.execution.outcome import Origin, Source
from integrations.signals import BreakerTransition, CallRecord, QuotaSample
from monitors.breakers import observe_breaker
from monitors.cold import ColdTurns
from monitors.debugging import Looks
from monitors.pace import Pace, PacedCheck
from monitors.traffic import Traffic
from monitors.watched import WatchedIntegration

Telling = CallRecord | QuotaSample | BreakerTransition
TELLING = (CallRecord, QuotaSample, BreakerTransition)
"""The signals that say something of an integration's health."""


@dataclass(kw_only=True, slots=True)
class Subject:
    """All that belongs to one watched integration. `resume_at` is when its pause ends and `look_at` when its
    evidence is looked at next, by the monotonic clock. `is_asked`: somebody wants all checks run now.
    `skipped` slots were told by no result yet.
    """

    connection: Connection
    checks: Sequence[PacedCheck]
    watched: WatchedIntegration
    cold: ColdTurns
    traffic: Traffic = field(default_factory=Traffic)
    pace: Pace = field(default_factory=Pace)
    looks: Looks = field(default_factory=Looks)
    is_asked: bool = False
    skipped: int = 0
    resume_at: float | None = None
    look_at: float = 0.0

    def hear(self, signal: Telling, clock: Clock) -> None:
        """Take what a signal says of this integration."""
        if type(signal) is CallRecord:
            self._call(signal, clock)
        elif type(signal) is QuotaSample:
            self.pace.take_quota(signal)
        elif type(signal) is BreakerTransition and (seen := observe_breaker(signal, at=clock.time())):
            self.watched.observe(signal.capability, seen)

    def _call(self, call: CallRecord, clock: Clock) -> None:
        # An answer without a request of its own says nothing of the vendor as it is now.
        if call.source is not Source.LIVE:
            return
        self.traffic.record(call)
        if call.origin is not Origin.TRAFFIC:
            return
        self.pace.take_call(call.capability, call.kind, now=clock.monotonic())
        if self.watched.healed_by_calls and call.kind is None:
            self.watched.succeed(call.capability, at=clock.time())
