"""What is recorded for single panels: states as numbers, limits, webhooks, canaries, credentials."""

from collections.abc import Iterable, Mapping
from itertools import chain

from dashboards.build.rules.model import Recording
from dashboards.build.rules.promql import pick, rate
from dashboards.build.words import BREAKER_CODES, HEALTH_CODES
from exporters.catalogue import CATALOGUE

QUEUE = "dialtone_call_queue_seconds"
LAG = "dialtone_webhook_lag_seconds"
THROTTLED = "dialtone_throttled_until_timestamp_seconds"


def recordings() -> Iterable[Recording]:
    """Return the rules."""
    return chain(_states(), _limits(), _checks(), _webhooks(), _counts())


def _states() -> Iterable[Recording]:
    for metric, codes in (("dialtone_health", HEALTH_CODES), ("dialtone_breaker_state", BREAKER_CODES)):
        yield Recording(record=f"integration:{metric}:code", expr=_code(metric, codes))


def _code(metric: str, codes: Mapping[str, int]) -> str:
    """The number of the state that is 1; the boards' words stand for the same numbers."""
    products = (f"{pick(metric, _state(name))} * {number}" for name, number in codes.items())
    return "sum without (state) (" + "\nor ".join(products) + ")"


def _state(name: str) -> str:
    return f'state="{name}"'


def _limits() -> Iterable[Recording]:
    yield Recording(record=f"integration:{QUEUE}:p95_rate5m", expr=_quantile(0.95, QUEUE, ""))
    left, limit = pick("dialtone_quota_remaining"), pick("dialtone_quota_limit")
    yield Recording(record="integration_bucket:dialtone_quota_left:ratio", expr=f"{left} / ({limit} > 0)")
    yield Recording(
        record="fleet:dialtone_throttled:count",
        expr=f"count without (integration, bucket) ({pick(THROTTLED)} > time())\n"
        f"or 0 * count without (integration, bucket) ({pick(THROTTLED)})",
    )


def _checks() -> Iterable[Recording]:
    for name, metric in (
        ("left_out", "dialtone_checks_stretched"),
        ("missed", "dialtone_check_slots_skipped"),
    ):
        yield Recording(record=f"integration:dialtone_checks_{name}:rate5m", expr=rate(f"{metric}_total"))


def _webhooks() -> Iterable[Recording]:
    received, handled = "dialtone_webhooks_received", "dialtone_webhook_handler_attempts"
    yield from _summed(received, integration="verdict", fleet="verdict")
    yield from _summed(handled, integration="result", fleet="result")
    for share in (0.5, 0.95, 0.99):
        yield Recording(
            record=f"fleet:{LAG}:p{share * 100:.0f}_rate5m", expr=_quantile(share, LAG, "integration")
        )
    yield Recording(record=f"integration:{LAG}:p95_rate5m", expr=_quantile(0.95, LAG, ""))


def _counts() -> Iterable[Recording]:
    yield Recording(
        record="fleet:dialtone_executor_errors:rate5m",
        expr=f"sum without (integration) ({rate('dialtone_executor_errors_total')})",
    )
    yield from _summed("dialtone_canaries", integration="capability, outcome", fleet="outcome")
    yield from _summed("dialtone_credential_refreshes", integration="outcome", fleet="outcome")
    yield from _summed("dialtone_answers", integration="source", fleet="source")
    yield from _summed("dialtone_credential_notices", integration="event", fleet="event")


def _summed(metric: str, *, integration: str, fleet: str) -> Iterable[Recording]:
    """A counter's rate by integration without these labels, and over all by that one label."""
    counter = f"{metric}_total"
    dropped = ", ".join(label for label in CATALOGUE[counter].labels if label != fleet)
    for level, without in (("integration", integration), (f"fleet_{fleet}", dropped)):
        yield Recording(record=f"{level}:{metric}:rate5m", expr=f"sum without ({without}) ({rate(counter)})")


def _quantile(share: float, histogram: str, dropped: str) -> str:
    """A quantile out of buckets, or out of native histograms where Dialtone gives those."""
    classic, native = f"rate({histogram}_bucket[5m])", f"rate({histogram}[5m])"
    if dropped:
        classic, native = (f"sum without ({dropped}) ({one})" for one in (classic, native))
    return f"histogram_quantile({share}, {classic})\nor histogram_quantile({share}, {native})"
