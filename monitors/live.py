"""Live calls as evidence: the last five minutes of a capability against what is usual for it.

Looked at once a minute, over the five minutes that are over:

what                       is unusual when
share of calls that fail   above 5 %, and four spreads above the capability's own baseline
95th percentile            twice its baseline and four spreads above it (in the logarithm), and 0.1 s longer

Fewer than 20 calls say nothing. Unusual three minutes in a row makes the capability degraded, never down:
that is the circuit breaker's to say, within seconds. What a caller did wrong (client_error, not_found,
forbidden) does not count, nor what never left the house.
"""

from collections import Counter, deque
from math import exp, log, sqrt

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.signals import Evidence, Health
from monitors.baseline import Baseline, LiveBaselines
from monitors.concerns import Finding
from monitors.health import BROKEN, EVIDENCE_OF
from monitors.traffic import percentile

WINDOW = 5
LEAST_CALLS = 20
LEAST_FAILURES = 5
CONFIRM = 3
RECOVER = 3
LEAST_SHARE = 0.05
SHARE_UNKNOWN = 0.25
"""The share of failing calls that is too much while the usual one is not known yet."""
LEAST_SPREAD = 0.1
"""Of the logarithm of a latency: 10 %."""
TIMES_SLOWER = 2.0
LEAST_SLOWER = 0.1
SHORTEST = 0.001

ERRORS = "live errors"
LATENCY = "live latency"

_COUNTED = frozenset(kind for kind, state in EVIDENCE_OF.items() if state in BROKEN) - {FailureKind.FORBIDDEN}


class LiveWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The five minutes before `until` (UTC seconds) in numbers; `worst` is how most of the failures failed,
    `p95` is of those that succeeded.
    """

    until: float
    calls: int
    failures: int
    worst: FailureKind | None
    p95: float | None

    @property
    def share(self) -> float:
        """How many of the calls failed."""
        return self.failures / self.calls if self.calls else 0.0


class _Minute:
    __slots__ = ("calls", "kinds", "latencies", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = 0
        self.kinds: Counter[FailureKind] = Counter()
        self.latencies: dict[int, int] = {}


class LiveCalls:
    """The live calls of one capability, and what is usual for them. `now` is monotonic, so that a jump of the
    wall clock loses none.
    """

    __slots__ = ("_minutes", "_newest", "baselines", "learned_at", "window")

    def __init__(self) -> None:
        self._minutes: deque[_Minute] = deque(maxlen=WINDOW + 1)
        self._newest = _Minute(-1)
        self.baselines = LiveBaselines()
        self.learned_at = -1
        self.window: LiveWindow | None = None

    def record(self, kind: FailureKind | None, *, bucket: int, now: float) -> None:
        """Count one call that took as long as a `bucket` of monitors/traffic.py says."""
        minute = self._newest
        if now >= (minute.number + 1) * 60:
            minute = self._newest = _Minute(int(now // 60))
            self._minutes.append(minute)
        if kind is None:
            minute.calls += 1
            minute.latencies[bucket] = minute.latencies.get(bucket, 0) + 1
        elif kind in _COUNTED:
            minute.calls += 1
            minute.kinds[kind] += 1

    def look(self, *, at: float, now: float) -> tuple[Finding | None, Finding | None]:
        """What the minutes before now (`at` by the wall clock) show of errors and of latency; None for
        nothing unusual. Looking twice within a minute learns once.
        """
        minute = int(now // 60)
        window = self.window = self._seen(minute, until=at - (now - minute * 60))
        if window.calls < LEAST_CALLS:
            return None, None
        errors, latency = _unusual_errors(window, self.baselines), _unusual_latency(window, self.baselines)
        if self.learned_at != minute:
            self.learned_at = minute
            self.baselines = _learned(self.baselines, window)
        return errors, latency

    def _seen(self, now: int, *, until: float) -> LiveWindow:
        kinds: Counter[FailureKind] = Counter()
        latencies: Counter[int] = Counter()
        calls = 0
        for minute in self._minutes:
            if now - WINDOW <= minute.number < now:
                calls += minute.calls
                kinds.update(minute.kinds)
                latencies.update(minute.latencies)
        return LiveWindow(
            until=until,
            calls=calls,
            failures=kinds.total(),
            worst=kinds.most_common(1)[0][0] if kinds else None,
            p95=percentile(latencies, 0.95),
        )


def _learned(usual: LiveBaselines, window: LiveWindow) -> LiveBaselines:
    errors = usual.errors.learned(window.share, least_spread=_chance(usual.errors, window))
    if window.p95 is None:
        return msgspec.structs.replace(usual, errors=errors)
    latency = usual.latency.learned(log(max(window.p95, SHORTEST)), least_spread=LEAST_SPREAD)
    return LiveBaselines(errors=errors, latency=latency)


def _unusual_errors(window: LiveWindow, usual: LiveBaselines) -> Finding | None:
    limit = usual.errors.limit(least_spread=_chance(usual.errors, window))
    most = SHARE_UNKNOWN if limit is None else max(LEAST_SHARE, limit)
    if window.failures < LEAST_FAILURES or window.share <= most or window.worst is None:
        return None
    known = f"usually {usual.errors.level:.1%} do" if limit is not None else "what is usual is not known yet"
    kind = window.worst.value.replace("_", " ")
    return Finding(
        source=ERRORS,
        evidence=Evidence.TRAFFIC,
        state=Health.DEGRADED,
        reason=f"{window.failures} of {window.calls} live calls in {WINDOW} minutes failed, most by {kind}; "
        f"{known}.",
        confirm=CONFIRM,
        recover=RECOVER,
    )


def _unusual_latency(window: LiveWindow, usual: LiveBaselines) -> Finding | None:
    limit = usual.latency.limit(least_spread=LEAST_SPREAD)
    if limit is None or window.p95 is None or not is_slower(window.p95, usual.latency):
        return None
    return Finding(
        source=LATENCY,
        evidence=Evidence.TRAFFIC,
        state=Health.DEGRADED,
        reason=f"5 % of the live calls in {WINDOW} minutes took over {window.p95:.2g} s; usually they take "
        f"{exp(usual.latency.level):.2g} s.",
        confirm=CONFIRM,
        recover=RECOVER,
    )


def is_slower(seconds: float, usual: Baseline) -> bool:
    """Whether a latency is far above a baseline of logarithms, by proportion and by absolute length."""
    if seconds <= LEAST_SLOWER:
        return False
    limit = usual.limit(least_spread=LEAST_SPREAD)
    if limit is None:
        return False
    is_far = log(max(seconds, SHORTEST)) > limit and seconds > TIMES_SLOWER * exp(usual.level)
    return is_far and seconds - exp(usual.level) > LEAST_SLOWER


def _chance(usual: Baseline, window: LiveWindow) -> float:
    """How far the share strays by chance alone, with so few calls."""
    share = min(max(usual.level, 0.005), 0.5)
    return sqrt(share * (1 - share) / max(window.calls, 1))
