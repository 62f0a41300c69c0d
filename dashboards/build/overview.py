"""The board an SRE opens first: what is wrong, the worst first; what changed; where to look next."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build import frame
from dashboards.build.panels import (
    ERRORS,
    NONE_IS_GOOD,
    ONE_IS_GOOD,
    SECONDS,
    budget,
    graph,
    link,
    number,
    timeline,
    told,
)
from dashboards.build.queries import (
    HEALTH_CODE,
    WHOLE,
    ZERO,
    increase,
    otherwise,
    recorded,
    select,
    states,
    total,
    worst,
)
from dashboards.build.tables import Column, sheet
from dashboards.build.words import (
    BAD,
    GOOD,
    HEALTH_ADVICE,
    HEALTH_CODES,
    HEALTH_WORDS,
    NONE_SEEN,
    UP_BUT_FAILING,
    UP_BUT_SLOW,
    WARN,
)

FAILING = states("down", "unauthorized")
RATIO = "integration:dialtone_calls:error_ratio_rate5m"


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "overview",
        title="fleet overview",
        about="What is wrong with the third parties, the worst first; what changed; where to look next.",
        rows={
            "Now": _now(),
            "The worst first": [_worst(), _over_time()],
            "What changed": _changes(),
            "Traffic": _traffic(),
        },
    )


def _now() -> frame.Panels:
    return [_failing(), _in_trouble(), _breakers(), _errors(), _objectives(), _itself()]


def _failing() -> Builder[models.Panel]:
    """Down and unauthorized: nothing works there."""
    return told(
        number(
            "Not working",
            "Integrations that are down or unauthorized, confirmed by evidence. Anything but None: "
            "read the table.",
            series=[(f"{total(select('dialtone_health', WHOLE, FAILING))} or {ZERO}", "not working")],
            unit="none",
            steps=NONE_IS_GOOD,
        ),
        {0: ("None", GOOD)},
    )


def _in_trouble() -> Builder[models.Panel]:
    half = states("degraded", "throttled")
    return told(
        number(
            "Working badly",
            "Integrations that are degraded or throttled: they answer, but too slowly, too rarely or "
            "too little.",
            series=[(f"{total(select('dialtone_health', WHOLE, half))} or {ZERO}", "working badly")],
            unit="none",
            steps=((None, GOOD), (1.0, WARN)),
        ),
        {0: ("None", GOOD)},
    )


def _breakers() -> Builder[models.Panel]:
    stopping = states("open", "half_open", "forced_open")
    panel = told(
        number(
            "Breakers not closed",
            "Breakers that are open, half-open or forced open: calls are refused. Disabled and "
            "shadow do not count.",
            series=[(f"{total(select('dialtone_breaker_state', stopping))} or {ZERO}", "not closed")],
            unit="none",
            steps=NONE_IS_GOOD,
        ),
        {0: ("All closed", GOOD)},
    )
    return panel.data_links([link("breakers", "Breakers", value="$__all")])


def _errors() -> Builder[models.Panel]:
    failed, sent = (
        total(recorded(f"integration:dialtone_calls_{which}:rate5m")) for which in ("failed", "sent")
    )
    return number(
        "Errors, all calls",
        "Share of requests of the last 5 minutes that failed at their vendor; what Dialtone refused "
        "is left out.",
        series=[(f"({failed} or {ZERO}) / ({sent} > 0)", "errors")],
        unit="percentunit",
        steps=ERRORS,
    ).decimals(1)


def _objectives() -> Builder[models.Panel]:
    left = f"min({select('dialtone_slo_budget_left_ratio', by=())})"
    panel = budget(
        number(
            "Least error budget left",
            "What is left of the error budget of the objective that fares worst, of all there are; spent: "
            "that objective is missed.",
            series=[(otherwise(left, NONE_SEEN), "budget left")],
            unit="percentunit",
            steps=((None, BAD), (0.0, WARN), (0.25, GOOD)),
        )
    )
    return panel.data_links([link("objectives", "Objectives", value="$__all")])


def _itself() -> Builder[models.Panel]:
    stores = f"min({select('dialtone_storage_up')})"
    panel = told(
        number(
            "Dialtone itself",
            "Whether Dialtone is scraped and stores what it learns. Anything but `well`: trust "
            "no other panel.",
            series=[(f"{stores} or vector({NONE_SEEN})", "stores")],
            unit="none",
            steps=ONE_IS_GOOD,
        ),
        {1: ("well", GOOD), 0: ("STORES NOTHING", BAD), NONE_SEEN: ("NOT SCRAPED", BAD)},
    )
    return panel.data_links([link("itself", "Dialtone itself", value="$__all")])


def _worst() -> Builder[models.Panel]:
    by = "integration, vendor"
    state = f"max by ({by}) ({recorded(HEALTH_CODE, WHOLE)})"
    since = f"max by ({by}) ({select('dialtone_health_since_timestamp_seconds', WHOLE)}) * 1000"
    owner = f"max by ({by}, team, tier) ({select('dialtone_integration_info')})"
    return (
        sheet(
            "Health of each integration, the worst first",
            "Confirmed health, errors and p95 of the last 5 minutes, and what to do first; a name "
            "leads to more.",
            series=[
                state,
                since,
                _ratio(by),
                _slowest(by),
                _advice(state, by),
                owner,
            ],
            columns={
                "integration": Column("Integration", board="integration"),
                "Value #A": Column("Health", words=HEALTH_WORDS, width=115),
                "Value #B": Column("Since", unit="dateTimeFromNow", width=140),
                "Value #C": Column("Errors", unit="percentunit", steps=ERRORS, width=75),
                "Value #D": Column("p95", unit="s", steps=SECONDS, width=80),
                "Value #E": Column("Do first", words=HEALTH_ADVICE, width=225),
                "team": Column("Team", width=85),
                "tier": Column("Tier", width=55),
            },
            sort="Do first",
        )
        .span(16)
        .height(13)
    )


def _advice(state: str, by: str) -> str:
    """The health's code, and where that is up a code of its own for many errors and for slow calls."""
    up = f"({state}) == 1"
    failing = f"({up}) + {UP_BUT_FAILING - 1} and on ({by}) {_ratio(by)} > {ERRORS[-1][0]}"
    slow = f"({up}) + {UP_BUT_SLOW - 1} and on ({by}) {_slowest(by)} > {SECONDS[-1][0]}"
    return f"({failing}) or ({slow}) or {state}"


def _ratio(by: str) -> str:
    return f"max by ({by}) ({recorded(RATIO)})"


def _slowest(by: str) -> str:
    return f"max by ({by}) ({_p95()})"


def _p95() -> str:
    return recorded("integration:dialtone_call_duration_seconds:p95_rate5m")


def _over_time() -> Builder[models.Panel]:
    troubled = f"max by (integration) ({recorded(HEALTH_CODE, WHOLE)} >= {HEALTH_CODES['degraded']})"
    return timeline(
        "Who was in trouble",
        "When integrations were degraded or worse; where a line is empty it was up, paused or not known.",
        series=[(f"{troubled} or on() {_all_well()}", "{{integration}}")],
        mapping=HEALTH_WORDS,
        span=8,
    ).height(13)


def _all_well() -> str:
    """One line that says so, as far back as states are recorded."""
    known = f"0 * {total(recorded('fleet_state:dialtone_health:count'))} + 1"
    return f'label_replace({known}, "integration", "every integration", "", "")'


def _changes() -> frame.Panels:
    return [_health_changes(), _breaker_changes(), _configuration()]


def _health_changes() -> Builder[models.Panel]:
    since = f"max by (integration) ({select('dialtone_health_since_timestamp_seconds', WHOLE)})"
    last = f"topk(12, {since})"
    state = f"max by (integration) ({recorded(HEALTH_CODE, WHOLE)})"
    return sheet(
        "Changed last",
        "The integrations whose state is the youngest: what changed last stands first.",
        series=[f"{last} * 1000", f"{state} and on (integration) {last}"],
        columns={
            "Value #A": Column("Since", unit="dateTimeFromNow", width=150),
            "integration": Column("Integration", board="integration"),
            "Value #B": Column("is now", words=HEALTH_WORDS, width=130),
        },
        sort="Since",
    ).span(8)


def _breaker_changes() -> Builder[models.Panel]:
    opened = total(increase("dialtone_breaker_transitions_total", 'to="open"'), "integration", "capability")
    return sheet(
        "Breakers that opened",
        "How often each breaker opened on this board; three times is flapping: find out why, then "
        "raise limits.",
        series=[otherwise(f"{opened} > 0.5", 0, integration="none")],
        columns={
            "integration": Column("Integration", board="integration"),
            "capability": Column("Capability"),
            "Value": Column("Opened", steps=((None, GOOD), (0.5, WARN), (2.5, BAD)), width=90, decimals=0),
        },
        sort="Opened",
    ).span(8)


def _configuration() -> Builder[models.Panel]:
    loaded = f"max by (instance) ({select('dialtone_config_loaded_timestamp_seconds')}) * 1000"
    good = f"min by (instance) ({select('dialtone_config_last_reload_successful')})"
    version = f"max by (instance, version) ({select('dialtone_build_info')})"
    return sheet(
        "Configuration and version",
        "When the running configuration took effect, whether the last reload was good, and what "
        "version runs.",
        series=[loaded, good, version],
        columns={
            "instance": Column("Instance"),
            "version": Column("Version", width=75),
            "Value #A": Column("In effect", unit="dateTimeFromNow", width=125),
            "Value #B": Column("Reload", words={1: ("good", GOOD), 0: ("REFUSED", BAD)}, width=85),
        },
        sort="In effect",
    ).span(8)


def _traffic() -> frame.Panels:
    rates = recorded("integration:dialtone_calls:rate5m")
    failing = worst(f"{recorded(RATIO)} > 0")
    return [
        graph(
            "Calls, the ten busiest",
            "Requests per second of the last 5 minutes, checks included; a sudden fall is as telling "
            "as a rise.",
            series=[(worst(rates), "{{integration}}")],
            unit="reqps",
            span=8,
        ),
        graph(
            "Error ratio, the ten worst",
            "Share of requests that failed at the vendor; integrations without failures or traffic "
            "are left out.",
            series=[(otherwise(failing, 0, integration="none"), "{{integration}}")],
            unit="percentunit",
            steps=ERRORS,
            span=8,
        ),
        graph(
            "p95 latency, the ten slowest",
            "The time that 95 of 100 requests of the last 5 minutes stayed under, retries and waits "
            "included.",
            series=[(worst(_p95()), "{{integration}}")],
            unit="s",
            steps=SECONDS,
            span=8,
        ),
    ]
