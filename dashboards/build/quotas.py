"""Quotas and credentials: what is left, when it ends, and who asked for quiet."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build import frame
from dashboards.build.panels import (
    DAYS,
    NONE_IS_GOOD,
    Steps,
    bars,
    graph,
    number,
    stacked,
    told,
    words,
)
from dashboards.build.queries import (
    ZERO,
    days_until,
    filled,
    increase,
    otherwise,
    rate,
    recorded,
    select,
    total,
    worst,
)
from dashboards.build.tables import Column, sheet
from dashboards.build.words import BAD, GOOD, NONE_SEEN, PLAIN, WARN

LEFT: Steps = ((None, BAD), (0.1, WARN), (0.25, GOOD))
UNTIL = "dialtone_throttled_until_timestamp_seconds"
EXHAUSTED = "dialtone_quota_exhaustion_timestamp_seconds"
CREDENTIAL = "dialtone_credential_expiry_timestamp_seconds"
CERTIFICATE = "dialtone_certificate_expiry_timestamp_seconds"
THROTTLED = 'outcome="throttled"'


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "quotas",
        title="quotas and credentials",
        about="What vendors still allow, who asked for quiet, and which credentials end soon.",
        rows={
            "Now": _now(),
            "Quotas": _quotas(),
            "Throttling": _throttling(),
            "Credentials and certificates": _credentials(),
            "What vendors announce": _announced(),
        },
    )


def _now() -> frame.Panels:
    return [*_quotas_now(), *_credentials_now()]


def _quotas_now() -> frame.Panels:
    throttled = f"count({select(UNTIL)} > time())"
    running_out = f"count({select(EXHAUSTED)} > time() < time() + 3600)"
    return [
        told(
            number(
                "Throttled now",
                "Quota buckets for which a vendor asked us to keep quiet; calls wait or are refused.",
                series=[(f"{throttled} or {ZERO}", "throttled")],
                unit="none",
                steps=((None, GOOD), (1.0, WARN)),
                span=6,
            ),
            {0: ("None", GOOD)},
        ),
        told(
            number(
                "Run out within an hour",
                "Quota buckets that will be used up within the hour if calls go on as in this period.",
                series=[(f"{running_out} or {ZERO}", "running out")],
                unit="none",
                steps=NONE_IS_GOOD,
                span=6,
            ),
            {0: ("None", GOOD)},
        ),
    ]


def _credentials_now() -> frame.Panels:
    refused = total(increase("dialtone_credential_notices_total", 'event="rejected"'))
    first = f"min({days_until(CREDENTIAL)} or {days_until(CERTIFICATE)})"
    return [
        told(
            number(
                "First end of a credential",
                "Days until the first credential or certificate ends that does not renew itself.",
                series=[(otherwise(first, NONE_SEEN), "days")],
                unit="d",
                steps=DAYS,
                span=6,
            ).decimals(0),
            {NONE_SEEN: ("none known", PLAIN)},
        ),
        told(
            number(
                "Refused credentials on this board",
                "How often vendors refused a credential in the time this board shows: replace it.",
                series=[(f"{refused} or {ZERO}", "refused")],
                unit="none",
                steps=NONE_IS_GOOD,
                span=6,
            ).decimals(0),
            {0: ("None", GOOD)},
        ),
    ]


def _quotas() -> frame.Panels:
    by = "integration, bucket"
    left = f"min by ({by}) ({recorded('integration_bucket:dialtone_quota_left:ratio')})"
    least = f"bottomk(10, {left})"
    return [
        bars(
            "Quota left, the least first",
            "What the vendor still allows in this period, as a share of its limit, by quota bucket.",
            series=[
                (
                    otherwise(f"sort(bottomk(12, {left}))", NONE_SEEN, integration="no quota"),
                    "{{integration}} {{bucket}}",
                )
            ],
            unit="percentunit",
            steps=LEFT,
            span=6,
        )
        .max(1)
        .mappings(words({NONE_SEEN: ("none seen yet", PLAIN)})),
        graph(
            "Quota left over time",
            "A saw: it falls with our calls and jumps back when the vendor fills it. A flat 0 % is a stop.",
            series=[(otherwise(least, 1, integration="no quota told"), "{{integration}} {{bucket}}")],
            unit="percentunit",
            steps=LEFT,
            span=7,
        ).max(1),
        _forecast(left),
    ]


def _forecast(left: str) -> Builder[models.Panel]:
    by = "integration, bucket"
    ends = f"min by ({by}) ({select(EXHAUSTED)}) * 1000"
    reset = f"max by ({by}) ({select('dialtone_quota_reset_timestamp_seconds')}) * 1000"
    return sheet(
        "Quotas, the fullest used first",
        "What is left of each bucket, when it will be used up at this rate, and when the vendor "
        "fills it again.",
        series=[left, filled(ends, left), reset],
        columns={
            "integration": Column("Integration", board="integration"),
            "bucket": Column("Bucket", width=90),
            "Value #A": Column("Left", unit="percentunit", steps=LEFT, width=70, decimals=0),
            "Value #B": Column("Used up", unit="dateTimeFromNow", words={0: ("it lasts", PLAIN)}, width=150),
            "Value #C": Column("Filled", unit="dateTimeFromNow", width=140),
        },
        sort="+Left",
    ).span(11)


def _throttling() -> frame.Panels:
    quiet = f"(({select(UNTIL)} > time()) - time())"
    throttled = f"{total(rate('dialtone_attempts_total', THROTTLED), 'integration')} * 60"
    return [
        graph(
            "Throttled for",
            "Seconds for which the vendor asked us to keep quiet, by quota bucket; 0 when it did not.",
            series=[(otherwise(worst(quiet), 0, integration="none throttled"), "{{integration}} {{bucket}}")],
            unit="s",
            steps=((None, GOOD), (1.0, WARN)),
            span=8,
        ),
        graph(
            "Throttled tries",
            "Tries per minute that a vendor answered with too many requests: slow down, or ask for "
            "more quota.",
            series=[(otherwise(throttled, 0, integration="none throttled"), "{{integration}}")],
            unit="cpm",
            steps=((None, GOOD), (0.001, WARN)),
            span=8,
        ),
        graph(
            "Waiting for a turn, p95",
            "How long calls waited for quota and for a free place before they were sent, the ten slowest.",
            series=[
                (worst(recorded("integration:dialtone_call_queue_seconds:p95_rate5m")), "{{integration}}")
            ],
            unit="s",
            steps=((None, GOOD), (0.5, WARN), (2.0, BAD)),
            span=8,
        ),
    ]


def _credentials() -> frame.Panels:
    renewals = f"{total(rate('dialtone_credential_refreshes_total'), 'outcome')} * 60"
    notices = total(increase("dialtone_credential_notices_total"), "integration", "event")
    return [
        _ending("Credential days left", "credential", CREDENTIAL),
        _ending("Certificate days left", "certificate", CERTIFICATE),
        stacked(
            graph(
                "Access tokens bought",
                "Purchases per minute of access tokens that renew themselves; failures end in refused calls.",
                series=[(otherwise(renewals, 0, outcome="none bought"), "{{outcome}}")],
                unit="cpm",
                span=6,
            )
        ),
        sheet(
            "What happened to credentials",
            "How often each was renewed, refused or told to end in the time of this board.",
            series=[otherwise(f"{notices} > 0.5", 0, integration="nothing happened")],
            columns={
                "integration": Column("Integration", board="integration"),
                "event": Column("Event", width=110),
                "Value": Column("Times", width=70, decimals=0),
            },
            sort="Times",
        ).span(6),
    ]


def _ending(title: str, what: str, metric: str) -> Builder[models.Panel]:
    days = f"bottomk(50, {days_until(metric)})"
    return sheet(
        title,
        f"Days until a {what} ends, the first to end at the top; what renews itself is not shown.",
        series=[otherwise(days, NONE_SEEN, integration=f"no {what}")],
        columns={
            "integration": Column("Integration", board="integration"),
            **({"credential": Column("Credential", width=100)} if what == "credential" else {}),
            "Value": Column(
                "Days", steps=DAYS, decimals=0, width=95, words={NONE_SEEN: ("none known", PLAIN)}
            ),
        },
        sort="+Days",
    ).span(7 if what == "credential" else 5)


def _announced() -> frame.Panels:
    return [*_told(), *_changing()]


def _told() -> frame.Panels:
    word = f"max by (vendor, indicator) ({select('dialtone_vendor_status')}) == 1"
    lag = f"max by (integration) ({select('dialtone_vendor_notice_lag_seconds')})"
    return [
        sheet(
            "What vendors say of themselves",
            "Their own status pages now, where they are read; an outage we see and they do not may be ours.",
            series=[otherwise(word, 1, vendor="no status page is read")],
            columns={"vendor": Column("Vendor"), "indicator": Column("says")},
            sort="Vendor",
        ).span(6),
        sheet(
            "Announced later than we saw it",
            "How long after our own detection the vendor told of its trouble; below 0 it was first.",
            series=[otherwise(lag, NONE_SEEN, integration="nothing announced")],
            columns={
                "integration": Column("Integration", board="integration"),
                "Value": Column("Later by", unit="s", words={NONE_SEEN: ("none yet", PLAIN)}),
            },
            sort="Later by",
        ).span(6),
    ]


def _changing() -> frame.Panels:
    drifted = total(increase("dialtone_contract_drift_total"), "integration", "action")
    sunset = (
        f"min by (integration, action) ({select('dialtone_deprecation_sunset_timestamp_seconds')}) * 1000"
    )
    return [
        sheet(
            "What is to end",
            "Actions that the vendor will switch off, by its own word; no action means the API as a whole.",
            series=[otherwise(sunset, 0, integration="nothing is to end")],
            columns={
                "integration": Column("Integration", board="integration"),
                "action": Column("Action"),
                "Value": Column("Ends", unit="dateTimeFromNow", words={0: ("never", PLAIN)}, width=130),
            },
            sort="+Ends",
        ).span(6),
        sheet(
            "Answers that drifted",
            "Answers on this board that no longer fit the vendor's contract: it changed, or means to.",
            series=[otherwise(f"{drifted} > 0.5", 0, integration="none")],
            columns={
                "integration": Column("Integration", board="integration"),
                "action": Column("Action"),
                "Value": Column("Times", width=70, decimals=0, steps=((None, GOOD), (0.5, WARN))),
            },
            sort="Times",
        ).span(6),
    ]
