"""The row of what vendors say and send, and of the credentials they are called with."""

from collections.abc import Sequence

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build.panels import bars, graph, stacked, words
from dashboards.build.queries import NONE_SEEN, otherwise, quantile, rate, select


def panels() -> Sequence[Builder[models.Panel]]:
    """Return the panels from left to right."""
    return [*_said(), *_sent()]


def _said() -> Sequence[Builder[models.Panel]]:
    """Credentials, and what vendors announce."""
    days = f"({select('dialtone_credential_expiry_timestamp_seconds')} - time()) / 86400"
    said = select("dialtone_vendor_status", 'indicator!="operational"') + " == 1"
    return [
        bars(
            "Credential days left",
            "Days until a credential ends that cannot renew itself; without a known end it is not shown.",
            series=[
                (otherwise(days, NONE_SEEN, integration="no end known"), "{{integration}} {{credential}}")
            ],
            unit="d",
            steps=((None, "red"), (7.0, "yellow"), (30.0, "green")),
        )
        .mappings(words({NONE_SEEN: ("none", "text")}))
        .span(6),
        bars(
            "Vendors that announce trouble",
            "What vendors' own status pages say now, of those whose page is read.",
            series=[(otherwise(said, NONE_SEEN, vendor="no vendor"), "{{vendor}} {{indicator}}")],
            unit="none",
            steps=((None, "yellow"),),
        )
        .mappings(words({NONE_SEEN: ("announces trouble", "text"), 1.0: ("announced", "yellow")}))
        .span(6),
    ]


def _sent() -> Sequence[Builder[models.Panel]]:
    """What vendors send."""
    return [
        stacked(
            graph(
                "Inbound webhooks by verdict",
                "Webhooks per minute by what became of them; rejected ones were not proved genuine.",
                series=[
                    (f"sum by (verdict) ({rate('dialtone_webhooks_received_total')}) * 60", "{{verdict}}")
                ],
                unit="cpm",
            )
        ).span(6),
        graph(
            "Lag of webhooks",
            "Time from a vendor's own time stamp to its webhook, where it has one.",
            series=[
                (quantile(share, "dialtone_webhook_lag_seconds"), f"p{share * 100:.0f}")
                for share in (0.5, 0.95)
            ],
            unit="s",
        ).span(6),
    ]
