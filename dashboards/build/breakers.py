"""Circuit breakers: which are open, how near the others are, and what it costs their users."""

from grafana_foundation_sdk.builders import dashboard

from dashboards.build import frame
from dashboards.build.panels import (
    ANY_IS_BAD,
    NONE_IS_GOOD,
    Steps,
    bars,
    coloured,
    graph,
    number,
    stacked,
    timeline,
    told,
)
from dashboards.build.queries import (
    BREAKER_CODE,
    ZERO,
    filled,
    increase,
    otherwise,
    rate,
    recorded,
    select,
    states,
    total,
    worst,
)
from dashboards.build.tables import Column, sheet
from dashboards.build.words import BAD, BREAKER_CODES, BREAKER_WORDS, GOOD, PLAIN, WARN

STATE = "dialtone_breaker_state"
AMPLIFIED: Steps = ((None, GOOD), (1.2, WARN), (2.0, BAD))
NEAR: Steps = ((None, BAD), (0.25, WARN), (0.5, GOOD))


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "breakers",
        title="circuit breakers",
        about="Which breakers are open, how near the others are to opening, and what that costs users.",
        rows={
            "Now": _now(),
            "States": _states(),
            "How near to opening": _near(),
            "What users feel": _users(),
            "Retries": _retries(),
        },
    )


def _now() -> frame.Panels:
    return [*_states_now(), *_on_this_board()]


def _states_now() -> frame.Panels:
    stopping = states("open", "half_open", "forced_open")
    by_hand = states("forced_open", "disabled", "shadow")
    return [
        told(
            number(
                "Not closed",
                "Breakers that are open, half-open or forced open: their calls are refused.",
                series=[(f"{total(select(STATE, stopping))} or {ZERO}", "not closed")],
                unit="none",
                steps=NONE_IS_GOOD,
                span=6,
            ),
            {0: ("All closed", GOOD)},
        ),
        told(
            number(
                "Changed by hand",
                "Breakers that somebody forced open, disabled or put into shadow. Forgotten ones "
                "protect nobody.",
                series=[(f"{total(select(STATE, by_hand))} or {ZERO}", "by hand")],
                unit="none",
                steps=((None, GOOD), (1.0, WARN)),
                span=6,
            ),
            {0: ("None", GOOD)},
        ),
    ]


def _on_this_board() -> frame.Panels:
    opened = total(increase("dialtone_breaker_transitions_total", 'to="open"'))
    refused, everything = (
        total(f"avg_over_time({recorded(f'integration:dialtone_{which}:rate5m')}[$__range])")
        for which in ("rejected_calls", "calls")
    )
    return [
        told(
            number(
                "Opened on this board",
                "How often breakers opened in the time this board shows.",
                series=[(f"{opened} or {ZERO}", "opened")],
                unit="none",
                steps=((None, GOOD), (1.0, WARN), (5.0, BAD)),
                span=6,
            ),
            {0: ("Never", GOOD)},
        ).decimals(0),
        number(
            "Calls refused on this board",
            "Share of all requests in the time of this board that Dialtone refused, for whatever reason.",
            series=[(f"({refused} or {ZERO}) / ({everything} > 0)", "refused")],
            unit="percentunit",
            steps=((None, GOOD), (0.001, WARN), (0.01, BAD)),
            span=6,
        ).decimals(2),
    ]


def _states() -> frame.Panels:
    by = "integration, capability"
    moved = f"max by ({by}) ({recorded(BREAKER_CODE)} >= {BREAKER_CODES['half_open']})"
    known = f"0 * {total(recorded('fleet_state:dialtone_breaker_state:count'))} + 1"
    rest = f'label_replace({known}, "integration", "every breaker", "", "")'
    state = worst(f"max by ({by}) ({recorded(BREAKER_CODE)})", 100)
    since = f"max by ({by}) ({select('dialtone_breaker_since_timestamp_seconds')}) * 1000"
    until = f"max by ({by}) ({select('dialtone_breaker_open_until_timestamp_seconds')} > time()) * 1000"
    return [
        timeline(
            "Breakers that moved",
            "When breakers were half-open, forced open or open; where a line is empty it let calls through.",
            series=[(f"{moved} or on() {rest}", "{{integration}} {{capability}}")],
            mapping=BREAKER_WORDS,
        ).height(10),
        sheet(
            "Every breaker, the worst first",
            "State, since when, and when an open one lets a trial call through; a hundred at most.",
            series=[state, f"{since} and on ({by}) {state}", filled(f"{until} and on ({by}) {state}", state)],
            columns={
                "integration": Column("Integration", board="integration"),
                "capability": Column("Capability", width=100),
                "Value #A": Column("State", words=BREAKER_WORDS, width=120),
                "Value #B": Column("Since", unit="dateTimeFromNow", width=150),
                "Value #C": Column(
                    "Trial", unit="dateTimeFromNow", words={0: ("not open", PLAIN)}, width=130
                ),
            },
            sort="State",
        ).height(10),
    ]


def _near() -> frame.Panels:
    by = "integration, capability"
    distance = f"min by ({by}) ({select('dialtone_breaker_trip_distance_ratio')})"
    failing, slow = (_above_zero(select(f"dialtone_breaker_{which}_ratio")) for which in ("failure", "slow"))
    return [
        bars(
            "Distance to opening, the nearest first",
            "100 %: no failures in the window. 0 %: it opens with the next failure, or is open.",
            series=[(f"sort(bottomk(12, {distance}))", "{{integration}} {{capability}}")],
            unit="percentunit",
            steps=NEAR,
            span=8,
        ).max(1),
        graph(
            "Failed calls in the window",
            "Share of failed calls among those the breaker looks at; most breakers open at a half.",
            series=[(failing, "{{integration}} {{capability}}")],
            unit="percentunit",
            steps=((None, GOOD), (0.25, WARN), (0.5, BAD)),
            span=8,
        ),
        graph(
            "Slow calls in the window",
            "Share of calls slower than thrice the usual p95 or 2 s; breakers open at 80 %.",
            series=[(slow, "{{integration}} {{capability}}")],
            unit="percentunit",
            steps=((None, GOOD), (0.4, WARN), (0.8, BAD)),
            span=8,
        ),
    ]


def _above_zero(query: str) -> str:
    """The worst of those that are not 0; a line that says so where all are."""
    return otherwise(worst(f"{query} > 0"), 0, integration="none")


def _users() -> frame.Panels:
    return [*_refused(), *_not_closed()]


def _refused() -> frame.Panels:
    by_reason = total(rate("dialtone_rejected_calls_total"), "reason")
    by_line = recorded("integration:dialtone_rejected_calls:rate5m")
    return [
        coloured(
            stacked(
                graph(
                    "Refused calls by reason",
                    "Requests per second that Dialtone refused: an open circuit, quota, a full "
                    "bulkhead, no time left.",
                    series=[(otherwise(by_reason, 0, reason="none refused"), "{{reason}}")],
                    unit="reqps",
                    steps=ANY_IS_BAD,
                    span=8,
                )
            )
        ),
        graph(
            "Refused calls by integration",
            "Whose callers are refused: they see errors at once instead of waiting for a vendor that fails.",
            series=[(otherwise(worst(f"{by_line} > 0"), 0, integration="none refused"), "{{integration}}")],
            unit="reqps",
            steps=ANY_IS_BAD,
            span=8,
        ),
    ]


def _not_closed() -> frame.Panels:
    spent = total(
        increase("dialtone_breaker_time_seconds_total", states("open", "half_open", "forced_open")),
        "integration",
    )
    return [
        sheet(
            "Time not closed on this board",
            "How long breakers of an integration were open, half-open or forced open, all "
            "capabilities together.",
            series=[otherwise(worst(f"{spent} > 0", 50), 0, integration="none")],
            columns={
                "integration": Column("Integration", board="integration"),
                "Value": Column("Not closed", unit="s", steps=((None, GOOD), (0.001, WARN), (300.0, BAD))),
            },
            sort="Not closed",
        ).span(8),
    ]


def _retries() -> frame.Panels:
    tries = recorded("integration:dialtone_attempts_per_call:ratio_rate5m")
    budget = select("dialtone_retry_budget_tokens")
    saved = total(rate("dialtone_answers_total", 'source!="live"'), "source")
    return [
        graph(
            "Tries for each call",
            "1: no retries. 2: the vendor in trouble gets twice the load from us. The retry budget "
            "bounds it.",
            series=[(worst(tries), "{{integration}}")],
            unit="none",
            steps=AMPLIFIED,
            span=8,
        ),
        graph(
            "Retry budget left, the least",
            "Tokens left to retry with; at 0 a failed call is not tried again.",
            series=[(f"bottomk(10, {budget})", "{{integration}}")],
            unit="none",
            span=8,
        ),
        stacked(
            graph(
                "Answers that took no request",
                "Reads per second answered from another's request, the last good answer or a fallback.",
                series=[(otherwise(saved, 0, source="none"), "{{source}}")],
                unit="reqps",
                span=8,
            )
        ),
    ]
