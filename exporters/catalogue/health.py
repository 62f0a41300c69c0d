"""Metrics of watching: checks, health, credentials, what vendors say, objectives and heartbeats."""

from exporters.catalogue.family import CAPABILITY, HEALTH, LAG_SECONDS, LINE, ONE, counter, gauge, histogram

VENDORS_WORD = (
    gauge(
        "vendor_status",
        ("vendor", "indicator"),
        "1 for what a vendor's status page says, 0 otherwise; absent while it is not known.",
    ),
    gauge(
        "vendor_notice_lag_seconds",
        LINE,
        "How long after our own detection the vendor announced its trouble; below 0: before.",
    ),
    counter("vendor_notices", ("vendor", "kind"), "Changes of status pages, and things that are to end."),
    counter(
        "status_page_reads",
        ("vendor", "result"),
        "Readings of status pages: read, unchanged, failed (no good answer) or unreadable.",
    ),
    gauge(
        "deprecation_sunset_timestamp_seconds",
        (*LINE, "action"),
        "When an action ends by the vendor's word; no action is the vendor as a whole.",
    ),
    counter("contract_drift", (*LINE, "action"), "Answers seen that no longer fit the vendor's contract."),
    counter("canaries", (*HEALTH, "outcome"), "Canaries, by result: ok or the kind of failure."),
    counter("canary_leftovers", HEALTH, "Things a canary made and could not, or not surely, take back."),
)
HEALTH_ROWS = (
    counter("checks", (*HEALTH, "outcome"), "Checks, by result: ok, the kind of failure, or skipped."),
    histogram("check_duration_seconds", CAPABILITY, "Time of checks that ran."),
    histogram(
        "check_phase_seconds",
        ("integration", "phase"),
        "Phases of checks over a connection of their own: dns, connect, tls, first_byte, transfer.",
    ),
    histogram("check_start_lag_seconds", (), "How late checks started.", buckets=LAG_SECONDS),
    gauge("checks_in_flight", (), "Checks on their way now."),
    counter("check_errors", (), "Exceptions while checking, apart from what vendors do."),
    counter("checks_stretched", ONE, "Checks that a round left out, because they may come less often now."),
    counter("check_slots_skipped", ONE, "Check times that passed while an earlier check still ran."),
    gauge(
        "health", (*HEALTH, "state"), "1 for the confirmed health, 0 otherwise; no capability is the whole."
    ),
    gauge("health_since_timestamp_seconds", HEALTH, "Since when the confirmed health holds."),
    gauge("health_flapping", HEALTH, "1 while it changes too often to tell how it is, else 0."),
    counter("health_save_failures", (), "Failed attempts to save confirmed health; they are repeated."),
    counter("health_changes", (*HEALTH, "to"), "Confirmed changes of health, by the new state."),
    gauge(
        "integration_info", (*LINE, "team", "environment", "tier"), "1 for each integration, with its owner."
    ),
    gauge("certificate_expiry_timestamp_seconds", ONE, "When the certificate seen last expires."),
    counter("credential_notices", (*LINE, "event"), "What happened to credentials."),
    gauge(
        "credential_expiry_timestamp_seconds",
        ("integration", "credential"),
        "When a credential ends that cannot renew itself, where it is known.",
    ),
    gauge("credential_refreshed_timestamp_seconds", ONE, "When the access token was bought that is in use."),
    counter("credential_refreshes", ("integration", "outcome"), "Purchases of access tokens."),
    counter("credential_save_errors", (), "Times a new access token could not be stored; it is tried again."),
    counter("credential_errors", (), "Errors caught while credentials were looked after."),
    *VENDORS_WORD,
    counter("operator_actions", ("action",), "What people and programs did through the API."),
)
EGRESS = (
    gauge(
        "parents",
        ("kind", "certainty"),
        "Causes that explain why several integrations fail: uncertain, confirmed, or recovered.",
    ),
    counter("parent_errors", (), "Fresh checks that could not be made, and parents that were not stored."),
    gauge("egress_up", (), "1 while our own way out works, by its canaries; absent without any."),
    gauge("egress_canary_up", ("target",), "1 when a canary on our way out was reached last, 0 when not."),
    gauge("egress_resolver_up", (), "1 when the configured name was resolved last, 0 when not."),
)
WATCHING = (
    gauge("slo_objective_ratio", ("slo",), "The share of good requests that an objective asks for."),
    gauge("slo_window_seconds", ("slo",), "How long the window is that an objective is about."),
    counter("slo_events", ("slo", "result"), "Requests that counted for an objective: good or bad."),
    gauge(
        "slo_burn_rate",
        ("slo", "window"),
        "How many times as fast as allowed the error budget was spent in a window.",
    ),
    gauge("slo_budget_left_ratio", ("slo",), "The share of the error budget left; below 0: overspent."),
    counter("slo_save_errors", (), "Failed attempts to store counts of objectives; they are repeated."),
    gauge("heartbeat_up", ("heartbeat",), "1 while a heartbeat is heard of, 0 while not; absent before."),
    gauge("heartbeat_last_success_timestamp_seconds", ("heartbeat",), "When the last success was reported."),
    gauge("heartbeat_duration_seconds", ("heartbeat",), "How long the last run took, start to end."),
    gauge("heartbeat_runs", ("heartbeat",), "Runs that have begun and not ended."),
    counter("heartbeat_beats", ("heartbeat", "beat"), "What was heard: success, start, fail or log."),
    counter("heartbeat_save_errors", (), "Failed attempts to store heartbeats; they are repeated."),
    counter(
        "heartbeats_turned_away",
        ("reason",),
        "Reports that were refused: unknown (or a wrong key), method, large, slow, busy, malformed.",
    ),
)
