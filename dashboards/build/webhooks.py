"""Inbound webhooks: who sends, whether they are genuine, late or missing, and what became of them."""

from grafana_foundation_sdk.builders import dashboard

from dashboards.build import frame
from dashboards.build.panels import (
    ANY_IS_BAD,
    NONE_IS_GOOD,
    UNJUDGED,
    coloured,
    graph,
    number,
    stacked,
    told,
)
from dashboards.build.queries import ZERO, increase, otherwise, rate, recorded, select, total, worst
from dashboards.build.tables import Column, sheet
from dashboards.build.words import BAD, GOOD, NOTICE, PLAIN, WARN

RECEIVED = "dialtone_webhooks_received_total"
NOT_GENUINE = 'verdict!~"accepted|duplicate|handshake"'
VERDICTS = {"accepted": GOOD, "duplicate": NOTICE, "handshake": NOTICE, "bad_signature": BAD, "stale": WARN}


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "webhooks",
        title="inbound webhooks",
        about="Who sends webhooks, whether they are genuine, late or missing, and what became of them.",
        rows={
            "Now": _now(),
            "What comes in": _incoming(),
            "What became of it": _handled(),
        },
    )


def _now() -> frame.Panels:
    return [*_coming_now(), *_missing_now()]


def _coming_now() -> frame.Panels:
    bad = total(increase(RECEIVED, NOT_GENUINE))
    return [
        number(
            "Webhooks a minute",
            "All that came in, whatever became of them.",
            series=[(f"({total(rate(RECEIVED))} or {ZERO}) * 60", "received")],
            unit="cpm",
            steps=UNJUDGED,
            span=6,
        ).decimals(1),
        told(
            number(
                "Not proved genuine",
                "Webhooks refused on this board: a wrong signature is a changed secret, or somebody tries.",
                series=[(f"{bad} or {ZERO}", "refused")],
                unit="none",
                steps=((None, GOOD), (1.0, WARN), (10.0, BAD)),
                span=6,
            ).decimals(0),
            {0: ("None", GOOD)},
        ),
    ]


def _missing_now() -> frame.Panels:
    dead = total(increase("dialtone_webhook_dead_letters_total"))
    return [
        told(
            number(
                "Silent vendors",
                "Integrations of which no webhook came for longer than is expected of them.",
                series=[(f"{total(select('dialtone_webhook_silent'))} or {ZERO}", "silent")],
                unit="none",
                steps=NONE_IS_GOOD,
                span=6,
            ),
            {0: ("None", GOOD)},
        ),
        told(
            number(
                "Handlers gave up",
                "Webhooks of this board whose handler failed at every attempt; they can be replayed.",
                series=[(f"{dead} or {ZERO}", "given up")],
                unit="none",
                steps=NONE_IS_GOOD,
                span=6,
            ).decimals(0),
            {0: ("None", GOOD)},
        ),
    ]


def _incoming() -> frame.Panels:
    return [*_flow(), *_lateness()]


def _flow() -> frame.Panels:
    return [
        coloured(
            stacked(
                graph(
                    "Webhooks by verdict",
                    "Webhooks per minute by what became of them; a bad signature is a changed "
                    "secret, or a stranger.",
                    series=[(f"{total(rate(RECEIVED), 'verdict')} * 60", "{{verdict}}")],
                    unit="cpm",
                    nothing="no webhooks",
                )
            ),
            VERDICTS,
        ),
        stacked(
            graph(
                "Webhooks by integration, the ten busiest",
                "Webhooks per minute; a line that ends is a vendor that stopped to send.",
                series=[
                    (
                        f"{worst(recorded('integration:dialtone_webhooks_received:rate5m'))} * 60",
                        "{{integration}}",
                    )
                ],
                unit="cpm",
                nothing="no webhooks",
            )
        ),
    ]


def _lateness() -> frame.Panels:
    last = (
        f"max by (integration, event) ({select('dialtone_webhook_last_received_timestamp_seconds')}) * 1000"
    )
    missing = worst(f"{total(rate('dialtone_webhook_missing_total'), 'integration')} > 0")
    return [
        graph(
            "How late webhooks are, p95",
            "Time from the vendor's own time stamp to its webhook, where it has one: the ten latest.",
            series=[
                (worst(recorded("integration:dialtone_webhook_lag_seconds:p95_rate5m")), "{{integration}}")
            ],
            unit="s",
            steps=((None, GOOD), (30.0, WARN), (300.0, BAD)),
            nothing="no time stamps",
            span=8,
        ),
        graph(
            "Webhooks that never came",
            "Per second, where the vendor numbers its webhooks and a number is missing.",
            series=[(otherwise(missing, 0, integration="none missing"), "{{integration}}")],
            unit="cps",
            steps=ANY_IS_BAD,
            span=8,
        ),
        sheet(
            "Last of each kind",
            "When the last webhook of each type came, the longest ago first.",
            series=[otherwise(last, 0, integration="no webhooks yet")],
            columns={
                "integration": Column("Integration", board="integration"),
                "event": Column("Type"),
                "Value": Column("Last", unit="dateTimeFromNow", words={0: ("never", PLAIN)}, width=150),
            },
            sort="+Last",
        ).span(8),
    ]


def _handled() -> frame.Panels:
    refusals = {
        "storage failed": "dialtone_webhooks_unstored_total",
        "too many": "dialtone_webhooks_throttled_total",
    }
    turned = total(rate("dialtone_webhooks_turned_away_total"), "reason")
    attempts = f"{total(rate('dialtone_webhook_handler_attempts_total'), 'result')} * 60"
    return [
        graph(
            "Handlers by result",
            "Attempts of handlers per minute; failed ones are tried again.",
            series=[(otherwise(attempts, 0, result="no handlers"), "{{result}}")],
            unit="cpm",
            span=8,
        ),
        graph(
            "Refused before they were read",
            "Per second: answered with 503 or cut off; a vendor sends the 503 ones again.",
            series=[
                *((f"{total(rate(metric))} or {ZERO}", name) for name, metric in refusals.items()),
                (otherwise(turned, 0, reason="none"), "turned away: {{reason}}"),
            ],
            unit="cps",
            steps=ANY_IS_BAD,
            span=8,
        ),
        graph(
            "Bodies kept",
            "What the bodies of webhooks take that are kept for replay.",
            series=[(total(select("dialtone_webhook_stored_bytes")), "bodies")],
            unit="bytes",
            span=8,
        ),
    ]
