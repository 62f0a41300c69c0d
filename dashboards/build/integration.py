"""Everything about one integration on one screen: is it well, since when, what do calls and checks see."""

from grafana_foundation_sdk.builders import dashboard

from dashboards.build import frame
from dashboards.build.panels import (
    DAYS,
    ERRORS,
    SECONDS,
    UNJUDGED,
    bars,
    coloured,
    density,
    graph,
    number,
    quantiles,
    stacked,
    timeline,
    told,
    words,
)
from dashboards.build.queries import (
    FAILED,
    SENT,
    WHOLE,
    ZERO,
    code,
    days_until,
    mean,
    otherwise,
    quantile,
    rate,
    ratio,
    select,
    total,
    worst,
)
from dashboards.build.tables import Column, sheet
from dashboards.build.words import (
    BAD,
    BREAKER_CODES,
    BREAKER_WORDS,
    GOOD,
    HEALTH_CODES,
    HEALTH_WORDS,
    NONE_SEEN,
    PLAIN,
    WARN,
)

CALLS = "dialtone_calls_total"
DURATION = "dialtone_call_duration_seconds"
STILL = {NONE_SEEN: ("none known", PLAIN)}


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "integration",
        title="one integration",
        about="Everything about one integration: health, calls, checks, limits, webhooks, credentials.",
        rows={
            "Now": [*_state(), *_figures()],
            "Health and breakers": _history(),
            "Calls": [*_calls(), *_times()],
            "Checks": _checks(),
            "Limits": _limits(),
            "Webhooks, credentials and the vendor's word": _others(),
        },
    )


def _state() -> frame.Panels:
    since = f"max({select('dialtone_health_since_timestamp_seconds', WHOLE)}) * 1000"
    return [
        told(
            number(
                "Health",
                "The confirmed health of the integration as a whole. `dialtone explain ID` says why.",
                series=[(code("dialtone_health", HEALTH_CODES, "integration", WHOLE), "health")],
                unit="none",
                steps=UNJUDGED,
            ),
            HEALTH_WORDS,
            nothing="not checked yet",
        ),
        number(
            "Since",
            "Since when the health holds that stands beside.",
            series=[(since, "since")],
            unit="dateTimeFromNow",
            steps=UNJUDGED,
        ),
        told(
            number(
                "Worst breaker",
                "The state of the breaker that is the furthest from closed; open: calls are refused.",
                series=[(code("dialtone_breaker_state", BREAKER_CODES, "integration"), "breaker")],
                unit="none",
                steps=UNJUDGED,
            ),
            BREAKER_WORDS,
            nothing="none yet",
        ),
    ]


def _figures() -> frame.Panels:
    failed, sent = (total(rate(CALLS, which)) for which in (FAILED, SENT))
    expiries = (
        "dialtone_credential_expiry_timestamp_seconds",
        "dialtone_certificate_expiry_timestamp_seconds",
    )
    first = f"min({' or '.join(days_until(one) for one in expiries)})"
    return [
        number(
            "Errors",
            "Share of requests that failed at the vendor; what Dialtone refused itself is left out.",
            series=[(f"({failed} or {ZERO}) / ({sent} > 0)", "errors")],
            unit="percentunit",
            steps=ERRORS,
        ).decimals(1),
        number(
            "p95",
            "The time that 95 of 100 requests stayed under, with retries and waits.",
            series=[(quantile(0.95, DURATION), "p95")],
            unit="s",
            steps=SECONDS,
        ),
        told(
            number(
                "First expiry",
                "Days until the first credential or certificate ends that does not renew itself.",
                series=[(otherwise(first, NONE_SEEN), "days")],
                unit="d",
                steps=DAYS,
            ).decimals(0),
            STILL,
        ),
    ]


def _history() -> frame.Panels:
    return [
        timeline(
            "Health over time",
            "The health of the whole (first) and of each capability; one capability may fail while "
            "others work.",
            series=[
                (code("dialtone_health", HEALTH_CODES, "integration", WHOLE), "whole"),
                (code("dialtone_health", HEALTH_CODES, "capability", 'capability!=""'), "{{capability}}"),
            ],
            mapping=HEALTH_WORDS,
        ),
        timeline(
            "Breakers over time",
            "The state of each capability's breaker; while it is open its calls are refused at once.",
            series=[(code("dialtone_breaker_state", BREAKER_CODES, "capability"), "{{capability}}")],
            mapping=BREAKER_WORDS,
        ),
    ]


def _calls() -> frame.Panels:
    return [*_outcomes(), *_load()]


def _outcomes() -> frame.Panels:
    by_outcome = total(rate(CALLS), "outcome")
    failed, sent = (total(rate(CALLS, which), "action") for which in (FAILED, SENT))
    return [
        coloured(
            stacked(
                graph(
                    "Calls by outcome",
                    "Requests per second by how they ended: ok, or the kind of failure.",
                    series=[(by_outcome, "{{outcome}}")],
                    unit="reqps",
                )
            )
        ),
        graph(
            "Error ratio by action",
            "Which action fails: one alone points to a permission or a change of that endpoint.",
            series=[(worst(ratio(failed, sent)), "{{action}}")],
            unit="percentunit",
            steps=ERRORS,
        ),
    ]


def _load() -> frame.Panels:
    rejected = total(rate("dialtone_rejected_calls_total"), "reason")
    return [
        graph(
            "Refused by Dialtone",
            "Requests per second that a local limit refused: open circuit, quota, bulkhead, "
            "deadline. Users felt it.",
            series=[(otherwise(rejected, 0, reason="none"), "{{reason}}")],
            unit="reqps",
            steps=((None, GOOD), (0.001, BAD)),
            span=8,
        ),
        graph(
            "In flight, waiting and the limit",
            "Calls on their way, calls that wait for their turn, and how many may be on their way at once.",
            series=[
                (total(select("dialtone_calls_in_flight")), "in flight"),
                (total(select("dialtone_calls_waiting")), "waiting"),
                (total(select("dialtone_concurrency_limit")), "limit"),
            ],
            unit="short",
            span=8,
        ),
        graph(
            "Tries for each call",
            "1: no retries. 2: every call is tried twice, which doubles the load on a vendor that is "
            "in trouble.",
            series=[
                (
                    f"{total(rate('dialtone_attempts_total'))} / ({total(rate(CALLS, SENT))} > 0)",
                    "tries for each call",
                )
            ],
            unit="none",
            steps=((None, GOOD), (1.2, WARN), (2.0, BAD)),
            span=8,
        ),
    ]


def _times() -> frame.Panels:
    return [
        quantiles(
            graph(
                "Latency",
                "Half, 95 and 99 of 100 requests stay under these times, retries and waits included.",
                series=[(quantile(share, DURATION), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)],
                unit="s",
                steps=SECONDS,
            )
        ),
        density(
            "How long calls take",
            "The brighter, the more requests took so long. Two bands are two kinds of call, or a slow half.",
            buckets=total(rate(f"{DURATION}_bucket"), "le"),
        ),
    ]


def _checks() -> frame.Panels:
    return [
        coloured(
            stacked(
                graph(
                    "Checks by result",
                    "Checks per minute by result; skipped ones waited because the vendor asked for quiet.",
                    series=[(f"{total(rate('dialtone_checks_total'), 'outcome')} * 60", "{{outcome}}")],
                    unit="cpm",
                    span=8,
                )
            )
        ),
        stacked(
            graph(
                "Where a check's time goes",
                "Mean time of dns, connect, tls, first byte and transfer, of checks over a "
                "connection of their own.",
                series=[(mean("dialtone_check_phase_seconds", "phase"), "{{phase}}")],
                unit="s",
                nothing="none yet",
                span=8,
            )
        ),
        graph(
            "p95 of checks",
            "The time that 95 of 100 checks stayed under, by capability.",
            series=[(quantile(0.95, "dialtone_check_duration_seconds", "capability"), "{{capability}}")],
            unit="s",
            steps=SECONDS,
            span=8,
        ),
    ]


def _limits() -> frame.Panels:
    left = f"{select('dialtone_quota_remaining')} / ({select('dialtone_quota_limit')} > 0)"
    quiet = f"clamp_min({select('dialtone_throttled_until_timestamp_seconds')} - time(), 0)"
    return [
        graph(
            "Quota left",
            "What the vendor still allows in this period, as a share of its limit, by bucket.",
            series=[(otherwise(left, 1, bucket="no quota told"), "{{bucket}}")],
            unit="percentunit",
            span=8,
        ).max(1),
        graph(
            "Throttled for",
            "Seconds for which the vendor asked us to keep quiet; 0 when it did not.",
            series=[(otherwise(quiet, 0, bucket="none"), "{{bucket}}")],
            unit="s",
            steps=((None, GOOD), (1.0, WARN)),
            span=8,
        ),
        graph(
            "Waiting for a turn, p95",
            "How long requests waited for quota and for a free place before they were sent.",
            series=[(quantile(0.95, "dialtone_call_queue_seconds"), "p95")],
            unit="s",
            steps=((None, GOOD), (0.5, WARN), (2.0, BAD)),
            span=8,
        ),
    ]


def _others() -> frame.Panels:
    verdicts = f"{total(rate('dialtone_webhooks_received_total'), 'verdict')} * 60"
    credentials = days_until("dialtone_credential_expiry_timestamp_seconds")
    certificates = days_until("dialtone_certificate_expiry_timestamp_seconds")
    word = f"max by (vendor, indicator) ({select('dialtone_vendor_status')}) == 1"
    said = f"{word} and on (vendor) {select('dialtone_integration_info')}"
    return [
        stacked(
            graph(
                "Webhooks by verdict",
                "Webhooks per minute by what became of them; a bad signature is a changed secret, or "
                "a stranger.",
                series=[(otherwise(verdicts, 0, verdict="none received"), "{{verdict}}")],
                unit="cpm",
                span=8,
            )
        ),
        bars(
            "Days until credentials and certificates end",
            "Replace what nears its end; what renews itself is not shown.",
            series=[
                (otherwise(credentials, NONE_SEEN, credential="credentials"), "{{credential}}"),
                (otherwise(certificates, NONE_SEEN), "certificate"),
            ],
            unit="d",
            steps=DAYS,
            span=8,
        ).mappings(words(STILL)),
        sheet(
            "What the vendor says of itself",
            "The vendor's own status page, where it is read; empty where it is not.",
            series=[otherwise(said, 1, vendor="its status page", indicator="is not read")],
            columns={"vendor": Column("Vendor"), "indicator": Column("says")},
            sort="Vendor",
        ).span(8),
    ]
