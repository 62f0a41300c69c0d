"""Push exporters: does each intake take what it is sent, what waits for it, and what was given up."""

from dashboards.build import frame
from dashboards.build.panels import ANY_IS_BAD, Steps, graph, timeline
from dashboards.build.queries import otherwise, rate, select, total
from dashboards.build.tables import Column, sheet
from dashboards.build.words import BAD, GOOD, NONE_SEEN, PLAIN, WARN

BEHIND: Steps = ((None, GOOD), (5.0, WARN), (30.0, BAD))


def panels() -> frame.Panels:
    """Return the panels from left to right."""
    return [*_exporting(), *_waiting()]


def _exporting() -> frame.Panels:
    up = f"min by (exporter) ({select('dialtone_exporter_up')})"
    points = total(rate("dialtone_exporter_points_total"), "exporter")
    requests = total(rate("dialtone_exporter_requests_total"), "exporter", "result")
    none = {"exporter": "no exporters"}
    return [
        timeline(
            "Intakes",
            "Whether each push exporter's intake takes what it is sent; what it does not take waits on disk.",
            series=[(otherwise(up, NONE_SEEN, **none), "{{exporter}}")],
            mapping={1: ("takes", GOOD), 0: ("TAKES NOTHING", BAD), NONE_SEEN: ("none is configured", PLAIN)},
            span=8,
        ),
        graph(
            "Points taken",
            "Data points per second that the intake has taken, each counted once.",
            series=[(otherwise(points, 0, **none), "{{exporter}}")],
            unit="cps",
            span=8,
        ),
        graph(
            "Requests by result",
            "Requests per second: taken, retry (later), split (too large) or refused (given up).",
            series=[(otherwise(requests, 0, **none), "{{exporter}} {{result}}")],
            unit="reqps",
            span=8,
        ),
    ]


def _waiting() -> frame.Panels:
    dropped = total(rate("dialtone_exporter_points_dropped_total"), "exporter", "reason")
    waiting, oldest, spool, success = (
        f"max by (exporter) ({select(f'dialtone_exporter_{name}')})"
        for name in (
            "points_waiting",
            "oldest_age_seconds",
            "spool_bytes",
            "last_success_timestamp_seconds",
        )
    )
    none = {"exporter": "no exporters"}
    return [
        sheet(
            "What waits, the oldest first",
            "Points and bytes that wait for each intake, how old the oldest are, and when it last "
            "took something.",
            series=[otherwise(one, 0, **none) for one in (waiting, oldest, spool, f"{success} * 1000")],
            columns={
                "exporter": Column("Exporter"),
                "Value #A": Column("Points", unit="short", width=90),
                "Value #B": Column("Oldest", unit="s", steps=BEHIND, width=90),
                "Value #C": Column("Spool", unit="bytes", width=90),
                "Value #D": Column(
                    "Last taken", unit="dateTimeFromNow", words={0: ("never", PLAIN)}, width=130
                ),
            },
            sort="Oldest",
        ),
        graph(
            "Points given up",
            "Data points per second that an exporter gave up, by why; these are gone.",
            series=[(otherwise(dropped, 0, **none), "{{exporter}} {{reason}}")],
            unit="cps",
            steps=ANY_IS_BAD,
        ),
    ]
