"""Metrics of telling: incidents, alerts and deliveries; and of being told, by webhooks."""

from exporters.catalogue.family import AGE_SECONDS, LINE, ONE, counter, gauge, histogram

INCIDENTS = (
    gauge("incidents_open", ("state",), "Incidents that go on, by the state of what they are about."),
    counter(
        "incident_changes",
        ("integration", "vendor", "event"),
        "Changes of incidents: opened, worsened, eased, acknowledged, reopened, resolved and others.",
    ),
    histogram(
        "incident_duration_seconds",
        ONE,
        "Time from an incident's confirmation to its end, of those that ended.",
        buckets=AGE_SECONDS,
    ),
    gauge(
        "alerts",
        ("severity", "phase"),
        "Alerts that stand: pending ones wait, ending ones ended just now and may begin again.",
    ),
    gauge("alert_groups", (), "Groups of alerts of which something fires or is to be told."),
    gauge("alert_groups_waiting", (), "Groups with news that their receivers were not told of yet."),
    counter("notifications", ("receiver", "reason"), "Notifications put into the outbox, by why."),
    counter(
        "notification_decisions",
        ("receiver", "verdict"),
        "Decisions on what was due: sent, digested, silenced, inhibited, acknowledged and others.",
    ),
    gauge("silences", ("state",), "Silences, by state: pending, active, expired."),
)
WEBHOOKS = (
    counter("webhooks_received", (*LINE, "verdict"), "Inbound webhooks, by what became of them."),
    gauge(
        "webhook_last_received_timestamp_seconds",
        ("integration", "event"),
        "When a type's last new webhook came; types that no manifest lists are other.",
    ),
    histogram(
        "webhook_lag_seconds",
        ONE,
        "Time from a vendor's own time stamp to its webhook.",
        buckets=AGE_SECONDS,
    ),
    gauge("webhook_silent", ONE, "1 while no webhook came for longer than webhooks.expect.every, else 0."),
    counter("webhook_missing", ONE, "Webhooks that never came, where the vendor numbers them."),
    counter("webhooks_unstored", ONE, "Webhooks answered with 503 because storage failed."),
    counter("webhooks_throttled", ONE, "Webhooks answered with 503 because webhooks.rate was exceeded."),
    counter(
        "webhooks_turned_away", ("reason",), "Requests not read to their end: unknown, busy, slow, large."
    ),
    counter(
        "webhook_handler_attempts", ("integration", "result"), "Attempts of handlers; result is ok or failed."
    ),
    counter("webhook_dead_letters", ONE, "Webhooks whose handler failed at every attempt."),
    gauge("webhook_stored_bytes", (), "Bodies of webhooks that are kept."),
)
DELIVERY = ("receiver", "format")
DELIVERIES = (
    counter(
        "delivery_attempts",
        (*DELIVERY, "result"),
        "Tries to deliver a message: delivered, failed (it is tried again), dead or disabled.",
    ),
    histogram(
        "delivery_lag_seconds",
        DELIVERY,
        "Time from the decision to tell a receiver until it took the message.",
        buckets=AGE_SECONDS,
    ),
    histogram(
        "detection_to_delivery_seconds",
        ("receiver",),
        "Time from the beginning of an alert until a receiver first took a message of it.",
        buckets=AGE_SECONDS,
    ),
    gauge("outbox_messages", ("receiver",), "Messages that wait for a receiver, those being sent included."),
    gauge("outbox_oldest_seconds", ("receiver",), "Age of the oldest message that waits for a receiver."),
    gauge("outbox_dead_letters", ("receiver",), "Messages that were given up and can be replayed."),
    counter("outbox_copies", (), "Messages that were given to a receiver's fallback too."),
    gauge("receiver_failures", ("receiver",), "Failed tries since a receiver last took a message."),
    gauge("receiver_disabled", ("receiver",), "1 while a receiver is sent nothing more, else 0."),
    counter("relay_errors", ("cause",), "Errors of the relay: storage (it is tried again) or format."),
    gauge("watchdog_last_beat_timestamp_seconds", (), "When the outgoing heartbeat was last taken."),
    counter("watchdog_beats", ("result",), "Beats sent to the outgoing heartbeat: sent, failed or withheld."),
)
