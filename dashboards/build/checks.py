"""Checks: what they find, where their time goes, whether they start in time."""

from grafana_foundation_sdk.builders import dashboard

from dashboards.build import frame
from dashboards.build.panels import (
    ANY_IS_BAD,
    ERRORS,
    SECONDS,
    UNJUDGED,
    Steps,
    coloured,
    graph,
    number,
    quantiles,
    stacked,
    told,
)
from dashboards.build.queries import (
    WHOLE,
    ZERO,
    filled,
    otherwise,
    quantile,
    rate,
    recorded,
    select,
    total,
    worst,
)
from dashboards.build.tables import Column, sheet
from dashboards.build.words import BAD, GOOD, WARN

CHECKS = "dialtone_checks_total"
BY_RESULT = "integration_outcome:dialtone_checks:rate5m"
PHASES = "integration_phase:dialtone_check_phase_seconds:mean_rate5m"
ALL_PHASES = "fleet_phase:dialtone_check_phase_seconds:mean_rate5m"
LAG = "dialtone_check_start_lag_seconds"
LATE: Steps = ((None, GOOD), (0.1, WARN), (1.0, BAD))
AVAILABLE: Steps = ((None, BAD), (0.99, WARN), (0.999, GOOD))
NAMES = ("dns", "connect", "tls", "first_byte", "transfer")


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "checks",
        title="checks and phases",
        about="What checks find, in which phase their time goes, and whether they start in time.",
        rows={
            "Now": _now(),
            "What checks find": _found(),
            "Where the time goes": _phases(),
            "Are checks in time?": _in_time(),
            "Canaries and flapping": _others(),
        },
    )


def _now() -> frame.Panels:
    return [*_results_now(), *_watch_now()]


def _results_now() -> frame.Panels:
    failed = total(rate(CHECKS, 'outcome!~"ok|skipped"'))
    ran = total(rate(CHECKS, 'outcome!="skipped"'))
    return [
        number(
            "Checks a minute",
            "Checks that ran; none at all means that nothing is watched.",
            series=[(f"{total(rate(CHECKS))} * 60", "checks")],
            unit="cpm",
            steps=UNJUDGED,
            span=6,
        ).decimals(0),
        number(
            "Failed checks",
            "Share of checks that failed; one failure is not yet trouble, three in a row are.",
            series=[(f"({failed} or {ZERO}) / ({ran} > 0)", "failed")],
            unit="percentunit",
            steps=ERRORS,
            span=6,
        ).decimals(1),
    ]


def _watch_now() -> frame.Panels:
    unknown = total(select("dialtone_health", WHOLE, 'state="unknown"'))
    return [
        number(
            "Start lag, p99",
            "How late checks start; more than a second means that Dialtone has too much to do.",
            series=[(quantile(0.99, LAG), "p99")],
            unit="s",
            steps=LATE,
            span=6,
        ),
        told(
            number(
                "Not known",
                "Integrations of which no check and no call has told anything yet.",
                series=[(f"{unknown} or {ZERO}", "unknown")],
                unit="none",
                steps=((None, GOOD), (1.0, WARN)),
                span=6,
            ),
            {0: ("None", GOOD)},
        ),
    ]


def _found() -> frame.Panels:
    return [*_results(), *_uptime()]


def _results() -> frame.Panels:
    worst_ratio = worst(f"{recorded('integration:dialtone_checks:error_ratio_rate5m')} > 0")
    return [
        coloured(
            stacked(
                graph(
                    "Checks by result",
                    "Checks per minute by result; skipped ones waited because the vendor asked for quiet.",
                    series=[(f"{total(recorded(BY_RESULT), 'outcome')} * 60", "{{outcome}}")],
                    unit="cpm",
                    span=8,
                )
            )
        ),
        graph(
            "Failed checks, the ten worst",
            "Share of an integration's checks of the last 5 minutes that failed; those without "
            "failures are left out.",
            series=[(otherwise(worst_ratio, 0, integration="none"), "{{integration}}")],
            unit="percentunit",
            steps=ERRORS,
            span=8,
        ),
    ]


def _uptime() -> frame.Panels:
    by_outcome = total(recorded("integration:dialtone_checks:rate5m"), "integration")
    up = {day: recorded(f"integration:dialtone_health:up_ratio_{day}") for day in ("1h", "1d")}
    return [
        sheet(
            "Share of time up, the least first",
            "How much of the last hour and day each integration was up as a whole, and how many "
            "checks it takes.",
            series=[
                *(f"bottomk(50, min by (integration) ({ratio}))" for ratio in up.values()),
                f"{by_outcome} * 60",
            ],
            columns={
                "integration": Column("Integration", board="integration"),
                "Value #A": Column("Hour", unit="percentunit", steps=AVAILABLE, width=85, decimals=1),
                "Value #B": Column("Day", unit="percentunit", steps=AVAILABLE, width=85, decimals=1),
                "Value #C": Column("Checks/min", unit="none", width=100, decimals=1),
            },
            sort="+Hour",
        ).span(8),
    ]


def _phases() -> frame.Panels:
    return [*_means(), *_slowest()]


def _means() -> frame.Panels:
    # An address needs no resolver, and plain HTTP no TLS; the others are told of every check.
    by_line = [
        filled(_phase(name), _phase("first_byte")) if name in {"dns", "tls"} else _phase(name)
        for name in NAMES
    ]
    titles = ("DNS", "Connect", "TLS", "First byte", "Transfer")
    columns = {"integration": Column("Integration", board="integration")} | {
        f"Value #{letter}": Column(title, unit="s", steps=SECONDS, width=100)
        for letter, title in zip("ABCDE", titles, strict=True)
    }
    return [
        stacked(
            graph(
                "Phases, all integrations",
                "Mean time of each phase of checks over a connection of their own; dns alone rising "
                "is our resolver.",
                series=[(f"avg by (phase) ({recorded(ALL_PHASES)})", "{{phase}}")],
                unit="s",
                nothing="none yet",
            )
        ),
        sheet(
            "Phases by integration",
            "Mean time of each phase; first byte is the vendor's own work, the rest is the way there.",
            series=by_line,
            columns=columns,
            sort="First byte",
        ),
    ]


def _slowest() -> frame.Panels:
    return [
        graph(
            "p95 of checks, the ten slowest",
            "The time that 95 of 100 checks of the last 5 minutes stayed under.",
            series=[
                (
                    worst(recorded("integration:dialtone_check_duration_seconds:p95_rate5m")),
                    "{{integration}}",
                )
            ],
            unit="s",
            steps=SECONDS,
        ),
        graph(
            "First byte, the ten slowest",
            "How long the vendor took before it began to answer; it rises before calls fail.",
            series=[(worst(recorded(PHASES, 'phase="first_byte"')), "{{integration}}")],
            unit="s",
            steps=SECONDS,
            nothing="none yet",
        ),
    ]


def _phase(name: str) -> str:
    """The mean time of a phase, by integration."""
    matcher = f'phase="{name}"'
    return f"max by (integration) ({recorded(PHASES, matcher)})"


def _in_time() -> frame.Panels:
    missed = {
        "stretched": "integration:dialtone_checks_left_out:rate5m",
        "slots missed": "integration:dialtone_checks_missed:rate5m",
    }
    return [
        quantiles(
            graph(
                "Start lag",
                "How late checks start. Rising p99: the loop is busy, see the board on Dialtone itself.",
                series=[(quantile(share, LAG), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)],
                unit="s",
                steps=LATE,
                span=8,
            )
        ),
        graph(
            "Checks on their way, and errors of ours",
            "Checks in flight now, and exceptions per second of Dialtone while checking, which must be 0.",
            series=[
                (total(select("dialtone_checks_in_flight")), "in flight"),
                (total(rate("dialtone_check_errors_total")), "errors per second"),
            ],
            unit="short",
            span=8,
        ),
        graph(
            "Left out on purpose, and missed",
            "Per minute: rounds without a check because all is well, and times that passed while a "
            "check still ran.",
            series=[(f"({total(recorded(one))} or {ZERO}) * 60", name) for name, one in missed.items()],
            unit="cpm",
            span=8,
        ),
    ]


def _others() -> frame.Panels:
    canaries = f"{total(rate('dialtone_canaries_total'), 'outcome')} * 60"
    leftovers = worst(f"{total(rate('dialtone_canary_leftovers_total'), 'integration')} > 0")
    flapping = f"max by (integration, capability) ({select('dialtone_health_flapping')}) == 1"
    return [
        graph(
            "Canaries by result",
            "Canaries per minute: writes that prove a vendor takes what it is sent, and take it back.",
            series=[(otherwise(canaries, 0, outcome="no canaries"), "{{outcome}}")],
            unit="cpm",
            span=8,
        ),
        graph(
            "Left behind by canaries",
            "Things per second that a canary made and could not take back: clear them away by hand.",
            series=[(otherwise(leftovers, 0, integration="none"), "{{integration}}")],
            unit="cps",
            steps=ANY_IS_BAD,
            span=8,
        ),
        sheet(
            "Flapping now",
            "Integrations whose state changes too often to tell how they are; empty is good.",
            series=[otherwise(flapping, 0, integration="none")],
            columns={
                "integration": Column("Integration", board="integration"),
                "capability": Column("Capability"),
                "Value": Column("is", words={1: ("flapping", WARN), 0: ("all steady", GOOD)}),
            },
            sort="is",
        ).span(8),
    ]
