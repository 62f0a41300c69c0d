"""The first row: how many, how bad, and which, the worst first."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build.panels import ERRORS, Words, number, sheet, timeline, words
from dashboards.build.queries import FAILED, HEALTH_CODES, SENT, code, rate, select, states

HEALTH_WORDS: Words = {
    0: ("No state", "text"),
    1: ("Up", "green"),
    2: ("Paused", "text"),
    3: ("Unknown", "purple"),
    4: ("Degraded", "yellow"),
    5: ("Throttled", "blue"),
    6: ("Unauthorized", "orange"),
    7: ("DOWN", "red"),
}
WHOLE = 'capability=""'
NONE_IS_GOOD = ((None, "green"), (1.0, "red"))


def panels() -> Sequence[Builder[models.Panel]]:
    """Return the panels from left to right."""
    return [_in_trouble(), _not_closed(), *_traffic(), _health(), _health_over_time()]


def _in_trouble() -> Builder[models.Panel]:
    bad = states("down", "unauthorized", "degraded", "throttled")
    return number(
        "Integrations in trouble",
        "Integrations that are down, unauthorized, degraded or throttled by confirmed evidence.",
        series=[(f"sum({select('dialtone_health', WHOLE, bad)}) or vector(0)", "in trouble")],
        unit="none",
        steps=NONE_IS_GOOD,
    ).mappings(words({0: ("None", "green")}))


def _not_closed() -> Builder[models.Panel]:
    stopping = states("open", "half_open", "forced_open")
    return number(
        "Breakers not closed",
        "Circuit breakers that are open, half-open or forced open. Disabled and shadow do not count.",
        series=[(f"sum({select('dialtone_breaker_state', stopping)}) or vector(0)", "not closed")],
        unit="none",
        steps=NONE_IS_GOOD,
    ).mappings(words({0: ("All closed", "green")}))


def _traffic() -> Sequence[Builder[models.Panel]]:
    failed, sent = (f"sum({rate('dialtone_calls_total', outcome)})" for outcome in (FAILED, SENT))
    return [
        number(
            "Calls",
            "Requests per second through the executor, checks included.",
            series=[(f"sum({rate('dialtone_calls_total')}) or vector(0)", "calls")],
            unit="reqps",
            steps=((None, "text"),),
        ),
        number(
            "Error ratio",
            "Share of requests that failed at the vendor; rejected and cancelled ones are left out.",
            series=[(f"({failed} or vector(0)) / ({sent} > 0) or vector(0)", "errors")],
            unit="percentunit",
            steps=ERRORS,
        ),
    ]


def _health() -> Builder[models.Panel]:
    state = code("dialtone_health", HEALTH_CODES, "integration, vendor", WHOLE)
    owner = f"on (integration, vendor) group_left (team, environment) {select('dialtone_integration_info')}"
    since = (
        f"max by (integration, vendor) ({select('dialtone_health_since_timestamp_seconds', WHOLE)}) * 1000"
    )
    columns = {
        "integration": "Integration",
        "vendor": "Vendor",
        "Value #A": "Health",
        "Value #B": "Since",
        "team": "Team",
        "environment": "Environment",
    }
    panel = sheet(
        "Health of each integration, the worst first",
        "The confirmed health of each integration as a whole, and since when it holds.",
        series=[f"{state} * {owner}", since],
        columns=columns,
        sort="Health",
    )
    return _formatted(panel).span(14)


def _formatted(panel: table.Panel) -> table.Panel:
    link = {
        "title": "Show only this integration",
        "url": "/d/dialtone-overview?var-integration=${__value.text}",
    }
    narrow = models.DynamicConfigValue(id_val="custom.width", value=120)
    mapped = models.DynamicConfigValue(id_val="mappings", value=words(HEALTH_WORDS))
    coloured = models.DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"})
    ago = models.DynamicConfigValue(id_val="unit", value="dateTimeFromNow")
    return (
        panel.override_by_name("Health", [mapped, coloured, narrow])
        .override_by_name("Since", [ago])
        .override_by_regexp("Vendor|Team|Environment", [narrow])
        .override_by_name("Integration", [models.DynamicConfigValue(id_val="links", value=[link])])
    )


def _health_over_time() -> Builder[models.Panel]:
    state = code("dialtone_health", HEALTH_CODES, "integration", WHOLE)
    return timeline(
        "Health over time",
        "When each integration was up, degraded, throttled, unauthorized, down, unknown or paused.",
        series=[(state, "{{integration}}")],
        mapping=HEALTH_WORDS,
    ).span(10)
