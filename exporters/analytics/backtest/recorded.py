"""What was recorded of one integration, as a replay needs it. Times are UTC seconds.

A CallRecord tells its end and how long it took; from both follow the times at which its attempts took their
permit and gave it back, to the microsecond at which DuckDB keeps both.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Self

from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin, RejectReason
from integrations.execution.policy import Policy
from integrations.signals import BreakerTransition, CallRecord, CheckResult

REACH = 300.0
"""Seconds: a check that is farther away says nothing of a call."""

_AT_ONCE = 0.0001
"""Seconds: after a keep-alive that had ended, the request goes out again within this, as the same attempt."""

_ROUNDING = 0.000_01
"""Seconds by which times that were computed from others may differ."""

_LATE = 0.1
"""Seconds that a timer may be late."""


class RecordedCall(NamedTuple):
    """A call that was made, or refused."""

    capability: str
    began: float
    ended: float
    is_read: bool
    origin: Origin
    kind: FailureKind | None
    reason: RejectReason | None
    attempts: Sequence[Attempt]

    @classmethod
    def of(cls, record: CallRecord) -> Self:
        """What a signal says."""
        return cls(
            capability=record.capability,
            began=record.at - record.duration,
            ended=record.at,
            is_read=record.effect is Effect.READ,
            origin=record.origin,
            kind=record.kind,
            reason=record.reason,
            attempts=record.attempts,
        )

    @property
    def was_refused_open(self) -> bool:
        """Whether an open circuit refused it before anything was sent."""
        return self.reason is RejectReason.OPEN_CIRCUIT and not self.attempts

    @property
    def is_hedged(self) -> bool:
        """Whether attempts ran beside one another."""
        pairs = zip(self.attempts, self.attempts[1:], strict=False)
        return any(later.start < first.start + first.duration - _ROUNDING for first, later in pairs)


class Try(NamedTuple):
    """One attempt as a breaker sees it: the permit is taken `start` seconds after the call began, `seconds`
    is what counts, and it ends `lead` later than that because a first connection was dead. `is_refresh`: made
    with a fresh credential, and no retry. `was_cut_short`: the caller's deadline ended it.
    """

    start: float
    seconds: float
    kind: FailureKind | None = None
    status: int | None = None
    lead: float = 0.0
    is_refresh: bool = False
    was_cut_short: bool = False

    @property
    def end(self) -> float:
        """Seconds after the call began."""
        return self.start + self.lead + self.seconds


def tries_of(call: RecordedCall, policy: Policy) -> list[Try]:
    """Return a call's attempts; `policy` is the one that they were made under."""
    tries: list[Try] = []
    dead: Attempt | None = None
    before: Attempt | None = None
    for place, one in enumerate(call.attempts):
        later = call.attempts[place + 1] if place + 1 < len(call.attempts) else None
        if dead is None and later is not None and call.is_read and _was_dead(one, later):
            dead = one
            continue
        tries.append(
            Try(
                start=one.start if dead is None else dead.start,
                seconds=one.duration,
                kind=one.kind,
                status=one.status,
                lead=0.0 if dead is None else one.start - dead.start,
                is_refresh=before is not None and before.kind is FailureKind.UNAUTHORIZED,
                was_cut_short=later is None and _was_cut_short(call, one, policy),
            )
        )
        dead, before = None, one
    return tries


def _was_dead(one: Attempt, later: Attempt) -> bool:
    """Whether its connection had been closed by the server, which costs no attempt."""
    gap = later.start - (one.start + one.duration)
    return one.kind is FailureKind.CONNECTION and -_ROUNDING <= gap < _AT_ONCE


def _was_cut_short(call: RecordedCall, one: Attempt, policy: Policy) -> bool:
    """Whether a timeout came before the attempt's own time, and before the connection's: then the whole call
    was out of time. At the deadline it is asked as it was live, for both may be due within a moment.
    """
    if one.kind is not FailureKind.TIMEOUT:
        return False
    if abs(call.ended - call.began - policy.deadline) <= _LATE:
        return policy.deadline - one.start < policy.timeout
    return one.duration < policy.timeout - _LATE and abs(one.duration - policy.connect) > _LATE


class Checks:
    """The checks of an integration by capability: what a call of their time would have met."""

    def __init__(self, checks: Iterable[CheckResult]) -> None:
        self._rows: dict[str, list[CheckResult]] = {}
        for check in sorted(checks, key=lambda each: each.at):
            if check.ran:
                self._rows.setdefault(check.capability, []).append(check)
        self._times = {name: [check.at for check in rows] for name, rows in self._rows.items()}

    def near(self, capability: str, at: float) -> CheckResult | None:
        """Return the check nearest to a moment; None when there was none within five minutes."""
        times = self._times.get(capability, [])
        place = bisect_left(times, at)
        around = range(max(0, place - 1), min(len(times), place + 1))
        nearest = min(around, key=lambda each: abs(times[each] - at), default=None)
        if nearest is None or abs(times[nearest] - at) > REACH:
            return None
        return self._rows[capability][nearest]


class Recorded(NamedTuple):
    """All that was recorded of one integration beside its calls, each in order of time. `starts` are when
    Dialtone was started.
    """

    checks: Sequence[CheckResult] = ()
    transitions: Sequence[BreakerTransition] = ()
    starts: Sequence[float] = ()


def by_capability(transitions: Iterable[BreakerTransition]) -> Mapping[str, list[BreakerTransition]]:
    """Return transitions by capability."""
    found: dict[str, list[BreakerTransition]] = {}
    for each in transitions:
        found.setdefault(each.capability, []).append(each)
    return found
