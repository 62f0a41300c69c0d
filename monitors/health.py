"""Judges health: evidence in, confirmed state out. Pure: no clock, no task, no signal.

What a capability's state does with a piece of evidence, in this order:

evidence                                   effect
the circuit closed                         recovers a verdict that rests on the breaker; else nothing
same state as the confirmed one            what was pending is dropped
hard (breaker opened, failure reported)    confirmed at once
ok while unknown                           confirmed at once: nothing was announced that must be taken back
ok otherwise                               confirmed by `recover_after` in a row
down, throttled, unauthorized, degraded    confirmed by `fail_after` in a row
unknown                                    confirmed by `fail_after` in a row; never makes anything down

While nothing is broken yet, failures of different kinds count together and the last one names the state, as
Nagios counts its soft states; from one broken state to another the new kind must be seen `fail_after` times.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.signals import Evidence, Health
from monitors.report import CapabilityHealth

SEVERITY = (
    Health.DOWN,
    Health.UNAUTHORIZED,
    Health.THROTTLED,
    Health.DEGRADED,
    Health.UNKNOWN,
    Health.UP,
    Health.PAUSED,
)
"""The states of a capability from worst to best. Unknown is worse than up: part of the truth is missing."""

_RANK = {state: rank for rank, state in enumerate(SEVERITY)}

# Each look-up of a member in its class takes 0.1 µs in Python 3.11.
_UP = Health.UP

BROKEN = frozenset((Health.DOWN, Health.UNAUTHORIZED, Health.THROTTLED))

EVIDENCE_OF: Mapping[FailureKind, Health | None] = MappingProxyType(
    {
        FailureKind.TIMEOUT: Health.DOWN,
        FailureKind.CONNECTION: Health.DOWN,
        FailureKind.TLS: Health.DOWN,
        FailureKind.DNS: Health.DOWN,
        FailureKind.SERVER_ERROR: Health.DOWN,
        FailureKind.MALFORMED: Health.DOWN,
        FailureKind.TOO_LARGE: Health.DOWN,
        FailureKind.VENDOR_ERROR: Health.DOWN,
        FailureKind.EXPECTATION: Health.DOWN,
        FailureKind.THROTTLED: Health.THROTTLED,
        FailureKind.UNAUTHORIZED: Health.UNAUTHORIZED,
        FailureKind.FORBIDDEN: Health.UNAUTHORIZED,
        FailureKind.CLIENT_ERROR: Health.UNKNOWN,
        FailureKind.NOT_FOUND: Health.UNKNOWN,
        FailureKind.REJECTED: None,
        FailureKind.CANCELLED: None,
    }
)
"""What a check's failure says of the vendor's health; None says nothing."""

_NOUNS = {Evidence.CHECK: "checks", Evidence.TRAFFIC: "calls"}
_VERBS = {Health.UP: "succeeded", Health.UNKNOWN: "could not tell"}


class Observation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One piece of evidence: at `at` (UTC seconds) something made the vendor look like `state`.

    `reason` is one sentence for a person; a check that succeeded only says what it `asked`, for hardly ever
    somebody reads it. A hard one needs no confirmation. `duration` is how long it took in seconds.
    """

    at: float
    state: Health
    evidence: Evidence
    reason: str = ""
    kind: FailureKind | None = None
    is_hard: bool = False
    duration: float | None = None
    asked: str = ""

    @property
    def sentence(self) -> str:
        """Its reason."""
        return self.reason or answered(self.asked, self.duration or 0.0)


def answered(asked: str, seconds: float) -> str:
    """One sentence on a check that succeeded."""
    length = f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
    return f"{asked} answered in {length}."


def unjudged(capability: str, *, at: float, reason: str) -> CapabilityHealth:
    """The state of a capability of which nothing is known yet."""
    return CapabilityHealth(
        capability=capability, state=Health.UNKNOWN, since=at, reason=reason, evidence=Evidence.CHECK
    )


def is_confirmed(before: CapabilityHealth, seen: Observation) -> bool:
    """Whether a success is what is confirmed already, as nearly all are: then nothing is to be judged."""
    return seen.state is _UP and before.state is _UP and before.judged and before.pending is None


def judge(
    before: CapabilityHealth, seen: Observation, *, fail_after: int, recover_after: int
) -> CapabilityHealth:
    """Return the capability's health with one more piece of evidence; a change of `state` is a confirmed
    change.
    """
    if seen.evidence is Evidence.BREAKER and seen.state is Health.UP and not _rests_on_breaker(before):
        return before
    if seen.state is before.state and before.judged:
        return _agree(before, seen)
    count, since = _run(before, seen)
    wanted = needed(before, seen.state, fail_after=fail_after, recover_after=recover_after)
    if seen.is_hard or count >= wanted:
        return _confirm(before, seen, count=count, since=since)
    return msgspec.structs.replace(
        before,
        pending=seen.state,
        pending_count=count,
        pending_since=since,
        checked_at=_checked(before, seen),
    )


def worst(capabilities: Iterable[CapabilityHealth]) -> CapabilityHealth | None:
    """The judged capability in the worst state (the first of equals), or None while none is judged."""
    deciding = None
    for capability in capabilities:
        if capability.judged and (deciding is None or _RANK[capability.state] < _RANK[deciding.state]):
            deciding = capability
    return deciding


def is_known(capability: CapabilityHealth) -> bool:
    """Whether any evidence has been seen."""
    return capability.judged or capability.pending is not None


def is_news(before: CapabilityHealth, after: CapabilityHealth) -> bool:
    """Whether more than the time of the last check is different."""
    return msgspec.structs.replace(after, checked_at=before.checked_at) != before


def _rests_on_breaker(before: CapabilityHealth) -> bool:
    return before.evidence is Evidence.BREAKER and before.state in BROKEN


def needed(before: CapabilityHealth, pending: Health, *, fail_after: int, recover_after: int) -> int:
    """How many results in a row confirm a change to `pending`."""
    if pending is not Health.UP:
        return fail_after
    return 1 if before.state is Health.UNKNOWN else recover_after


def _run(before: CapabilityHealth, seen: Observation) -> tuple[int, float]:
    """How many results in a row now point away from the confirmed state, and since when."""
    is_same = seen.state is before.pending
    is_broken_too = before.state not in BROKEN and before.pending in BROKEN and seen.state in BROKEN
    if before.pending_since is not None and (is_same or is_broken_too):
        return before.pending_count + 1, before.pending_since
    return 1, seen.at


def _confirm(before: CapabilityHealth, seen: Observation, *, count: int, since: float) -> CapabilityHealth:
    return CapabilityHealth(
        capability=before.capability,
        state=seen.state,
        since=min(since, seen.at),
        reason=_reason(seen, count),
        evidence=seen.evidence,
        kind=seen.kind,
        checked_at=_checked(before, seen),
        judged=True,
    )


def _agree(before: CapabilityHealth, seen: Observation) -> CapabilityHealth:
    """Drop what was pending; tell the newest failure, because what to do depends on it."""
    is_other = seen.kind is not before.kind or not before.reason.endswith(seen.sentence)
    is_news = seen.state is not Health.UP and seen.evidence is before.evidence and is_other
    return msgspec.structs.replace(
        before,
        reason=seen.sentence if is_news else before.reason,
        kind=seen.kind if is_news else before.kind,
        checked_at=_checked(before, seen),
        pending=None,
        pending_count=0,
        pending_since=None,
    )


def _checked(before: CapabilityHealth, seen: Observation) -> float | None:
    return seen.at if seen.evidence is Evidence.CHECK else before.checked_at


def _reason(seen: Observation, count: int) -> str:
    if seen.is_hard or count < 2 or seen.evidence not in _NOUNS:
        return seen.sentence
    how = _VERBS.get(seen.state, "failed")
    return f"{count} {_NOUNS[seen.evidence]} in a row {how}. Last: {seen.sentence}"
