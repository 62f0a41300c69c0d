"""Metrics of the call path: requests, circuit breakers and limits."""

from exporters.catalogue.family import (
    BUCKET,
    CALL,
    CAPABILITY,
    HEALTH,
    LINE,
    ONE,
    Convention,
    counter,
    gauge,
    histogram,
)

CALLS = (
    counter(
        "calls", (*CALL, "outcome"), "Requests through the executor; outcome is ok or the kind of failure."
    ),
    histogram(
        "call_duration_seconds", CALL, "Time of requests that were sent, with their retries and waits."
    ),
    histogram(
        "attempt_duration_seconds",
        (*LINE, "action", "outcome"),
        "Time on the wire of each try, of calls that are traffic.",
        convention=Convention(
            name="http.client.request.duration",
            unit="s",
            attributes=(("outcome", "error.type"),),
            has_place=True,
        ),
    ),
    counter("attempts", (*LINE, "outcome"), "Tries on the wire; a request has one or more."),
    counter("retries", LINE, "Tries after a request's first."),
    counter("rejected_calls", (*HEALTH, "reason"), "Requests that a local limit refused; nothing was sent."),
    histogram("call_queue_seconds", ONE, "Time requests waited for quota and for a free place."),
    counter("request_bytes", ONE, "Bytes of request bodies sent."),
    counter("response_bytes", ONE, "Bytes of response bodies received, decoded."),
    counter(
        "answers",
        (*ONE, "source"),
        "Actions answered, by where the answer came from: live, shared, stale, fallback.",
    ),
    gauge("kept_answers_bytes", (), "What last good answers take, which stand in for failed reads."),
)
BREAKERS = (
    gauge("breaker_state", (*CAPABILITY, "state"), "1 for the state a breaker is in, 0 for the other five."),
    gauge("breaker_failure_ratio", CAPABILITY, "Share of failed calls in a breaker's window, 0 to 1."),
    gauge("breaker_slow_ratio", CAPABILITY, "Share of slow calls in a breaker's window, 0 to 1."),
    gauge(
        "breaker_open_until_timestamp_seconds", CAPABILITY, "When an open breaker lets a trial call through."
    ),
    gauge("breaker_since_timestamp_seconds", CAPABILITY, "Since when a breaker is in its state."),
    counter(
        "breaker_time_seconds", (*CAPABILITY, "state"), "Time a breaker spent in each state it was ever in."
    ),
    gauge(
        "breaker_trip_distance_ratio",
        CAPABILITY,
        "How far a breaker is from opening: 1 without failures, 0 when they suffice or it is open.",
    ),
    counter("breaker_transitions", (*CAPABILITY, "to"), "Changes of a breaker's state, by the new state."),
)
LIMITS = (
    gauge("calls_in_flight", ONE, "Calls on their way now."),
    gauge("calls_waiting", ONE, "Calls waiting for quota or a free place now."),
    gauge("concurrency_limit", ONE, "Calls that may be on their way at once."),
    gauge("retry_budget_tokens", ONE, "What is left of the retry budget."),
    gauge("quota_limit", BUCKET, "Requests the vendor allows in one period of a quota bucket."),
    gauge("quota_remaining", BUCKET, "Requests the vendor still allows in this period."),
    gauge(
        "quota_exhaustion_timestamp_seconds",
        BUCKET,
        "When a quota bucket is used up at this period's rate; absent when it will last.",
    ),
    gauge("quota_reset_timestamp_seconds", BUCKET, "When the vendor fills the quota bucket again."),
    gauge(
        "throttled_until_timestamp_seconds", BUCKET, "Until when the vendor asked for quiet; past when not."
    ),
    counter("executor_errors", ONE, "Exceptions inside the executor, which a call must never see."),
    gauge("fault_injected", ONE, "1 while an operator injects faults; absent where there was none yet."),
    counter("faults_injected", (*ONE, "kind"), "Injected faults that struck a request, by kind of fault."),
    counter("execution_save_errors", (), "Failed attempts to save breakers and limits for the next start."),
    gauge("pool_orphans", ONE, "Connections that were lost to cancelled calls and are being replaced."),
)
