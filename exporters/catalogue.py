"""Every metric Dialtone has, declared once: name, kind, unit, help, labels and buckets.

Names follow Prometheus' practice (https://prometheus.io/docs/practices/naming): base units, which the name
ends in, and `_total` for counters. Label values come from configuration only. `python -m exporters.catalogue`
prints docs/metrics.md.
"""

import sys
from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal["counter", "gauge", "histogram"]
UNITS = ("seconds", "bytes", "ratio")
"""Base units a name may end in; anything else is a plain count."""

HTTP_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""OpenTelemetry's advice for http.client.request.duration (semantic conventions, HTTP metrics)."""
AGE_SECONDS = (0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0)


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One metric: `labels` in the order that label values are given in; `buckets` are a histogram's inclusive
    upper bounds, rising, without infinity.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def unit(self) -> str:
        """The base unit the name ends in; empty for a count, a state or a stamp of information."""
        last = self.name.removesuffix("_total").rsplit("_", 1)[-1]
        return last if last in UNITS else ""


def _counter(name: str, labels: tuple[str, ...], help_text: str) -> Family:
    return Family(name=f"dialtone_{name}_total", kind="counter", help=help_text, labels=labels)


def _gauge(name: str, labels: tuple[str, ...], help_text: str) -> Family:
    return Family(name=f"dialtone_{name}", kind="gauge", help=help_text, labels=labels)


def _histogram(
    name: str, labels: tuple[str, ...], help_text: str, *, buckets: tuple[float, ...] = HTTP_SECONDS
) -> Family:
    return Family(name=f"dialtone_{name}", kind="histogram", help=help_text, labels=labels, buckets=buckets)


_ONE = ("integration",)
_LINE = ("integration", "vendor")
_CALL = ("integration", "vendor", "action", "origin")
_CAPABILITY = ("integration", "capability")
_HEALTH = ("integration", "vendor", "capability")
_BUCKET = ("integration", "bucket")

_CALLS = (
    _counter(
        "calls", (*_CALL, "outcome"), "Requests through the executor; outcome is ok or the kind of failure."
    ),
    _histogram(
        "call_duration_seconds", _CALL, "Time of requests that were sent, with their retries and waits."
    ),
    _counter("attempts", (*_LINE, "outcome"), "Tries on the wire; a request has one or more."),
    _counter("retries", _LINE, "Tries after a request's first."),
    _counter(
        "rejected_calls", (*_HEALTH, "reason"), "Requests that a local limit refused; nothing was sent."
    ),
    _histogram("call_queue_seconds", _ONE, "Time requests waited for quota and for a free place."),
    _counter("request_bytes", _ONE, "Bytes of request bodies sent."),
    _counter("response_bytes", _ONE, "Bytes of response bodies received, decoded."),
    _counter(
        "answers",
        (*_ONE, "source"),
        "Actions answered, by where the answer came from: live, shared, stale, fallback.",
    ),
    _gauge("kept_answers_bytes", (), "What last good answers take, which stand in for failed reads."),
)
_BREAKERS = (
    _gauge(
        "breaker_state", (*_CAPABILITY, "state"), "1 for the state a breaker is in, 0 for the other five."
    ),
    _gauge("breaker_failure_ratio", _CAPABILITY, "Share of failed calls in a breaker's window, 0 to 1."),
    _gauge("breaker_slow_ratio", _CAPABILITY, "Share of slow calls in a breaker's window, 0 to 1."),
    _gauge(
        "breaker_open_until_timestamp_seconds", _CAPABILITY, "When an open breaker lets a trial call through."
    ),
    _counter("breaker_transitions", (*_CAPABILITY, "to"), "Changes of a breaker's state, by the new state."),
)
_LIMITS = (
    _gauge("calls_in_flight", _ONE, "Calls on their way now."),
    _gauge("calls_waiting", _ONE, "Calls waiting for quota or a free place now."),
    _gauge("concurrency_limit", _ONE, "Calls that may be on their way at once."),
    _gauge("retry_budget_tokens", _ONE, "What is left of the retry budget."),
    _gauge("quota_limit", _BUCKET, "Requests the vendor allows in one period of a quota bucket."),
    _gauge("quota_remaining", _BUCKET, "Requests the vendor still allows in this period."),
    _gauge("quota_reset_timestamp_seconds", _BUCKET, "When the vendor fills the quota bucket again."),
    _gauge(
        "throttled_until_timestamp_seconds", _BUCKET, "Until when the vendor asked for quiet; past when not."
    ),
    _counter("executor_errors", _ONE, "Exceptions inside the executor, which a call must never see."),
    _gauge("fault_injected", _ONE, "1 while an operator injects faults; absent where there was none yet."),
    _counter("faults_injected", (*_ONE, "kind"), "Injected faults that struck a request, by kind of fault."),
    _counter("execution_save_errors", (), "Failed attempts to save breakers and limits for the next start."),
    _gauge("pool_orphans", _ONE, "Connections that were lost to cancelled calls and are being replaced."),
)
_VENDORS_WORD = (
    _gauge(
        "vendor_status",
        ("vendor", "indicator"),
        "1 for what a vendor's status page says, 0 otherwise; absent while it is not known.",
    ),
    _gauge(
        "vendor_notice_lag_seconds",
        _LINE,
        "How long after our own detection the vendor announced its trouble; below 0: before.",
    ),
    _counter("vendor_notices", ("vendor", "kind"), "Changes of status pages, and things that are to end."),
    _counter(
        "status_page_reads",
        ("vendor", "result"),
        "Readings of status pages: read, unchanged, failed (no good answer) or unreadable.",
    ),
    _gauge(
        "deprecation_sunset_timestamp_seconds",
        (*_LINE, "action"),
        "When an action ends by the vendor's word; no action is the vendor as a whole.",
    ),
    _counter("contract_drift", (*_LINE, "action"), "Answers seen that no longer fit the vendor's contract."),
    _counter("canaries", (*_HEALTH, "outcome"), "Canaries, by result: ok or the kind of failure."),
    _counter("canary_leftovers", _HEALTH, "Things a canary made and could not, or not surely, take back."),
)
_HEALTH_ROWS = (
    _counter("checks", (*_HEALTH, "outcome"), "Checks, by result: ok, the kind of failure, or skipped."),
    _histogram("check_duration_seconds", _CAPABILITY, "Time of checks that ran."),
    _histogram(
        "check_phase_seconds",
        ("integration", "phase"),
        "Phases of checks over a connection of their own: dns, connect, tls, first_byte, transfer.",
    ),
    _histogram("check_start_lag_seconds", (), "How late checks started.", buckets=LAG_SECONDS),
    _gauge("checks_in_flight", (), "Checks on their way now."),
    _counter("check_errors", (), "Exceptions while checking, apart from what vendors do."),
    _counter("checks_stretched", _ONE, "Checks that a round left out, because they may come less often now."),
    _counter("check_slots_skipped", _ONE, "Check times that passed while an earlier check still ran."),
    _gauge(
        "health", (*_HEALTH, "state"), "1 for the confirmed health, 0 otherwise; no capability is the whole."
    ),
    _gauge("health_since_timestamp_seconds", _HEALTH, "Since when the confirmed health holds."),
    _gauge("health_flapping", _HEALTH, "1 while it changes too often to tell how it is, else 0."),
    _counter("health_save_failures", (), "Failed attempts to save confirmed health; they are repeated."),
    _counter("health_changes", (*_HEALTH, "to"), "Confirmed changes of health, by the new state."),
    _gauge(
        "integration_info", (*_LINE, "team", "environment", "tier"), "1 for each integration, with its owner."
    ),
    _gauge("certificate_expiry_timestamp_seconds", _ONE, "When the certificate seen last expires."),
    _counter("credential_notices", (*_LINE, "event"), "What happened to credentials."),
    _gauge(
        "credential_expiry_timestamp_seconds",
        ("integration", "credential"),
        "When a credential ends that cannot renew itself, where it is known.",
    ),
    _gauge(
        "credential_refreshed_timestamp_seconds", _ONE, "When the access token was bought that is in use."
    ),
    _counter("credential_refreshes", ("integration", "outcome"), "Purchases of access tokens."),
    _counter(
        "credential_save_errors", (), "Times a new access token could not be stored; it is tried again."
    ),
    _counter("credential_errors", (), "Errors caught while credentials were looked after."),
    *_VENDORS_WORD,
    _counter("operator_actions", ("action",), "What people and programs did through the API."),
)
_EGRESS = (
    _gauge(
        "parents",
        ("kind", "certainty"),
        "Causes that explain why several integrations fail: uncertain, confirmed, or recovered.",
    ),
    _counter("parent_errors", (), "Fresh checks that could not be made, and parents that were not stored."),
    _gauge("egress_up", (), "1 while our own way out works, by its canaries; absent without any."),
    _gauge("egress_canary_up", ("target",), "1 when a canary on our way out was reached last, 0 when not."),
    _gauge("egress_resolver_up", (), "1 when the configured name was resolved last, 0 when not."),
)
_WATCHING = (
    _gauge("slo_objective_ratio", ("slo",), "The share of good requests that an objective asks for."),
    _counter("slo_events", ("slo", "result"), "Requests that counted for an objective: good or bad."),
    _gauge(
        "slo_burn_rate",
        ("slo", "window"),
        "How many times as fast as allowed the error budget was spent in a window.",
    ),
    _gauge("slo_budget_left_ratio", ("slo",), "The share of the error budget left; below 0: overspent."),
    _counter("slo_save_errors", (), "Failed attempts to store counts of objectives; they are repeated."),
    _gauge("heartbeat_up", ("heartbeat",), "1 while a heartbeat is heard of, 0 while not; absent before."),
    _gauge("heartbeat_last_success_timestamp_seconds", ("heartbeat",), "When the last success was reported."),
    _gauge("heartbeat_duration_seconds", ("heartbeat",), "How long the last run took, start to end."),
    _gauge("heartbeat_runs", ("heartbeat",), "Runs that have begun and not ended."),
    _counter("heartbeat_beats", ("heartbeat", "beat"), "What was heard: success, start, fail or log."),
    _counter("heartbeat_save_errors", (), "Failed attempts to store heartbeats; they are repeated."),
    _counter(
        "heartbeats_turned_away",
        ("reason",),
        "Reports that were refused: unknown (or a wrong key), method, large, slow, busy, malformed.",
    ),
)
_WEBHOOKS = (
    _counter("webhooks_received", (*_LINE, "verdict"), "Inbound webhooks, by what became of them."),
    _gauge(
        "webhook_last_received_timestamp_seconds",
        ("integration", "event"),
        "When a type's last new webhook came; types that no manifest lists are other.",
    ),
    _histogram(
        "webhook_lag_seconds",
        _ONE,
        "Time from a vendor's own time stamp to its webhook.",
        buckets=AGE_SECONDS,
    ),
    _gauge("webhook_silent", _ONE, "1 while no webhook came for longer than webhooks.expect.every, else 0."),
    _counter("webhook_missing", _ONE, "Webhooks that never came, where the vendor numbers them."),
    _counter("webhooks_unstored", _ONE, "Webhooks answered with 503 because storage failed."),
    _counter("webhooks_throttled", _ONE, "Webhooks answered with 503 because webhooks.rate was exceeded."),
    _counter(
        "webhooks_turned_away", ("reason",), "Requests not read to their end: unknown, busy, slow, large."
    ),
    _counter(
        "webhook_handler_attempts", ("integration", "result"), "Attempts of handlers; result is ok or failed."
    ),
    _counter("webhook_dead_letters", _ONE, "Webhooks whose handler failed at every attempt."),
    _gauge("webhook_stored_bytes", (), "Bodies of webhooks that are kept."),
)
_DELIVERY = ("receiver", "format")
_DELIVERIES = (
    _counter(
        "delivery_attempts",
        (*_DELIVERY, "result"),
        "Tries to deliver a message: delivered, failed (it is tried again), dead or disabled.",
    ),
    _histogram(
        "delivery_lag_seconds",
        _DELIVERY,
        "Time from the decision to tell a receiver until it took the message.",
        buckets=AGE_SECONDS,
    ),
    _histogram(
        "detection_to_delivery_seconds",
        ("receiver",),
        "Time from the beginning of an alert until a receiver first took a message of it.",
        buckets=AGE_SECONDS,
    ),
    _gauge("outbox_messages", ("receiver",), "Messages that wait for a receiver, those being sent included."),
    _gauge("outbox_oldest_seconds", ("receiver",), "Age of the oldest message that waits for a receiver."),
    _gauge("outbox_dead_letters", ("receiver",), "Messages that were given up and can be replayed."),
    _counter("outbox_copies", (), "Messages that were given to a receiver's fallback too."),
    _gauge("receiver_failures", ("receiver",), "Failed tries since a receiver last took a message."),
    _gauge("receiver_disabled", ("receiver",), "1 while a receiver is sent nothing more, else 0."),
    _counter("relay_errors", ("cause",), "Errors of the relay: storage (it is tried again) or format."),
    _counter(
        "watchdog_beats", ("result",), "Beats sent to the outgoing heartbeat: sent, failed or withheld."
    ),
)
_ITSELF = (
    _gauge("build_info", ("version",), "1, with the version that runs."),
    _gauge("config_loaded_timestamp_seconds", (), "When the running configuration took effect."),
    _gauge("config_last_reload_successful", (), "1 when the last reload was good, 0 when not."),
    _counter("config_reloads", ("result",), "Reloads: applied, unchanged, invalid (the file) or failed."),
    _counter("integration_close_errors", (), "Exceptions while closing integrations that were removed."),
    _gauge("event_loop_lag_seconds", (), "Longest delay of the event loop in the last 30 seconds."),
    _counter("signals", (), "Signals published."),
    _counter("subscriber_errors", ("subscriber",), "Exceptions of a subscriber to signals."),
    _gauge("queue_depth", ("queue",), "Entries that wait in a queue now."),
    _counter("queue_dropped", ("queue", "reason"), "Entries a queue gave up."),
    _counter("task_restarts", ("task",), "Background tasks that failed and were started again."),
    _gauge("scrape_duration_seconds", (), "Time the last scrape took to render."),
    _counter("scrapes", ("format",), "Scrapes rendered, by exposition format."),
    _counter("scrapes_timed_out", (), "Scrapes given up because they took too long."),
    _counter(
        "metric_series_dropped", ("family",), "Values put into a family's overflow series, or left out."
    ),
    _counter("samples_refused", ("reason",), "Values read at a scrape that do not fit the catalogue."),
    _counter("api_requests", ("method", "route", "status"), "Requests clients made to Dialtone."),
    _counter("api_refused_tokens", (), "Requests with an API token that is not known."),
    _gauge("live_readers", (), "Clients that read the live view now."),
    _counter("live_readers_dropped", (), "Clients of the live view that were too slow and were cut off."),
    _counter("live_events", (), "Signals handed to clients of the live view."),
    _histogram("api_request_duration_seconds", ("route",), "Time of requests clients made to Dialtone."),
)
_STORES = (
    _gauge("analytics_up", (), "1 when DuckDB takes rows, 0 when it does not."),
    _counter("analytics_rows", ("table",), "Rows loaded into DuckDB."),
    _gauge(
        "analytics_write_lag_seconds", (), "Age of the oldest acknowledged signal that DuckDB has not yet."
    ),
    _gauge("analytics_spool_bytes", (), "Bytes of segments that wait for DuckDB."),
    _counter("analytics_dropped", ("table", "reason"), "Signals that analytics gave up."),
    _counter("analytics_queries", ("query", "result"), "Analytics queries; result is ok or error."),
    _gauge("analytics_load_duration_seconds", (), "Time of the last load into DuckDB."),
    _gauge("storage_up", (), "1 when the transactional store commits, 0 when it does not."),
    _counter("storage_commits", (), "Transactions committed."),
    _gauge("storage_commit_duration_seconds", (), "Time of the last commit."),
)
_EXPORTER = ("exporter",)
_EXPORTERS = (
    _counter("exporter_points", _EXPORTER, "Data points that an intake has taken, each counted once."),
    _counter(
        "exporter_points_dropped", (*_EXPORTER, "reason"), "Data points that a push exporter gave up, by why."
    ),
    _counter(
        "exporter_requests",
        (*_EXPORTER, "result"),
        "Requests to an intake; result is taken, retry, split or refused.",
    ),
    _gauge("exporter_spool_bytes", _EXPORTER, "Bytes of requests that wait for an intake."),
    _gauge("exporter_spool_batches", _EXPORTER, "Requests that wait for an intake."),
    _gauge("exporter_oldest_age_seconds", _EXPORTER, "Age of the oldest data that waits for an intake."),
)
_INCIDENTS = (
    _gauge("incidents_open", ("state",), "Incidents that go on, by the state of what they are about."),
    _counter(
        "incident_changes",
        ("integration", "vendor", "event"),
        "Changes of incidents: opened, worsened, eased, acknowledged, reopened, resolved and others.",
    ),
    _gauge(
        "alerts",
        ("severity", "phase"),
        "Alerts that stand: pending ones wait, ending ones ended just now and may begin again.",
    ),
    _gauge("alert_groups", (), "Groups of alerts of which something fires or is to be told."),
    _gauge("alert_groups_waiting", (), "Groups with news that their receivers were not told of yet."),
    _counter("notifications", ("receiver", "reason"), "Notifications put into the outbox, by why."),
    _counter(
        "notification_decisions",
        ("receiver", "verdict"),
        "Decisions on what was due: sent, digested, silenced, inhibited, acknowledged and others.",
    ),
    _gauge("silences", ("state",), "Silences, by state: pending, active, expired."),
)
SECTIONS: Mapping[str, tuple[Family, ...]] = {
    "Calls": _CALLS,
    "Circuit breakers": _BREAKERS,
    "Limits": _LIMITS,
    "Checks and health": _HEALTH_ROWS,
    "Incidents and alerts": _INCIDENTS,
    "Is it us?": _EGRESS,
    "Objectives and heartbeats": _WATCHING,
    "Inbound webhooks": _WEBHOOKS,
    "Deliveries": _DELIVERIES,
    "Dialtone itself": _ITSELF,
    "Analytics and storage": _STORES,
    "Push exporters": _EXPORTERS,
}
CATALOGUE: Mapping[str, Family] = {row.name: row for rows in SECTIONS.values() for row in rows}


def document() -> str:
    """Return docs/metrics.md: the catalogue as Markdown."""
    lines = [
        "# Metrics",
        "",
        "Written by `python -m exporters.catalogue > docs/metrics.md`; a test fails when the two differ.",
        "",
        "`/metrics` answers in the Prometheus text format 0.0.4 and in OpenMetrics 1.0, and adds `process_*`",
        "and `python_*`. With `metrics: {native_histograms: true}` a Prometheus started with",
        "`--enable-feature=native-histograms` gets histograms whose quantiles are exact to about 1 %, and no",
        "`_bucket` series. Durations are seconds, times are UTC seconds since 1970. A metric holds a bounded",
        "number of series; what is beyond goes into one whose labels all say `overflow`, and is counted.",
    ]
    for title, rows in SECTIONS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| metric | kind | unit | labels | meaning |",
            "|---|---|---|---|---|",
        ]
        lines += [_document_row(row) for row in rows]
    return "\n".join(lines) + "\n"


def _document_row(row: Family) -> str:
    labels = ", ".join(f"`{label}`" for label in row.labels)
    return f"| `{row.name}` | {row.kind} | {row.unit} | {labels} | {row.help} |"


if __name__ == "__main__":
    sys.stdout.write(document())
