"""Dialtone itself and its exporters: is it in time, does it lose anything, are its stores well?"""

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard

from dashboards.build import frame, intakes
from dashboards.build.panels import (
    ANY_IS_BAD,
    NONE_IS_GOOD,
    ONE_IS_GOOD,
    UNJUDGED,
    Steps,
    graph,
    number,
    stacked,
    told,
)
from dashboards.build.queries import ZERO, increase, otherwise, quantile, rate, recorded, select, total
from dashboards.build.variables import SCRAPE
from dashboards.build.words import BAD, GOOD, NONE_SEEN, PLAIN, WARN

LAG: Steps = ((None, GOOD), (0.1, WARN), (0.5, BAD))
BEHIND: Steps = ((None, GOOD), (5.0, WARN), (30.0, BAD))
EXECUTOR = "executor errors"
ALL_EXECUTORS = "fleet:dialtone_executor_errors:rate5m"
LOSSES: Mapping[str, str] = {
    "task restarts": "dialtone_task_restarts_total",
    EXECUTOR: "dialtone_executor_errors_total",
    "check errors": "dialtone_check_errors_total",
    "subscriber errors": "dialtone_subscriber_errors_total",
    "series dropped": "dialtone_metric_series_dropped_total",
    "samples refused": "dialtone_samples_refused_total",
    "analytics dropped": "dialtone_analytics_dropped_total",
    "points dropped": "dialtone_exporter_points_dropped_total",
    "scrapes timed out": "dialtone_scrapes_timed_out_total",
    "not saved: health": "dialtone_health_save_failures_total",
    "not saved: breakers and limits": "dialtone_execution_save_errors_total",
    "not saved: tokens": "dialtone_credential_save_errors_total",
    "not saved: objectives": "dialtone_slo_save_errors_total",
    "not saved: heartbeats": "dialtone_heartbeat_save_errors_total",
    "credential errors": "dialtone_credential_errors_total",
    "common causes not found": "dialtone_parent_errors_total",
    "errors while closing": "dialtone_integration_close_errors_total",
}


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "itself",
        title="Dialtone itself and its exporters",
        about="Whether Dialtone is in time, loses anything, and whether its stores and exporters are well.",
        chosen=SCRAPE,
        rows={
            "Now": _now(),
            "Must stay at zero": _losses(),
            "Process": _process(),
            "Stores": _stores(),
            "Exporters": intakes.panels(),
            "HTTP API and live view": _clients(),
        },
    )


def _now() -> frame.Panels:
    return [*_stores_now(), *_losses_now(), *_process_now()]


def _stores_now() -> frame.Panels:
    writing = {1: ("writing", GOOD), 0: ("NOT WRITING", BAD), NONE_SEEN: ("off", PLAIN)}
    stores = {"Storage": "dialtone_storage_up", "DuckDB": "dialtone_analytics_up"}
    return [
        *(
            told(
                number(
                    title,
                    f"Whether {title} takes what it is given; calls and checks go on without it.",
                    series=[(otherwise(f"min({select(metric)})", NONE_SEEN), title)],
                    unit="none",
                    steps=ONE_IS_GOOD,
                ),
                writing,
            )
            for title, metric in stores.items()
        ),
    ]


def _losses_now() -> frame.Panels:
    lost = " + ".join(f"({total(increase(metric, by=()))} or {ZERO})" for metric in LOSSES.values())
    dropped = f"({total(increase('dialtone_queue_dropped_total'))} or {ZERO})"
    return [
        told(
            number(
                "Exporters",
                "Push exporters whose intake does not take what is sent; the data waits on disk.",
                series=[(f"count({select('dialtone_exporter_up')} == 0) or {ZERO}", "failing")],
                unit="none",
                steps=NONE_IS_GOOD,
            ),
            {0: ("None fails", GOOD)},
        ),
        told(
            number(
                "Lost on this board",
                "Everything dropped or failed inside Dialtone in this time; the row below says what.",
                series=[(f"{lost} + {dropped}", "lost")],
                unit="none",
                steps=NONE_IS_GOOD,
            ).decimals(0),
            {0: ("Nothing", GOOD)},
        ),
    ]


def _process_now() -> frame.Panels:
    return [
        number(
            "Event loop lag",
            "The longest delay of the event loop in 30 seconds; more than half a second delays every check.",
            series=[(f"max({select('dialtone_event_loop_lag_seconds')})", "lag")],
            unit="s",
            steps=LAG,
        ),
        number(
            "Running since",
            "When the process started that was started last.",
            series=[(f"max({select('process_start_time_seconds')}) * 1000", "start")],
            unit="dateTimeFromNow",
            steps=UNJUDGED,
        ),
    ]


def _losses() -> frame.Panels:
    drops = total(rate("dialtone_queue_dropped_total"), "queue", "reason")
    # Each integration counts those of its own; over all they are recorded.
    rates = {name: rate(metric) for name, metric in LOSSES.items()} | {EXECUTOR: recorded(ALL_EXECUTORS)}
    return [
        graph(
            "Errors and losses",
            "Per second: what failed or was dropped inside Dialtone. Anything above 0 deserves its log.",
            series=[(f"{total(one)} or {ZERO}", name) for name, one in rates.items()],
            unit="cps",
            steps=ANY_IS_BAD,
        ),
        graph(
            "Dropped by queues",
            "Entries per second that a full queue gave up, by queue and reason.",
            series=[(otherwise(drops, 0, queue="none dropped"), "{{queue}} {{reason}}")],
            unit="cps",
            steps=ANY_IS_BAD,
        ),
    ]


def _process() -> frame.Panels:
    return [*_resources(), *_loop()]


def _resources() -> frame.Panels:
    fds = f"{select('process_open_fds')} / {select('process_max_fds')}"
    return [
        graph(
            "CPU",
            "Cores in use; Dialtone's loop takes one at most, near 1 it is too busy to be in time.",
            series=[(total(rate("process_cpu_seconds_total"), "instance"), "{{instance}}")],
            unit="none",
            steps=((None, GOOD), (0.7, WARN), (0.95, BAD)),
            span=6,
        ),
        graph(
            "Memory",
            "Resident memory; it grows with the number of integrations, and not with time.",
            series=[(total(select("process_resident_memory_bytes"), "instance"), "{{instance}}")],
            unit="bytes",
            span=6,
        ),
        graph(
            "Open files",
            "Share of the file descriptors the system allows; at 100 % no connection can be opened.",
            series=[(f"max by (instance) ({fds})", "{{instance}}")],
            unit="percentunit",
            steps=((None, GOOD), (0.5, WARN), (0.8, BAD)),
            span=6,
        ),
    ]


def _loop() -> frame.Panels:
    return [
        graph(
            "Loop lag and scrape time",
            "Longest delay of the event loop, and how long the last scrape took to render.",
            series=[
                (f"max({select('dialtone_event_loop_lag_seconds')})", "loop lag"),
                (f"max({select('dialtone_scrape_duration_seconds')}) or {ZERO}", "scrape"),
            ],
            unit="s",
            steps=LAG,
            span=6,
        ),
        stacked(
            graph(
                "Queue depths",
                "Entries that wait in each queue; one that only grows will drop.",
                series=[(total(select("dialtone_queue_depth"), "queue"), "{{queue}}")],
                unit="short",
            )
        ),
        graph(
            "Signals and scrapes",
            "Signals per second (everything that happens), and scrapes per minute by format.",
            series=[
                (total(rate("dialtone_signals_total")), "signals"),
                (f"{total(rate('dialtone_scrapes_total'), 'format')} * 60", "scrapes/min {{format}}"),
            ],
            unit="none",
        ),
    ]


def _stores() -> frame.Panels:
    return [*_duckdb(), *_queries_and_commits()]


def _duckdb() -> frame.Panels:
    return [
        graph(
            "How far behind",
            "Age of the oldest signal that DuckDB has not yet, and the time of the last commit to storage.",
            series=[
                (f"max({select('dialtone_analytics_write_lag_seconds')}) or {ZERO}", "DuckDB"),
                (f"max({select('dialtone_storage_commit_duration_seconds')}) or {ZERO}", "storage commit"),
            ],
            unit="s",
            steps=BEHIND,
            span=8,
        ),
        stacked(
            graph(
                "Rows into DuckDB",
                "Rows per second by table.",
                series=[(total(rate("dialtone_analytics_rows_total"), "table"), "{{table}}")],
                unit="cps",
                span=8,
            )
        ),
        graph(
            "What DuckDB takes on disk",
            "The database, its log, and segments that wait to be loaded.",
            series=[
                (total(select("dialtone_analytics_file_bytes"), "file"), "{{file}}"),
                (total(select("dialtone_analytics_spool_bytes")), "waiting segments"),
            ],
            unit="bytes",
            span=8,
        ),
    ]


def _queries_and_commits() -> frame.Panels:
    return [
        graph(
            "Queries, p95",
            "The time that 95 of 100 queries of DuckDB stayed under, by query.",
            series=[(quantile(0.95, "dialtone_analytics_query_duration_seconds", "query"), "{{query}}")],
            unit="s",
            steps=((None, GOOD), (1.0, WARN), (10.0, BAD)),
            nothing="nobody asked",
        ),
        graph(
            "Commits to storage",
            "Transactions per second of the transactional store, which holds what must survive a crash.",
            series=[(total(rate("dialtone_storage_commits_total")), "commits")],
            unit="cps",
        ),
    ]


def _clients() -> frame.Panels:
    requests = total(rate("dialtone_api_requests_total"), "status")
    slow = quantile(0.95, "dialtone_api_request_duration_seconds", "route")
    return [
        stacked(
            graph(
                "Requests to the API by status",
                "Requests per second by HTTP status; 502, 503 and 504 pass on what vendors did.",
                series=[(otherwise(requests, 0, status="none"), "{{status}}")],
                unit="reqps",
                span=8,
            )
        ),
        graph(
            "Slowest routes, p95",
            "The time that 95 of 100 requests stayed under; routes of actions include the vendor's time.",
            series=[(f"topk(10, {slow})", "{{route}}")],
            unit="s",
            nothing="no requests",
            span=8,
        ),
        graph(
            "Live readers and refused tokens",
            "Readers of the live view, those cut off for being slow, and requests with an unknown "
            "token per second.",
            series=[
                (total(select("dialtone_live_readers")), "readers"),
                (f"{total(rate('dialtone_live_readers_dropped_total'))} or {ZERO}", "cut off"),
                (f"{total(rate('dialtone_api_refused_tokens_total'))} or {ZERO}", "refused tokens"),
            ],
            unit="none",
            span=8,
        ),
    ]
