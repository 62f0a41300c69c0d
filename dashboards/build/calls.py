"""The row of calls: how many, how fast, and what became of them."""

from collections.abc import Sequence

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build.panels import ERRORS, graph, stacked
from dashboards.build.queries import FAILED, SENT, otherwise, quantile, rate

SECONDS = ((None, "green"), (0.5, "yellow"), (2.0, "red"))


def panels() -> Sequence[Builder[models.Panel]]:
    """Return the panels from left to right."""
    return [_rate(), _errors(), *_latency(), *_outcomes()]


def _rate() -> Builder[models.Panel]:
    return graph(
        "Call rate by integration",
        "Requests per second, checks included.",
        series=[(f"sum by (integration) ({rate('dialtone_calls_total')})", "{{integration}}")],
        unit="reqps",
    )


def _errors() -> Builder[models.Panel]:
    failed, sent = (
        f"sum by (integration) ({rate('dialtone_calls_total', outcome)})" for outcome in (FAILED, SENT)
    )
    return graph(
        "Error ratio by integration",
        "Share of requests that failed at the vendor; rejected and cancelled ones are left out.",
        series=[(f"({failed} or 0 * {sent}) / ({sent} > 0)", "{{integration}}")],
        unit="percentunit",
        steps=ERRORS,
    )


def _latency() -> Sequence[Builder[models.Panel]]:
    duration = "dialtone_call_duration_seconds"
    return [
        graph(
            "Latency",
            "Quantiles of the time of requests that were sent, retries and waits included, over all chosen.",
            series=[(quantile(share, duration), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)],
            unit="s",
            steps=SECONDS,
        ),
        graph(
            "p95 latency by integration",
            "The time that 95 of 100 requests stay under; buckets end at 10 s.",
            series=[(quantile(0.95, duration, "integration"), "{{integration}}")],
            unit="s",
            steps=SECONDS,
        ),
    ]


def _outcomes() -> Sequence[Builder[models.Panel]]:
    rejected = f"sum by (reason) ({rate('dialtone_rejected_calls_total')})"
    return [
        stacked(
            graph(
                "Calls by outcome",
                "Requests per second by how they ended: ok, or the kind of failure.",
                series=[(f"sum by (outcome) ({rate('dialtone_calls_total')})", "{{outcome}}")],
                unit="reqps",
            )
        ),
        stacked(
            graph(
                "Rejected calls by reason",
                "Requests per second that a local limit refused: open circuit, quota, bulkhead, deadline.",
                series=[(otherwise(rejected, 0, reason="none rejected"), "{{reason}}")],
                unit="reqps",
                steps=((None, "green"), (0.001, "red")),
            )
        ),
    ]
