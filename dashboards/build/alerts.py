"""Incidents, alerts and their way to the receivers; and whether it is us."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from dashboards.build import frame
from dashboards.build.panels import (
    ANY_IS_BAD,
    NONE_IS_GOOD,
    ONE_IS_GOOD,
    Steps,
    coloured,
    graph,
    number,
    quantiles,
    stacked,
    timeline,
    told,
)
from dashboards.build.queries import ZERO, filled, increase, otherwise, quantile, rate, select, total
from dashboards.build.tables import Column, sheet
from dashboards.build.variables import LINE
from dashboards.build.words import BAD, GOOD, NONE_SEEN, PLAIN, STATE_COLOURS, WARN

OLD: Steps = ((None, GOOD), (60.0, WARN), (300.0, BAD))
DELIVERY: Steps = ((None, GOOD), (10.0, WARN), (60.0, BAD))


def board() -> dashboard.Dashboard:
    """Return the board."""
    return frame.board(
        "alerts",
        title="alerts and deliveries",
        about="Open incidents, standing alerts, and whether the receivers were told of them in time.",
        chosen=(*LINE, "receiver"),
        rows={
            "Now": _now(),
            "Incidents and alerts": _incidents(),
            "Deliveries": [*_deliveries(), *_receivers()],
            "Is it us?": _us(),
        },
    )


def _now() -> frame.Panels:
    return [*_alerts_now(), *_deliveries_now()]


def _alerts_now() -> frame.Panels:
    oldest = f"max({select('dialtone_outbox_oldest_seconds')})"
    firing = total(select("dialtone_alerts", 'phase="firing"'))
    return [
        told(
            number(
                "Open incidents",
                "Incidents that go on, of integrations and their capabilities.",
                series=[(f"{total(select('dialtone_incidents_open'))} or {ZERO}", "open")],
                unit="none",
                steps=NONE_IS_GOOD,
            ),
            {0: ("None", GOOD)},
        ),
        told(
            number(
                "Alerts that fire",
                "Alerts that stand and are, or are about to be, told to their receivers.",
                series=[(f"{firing} or {ZERO}", "fire")],
                unit="none",
                steps=NONE_IS_GOOD,
            ),
            {0: ("None", GOOD)},
        ),
        told(
            number(
                "Longest wait",
                "How long a message has waited for its receiver; a minute means that nobody was told.",
                series=[(otherwise(oldest, 0), "oldest")],
                unit="s",
                steps=OLD,
            ),
            {0: ("Nothing waits", GOOD)},
        ),
    ]


def _deliveries_now() -> frame.Panels:
    dead = total(select("dialtone_outbox_dead_letters"))
    off = total(select("dialtone_receiver_disabled"))
    beat = f"time() - max({select('dialtone_watchdog_last_beat_timestamp_seconds')} > 0)"
    return [
        told(
            number(
                "Given up",
                "Messages that no attempt delivered. `dialtone deliveries replay` sends them again.",
                series=[(f"{dead} or {ZERO}", "given up")],
                unit="none",
                steps=NONE_IS_GOOD,
            ),
            {0: ("None", GOOD)},
        ),
        told(
            number(
                "Receivers switched off",
                "Receivers that are sent nothing more, because they said gone or somebody disabled them.",
                series=[(f"{off} or {ZERO}", "off")],
                unit="none",
                steps=NONE_IS_GOOD,
            ),
            {0: ("None", GOOD)},
        ),
        told(
            number(
                "Last watchdog beat",
                "How long ago the outgoing heartbeat was taken: who waits for it pages when "
                "Dialtone is gone.",
                series=[(otherwise(beat, NONE_SEEN), "ago")],
                unit="s",
                steps=OLD,
            ),
            {NONE_SEEN: ("no watchdog", PLAIN)},
        ),
    ]


def _incidents() -> frame.Panels:
    open_now = total(select("dialtone_incidents_open"), "state")
    alerts = total(select("dialtone_alerts"), "severity", "phase")
    return [
        coloured(
            stacked(
                graph(
                    "Open incidents by state",
                    "How many incidents go on, by the state of what they are about.",
                    series=[(otherwise(open_now, 0, state="none"), "{{state}}")],
                    unit="none",
                    span=8,
                )
            ),
            STATE_COLOURS,
        ),
        coloured(
            stacked(
                graph(
                    "Alerts by severity and phase",
                    "Pending ones wait whether it lasts; ending ones ended just now and may begin again.",
                    series=[(otherwise(alerts, 0, phase="none"), "{{severity}} {{phase}}")],
                    unit="none",
                    span=8,
                )
            ),
            STATE_COLOURS,
        ),
        _on_this_board(),
    ]


def _on_this_board() -> Builder[models.Panel]:
    opened = total(increase("dialtone_incident_changes_total", 'event="opened"'), "integration")
    lasted = total(increase("dialtone_incident_duration_seconds_sum"), "integration")
    ended = total(increase("dialtone_incident_duration_seconds_count"), "integration")
    return sheet(
        "Incidents on this board",
        "How often incidents opened, and how long those that ended lasted on average.",
        series=[
            otherwise(f"{opened} > 0.5", 0, integration="none"),
            otherwise(f"{lasted} / ({ended} > 0.5)", 0, integration="none"),
        ],
        columns={
            "integration": Column("Integration", board="integration"),
            "Value #A": Column("Opened", steps=((None, GOOD), (0.5, WARN), (2.5, BAD)), width=85, decimals=0),
            "Value #B": Column("Lasted", unit="s", width=85),
        },
        sort="Opened",
    ).span(8)


def _deliveries() -> frame.Panels:
    results = f"{total(rate('dialtone_delivery_attempts_total'), 'result')} * 60"
    reasons = f"{total(rate('dialtone_notifications_total'), 'reason')} * 60"
    verdicts = f"{total(rate('dialtone_notification_decisions_total'), 'verdict')} * 60"
    colours = {"delivered": GOOD, "failed": WARN, "dead": BAD, "disabled": BAD}
    return [
        coloured(
            stacked(
                graph(
                    "Attempts to deliver by result",
                    "Attempts per minute: delivered, failed (tried again), dead (given up) or disabled.",
                    series=[(otherwise(results, 0, result="none"), "{{result}}")],
                    unit="cpm",
                    nothing="nothing to deliver",
                    span=8,
                )
            ),
            colours,
        ),
        stacked(
            graph(
                "Messages by reason",
                "Messages per minute put into the outbox, by why: firing, resolved, repeated and others.",
                series=[(otherwise(reasons, 0, reason="none"), "{{reason}}")],
                unit="cpm",
                span=8,
            )
        ),
        stacked(
            graph(
                "What was decided",
                "Decisions per minute on what was due: sent, or silenced, inhibited, acknowledged, digested.",
                series=[(otherwise(verdicts, 0, verdict="none"), "{{verdict}}")],
                unit="cpm",
                span=8,
            )
        ),
    ]


def _receivers() -> frame.Panels:
    return [*_delays(), *_each_receiver(), *_on_the_way()]


def _delays() -> frame.Panels:
    lag, whole = "dialtone_delivery_lag_seconds", "dialtone_detection_to_delivery_seconds"
    return [
        quantiles(
            graph(
                "From trouble to being told",
                "Time from the beginning of an alert until its receiver first took a message of it.",
                series=[(quantile(share, whole), f"p{share * 100:.0f}") for share in (0.5, 0.95, 0.99)],
                unit="s",
                steps=DELIVERY,
                nothing="nothing delivered",
                span=6,
            )
        ),
        graph(
            "Delivery lag by receiver, p95",
            "Time from the decision to tell a receiver until it took the message.",
            series=[(quantile(0.95, lag, "receiver"), "{{receiver}}")],
            unit="s",
            steps=DELIVERY,
            nothing="nothing delivered",
            span=6,
        ),
    ]


def _each_receiver() -> frame.Panels:
    by = "max by (receiver)"
    waiting, oldest, dead, failures, off = (
        f"{by} ({select(name)})"
        for name in (
            "dialtone_outbox_messages",
            "dialtone_outbox_oldest_seconds",
            "dialtone_outbox_dead_letters",
            "dialtone_receiver_failures",
            "dialtone_receiver_disabled",
        )
    )
    return [
        sheet(
            "Receivers, the worst first",
            "What waits for each receiver, since when, what was given up, and failed tries since the "
            "last good one.",
            series=[*(filled(one, off) for one in (waiting, oldest, dead, failures)), off],
            columns={
                "receiver": Column("Receiver"),
                "Value #A": Column("Waiting", width=80),
                "Value #B": Column("Oldest", unit="s", steps=OLD, width=80),
                "Value #C": Column("Given up", steps=NONE_IS_GOOD, width=85),
                "Value #D": Column("Failed", steps=((None, GOOD), (1.0, WARN), (3.0, BAD)), width=75),
                "Value #E": Column("Switched off", words={0: ("no", GOOD), 1: ("YES", BAD)}, width=110),
            },
            sort="Oldest",
        ).span(12),
    ]


def _on_the_way() -> frame.Panels:
    return [
        graph(
            "Errors on the way",
            "Per second: errors of the relay, and beats of the watchdog that failed or were "
            "withheld. Must be 0.",
            series=[
                (
                    otherwise(total(rate("dialtone_relay_errors_total"), "cause"), 0, cause="none"),
                    "relay: {{cause}}",
                ),
                (
                    otherwise(
                        total(rate("dialtone_watchdog_beats_total", 'result!="sent"'), "result"),
                        0,
                        result="none",
                    ),
                    "watchdog: {{result}}",
                ),
            ],
            unit="cps",
            steps=ANY_IS_BAD,
        ),
        graph(
            "Groups, silences and what waits",
            "Groups with news not yet told, messages in the outbox, and silences, which stop "
            "messages, not checks.",
            series=[
                (total(select("dialtone_alert_groups_waiting")), "groups waiting"),
                (f"{total(select('dialtone_outbox_messages'))} or {ZERO}", "messages waiting"),
                (
                    otherwise(total(select("dialtone_silences", 'state="active"')), 0),
                    "active silences",
                ),
            ],
            unit="none",
        ),
    ]


def _us() -> frame.Panels:
    canaries = f"min by (target) ({select('dialtone_egress_canary_up')})"
    parents = total(select("dialtone_parents"), "kind", "certainty")
    up = f"min({select('dialtone_egress_up')})"
    return [
        told(
            number(
                "Our own way out",
                "Whether canaries on our way out are reached; if not, the vendors are probably well.",
                series=[(otherwise(up, NONE_SEEN), "egress")],
                unit="none",
                steps=ONE_IS_GOOD,
                span=6,
            ),
            {1: ("works", GOOD), 0: ("DOES NOT WORK", BAD), NONE_SEEN: ("not watched", PLAIN)},
        ).height(8),
        timeline(
            "Canaries on our way out",
            "When each canary was reached; all of them failing together is our network.",
            series=[(otherwise(canaries, NONE_SEEN, target="no canaries"), "{{target}}")],
            mapping={1: ("reached", GOOD), 0: ("NOT REACHED", BAD), NONE_SEEN: ("none configured", PLAIN)},
            span=9,
        ),
        sheet(
            "What explains several at once",
            "Causes found for several integrations failing together; one alert goes out for each.",
            series=[otherwise(f"{parents} > 0", 0, kind="no common cause")],
            columns={
                "kind": Column("Cause"),
                "certainty": Column("Certainty"),
                "Value": Column("Causes", steps=((None, PLAIN), (1.0, WARN)), width=90),
            },
            sort="Causes",
        ).span(9),
    ]
