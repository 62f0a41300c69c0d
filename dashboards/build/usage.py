"""Who uses what, how much, how fast and how reliably: from DuckDB, through Dialtone's HTTP API."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import common, dashboard, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build import frame
from dashboards.build.infinity import LINES, Asked, asking, by, listed
from dashboards.build.panels import ERRORS, SECONDS, UNJUDGED, Steps, graph, number, stacked
from dashboards.build.tables import Column
from dashboards.build.words import BAD, GOOD, WARN

BUCKET = {**LINES, "bucket": "$bucket"}
TIME = ("bucket_start", "timestamp")
WASTED: Steps = ((None, GOOD), (1.0, WARN), (10.0, BAD))


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "usage",
        title="usage analytics",
        about="Who uses which integration, how much, how fast and how reliably; from DuckDB, not Prometheus.",
        chosen=("integration",),
        since="now-24h",
        further=variables(),
        rows={
            "Usage": [*_sums(), *_usage()],
            "Speed and reliability": _performance(),
            "Trouble": _trouble(),
        },
    )


def variables() -> Sequence[Builder[models.VariableModel]]:
    """The data source for DuckDB, and how wide a step of time is."""
    widths = ("1m", "5m", "15m", "1h", "6h", "1d")
    return [
        dashboard.DatasourceVariable("analytics")
        .label("Analytics source")
        .type("yesoreyeram-infinity-datasource"),
        dashboard.CustomVariable("bucket")
        .label("Step")
        .values(",".join(widths))
        .options([models.VariableOption(text=each, value=each, selected=each == "5m") for each in widths])
        .current(models.VariableOption(text="5m", value="5m", selected=True)),
    ]


def _sums() -> frame.Panels:
    usage = Asked("usage_by_caller", [("runs", "number"), ("requests", "number")])
    failed = Asked("usage_by_caller", [("runs_with_failure", "number")])
    callers = Asked("usage_by_caller", [("caller", "string")])
    lines = Asked("usage_by_caller", [("integration", "string")])
    return [
        _sum(
            "Runs and requests",
            "Actions asked for, and the requests they took; shared answers take none.",
            usage,
        ),
        _sum("Runs that failed", "Actions that ended in a failure, injected faults left out.", failed),
        _sum("Callers", "How many programs and people used an integration.", callers, calc="distinctCount"),
        _sum("Integrations in use", "How many integrations were used.", lines, calc="distinctCount"),
    ]


def _sum(title: str, description: str, asked: Asked, *, calc: str = "sum") -> Builder[models.Panel]:
    panel = number(title, description, series=[], unit="short", steps=UNJUDGED, span=6)
    fields = "/.*/" if calc == "distinctCount" else ""
    return asking(panel, asked).reduce_options(common.ReduceDataOptions().calcs([calc]).fields(fields))


def _usage() -> frame.Panels:
    return [*_runs(), *_who()]


def _runs() -> frame.Panels:
    runs = Asked("usage_over_time", [TIME, ("caller", "string"), ("runs", "number")], BUCKET)
    failed = Asked("usage_over_time", [TIME, ("caller", "string"), ("runs_with_failure", "number")], BUCKET)
    return [
        _over_time(
            stacked(
                graph("Runs by caller", "Actions per step by who asked for them.", series=[], unit="short")
            ),
            runs,
            "caller",
        ),
        _over_time(
            graph(
                "Failed runs by caller",
                "Actions per step that failed: whom trouble hits, and who keeps asking in vain.",
                series=[],
                unit="short",
            ),
            failed,
            "caller",
        ),
    ]


def _who() -> frame.Panels:
    return [
        listed(
            "Who uses what",
            "Runs by caller, integration and action, the most used first; requests include retries of pages.",
            asked=Asked(
                "usage_by_caller",
                [
                    ("caller", "string"),
                    ("integration", "string"),
                    ("action", "string"),
                    ("runs", "number"),
                    ("requests", "number"),
                    ("runs_with_failure", "number"),
                    ("last_used", "timestamp"),
                ],
            ),
            columns={
                "caller": Column("Caller"),
                "integration": Column("Integration", board="integration"),
                "action": Column("Action"),
                "runs": Column("Runs", unit="short", width=90),
                "requests": Column("Requests", unit="short", width=100),
                "runs_with_failure": Column("Failed", unit="short", steps=WASTED, width=90),
                "last_used": Column("Last used", unit="dateTimeFromNow", width=140),
            },
            sort="Runs",
        ).span(24),
    ]


def _over_time(panel: timeseries.Panel, asked: Asked, name: str) -> Builder[models.Panel]:
    """A graph of the answer, with a series for each value of the column `name`."""
    value = asked.fields[-1][0]
    return by(asking(panel, asked), name, value)


def _performance() -> frame.Panels:
    return [
        _measure(
            "Requests",
            "Requests per step on behalf of traffic, by integration.",
            value="calls",
            unit="short",
        ),
        _measure(
            "Error ratio",
            "Share of requests that failed at the vendor; refused and cancelled ones are left out.",
            value="error_ratio",
            unit="percentunit",
            steps=ERRORS,
        ),
        _measure(
            "p95",
            "Exact, from every single request: 95 of 100 stayed under it.",
            value="p95",
            unit="s",
            steps=SECONDS,
        ),
    ]


def _measure(
    title: str, description: str, *, value: str, unit: str, steps: Steps = UNJUDGED
) -> Builder[models.Panel]:
    asked = Asked("performance", [TIME, ("integration", "string"), (value, "number")], BUCKET)
    panel = graph(title, description, series=[], unit=unit, steps=steps, span=8)
    return _over_time(panel, asked, "integration")


def _trouble() -> frame.Panels:
    return [_errors(), _impact(), _states(), _breakers()]


def _errors() -> table.Panel:
    fields = [
        ("integration", "string"),
        ("action", "string"),
        ("kind", "string"),
        ("status", "number"),
        ("calls", "number"),
        ("callers", "number"),
        ("last_seen", "timestamp"),
        ("last_detail", "string"),
    ]
    return listed(
        "What fails most",
        "Failed requests by integration, action and kind, the most frequent first, with what was last said.",
        asked=Asked("top_errors", fields),
        columns={
            "integration": Column("Integration", board="integration", width=130),
            "action": Column("Action", width=190),
            "kind": Column("Kind", width=110),
            "status": Column("Status", width=70),
            "calls": Column("Requests", unit="short", width=90),
            "callers": Column("Callers", width=75),
            "last_seen": Column("Last", unit="dateTimeFromNow", width=150),
            "last_detail": Column("What was said"),
        },
        sort="Requests",
    ).span(24)


def _impact() -> table.Panel:
    fields = [("caller", "string"), ("runs", "number"), ("failures", "number"), ("rejected", "number")]
    return listed(
        "Whom it hit",
        "Runs of each caller in this time: how many failed, and how many Dialtone refused.",
        asked=Asked("incident_impact", fields),
        columns={
            "caller": Column("Caller"),
            "runs": Column("Runs", unit="short", width=80),
            "failures": Column("Failed", unit="short", steps=WASTED, width=80),
            "rejected": Column("Refused", unit="short", steps=WASTED, width=85),
        },
        sort="Failed",
    ).span(8)


def _states() -> table.Panel:
    fields = [
        ("integration", "string"),
        ("state", "string"),
        ("started", "timestamp"),
        ("seconds_in_window", "number"),
        ("reason", "string"),
    ]
    return listed(
        "States and their reasons",
        "Every state of health that held in this time, the newest first, with what it rested on.",
        asked=Asked("health_timeline", fields, {**LINES, "capability": ""}),
        columns={
            "started": Column("Since", unit="dateTimeFromNow", width=150),
            "integration": Column("Integration", board="integration", width=140),
            "state": Column("State", width=110),
            "seconds_in_window": Column("For", unit="s", width=90),
            "reason": Column("Why"),
        },
        sort="Since",
    ).span(16)


def _breakers() -> table.Panel:
    fields = [
        ("changed_at", "timestamp"),
        ("integration", "string"),
        ("capability", "string"),
        ("before", "string"),
        ("after", "string"),
        ("reason", "string"),
        ("calls", "number"),
        ("failures", "number"),
    ]
    return listed(
        "What breakers did",
        "Every change of a breaker, the newest first, with the counts of its window that decided.",
        asked=Asked("breaker_history", fields),
        columns={
            "changed_at": Column("When", unit="dateTimeFromNow", width=150),
            "integration": Column("Integration", board="integration", width=130),
            "capability": Column("Capability", width=90),
            "before": Column("From", width=85),
            "after": Column("To", width=85),
            "reason": Column("Why"),
            "calls": Column("Calls", width=65),
            "failures": Column("Failed", width=70),
        },
        sort="When",
    ).span(24)
