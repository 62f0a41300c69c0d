"""When alerts about integrations fire, and when they do not."""

from collections.abc import Iterator, Mapping

from tests.dashboards.firing import AT, INFO, OWNED, SHOP, UP, Case, Firing, series

ONE = {"integration": "shop"}
LINE = {"integration": "shop", "capability": "write"}
OURS = {**AT, **OWNED}
DAY = 86_400


def whole(state: str, values: str) -> Mapping[str, str]:
    return {**INFO, series("dialtone_health", **SHOP, capability="", state=state): values}


def part(state: str, values: str) -> Mapping[str, str]:
    return {**INFO, series("dialtone_health", **SHOP, capability="write", state=state): values}


def health() -> Iterator[Case]:
    down, page = "DialtoneIntegrationDown", Firing({**OURS, "severity": "critical"})
    yield Case(down, "when it is down for longer", whole("down", "0x20 1x20"), fires=(page,))
    yield Case(down, "for less than three minutes", whole("down", "0x27 1x20"))
    yield Case(down, "when a part of it is down", part("down", "1x40"))
    yield Case(down, "when it is up", whole("up", "1x40") | whole("down", "0x40"))
    other = {**INFO, series("dialtone_integration_info", **SHOP, team="", environment="", tier="2"): "1x40"}
    del other[next(iter(INFO))]
    lesser = Firing({**AT, **SHOP, "tier": "2", "severity": "warning"})
    low = {**other, series("dialtone_health", **SHOP, capability="", state="down"): "1x40"}
    yield Case(down, "as a warning below tier 1", low, fires=(lesser,))
    rejected = "DialtoneCredentialRejected"
    yield Case(rejected, "when it is refused", whole("unauthorized", "1x40"), fires=(page,))
    yield Case(rejected, "when it is accepted again", whole("unauthorized", "1x20 0x20"))
    degraded = "DialtoneIntegrationDegraded"
    mixed = {**whole("degraded", "1x20 0x20"), **whole("throttled", "0x20 1x20")}
    yield Case(degraded, "when one follows the other", mixed, fires=(Firing(OURS),))
    yield Case(degraded, "for ten minutes", whole("degraded", "0x20 1x20"))
    flapping = series("dialtone_health_flapping", **SHOP, capability="")
    yield Case(
        "DialtoneIntegrationFlapping", "when it flaps", {**INFO, flapping: "1x40"}, fires=(Firing(OURS),)
    )
    yield Case("DialtoneIntegrationFlapping", "when it has settled", {**INFO, flapping: "1x20 0x20"})


def heartbeats() -> Iterator[Case]:
    heard = series("dialtone_heartbeat_up", heartbeat="backup")
    late = Firing({**AT, "heartbeat": "backup", "integration": "heartbeat:backup"})
    yield Case("DialtoneHeartbeatMissed", "when it is late", {heard: "1x20 0x20"}, fires=(late,))
    yield Case("DialtoneHeartbeatMissed", "when it comes", {heard: "1x40"})


def calls(**outcomes: str) -> Mapping[str, str]:
    more = {"action": "get", "origin": "traffic"}
    told = {series("dialtone_calls_total", **SHOP, **more, outcome=name): v for name, v in outcomes.items()}
    return {**INFO, **told}


def failing() -> Iterator[Case]:
    alert, fires = "DialtoneCallsFailing", (Firing(OURS, ("50%",)),)
    yield Case(alert, "when half of them fail", calls(ok="0+30x60", timeout="0+30x60"), at="40m", fires=fires)
    yield Case(alert, "when a tenth of them fails", calls(ok="0+90x60", timeout="0+10x60"), at="40m")
    yield Case(alert, "when hardly any is made", calls(timeout="0+1x60"), at="40m")
    yield Case(alert, "when we refuse them", calls(ok="0+30x60", rejected="0+90x60"), at="40m")
    yield Case(alert, "when none is made any more", calls(ok="30x60", timeout="30x60"), at="40m")
    alert, tries = "DialtoneRetriesAddLoad", series("dialtone_attempts_total", **SHOP, outcome="ok")
    twice = {**calls(ok="0+30x60"), tries: "0+60x60"}
    yield Case(alert, "when each call takes two", twice, at="40m", fires=(Firing(OURS, ("2.0",)),))
    yield Case(alert, "when one in ten is repeated", {**calls(ok="0+30x60"), tries: "0+33x60"}, at="40m")


def breakers() -> Iterator[Case]:
    def states(**values: str) -> Mapping[str, str]:
        return {**INFO, **{series("dialtone_breaker_state", **LINE, state=n): v for n, v in values.items()}}

    fires = (Firing({**OURS, "capability": "write"}),)
    flips = states(open="1 1 0 1 1 0 1 1 0 1x40", half_open="0 0 1 0 0 1 0 0 1 0x40")
    yield Case("DialtoneBreakerOpen", "with trial calls between", flips, fires=fires)
    yield Case(
        "DialtoneBreakerOpen", "when it closes soon", states(open="1x5 0x3 1x5 0x40", half_open="0x60")
    )
    yield Case("DialtoneBreakerOpen", "when an operator opened it", states(forced_open="1x60", open="0x60"))
    alert = "DialtoneBreakerFlapping"
    opened = series("dialtone_breaker_transitions_total", **LINE, to="open")
    closed = series("dialtone_breaker_transitions_total", **LINE, to="closed")
    often = Firing({**OURS, "capability": "write"}, ("5",))
    yield Case(alert, "when it opens every third minute", {**INFO, opened: CLIMBING}, fires=(often,))
    yield Case(alert, "when it opens once", {**INFO, opened: "1x20 2x40"})
    yield Case(alert, "when it only closes", {**INFO, closed: CLIMBING, opened: "9x60"})
    alert = "DialtoneBreakerForced"
    yield Case(alert, "when it was forgotten", states(forced_open="1x300"), at="4h10m", fires=fires)
    yield Case(alert, "when it is in use", states(forced_open="1x120 0x200"), at="4h10m")


CLIMBING = " ".join(f"{number}x2" for number in range(20))
"""A counter that grows by one every third minute."""


def quotas() -> Iterator[Case]:
    bucket = {"integration": "shop", "bucket": "core"}
    reset, empty = (
        series(f"dialtone_quota_{what}_timestamp_seconds", **bucket) for what in ("reset", "exhaustion")
    )
    fires = (Firing({**OURS, "bucket": "core"}, ("20m 0s",)),)
    soon = {**INFO, reset: "7200x60", empty: "6000x60"}
    yield Case("DialtoneQuotaRunsOut", "long before it is filled", soon, fires=fires)
    yield Case(
        "DialtoneQuotaRunsOut", "shortly before it is filled", {**INFO, reset: "7200x60", empty: "7000x60"}
    )
    yield Case("DialtoneQuotaRunsOut", "when it will last", {**INFO, reset: "7200x60"})


def expiries() -> Iterator[Case]:
    for alert, metric, more in (
        ("DialtoneCredentialExpiring", "credential", {"credential": "token"}),
        ("DialtoneCertificateExpiring", "certificate", {}),
    ):
        ends = series(f"dialtone_{metric}_expiry_timestamp_seconds", **ONE, **more)
        week, day, month = ({**INFO, ends: f"{1_800 + days * DAY}x60"} for days in (7, 1, 30))
        for why, scraped, severity, left in (
            ("as a warning a week before", week, "warning", "7d 0h 0m 0s"),
            ("to page a day before", day, "critical", "1d 0h 0m 0s"),
        ):
            yield Case(alert, why, scraped, fires=(Firing({**OURS, **more, "severity": severity}, (left,)),))
        yield Case(alert, "a month before", month)


def webhooks() -> Iterator[Case]:
    silent = series("dialtone_webhook_silent", **ONE)
    yield Case("DialtoneWebhooksSilent", "when none comes", {**INFO, silent: "1x40"}, fires=(Firing(OURS),))
    yield Case("DialtoneWebhooksSilent", "when they come", {**INFO, silent: "0x40"})
    alert = "DialtoneWebhookSignaturesFail"

    def received(**verdicts: str) -> Mapping[str, str]:
        name = "dialtone_webhooks_received_total"
        return {**INFO, **{series(name, **SHOP, verdict=one): values for one, values in verdicts.items()}}

    fires = (Firing(OURS, ("15",)),)
    forged = received(accepted="0+1x60", bad_signature="0+1x60")
    yield Case(alert, "when half is not genuine", forged, fires=fires)
    yield Case(alert, "when one in a hundred is", received(accepted="0+99x60", bad_signature="0+1x60"))
    yield Case(alert, "when there were two", received(accepted="0x60", bad_signature="0x25 1 2x30"))
    alert, dead = "DialtoneWebhooksGivenUp", series("dialtone_webhook_dead_letters_total", **ONE)
    first = {**INFO, **UP, dead: "_x80 1x40"}
    yield Case(alert, "at the very first", first, at="90m", fires=(Firing(OURS),))
    yield Case(alert, "again", {**INFO, **UP, dead: "4x80 5x40"}, at="90m", fires=(Firing(OURS),))
    yield Case(alert, "when it was long ago", {**INFO, **UP, dead: "4x120"}, at="90m")
    yield Case(alert, "when Prometheus is new here", {**INFO, **LATE, dead: "_x80 4x40"}, at="90m")


LATE = {next(iter(UP)): "_x80 1x40"}
"""A Dialtone that is scraped since a while only."""


def changes() -> Iterator[Case]:
    alert, more = "DialtoneContractDrift", {"action": "get"}
    seen = series("dialtone_contract_drift_total", **SHOP, **more)
    fires = (Firing({**OURS, **more}),)
    yield Case(alert, "at the very first", {**INFO, **UP, seen: "_x80 1x40"}, at="90m", fires=fires)
    yield Case(alert, "when it was long ago", {**INFO, **UP, seen: "1x120"}, at="90m")
    alert, ends = "DialtoneActionEnding", series("dialtone_deprecation_sunset_timestamp_seconds", **SHOP)
    fires = (Firing(OURS, ("7d 0h 0m 0s",)),)
    yield Case(alert, "a week before", {**INFO, ends: f"{1_800 + 7 * DAY}x60"}, fires=fires)
    yield Case(alert, "half a year before", {**INFO, ends: f"{180 * DAY}x60"})


def cases() -> Iterator[Case]:
    for each in (health, heartbeats, failing, breakers, quotas, expiries, webhooks, changes):
        yield from each()
