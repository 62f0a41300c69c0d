"""Alerts about Dialtone itself: is it there, is it in time, and does it lose anything."""

from collections.abc import Iterable, Mapping

from dashboards.build.rules.model import Alert
from dashboards.build.rules.promql import grown, pick

LABELS: Mapping[str, str] = {"dialtone_subject": "dialtone"}
WHERE = "{{ $labels.instance }}"
HOURS = "{{ $value | humanizeDuration }}"
COUNT = "{{ $value | printf `%.0f` }}"


def alerts() -> Iterable[Alert]:
    """Return the alerts, those that matter most first."""
    yield from _alive()
    yield from _stores()
    yield from _in_time()
    yield from _deliveries()
    yield from _exporters()
    yield from _losses()
    yield from _failures()


def _alive() -> Iterable[Alert]:
    yield Alert(
        name="DialtoneAbsent",
        expr=f"absent({pick('dialtone_build_info')})",
        wait="5m",
        severity="critical",
        labels=LABELS,
        summary="No Dialtone is scraped",
        description="For 5 minutes nothing has watched the integrations, or Prometheus cannot reach it.",
    )
    yield Alert(
        name="DialtoneEgressDown",
        expr=f"{pick('dialtone_egress_up')} == 0",
        wait="3m",
        severity="critical",
        labels={**LABELS, "dialtone_alert": "EgressDown"},
        summary=f"The way out of {WHERE} is broken",
        description="Its canaries fail: what looks like many broken vendors is our own network.",
    )
    yield Alert(
        name="DialtoneReloadFailed",
        expr=f"{pick('dialtone_config_last_reload_successful')} == 0",
        wait="10m",
        severity="warning",
        labels=LABELS,
        summary=f"{WHERE} runs with an older configuration than its file",
        description="The last reload found mistakes in the file; what ran before goes on.",
    )


def _stores() -> Iterable[Alert]:
    yield Alert(
        name="DialtoneStorageDown",
        expr=f"{pick('dialtone_storage_up')} == 0",
        wait="2m",
        severity="critical",
        labels={**LABELS, "dialtone_alert": "StorageFailing"},
        summary=f"{WHERE} can store nothing",
        description="Confirmed health, incidents and messages wait; no alert of Dialtone's own goes out.",
    )
    yield Alert(
        name="DialtoneAnalyticsDown",
        expr=f"{pick('dialtone_analytics_up')} == 0",
        wait="10m",
        severity="warning",
        labels=LABELS,
        summary=f"DuckDB of {WHERE} takes no rows",
        description="Signals wait on disk; calls, checks and alerts are not affected.",
    )
    yield Alert(
        name="DialtoneAnalyticsBehind",
        expr=f"{pick('dialtone_analytics_write_lag_seconds')} > 300",
        wait="10m",
        severity="warning",
        labels=LABELS,
        summary=f"DuckDB of {WHERE} is {HOURS} behind",
        description="Named queries and usage boards show old data.",
    )
    failing, missing = pick("dialtone_analytics_archive_up"), pick("dialtone_analytics_archive_files_missing")
    yield Alert(
        name="DialtoneAnalyticsArchive",
        expr=f"{failing} == 0 or {missing} > 0",
        wait="15m",
        severity="warning",
        labels=LABELS,
        summary=f"Past days of {WHERE} cannot be archived, or some of their files are missing",
        description="DuckDB's own file grows meanwhile, or answers about those days lack rows.",
    )


def _in_time() -> Iterable[Alert]:
    yield Alert(
        name="DialtoneEventLoopLag",
        expr=f"{pick('dialtone_event_loop_lag_seconds')} > 0.5",
        wait="10m",
        severity="warning",
        labels=LABELS,
        summary=f"The event loop of {WHERE} stands still for up to {HOURS}",
        description="Every call and check is late by that much: too little CPU, or something holds the loop.",
    )
    lag = "dialtone_check_start_lag_seconds"
    classic, native = (f"histogram_quantile(0.99, rate({lag}{suffix}[10m]))" for suffix in ("_bucket", ""))
    yield Alert(
        name="DialtoneChecksLate",
        expr=f"({classic} or {native}) > 5",
        wait="10m",
        severity="warning",
        labels=LABELS,
        summary=f"Checks of {WHERE} start {HOURS} late",
        description="Failures are noticed later than configured.",
    )


def _deliveries() -> Iterable[Alert]:
    yield Alert(
        name="DialtoneDeliveryBacklog",
        expr=f"{pick('dialtone_outbox_oldest_seconds')} > 300",
        wait="5m",
        severity="critical",
        labels={**LABELS, "dialtone_alert": "ReceiverFailing"},
        summary="Messages for {{ $labels.receiver }} have waited for {{ $value | humanizeDuration }}",
        description="Whoever is behind this receiver does not hear of failures.",
    )
    yield Alert(
        name="DialtoneDeliveriesGivenUp",
        expr=grown("dialtone_delivery_attempts_total", 'result="dead"', over="1h"),
        severity="warning",
        labels={**LABELS, "dialtone_alert": "ReceiverFailing"},
        summary="Messages for {{ $labels.receiver }} were given up",
        description="They are among the dead letters for 30 days, and can be replayed.",
    )
    yield Alert(
        name="DialtoneReceiverDisabled",
        expr=f"{pick('dialtone_receiver_disabled')} == 1",
        wait="5m",
        severity="warning",
        labels={**LABELS, "dialtone_alert": "ReceiverFailing"},
        summary="The receiver {{ $labels.receiver }} is sent nothing more",
        description="It answered 410 Gone, or failed for five days, and must be enabled by hand.",
    )


def _exporters() -> Iterable[Alert]:
    yield Alert(
        name="DialtoneExporterDropping",
        expr=grown("dialtone_exporter_points_dropped_total", over="15m"),
        keep="15m",
        severity="warning",
        labels=LABELS,
        summary="The exporter {{ $labels.exporter }} drops data ({{ $labels.reason }})",
        description=f"{COUNT} points were lost in 15 minutes.",
    )
    yield Alert(
        name="DialtoneExporterBehind",
        expr=f"{pick('dialtone_exporter_oldest_age_seconds')} > 600",
        wait="10m",
        severity="warning",
        labels=LABELS,
        summary=f"The exporter {{{{ $labels.exporter }}}} is {HOURS} behind",
        description="Its intake takes nothing. What waits is on disk, until it is too old for the intake.",
    )


def _losses() -> Iterable[Alert]:
    yield Alert(
        name="DialtoneQueueDropping",
        expr=grown("dialtone_queue_dropped_total", over="15m"),
        keep="15m",
        severity="warning",
        labels=LABELS,
        summary=f"The queue {{{{ $labels.queue }}}} of {WHERE} drops entries ({{{{ $labels.reason }}}})",
        description=f"{COUNT} entries were given up in 15 minutes, so that nothing else waits.",
    )
    yield Alert(
        name="DialtoneAnalyticsDropping",
        expr=grown("dialtone_analytics_dropped_total", over="15m"),
        keep="15m",
        severity="warning",
        labels=LABELS,
        summary="Signals for the table {{ $labels.table }} were lost ({{ $labels.reason }})",
        description=f"DuckDB will never have {COUNT} of the last 15 minutes' rows.",
    )
    yield Alert(
        name="DialtoneSeriesDropped",
        expr=grown("dialtone_metric_series_dropped_total", over="1h"),
        severity="warning",
        labels=LABELS,
        summary="The metric {{ $labels.family }} has more series than its limit",
        description="What is beyond goes into one series whose labels all say `overflow`.",
    )


def _failures() -> Iterable[Alert]:
    yield Alert(
        name="DialtoneTasksRestarting",
        expr=f"increase({pick('dialtone_task_restarts_total')}[30m]) >= 3",
        keep="15m",
        severity="warning",
        labels=LABELS,
        summary=f"The task {{{{ $labels.task }}}} of {WHERE} fails again and again",
        description="A background task was started again three times in half an hour; its log lines say why.",
    )
    errors = (
        f"sum without (integration) ({grown('dialtone_executor_errors_total', over='15m')})",
        f"sum without (subscriber) ({grown('dialtone_subscriber_errors_total', over='15m')})",
        grown("dialtone_check_errors_total", over="15m"),
    )
    yield Alert(
        name="DialtoneInternalErrors",
        expr="\nor ".join(errors),
        keep="15m",
        severity="warning",
        labels=LABELS,
        summary=f"{WHERE} has caught exceptions of its own",
        description="Each is a defect of Dialtone; calls and checks go on, the log has the tracebacks.",
    )
