"""Objectives and error budgets, and the heartbeats of jobs."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build import frame
from dashboards.build.panels import Steps, budget, coloured, graph, number, stacked, timeline, told
from dashboards.build.queries import ZERO, filled, otherwise, rate, recorded, select, total
from dashboards.build.tables import Column, sheet
from dashboards.build.variables import SCRAPE
from dashboards.build.words import BAD, GOOD, NONE_SEEN, PLAIN, WARN

LEFT: Steps = ((None, BAD), (0.0, WARN), (0.25, GOOD))
BURN: Steps = ((None, GOOD), (1.0, WARN), (14.4, BAD))
NO_OBJECTIVES = {NONE_SEEN: ("no objectives", PLAIN)}
SPENT = -1
LASTS = {0: ("steady", PLAIN), SPENT: ("spent", BAD)}
"""What stands for how long a budget lasts that does not burn, or is not there."""
BUDGET = "dialtone_slo_budget_left_ratio"
RATE = "dialtone_slo_burn_rate"
HOUR = 'window="1h"'
DAYS = 'window="3d"'


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "objectives",
        title="objectives and error budgets",
        about="Whether the objectives are met, how fast their error budgets burn, and whether jobs report.",
        chosen=(*SCRAPE, "slo"),
        since="now-6h",
        rows={
            "Now": _now(),
            "Each objective": _each(),
            "Burn": _burn(),
            "What was counted": _counted(),
            "Heartbeats of jobs": _heartbeats(),
        },
    )


def _now() -> frame.Panels:
    return [*_budgets_now(), *_outlook_now()]


def _budgets_now() -> frame.Panels:
    least = f"min({select(BUDGET)})"
    short = f"max({select(RATE, HOUR)})"
    return [
        budget(
            number(
                "Least budget left",
                "Error budget left of the objective that fares worst; spent: that objective is missed, "
                "the table says by how much.",
                series=[(otherwise(least, NONE_SEEN), "left")],
                unit="percentunit",
                steps=LEFT,
                span=6,
            )
        ),
        told(
            number(
                "Fastest burn, last hour",
                "1: the budget lasts its window exactly. 14.4: a thirty-day budget is gone in two days. Act.",
                series=[(otherwise(short, NONE_SEEN), "burn")],
                unit="none",
                steps=BURN,
                span=6,
            ).decimals(1),
            NO_OBJECTIVES,
        ),
    ]


def _outlook_now() -> frame.Panels:
    long = f"max({select(RATE, DAYS)})"
    missed = f"count({select('dialtone_heartbeat_up')} == 0)"
    return [
        told(
            number(
                "Fastest burn, three days",
                "The same over three days: above 1 the objective will be missed if nothing changes.",
                series=[(otherwise(long, NONE_SEEN), "burn")],
                unit="none",
                steps=BURN,
                span=6,
            ).decimals(1),
            NO_OBJECTIVES,
        ),
        told(
            number(
                "Jobs not heard of",
                "Heartbeats that should have come and did not: a job did not run, or could not report.",
                series=[(f"{missed} or {ZERO}", "missed")],
                unit="none",
                steps=((None, GOOD), (1.0, BAD)),
                span=6,
            ),
            {0: ("None", GOOD)},
        ),
    ]


def _each() -> frame.Panels:
    left, objective = (f"min by (slo) ({select(one)})" for one in (BUDGET, "dialtone_slo_objective_ratio"))
    window = f"max by (slo) ({select('dialtone_slo_window_seconds')})"
    burn = _burn_of("6h")
    gone = f"{left} * {window} / ({burn} > 0) > 0"
    return [
        sheet(
            "Objectives, the least budget first",
            "Used up in: if the burn of the last six hours goes on. Steady: nothing burns.",
            series=[left, objective, _burn_of("1h"), burn, filled(filled(gone, f"{left} > 0"), left, SPENT)],
            columns={
                "slo": Column("Objective"),
                "Value #A": Column("Budget left", unit="percentunit", steps=LEFT, width=120, decimals=1),
                "Value #B": Column("Goal", unit="percentunit", width=90, decimals=2),
                "Value #C": Column("Burn 1h", steps=BURN, width=90, decimals=1),
                "Value #D": Column("Burn 6h", steps=BURN, width=90, decimals=1),
                "Value #E": Column("Used up in", unit="s", words=LASTS, width=130),
            },
            sort="+Budget left",
        ),
        graph(
            "Budget left over time",
            "A steady slope to 0 at the window's end is what a budget is for; a cliff is an outage.",
            series=[(otherwise(left, 1, slo="no objectives"), "{{slo}}")],
            unit="percentunit",
            steps=LEFT,
            below=-0.25,
        ),
    ]


def _burn_of(window: str) -> str:
    matcher = f'window="{window}"'
    return f"max by (slo) ({select(RATE, matcher)})"


def _burn() -> frame.Panels:
    by_window = select(RATE)
    windows = ("5m", "1h", "6h", "3d")
    errors = [
        (f"max by (slo) ({recorded(f'slo:dialtone_slo_errors:ratio_rate{window}')})", f"{{{{slo}}}} {window}")
        for window in windows
    ]
    return [
        graph(
            "Burn rate by window",
            "Both windows of a pair above its line page: 5m and 1h at 14.4, 30m and 6h at 6, 2h and 1d at 3.",
            series=[(otherwise(by_window, 0, slo="no objectives"), "{{slo}} {{window}}")],
            unit="none",
            steps=BURN,
        ),
        graph(
            "Share of bad requests by window",
            "The same as shares: the short windows tell how it is now, the long ones how it went.",
            series=[
                (otherwise(query, 0, slo="no objectives"), legend) if not place else (query, legend)
                for place, (query, legend) in enumerate(errors)
            ],
            unit="percentunit",
        ),
    ]


def _counted() -> frame.Panels:
    events = total(rate("dialtone_slo_events_total"), "result")
    return [
        coloured(
            stacked(
                graph(
                    "Requests that counted",
                    "Requests per second that counted for the objectives chosen, good and bad, once for "
                    "each of them; none counted, none missed.",
                    series=[(otherwise(events, 0, result="no objectives"), "{{result}}")],
                    unit="reqps",
                )
            ),
            {"good": GOOD, "bad": BAD},
        ),
        _bad(),
    ]


def _bad() -> Builder[models.Panel]:
    bad = total(rate("dialtone_slo_events_total", 'result="bad"'), "slo")
    return graph(
        "Bad requests by objective",
        "Bad requests per second: where they rise, the budget falls.",
        series=[(otherwise(bad, 0, slo="no objectives"), "{{slo}}")],
        unit="reqps",
    )


def _heartbeats() -> frame.Panels:
    up = f"min by (heartbeat) ({select('dialtone_heartbeat_up')})"
    ago = f"time() - max by (heartbeat) ({select('dialtone_heartbeat_last_success_timestamp_seconds')})"
    lasted = f"max by (heartbeat) ({select('dialtone_heartbeat_duration_seconds')})"
    none = {"heartbeat": "no heartbeats"}
    return [
        timeline(
            "Heartbeats",
            "When each job was heard of in time, and when not.",
            series=[(otherwise(up, NONE_SEEN, **none), "{{heartbeat}}")],
            mapping={1: ("heard", GOOD), 0: ("MISSED", BAD), NONE_SEEN: ("none are configured", PLAIN)},
        ),
        sheet(
            "Jobs, the longest silent first",
            "How long ago each job last reported success, and how long its last run took, where it "
            "tells both.",
            series=[otherwise(ago, 0, **none), otherwise(lasted, 0, **none)],
            columns={
                "heartbeat": Column("Job"),
                "Value #A": Column("Last success", unit="s", words={0: ("never", PLAIN)}, width=130),
                "Value #B": Column("Last run took", unit="s", words={0: ("not told", PLAIN)}, width=130),
            },
            sort="Last success",
        ),
    ]
