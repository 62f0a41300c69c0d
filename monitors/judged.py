"""One capability: all evidence about it, and the verdict that follows.

The basis is what checks, breaker and reports say (monitors/health.py). What makes the verdict worse than it:

flapping        scheduled results change too often: degraded, until they settle (monitors/flapping.py)
a hard concern  failures that do not follow one another, slow checks, live calls that fail or are slow more
                than usual, a used-up quota, silent webhooks, a missed heartbeat, no data

The worst of these is the verdict. Pure: it is told the time.
"""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil, exp, log
from struct import pack, unpack
from types import MappingProxyType

from msgspec.structs import replace

from integrations.connection import CheckPolicy, SlowPolicy
from integrations.signals import Evidence, Ground, Health
from monitors.baseline import Baseline
from monitors.concerns import Concern, Finding, weigh
from monitors.flapping import Flapping
from monitors.health import BROKEN, SEVERITY, Observation, is_confirmed, judge, needed
from monitors.live import LEAST_SPREAD, SHORTEST, is_slower
from monitors.report import CapabilityHealth, CapabilityMemory
from monitors.results import Results

CHECKS = "failing checks"
SLOW = "slow checks"
SLOW_IN_A_ROW = 3
_NO_CONCERNS: Mapping[str, Concern] = MappingProxyType({})
_NO_RESULTS, _NEVER_CHANGED, _NOTHING_USUAL = Results(), Flapping(), Baseline()
_SECONDS, _SIZE = "f", 4
# Each look-up of a member in its class takes 0.1 µs in Python 3.11.
_UP, _CHECK = Health.UP, Evidence.CHECK
SURE = 2
"""Failures in a row that are asked for at least, whatever else speaks for them; or `fail_after`."""


class Judged:
    """One capability's evidence and verdict. `checked` is the newest observation by a check; that alone makes
    no other verdict, so what stands in one of when it was checked may be older.
    """

    __slots__ = (
        "_durations",
        "_others",
        "basis",
        "checked",
        "concerns",
        "flapping",
        "grounds",
        "results",
        "slowness",
        "verdict",
    )

    def __init__(self, basis: CapabilityHealth) -> None:
        self.basis = basis
        self.verdict = basis
        self.results = _NO_RESULTS
        self.flapping = _NEVER_CHANGED
        # Replaced as a whole, so that the many that are well share what is empty.
        self.concerns: Mapping[str, Concern] = _NO_CONCERNS
        self.checked: Observation | None = None
        # No dict, which takes four times as much, for one kind of evidence or few.
        self._others: tuple[Observation, ...] = ()
        self.slowness = _NOTHING_USUAL
        self.grounds: tuple[Ground, ...] = ()
        # Four bytes each: ten thousand integrations keep twenty of them. An array takes 80 bytes more.
        self._durations = b""

    def memory(self) -> CapabilityMemory:
        """What must survive a restart beside the verdict."""
        return CapabilityMemory(
            capability=self.basis.capability,
            basis=self.basis if self.checked is None else replace(self.basis, checked_at=self.checked.at),
            results=self.results,
            flapping=self.flapping,
            concerns=tuple(self.concerns.values()),
            slowness=self.slowness,
            grounds=self.grounds,
        )

    def recall(self, memory: CapabilityMemory) -> None:
        """Go on from what was saved."""
        self.basis, self.results, self.flapping = memory.basis, memory.results, memory.flapping
        found = {concern.finding.source: concern for concern in memory.concerns}
        self.concerns = found or _NO_CONCERNS
        self.slowness, self.grounds = memory.slowness, memory.grounds
        self.verdict = self._verdict()

    @property
    def rests_on_more(self) -> bool:
        """Whether there is more than checks to it, so that it stays when no check speaks of it."""
        return self.basis.evidence is not Evidence.CHECK or any(self.hard_concerns())

    @property
    def latest(self) -> tuple[Observation, ...]:
        """The newest observation of each kind of evidence."""
        return self._others if self.checked is None else (self.checked, *self._others)

    def told(self, coming: tuple[float, str] | None = None) -> CapabilityHealth:
        """The verdict, with when it was checked last, when it is next, and why so late."""
        verdict, checked = self.verdict, self.checked
        return replace(
            verdict,
            checked_at=verdict.checked_at if checked is None else checked.at,
            next_check_at=None if coming is None else coming[0],
            stretched="" if coming is None else coming[1],
        )

    def observe(
        self, seen: Observation, policy: CheckPolicy, *, support: int, is_scheduled: bool = False
    ) -> None:
        """Take one piece of evidence; `support` counts what else speaks for a failure. A check that
        `is_scheduled` is the first of its interval, no repetition to confirm another.
        """
        if seen.evidence is _CHECK:
            self.checked = seen
            self._count(seen, policy, is_scheduled=is_scheduled)
            seen = self._hardened(seen, policy)
        else:
            self._others = _newest(self._others, seen)
        if not is_confirmed(self.basis, seen):
            self._judge(seen, policy, support=support)
        if self.basis.pending is None and self.flapping.is_open:
            self._conclude(at=seen.at)
        self.verdict = self._verdict()

    def weigh(self, source: str, found: Finding | None, *, at: float) -> bool:
        """Take what one look found, or did not find; return whether anything is different."""
        before = self.concerns.get(source)
        after = weigh(before, found, at=at)
        if after is before:
            return False
        self._set_concern(source, after)
        if before is not None and after is None and _is_proof(before) and not self.basis.judged:
            self._prove(before, at=at)
        self.verdict = self._verdict()
        return True

    def patience(self, policy: CheckPolicy, *, support: int) -> int:
        """How many failures in a row confirm a bad state now."""
        wanted = self.results.patience(policy.fail_after) if policy.weigh_chance else policy.fail_after
        return max(wanted - support, min(SURE, policy.fail_after))

    def wanted(self, policy: CheckPolicy, *, support: int) -> int:
        """How many results in a row confirm what is pending."""
        basis = self.basis
        return needed(
            basis,
            basis.pending or basis.state,
            fail_after=self.patience(policy, support=support),
            recover_after=policy.recover_after,
        )

    def hard_concerns(self) -> Iterable[Concern]:
        """The concerns that count."""
        return (concern for concern in self.concerns.values() if concern.is_hard)

    def _judge(self, seen: Observation, policy: CheckPolicy, *, support: int) -> None:
        before = self.basis
        self.basis = judge(
            before,
            seen,
            fail_after=self.patience(policy, support=support),
            recover_after=policy.recover_after,
        )
        if self.basis.state is Health.UP and before.state in BROKEN:
            self.results = self.results.without_failures()
            self._set_concern(CHECKS, None)

    def _count(self, seen: Observation, policy: CheckPolicy, *, is_scheduled: bool) -> None:
        """Remember how a check went, for chance, flapping and slowness."""
        if is_scheduled:
            self._conclude(at=seen.at)
            self.flapping = self.flapping.opened()
        if seen.state is not _UP:
            return
        if self.basis.state not in BROKEN:
            alone = self.basis.pending_count if self.basis.pending in BROKEN else 0
            self.results = self.results.taken(failed=alone)
            self._concern(CHECKS, self._failing(policy), at=seen.at)
        if seen.duration is not None:
            self._concern(SLOW, self._slow(policy.slow, seen.duration), at=seen.at)

    def _conclude(self, *, at: float) -> None:
        """The scheduled check that was made last led to the state that is confirmed now."""
        failed = self.basis.state in BROKEN
        if self.flapping.is_open and (failed or self.basis.state is Health.UP):
            self.flapping = self.flapping.taken(failed=failed, at=at)

    def _concern(self, source: str, found: Finding | None, *, at: float) -> None:
        if found is None and not self.concerns:
            return
        self._set_concern(source, weigh(self.concerns.get(source), found, at=at))

    def _set_concern(self, source: str, concern: Concern | None) -> None:
        if concern is not None:
            self.concerns = {**self.concerns, source: concern}
        elif source in self.concerns:
            left = {name: each for name, each in self.concerns.items() if name != source}
            self.concerns = left or _NO_CONCERNS

    def _failing(self, policy: CheckPolicy) -> Finding | None:
        """Checks that fail too often, though never often enough in a row. It ends at half as many."""
        if not self.results.bits:
            return None
        rule = policy.degraded_after
        seen = self.results.among(rule.of)
        least = rule.failed // 2 + 1 if CHECKS in self.concerns else rule.failed
        if not rule.failed or seen.failed < least:
            return None
        return Finding(
            source=CHECKS,
            evidence=Evidence.CHECK,
            state=Health.DEGRADED,
            reason=f"{seen.failed} of the last {seen.of} checks failed, though never enough in a row to make "
            "it down.",
        )

    def _slow(self, rule: SlowPolicy, seconds: float) -> Finding | None:
        """Checks that take long: longer than they may, or far longer than is usual here."""
        if not rule.enabled:
            return None
        size = _SIZE * rule.of
        durations = self._durations = (self._durations + pack(_SECONDS, seconds))[-size:]
        if len(durations) < size:
            return None
        reached = sorted(unpack(_SECONDS * rule.of, durations))[ceil(rule.of * rule.percentile / 100) - 1]
        usual = self.slowness
        self.slowness = usual.learned(log(max(reached, SHORTEST)), least_spread=LEAST_SPREAD)
        if not (reached > rule.above if rule.above is not None else is_slower(reached, usual)):
            return None
        limit = (
            f"at most {rule.above:g} s are allowed" if rule.above else f"usual is {exp(usual.level):.2g} s"
        )
        return Finding(
            source=SLOW,
            evidence=Evidence.CHECK,
            state=Health.DEGRADED,
            reason=f"{rule.percentile:g} % of the last {rule.of} checks took up to {reached:.2g} s; {limit}.",
            confirm=SLOW_IN_A_ROW,
            recover=SLOW_IN_A_ROW,
        )

    def _hardened(self, seen: Observation, policy: CheckPolicy) -> Observation:
        """A failure that completes the row of `down_after` needs no further confirmation."""
        rule = policy.down_after
        if not rule.failed or seen.state not in BROKEN or self.basis.state in BROKEN:
            return seen
        running = self.basis.pending_count if self.basis.pending in BROKEN else 0
        share = self.results.among(rule.of, running=running + 1)
        if share.failed < rule.failed:
            return seen
        reason = f"{share.failed} of the last {share.of} checks failed. Last: {seen.sentence}"
        return replace(seen, is_hard=True, reason=reason)

    def _prove(self, ended: Concern, *, at: float) -> None:
        """The end of the only concern is the only evidence there is, and it is good."""
        finding = ended.finding
        seen = Observation(at=at, state=Health.UP, evidence=finding.evidence, reason="It is as it should be.")
        self.basis = judge(self.basis, seen, fail_after=1, recover_after=1)

    def _verdict(self) -> CapabilityHealth:
        if not self.concerns and not self.flapping.is_on:
            return self.basis
        return min(self._candidates(), key=lambda each: SEVERITY.index(each.state))

    def _candidates(self) -> Iterator[CapabilityHealth]:
        """The states that the evidence stands for; of equally bad ones the first counts."""
        basis = self.basis
        hard = sorted(self.hard_concerns(), key=lambda each: each.since)
        if basis.judged or not hard:
            yield self._flapping() if self.flapping.is_on and _may_flap(basis) else basis
        for concern in hard:
            yield replace(
                basis,
                state=concern.finding.state,
                since=concern.since,
                reason=concern.finding.reason,
                evidence=concern.finding.evidence,
                kind=None,
                judged=True,
            )

    def _flapping(self) -> CapabilityHealth:
        since = self.flapping.since if self.flapping.since is not None else self.basis.since
        return replace(
            self.basis,
            state=Health.DEGRADED,
            since=since,
            reason=f"It flaps: its checks changed {self.flapping.percent:.0f} % between good and bad.",
            evidence=Evidence.CHECK,
            flapping=True,
        )


def _may_flap(basis: CapabilityHealth) -> bool:
    """Flapping checks hide what checks say, but nothing that the breaker or a person knows."""
    return basis.state is Health.UP or (basis.state in BROKEN and basis.evidence is Evidence.CHECK)


def _is_proof(ended: Concern) -> bool:
    """Whether the end of a concern says that all is well; that we hear again says nothing yet."""
    return ended.is_hard and ended.finding.state is not Health.UNKNOWN


def _newest(latest: tuple[Observation, ...], seen: Observation) -> tuple[Observation, ...]:
    """The latest of each kind of evidence, with this one in the place of the one before."""
    if len(latest) == 1 and latest[0].evidence is seen.evidence:
        return (seen,)
    if all(one.evidence is not seen.evidence for one in latest):
        return (*latest, seen)
    return tuple(seen if one.evidence is seen.evidence else one for one in latest)
