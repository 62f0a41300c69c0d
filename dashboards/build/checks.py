"""The row of checks: their results, whether they start in time, and certificates."""

from collections.abc import Sequence

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build.panels import bars, graph, stacked, words
from dashboards.build.queries import NONE_SEEN, otherwise, quantile, rate, select


def panels() -> Sequence[Builder[models.Panel]]:
    """Return the panels from left to right."""
    checks = f"sum by (outcome) ({rate('dialtone_checks_total')}) * 60"
    lag = "dialtone_check_start_lag_seconds"
    days = f"({select('dialtone_certificate_expiry_timestamp_seconds')} - time()) / 86400"
    return [
        stacked(
            graph(
                "Checks by result",
                "Checks per minute by result; skipped ones waited because the vendor asked for quiet.",
                series=[(checks, "{{outcome}}")],
                unit="cpm",
            )
        ).span(8),
        graph(
            "Start lag of checks",
            "How late checks start; more than a second means that Dialtone has too much to do.",
            series=[(quantile(share, lag), f"p{share * 100:.0f}") for share in (0.5, 0.99)],
            unit="s",
            steps=((None, "green"), (0.1, "yellow"), (1.0, "red")),
        ).span(8),
        bars(
            "Certificate days left",
            "Days until the certificate that an integration showed last expires.",
            series=[(otherwise(days, NONE_SEEN, integration="no certificate"), "{{integration}}")],
            unit="d",
            steps=((None, "red"), (14.0, "yellow"), (30.0, "green")),
        )
        .mappings(words({NONE_SEEN: ("none seen yet", "text")}))
        .span(8),
    ]
