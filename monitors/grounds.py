"""Writes down what a verdict rests on: every piece of evidence with its age and its weight.

A weight is a share of what confirms a state. Failures in a row weigh 1 / (how many are needed) each, what
supports them (the vendor's outage, live calls that fail, a refused credential) as much as one of them; what
is hard weighs 1. Evidence that weighs 0 is shown because a person would ask for it.
"""

from collections.abc import Iterable, Iterator

from integrations.connection import CheckPolicy
from integrations.signals import CredentialNotice, Evidence, Ground, Health, QuotaSample
from monitors.flapping import BEGINS
from monitors.health import Observation
from monitors.judged import Judged
from monitors.live import LiveWindow
from monitors.report import CapabilityHealth
from monitors.results import CLEAN
from monitors.surroundings import Surroundings
from monitors.vendor_words import tell


def grounds(
    judged: Judged,
    around: Surroundings,
    policy: CheckPolicy,
    *,
    window: LiveWindow | None,
    vendor: str,
    at: float,
) -> tuple[Ground, ...]:
    """All evidence on one capability at the UTC second `at`, the heaviest first; `window` is what was seen of
    its live calls.
    """
    found = [
        *_observed(judged, policy, at=at),
        *_concerns(judged, at=at),
        *_habits(judged, policy),
        *_calls(window, at=at),
        *_around(judged, around, policy, vendor=vendor, at=at),
    ]
    return tuple(sorted(found, key=lambda ground: -ground.weight))


def _observed(judged: Judged, policy: CheckPolicy, *, at: float) -> Iterator[Ground]:
    """The newest observation of each kind."""
    for seen in judged.latest:
        sentence, told = seen.sentence, judged.basis.reason
        yield Ground(
            source=seen.evidence,
            # One object where they are equal: a verdict is kept with what it rests on.
            text=told if sentence == told else sentence,
            age=max(0.0, at - seen.at),
            weight=_weight(judged.basis, seen, wanted=judged.wanted(policy, support=0)),
            says=seen.state,
        )


def _weight(basis: CapabilityHealth, seen: Observation, *, wanted: int) -> float:
    if seen.evidence is Evidence.CHECK and basis.pending is not None:
        return min(1.0, basis.pending_count / wanted)
    is_cause = basis.judged and seen.evidence is basis.evidence and seen.state is basis.state
    return 1.0 if is_cause else 0.0


def _concerns(judged: Judged, *, at: float) -> Iterator[Ground]:
    for concern in judged.concerns.values():
        yield Ground(
            source=concern.finding.evidence,
            text=concern.finding.reason,
            age=max(0.0, at - concern.at),
            weight=concern.weight,
            says=concern.finding.state,
        )


def _habits(judged: Judged, policy: CheckPolicy) -> Iterator[Ground]:
    """What is known of how the capability behaves."""
    share, flaps = judged.results.share, judged.flapping
    if share > CLEAN and policy.weigh_chance:
        needed = judged.patience(policy, support=0)
        text = f"{share:.1%} of its checks fail by chance, so {needed} failures in a row make it down."
        yield Ground(source=Evidence.CHECK, text=text, age=0.0)
    if flaps.changes:
        text = f"Its scheduled checks changed {flaps.percent:.0f} %; above {BEGINS:.0f} % it flaps."
        weight = 1.0 if flaps.is_on else min(1.0, flaps.percent / BEGINS)
        yield Ground(source=Evidence.CHECK, text=text, age=0.0, weight=weight, says=Health.DEGRADED)


def _calls(window: LiveWindow | None, *, at: float) -> Iterator[Ground]:
    if window is not None and window.calls:
        slow = f", 95 % within {window.p95:.2g} s" if window.p95 is not None else ""
        text = f"{window.calls} live calls in 5 minutes, {window.share:.1%} of them failed{slow}."
        yield Ground(source=Evidence.TRAFFIC, text=text, age=max(0.0, at - window.until))


def _around(
    judged: Judged, around: Surroundings, policy: CheckPolicy, *, vendor: str, at: float
) -> Iterator[Ground]:
    state = judged.basis.pending or judged.basis.state
    weight = 1 / judged.patience(policy, support=0)
    supporting = set(around.support(state))
    if word := around.vendor_says:
        text = tell(word, vendor=word.name or vendor, state=Health.DOWN, bad_since=None)
        share = weight if Evidence.VENDOR in supporting else 0.0
        says = Health.DOWN if around.says_outage else None
        yield Ground(
            source=Evidence.VENDOR, text=text, age=max(0.0, at - word.read_at), weight=share, says=says
        )
    if notice := around.credential:
        share = weight if Evidence.CREDENTIAL in supporting else 0.0
        yield _credential(notice, is_refused=around.is_refused, weight=share, at=at)
    yield from _quotas(around.quotas.values(), at=at)
    if receipt := around.received:
        text = f"The last webhook was {receipt.event_type or 'one without a type'}."
        yield Ground(source=Evidence.WEBHOOK, text=text, age=max(0.0, at - receipt.at))


def _credential(notice: CredentialNotice, *, is_refused: bool, weight: float, at: float) -> Ground:
    return Ground(
        source=Evidence.CREDENTIAL,
        text=f"Its credential: {notice.event.replace('_', ' ')}. {notice.detail}".strip(),
        age=max(0.0, at - notice.at),
        weight=weight,
        says=Health.UNAUTHORIZED if is_refused else None,
    )


def _quotas(samples: Iterable[QuotaSample], *, at: float) -> Iterator[Ground]:
    for sample in samples:
        if sample.remaining is None and sample.limit is None:
            continue
        left = "?" if sample.remaining is None else f"{sample.remaining:g}"
        limit = "?" if sample.limit is None else f"{sample.limit:g}"
        text = f"Quota{f' {sample.bucket}' if sample.bucket else ''}: {left} of {limit} left."
        yield Ground(source=Evidence.QUOTA, text=text, age=max(0.0, at - sample.at))
