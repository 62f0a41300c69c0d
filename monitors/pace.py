"""When a check may wait: live traffic has proved the path, quota is scarce, or the vendor asked for less.

reason       what is seen                                                  how far
traffic      5 or more live calls of the capability in a row succeeded     to 5 intervals
             within one interval, and none failed
quota        checks until the bucket fills again would draw more than 1 %  as far as brings them to 1 %
             of what remains of it (of its limit, when that is all one
             knows)
limit        all checks on a bucket, or under a limit that the vendor      as far as brings them to 1 %,
             documents, would take more than 1 % of what it allows         to 60 intervals
throttled    the vendor asked for quiet                                    until its time is over

The furthest reason counts, never beyond 5 intervals but for the limit's sake. Nothing waits while the
capability is not up, or while a change of the integration is not confirmed. A reason is looked at anew at
each slot, so a check that waits for traffic's sake runs at the next slot once calls stay away or fail.
"""

from collections import deque
from collections.abc import Mapping
from math import ceil, inf
from typing import NamedTuple

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.signals import QuotaSample
from integrations.sparing import nothing
from monitors.health import BROKEN, EVIDENCE_OF
from monitors.turns import PacedCheck, Turn

LONGEST = 5
"""Intervals that a check may wait at most, but for the limit's sake."""

LONGEST_FOR_LIMIT = 60

ENOUGH_CALLS = 5
QUOTA_SHARE = 0.01
_ROUNDING = 1e-9
_TOLERANCE = 0.5
"""Slots have a jitter, and are late at times: a check is due half an interval before its time."""


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides; times are UTC seconds, `ran_at` is when the check ran last. `is_steady`: the
    capability is up, and no change is unconfirmed. `is_proved`: by live traffic. `quota` is the bucket's last
    sample, `window` how many seconds it takes to fill again, as far as seen; `drawn` and `least_interval` are
    the check's.
    """

    now: float
    interval: float
    ran_at: float
    cost: float = 1.0
    is_steady: bool = True
    is_proved: bool = False
    quota: QuotaSample | None = None
    window: float = 0.0
    drawn: float = 1.0
    least_interval: float = 0.0


class Stretch(NamedTuple):
    """How many intervals lie between two runs of a check, and why; one, and no reason, when it is not
    stretched.
    """

    intervals: int
    reason: str


UNSTRETCHED = Stretch(1, "")


def stretch(seen: Situation) -> Stretch:
    """Say how far a check is stretched now."""
    if not seen.is_steady:
        return UNSTRETCHED
    furthest = max(_by_throttle(seen), _by_traffic(seen), _by_quota(seen), key=lambda one: one.intervals)
    furthest = furthest._replace(intervals=min(furthest.intervals, LONGEST))
    return max(furthest, _by_limit(seen), key=lambda one: one.intervals)


def _by_traffic(seen: Situation) -> Stretch:
    if not seen.is_proved:
        return UNSTRETCHED
    return Stretch(LONGEST, f"At least {ENOUGH_CALLS} live calls succeeded within one interval, none failed.")


def _by_quota(seen: Situation) -> Stretch:
    quota = seen.quota
    if quota is None or quota.reset_at is None or quota.reset_at <= seen.now:
        return UNSTRETCHED
    rest = quota.remaining if quota.remaining is not None else quota.limit
    if rest is None or seen.cost <= 0:
        return UNSTRETCHED
    drawn = seen.cost * ceil((quota.reset_at - seen.now) / seen.interval)
    allowed = QUOTA_SHARE * rest
    needed = ceil(drawn / allowed) if allowed > 0 else LONGEST
    if needed <= 1:
        return UNSTRETCHED
    return Stretch(needed, f"Checks may draw 1 % of the quota, and {rest:g} is left until it fills again.")


def _by_limit(seen: Situation) -> Stretch:
    limit = seen.quota.limit if seen.quota is not None else None
    measured = seen.drawn * seen.window / (QUOTA_SHARE * limit) if limit and seen.cost > 0 else 0.0
    needed = ceil(max(measured, seen.least_interval) / seen.interval - _ROUNDING)
    if needed <= 1:
        return UNSTRETCHED
    return Stretch(min(needed, LONGEST_FOR_LIMIT), "Checks may take 1 % of what the vendor allows.")


def _by_throttle(seen: Situation) -> Stretch:
    until = seen.quota.throttled_until if seen.quota is not None else None
    if until is None or until <= seen.now:
        return UNSTRETCHED
    needed = ceil((until - seen.ran_at) / seen.interval)
    return Stretch(max(needed, 1), "The vendor asked for fewer calls.") if needed > 1 else UNSTRETCHED


class LiveProof:
    """The last live calls of one capability; times are monotonic."""

    __slots__ = ("_failed_at", "_succeeded")

    def __init__(self) -> None:
        self._succeeded: deque[float] = deque(maxlen=ENOUGH_CALLS)
        self._failed_at = -inf

    def record(self, kind: FailureKind | None, *, now: float) -> None:
        """Take one call; what says nothing of the vendor counts neither way."""
        if kind is None:
            self._succeeded.append(now)
        elif EVIDENCE_OF[kind] in BROKEN:
            self._failed_at = now
            self._succeeded.clear()

    def holds(self, *, now: float, within: float) -> bool:
        """Whether so many calls as are enough succeeded within so many seconds, and none failed."""
        since = now - within
        is_enough = len(self._succeeded) == ENOUGH_CALLS and self._succeeded[0] >= since
        return is_enough and self._failed_at < since


class Pace:
    """How the checks of one integration are paced. Times are monotonic; `ahead` is what UTC adds to them.
    `stretched` counts checks that a round left out.
    """

    __slots__ = ("_proofs", "_quotas", "_windows", "stretched")

    def __init__(self) -> None:
        # These are replaced as a whole, so that the many that are only checked share what is empty.
        self._proofs: Mapping[str, LiveProof] = nothing()
        self._quotas: Mapping[str, QuotaSample] = nothing()
        self._windows: Mapping[str, float] = nothing()
        self.stretched = 0

    def take_call(self, capability: str, kind: FailureKind | None, *, now: float) -> None:
        """Take a live call's end."""
        proof = self._proofs.get(capability)
        if proof is None:
            proof = LiveProof()
            self._proofs = {**self._proofs, capability: proof}
        proof.record(kind, now=now)

    def take_quota(self, sample: QuotaSample) -> None:
        """Take what the vendor said of a bucket."""
        self._quotas = {**self._quotas, sample.bucket: sample}
        if sample.reset_at is not None:
            # A bucket's window is not told; the longest time to its reset that was seen comes near to it.
            seen = self._windows.get(sample.bucket, 0.0)
            self._windows = {**self._windows, sample.bucket: max(seen, sample.reset_at - sample.at)}

    def stretch(self, turn: Turn, *, interval: float, is_steady: bool, now: float, ahead: float) -> Stretch:
        """How far a check is stretched; not at all before it first ran."""
        check, ran = turn.check, turn.ran
        if ran is None or not is_steady or not self.has_reason(check):
            return UNSTRETCHED
        proof = self._proofs.get(check.capability)
        return stretch(
            Situation(
                now=now + ahead,
                interval=interval,
                ran_at=ran + ahead,
                cost=check.cost,
                is_steady=is_steady,
                is_proved=proof is not None and proof.holds(now=now, within=interval),
                quota=self._quotas.get(check.bucket),
                window=self._windows.get(check.bucket, 0.0),
                drawn=check.drawn,
                least_interval=check.least_interval,
            )
        )

    def has_reason(self, check: PacedCheck) -> bool:
        """Whether there is anything that could make a check wait; for most there never is."""
        return bool(check.least_interval) or check.capability in self._proofs or check.bucket in self._quotas

    def is_due(self, turn: Turn, stretched: Stretch, *, interval: float, now: float) -> bool:
        """Whether a check runs in the round that begins now."""
        if stretched.intervals == 1 or turn.ran is None:
            return True
        is_due = now - turn.ran >= (stretched.intervals - _TOLERANCE) * interval
        self.stretched += not is_due
        return is_due


def foretell(turn: Turn, stretched: Stretch, *, interval: float, slot: float) -> float:
    """When a check runs next if all stays as it is; `slot` is when the next round is due."""
    if stretched.intervals == 1 or turn.ran is None:
        return slot
    waits = turn.ran + stretched.intervals * interval - slot
    return slot + max(0, ceil(waits / interval - _TOLERANCE)) * interval
