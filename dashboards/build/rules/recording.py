"""What is recorded, so that boards and alerts need not compute it anew from thousands of series."""

from collections.abc import Iterable, Sequence
from itertools import chain

from dashboards.build.rules import panels
from dashboards.build.rules.model import Group, Recording
from dashboards.build.rules.promql import FAILED, SENT, WHOLE, pick, rate
from monitors.burn import BURN_PAIRS, window_name

SLOW = "2m"
"""Between two evaluations of what looks far back. Without a sample a series is forgotten in five minutes."""

CALLS = "dialtone_calls_total"
DURATION = "dialtone_call_duration_seconds"
PHASE = "dialtone_check_phase_seconds"
BAD = 'result="bad"'
QUANTILES = (0.5, 0.95, 0.99)
WINDOWS = tuple(
    window_name(one) for one in sorted({w for pair in BURN_PAIRS for w in (pair.short, pair.long)})
)


def groups() -> Sequence[Group]:
    """Return all recording rules."""
    return (
        Group(
            name="dialtone-integrations", rules=tuple(chain(_calls(), _durations(), _checks(), _breakers()))
        ),
        Group(
            name="dialtone-vendors",
            rules=tuple(chain(_sums("vendor", "integration"), _quantiles("vendor", 0.95))),
        ),
        Group(name="dialtone-fleet", rules=tuple(chain(_fleet_calls(), _fleet_checks(), _states()))),
        Group(name="dialtone-panels", rules=tuple(panels.recordings())),
        Group(name="dialtone-history", interval=SLOW, rules=tuple(_history())),
        Group(name="dialtone-objectives", rules=tuple(chain.from_iterable(map(_objective, WINDOWS[:5])))),
        Group(
            name="dialtone-objectives-long",
            interval=SLOW,
            rules=tuple(chain.from_iterable(map(_objective, WINDOWS[5:]))),
        ),
    )


def ratio(failed: str, all_of_them: str) -> str:
    """Return which share failed: 0 where nothing did, nothing at all where there was nothing."""
    return f"({failed} or 0 * {all_of_them})\n/ ({all_of_them} > 0)"


def _calls() -> Iterable[Recording]:
    by_outcome = "integration_outcome:dialtone_calls:rate5m"
    yield Recording(record=by_outcome, expr=f"sum without (action, origin) ({rate(CALLS)})")
    for name, matcher in (("calls", ""), ("calls_sent", SENT), ("calls_failed", FAILED)):
        picked = f"{by_outcome}{{{matcher}}}" if matcher else by_outcome
        yield Recording(
            record=f"integration:dialtone_{name}:rate5m", expr=f"sum without (outcome) ({picked})"
        )
    sent = "integration:dialtone_calls_sent:rate5m"
    yield Recording(
        record="integration:dialtone_calls:error_ratio_rate5m",
        expr=ratio("integration:dialtone_calls_failed:rate5m", sent),
    )
    attempts = "integration:dialtone_attempts:rate5m"
    yield Recording(record=attempts, expr=f"sum without (outcome) ({rate('dialtone_attempts_total')})")
    yield Recording(
        record="integration:dialtone_attempts_per_call:ratio_rate5m", expr=f"{attempts} / ({sent} > 0)"
    )
    rejected = rate("dialtone_rejected_calls_total")
    yield Recording(
        record="integration:dialtone_rejected_calls:rate5m",
        expr=f"sum without (capability, reason) ({rejected})",
    )


def _durations() -> Iterable[Recording]:
    yield Recording(
        record=f"integration:{DURATION}_bucket:rate5m",
        expr=f"sum without (action, origin) ({rate(DURATION + '_bucket')})",
    )
    yield from _quantiles("integration", *QUANTILES)


def _quantiles(level: str, *shares: float) -> Iterable[Recording]:
    """Quantiles out of recorded buckets, or out of native histograms where Dialtone gives those."""
    inside = {"integration": "action, origin", "vendor": "action, origin, integration"}
    dropped = inside.get(level, "action, origin, integration, vendor")
    for share in shares:
        classic = f"histogram_quantile({share}, {level}:{DURATION}_bucket:rate5m)"
        native = f"histogram_quantile({share}, sum without ({dropped}) (rate({DURATION}[5m])))"
        yield Recording(
            record=f"{level}:{DURATION}:p{share * 100:.0f}_rate5m", expr=f"{classic}\nor {native}"
        )


def _checks() -> Iterable[Recording]:
    by_result = "integration_outcome:dialtone_checks:rate5m"
    yield Recording(record=by_result, expr=f"sum without (capability) ({rate('dialtone_checks_total')})")
    ran, failed = (
        f"sum without (outcome) ({by_result}{{{outcome}}})"
        for outcome in ('outcome!="skipped"', 'outcome!~"ok|skipped"')
    )
    checks = "integration:dialtone_checks:rate5m"
    yield Recording(record=checks, expr=ran)
    yield Recording(record="integration:dialtone_checks:error_ratio_rate5m", expr=ratio(failed, checks))
    duration = "dialtone_check_duration_seconds"
    classic, native = (
        f"histogram_quantile(0.95, sum without (capability) (rate({duration}{suffix}[5m])))"
        for suffix in ("_bucket", "")
    )
    yield Recording(record=f"integration:{duration}:p95_rate5m", expr=f"{classic}\nor {native}")
    yield Recording(record=f"integration_phase:{PHASE}:mean_rate5m", expr=_mean(PHASE))


def _mean(histogram: str, without: str = "") -> str:
    total, count = rate(histogram + "_sum"), rate(histogram + "_count")
    if without:
        total, count = (f"sum without ({without}) ({one})" for one in (total, count))
    return f"{total} / ({count} > 0)"


def _breakers() -> Iterable[Recording]:
    opened = pick("dialtone_breaker_transitions_total", 'to="open"')
    yield Recording(
        record="integration:dialtone_breaker_transitions:increase1h",
        expr=f"sum without (to) (increase({opened}[1h]))",
    )


def _sums(level: str, dropped: str) -> Iterable[Recording]:
    for name in ("calls", "calls_sent", "calls_failed"):
        yield Recording(
            record=f"{level}:dialtone_{name}:rate5m",
            expr=f"sum without ({dropped}) (integration:dialtone_{name}:rate5m)",
        )
    yield Recording(
        record=f"{level}:dialtone_calls:error_ratio_rate5m",
        expr=ratio(f"{level}:dialtone_calls_failed:rate5m", f"{level}:dialtone_calls_sent:rate5m"),
    )
    yield Recording(
        record=f"{level}:{DURATION}_bucket:rate5m",
        expr=f"sum without ({dropped}) (integration:{DURATION}_bucket:rate5m)",
    )


def _fleet_calls() -> Iterable[Recording]:
    yield from _sums("fleet", "integration, vendor")
    yield from _quantiles("fleet", *QUANTILES)
    yield Recording(
        record="fleet_outcome:dialtone_calls:rate5m",
        expr="sum without (integration, vendor) (integration_outcome:dialtone_calls:rate5m)",
    )
    rejected = rate("dialtone_rejected_calls_total")
    yield Recording(
        record="fleet_reason:dialtone_rejected_calls:rate5m",
        expr=f"sum without (integration, vendor, capability) ({rejected})",
    )


def _fleet_checks() -> Iterable[Recording]:
    yield Recording(
        record="fleet_outcome:dialtone_checks:rate5m",
        expr="sum without (integration, vendor) (integration_outcome:dialtone_checks:rate5m)",
    )
    yield Recording(record=f"fleet_phase:{PHASE}:mean_rate5m", expr=_mean(PHASE, "integration"))


def _states() -> Iterable[Recording]:
    health = pick("dialtone_health", WHOLE)
    yield Recording(
        record="fleet_state:dialtone_health:count",
        expr=f"sum without (integration, vendor, capability) ({health})",
    )
    breakers = pick("dialtone_breaker_state")
    yield Recording(
        record="fleet_state:dialtone_breaker_state:count",
        expr=f"sum without (integration, capability) ({breakers})",
    )


def _history() -> Iterable[Recording]:
    up = pick("dialtone_health", WHOLE, 'state="up"')
    for window in ("1h", "1d"):
        yield Recording(
            record=f"integration:dialtone_health:up_ratio_{window}",
            expr=f"avg without (state, capability) (avg_over_time({up}[{window}]))",
        )
        failed, sent = (
            f"sum_over_time(integration:dialtone_calls_{name}:rate5m[{window}])"
            for name in ("failed", "sent")
        )
        yield Recording(
            record=f"integration:dialtone_calls:error_ratio_{window}",
            expr=ratio(failed, sent),
        )


def _objective(window: str) -> Iterable[Recording]:
    events = f"slo:dialtone_slo_events:rate{window}"
    metric = "dialtone_slo_events_total"
    yield Recording(record=events, expr=f"sum without (result) ({rate(metric, over=window)})")
    bad = f"sum without (result) ({rate(metric, BAD, over=window)})"
    yield Recording(record=f"slo:dialtone_slo_errors:ratio_rate{window}", expr=ratio(bad, events))
