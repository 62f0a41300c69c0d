"""The row of limits: breakers, quota, throttling and retries."""

from collections.abc import Sequence

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build.panels import Words, bars, graph, timeline, words
from dashboards.build.queries import BREAKER_CODES, NONE_SEEN, SENT, code, otherwise, rate, select

BREAKER_WORDS: Words = {
    0: ("No state", "text"),
    1: ("Closed", "green"),
    2: ("Disabled", "text"),
    3: ("Shadow", "purple"),
    4: ("Half-open", "yellow"),
    5: ("FORCED OPEN", "orange"),
    6: ("OPEN", "red"),
}


def panels() -> Sequence[Builder[models.Panel]]:
    """Return the panels from left to right."""
    return [_breakers(), _quota(), _throttled(), _attempts()]


def _breakers() -> Builder[models.Panel]:
    state = code("dialtone_breaker_state", BREAKER_CODES, "integration, capability")
    return timeline(
        "Breaker states",
        "The state of each circuit breaker, by integration and capability.",
        series=[(state, "{{integration}} {{capability}}")],
        mapping=BREAKER_WORDS,
    )


def _quota() -> Builder[models.Panel]:
    left = f"{select('dialtone_quota_remaining')} / ({select('dialtone_quota_limit')} > 0)"
    return (
        bars(
            "Quota remaining",
            "What the vendor still allows in this period, as a share of its limit, by quota bucket.",
            series=[(otherwise(left, NONE_SEEN, integration="no quota"), "{{integration}} {{bucket}}")],
            unit="percentunit",
            steps=((None, "red"), (0.1, "yellow"), (0.25, "green")),
        )
        .max(1)
        .mappings(words({NONE_SEEN: ("none seen yet", "text")}))
    )


def _throttled() -> Builder[models.Panel]:
    quiet = f"clamp_min({select('dialtone_throttled_until_timestamp_seconds')} - time(), 0)"
    return graph(
        "Throttled for",
        "Seconds for which the vendor asked us to keep quiet, by quota bucket; 0 when it did not.",
        series=[(otherwise(quiet, 0, integration="none throttled"), "{{integration}} {{bucket}}")],
        unit="s",
        steps=((None, "green"), (1.0, "yellow")),
    )


def _attempts() -> Builder[models.Panel]:
    attempts = f"sum by (integration) ({rate('dialtone_attempts_total')})"
    calls = f"sum by (integration) ({rate('dialtone_calls_total', SENT)})"
    return graph(
        "Attempts for each call",
        "Tries on the wire for each request; 1 is no retry, more is load that retries add.",
        series=[(f"{attempts} / ({calls} > 0)", "{{integration}}")],
        unit="none",
        steps=((None, "green"), (1.2, "yellow")),
    )
