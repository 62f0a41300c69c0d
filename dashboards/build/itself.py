"""The row on Dialtone itself: is it in time, does it lose anything, are its stores well."""

from collections.abc import Sequence

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build.panels import graph, number, words
from dashboards.build.queries import NONE_SEEN, otherwise, rate, select


def panels() -> Sequence[Builder[models.Panel]]:
    """Return the panels from left to right."""
    return [_lag(), _queues(), _losses(), _store_lag(), _stores()]


def _lag() -> Builder[models.Panel]:
    return graph(
        "Event loop and scrape",
        "Longest delay of the event loop in 30 seconds, and the time the last scrape took to render.",
        series=[
            (f"max({select('dialtone_event_loop_lag_seconds')})", "event loop lag"),
            (f"max({select('dialtone_scrape_duration_seconds')}) or vector(0)", "scrape"),
        ],
        unit="s",
        steps=((None, "green"), (0.1, "yellow"), (0.5, "red")),
    )


def _queues() -> Builder[models.Panel]:
    return graph(
        "Queue depths",
        "Entries that wait in each queue of Dialtone.",
        series=[(f"sum by (queue) ({select('dialtone_queue_depth')})", "{{queue}}")],
        unit="short",
    )


def _losses() -> Builder[models.Panel]:
    drops = f"sum by (queue, reason) ({rate('dialtone_queue_dropped_total')})"
    others = {
        "task restarts": "dialtone_task_restarts_total",
        "executor errors": "dialtone_executor_errors_total",
        "check errors": "dialtone_check_errors_total",
        "subscriber errors": "dialtone_subscriber_errors_total",
        "series dropped": "dialtone_metric_series_dropped_total",
        "samples refused": "dialtone_samples_refused_total",
        "analytics dropped": "dialtone_analytics_dropped_total",
    }
    return graph(
        "What must stay at zero",
        "Per second: entries dropped by queues, tasks started again, errors and lost values inside Dialtone.",
        series=[
            (otherwise(drops, 0, queue="queues"), "dropped: {{queue}} {{reason}}"),
            *((f"sum({rate(metric)}) or vector(0)", name) for name, metric in others.items()),
        ],
        unit="cps",
        steps=((None, "green"), (0.001, "red")),
    )


def _store_lag() -> Builder[models.Panel]:
    return graph(
        "DuckDB and storage lag",
        "Age of the oldest signal that DuckDB has not yet, and the time of the last commit to storage.",
        series=[
            (f"max({select('dialtone_analytics_write_lag_seconds')}) or vector(0)", "DuckDB write lag"),
            (f"max({select('dialtone_storage_commit_duration_seconds')}) or vector(0)", "storage commit"),
        ],
        unit="s",
        steps=((None, "green"), (5.0, "yellow"), (30.0, "red")),
    ).span(8)


def _stores() -> Builder[models.Panel]:
    stores = {"DuckDB": "dialtone_analytics_up", "Storage": "dialtone_storage_up"}
    return (
        number(
            "Stores",
            "Whether DuckDB and the transactional store take what they are given.",
            series=[(otherwise(f"min({select(name)})", NONE_SEEN), title) for title, name in stores.items()],
            unit="none",
            steps=((None, "red"), (1.0, "green")),
        )
        .mappings(words({1: ("writing", "green"), 0: ("NOT WRITING", "red"), NONE_SEEN: ("off", "text")}))
        .graph_mode(common.BigValueGraphMode.NONE)
        .height(8)
        .span(4)
    )
