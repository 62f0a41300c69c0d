"""Metrics of Dialtone itself: the process, its stores and its exporters."""

from exporters.catalogue.family import Convention, counter, gauge, histogram

ITSELF = (
    gauge("build_info", ("version",), "1, with the version that runs."),
    gauge("config_loaded_timestamp_seconds", (), "When the running configuration took effect."),
    gauge("config_last_reload_successful", (), "1 when the last reload was good, 0 when not."),
    gauge("config_info", ("hash",), "1, with the beginning of the SHA-256 of the file that is in effect."),
    counter("config_reloads", ("result",), "Reloads: applied, unchanged, invalid (the file) or failed."),
    counter("integration_close_errors", (), "Exceptions while closing integrations that were removed."),
    gauge("event_loop_lag_seconds", (), "Longest delay of the event loop in the last 30 seconds."),
    counter("signals", (), "Signals published."),
    counter("subscriber_errors", ("subscriber",), "Exceptions of a subscriber to signals."),
    gauge("queue_depth", ("queue",), "Entries that wait in a queue now."),
    counter("queue_dropped", ("queue", "reason"), "Entries a queue gave up."),
    counter("task_restarts", ("task",), "Background tasks that failed and were started again."),
    gauge("scrape_duration_seconds", (), "Time the last scrape took to render."),
    counter("scrapes", ("format",), "Scrapes rendered, by exposition format."),
    counter("scrapes_timed_out", (), "Scrapes given up because they took too long."),
    counter("metric_series_dropped", ("family",), "Values put into a family's overflow series, or left out."),
    counter("samples_refused", ("reason",), "Values read at a scrape that do not fit the catalogue."),
    counter("api_requests", ("method", "route", "status"), "Requests clients made to Dialtone."),
    counter("api_refused_tokens", (), "Requests with an API token that is not known."),
    gauge("live_readers", (), "Clients that read the live view now."),
    counter("live_readers_dropped", (), "Clients of the live view that were too slow and were cut off."),
    counter("live_events", (), "Signals handed to clients of the live view."),
    histogram(
        "api_request_duration_seconds",
        ("method", "route", "status"),
        "Time of requests clients made to Dialtone.",
        convention=Convention(
            name="http.server.request.duration",
            unit="s",
            attributes=(
                ("method", "http.request.method"),
                ("route", "http.route"),
                ("status", "http.response.status_code"),
            ),
            # Dialtone itself speaks HTTP; what encrypts stands before it.
            constants=(("url.scheme", "http"),),
        ),
    ),
)
STORES = (
    gauge("analytics_up", (), "1 when DuckDB takes rows, 0 when it does not."),
    counter("analytics_rows", ("table",), "Rows loaded into DuckDB."),
    gauge(
        "analytics_write_lag_seconds", (), "Age of the oldest acknowledged signal that DuckDB has not yet."
    ),
    gauge("analytics_spool_bytes", (), "Bytes of segments that wait for DuckDB."),
    counter("analytics_dropped", ("table", "reason"), "Signals that analytics gave up."),
    gauge(
        "analytics_file_bytes",
        ("file",),
        "What DuckDB's files take: database, and log (what is not checkpointed).",
    ),
    gauge("analytics_files_set_aside", (), "Damaged files that were put aside since the start."),
    gauge("analytics_checkpoint_timestamp_seconds", (), "When all rows were last moved out of the log."),
    histogram("analytics_query_duration_seconds", ("query",), "Time of analytics queries."),
    counter("analytics_queries", ("query", "result"), "Analytics queries; result is ok or error."),
    counter("analytics_rows_sealed", ("table",), "Rows moved out of DuckDB's file into the archive."),
    gauge("analytics_archive_partitions", ("table",), "Days that are sealed in the archive."),
    gauge("analytics_archive_files", ("table",), "Files of the archive."),
    gauge("analytics_archive_bytes", ("table",), "What the files of the archive take."),
    gauge(
        "analytics_kept_bytes",
        ("table",),
        "What copies take of what DuckDB's file alone holds: rollups, and what configurations said.",
    ),
    counter("analytics_archive_freed_bytes", (), "Bytes given back to the disk by retention."),
    gauge("analytics_archive_up", (), "1 when the last sweep of the archive went well, 0 when not."),
    gauge(
        "analytics_archive_files_missing",
        (),
        "Files of the archive that should be there and cannot be read; answers lack their rows.",
    ),
    gauge("analytics_sweep_timestamp_seconds", (), "When the archive was last looked through."),
    gauge("analytics_rollups_up", (), "1 when rollups can be made, 0 when the last try failed."),
    counter(
        "analytics_rollups",
        ("rollup",),
        "Times that hours or days were counted for a rollup; late rows are taken in so.",
    ),
    gauge(
        "analytics_folder_timestamp_seconds",
        (),
        "When the folder for other programs (analytics.folder) last held all rows that DuckDB had.",
    ),
    counter(
        "analytics_folder_files",
        ("result",),
        "Files of that folder: written, linked (a sealed day), removed (retention) or failed.",
    ),
    gauge("analytics_load_duration_seconds", (), "Time of the last load into DuckDB."),
    gauge("storage_up", (), "1 when the transactional store commits, 0 when it does not."),
    counter("storage_commits", (), "Transactions committed."),
    gauge("storage_commit_duration_seconds", (), "Time of the last commit."),
)
EXPORTER = ("exporter",)
METRIC_EXPORTERS = ("otlp", "datadog", "newrelic")
"""Those that carry data points; the others carry events, spans or log records."""


def _exported(called: str, *more: tuple[str, str], is_level: bool = False) -> Convention:
    return Convention(
        name=f"otel.sdk.exporter.metric_data_point.{called}",
        unit="{data_point}",
        attributes=(("exporter", "otel.component.name"), *more),
        is_level=is_level,
        only=("exporter", METRIC_EXPORTERS),
    )


EXPORTERS = (
    counter(
        "exporter_points",
        EXPORTER,
        "Data points that an intake has taken, each counted once.",
        convention=_exported("exported"),
    ),
    counter(
        "exporter_points_dropped",
        (*EXPORTER, "reason"),
        "Data points that a push exporter gave up, by why.",
        convention=_exported("exported", ("reason", "error.type")),
    ),
    counter(
        "exporter_requests",
        (*EXPORTER, "result"),
        "Requests to an intake; result is taken, retry, split or refused.",
    ),
    gauge("exporter_up", EXPORTER, "1 while the intake takes what is sent, 0 while it does not."),
    gauge(
        "exporter_last_success_timestamp_seconds", EXPORTER, "When the intake last took a request in whole."
    ),
    gauge(
        "exporter_points_waiting",
        EXPORTER,
        "Data points that wait for an intake.",
        convention=_exported("inflight", is_level=True),
    ),
    gauge("exporter_spool_bytes", EXPORTER, "Bytes of requests that wait for an intake."),
    gauge("exporter_spool_batches", EXPORTER, "Requests that wait for an intake."),
    gauge("exporter_oldest_age_seconds", EXPORTER, "Age of the oldest data that waits for an intake."),
)
