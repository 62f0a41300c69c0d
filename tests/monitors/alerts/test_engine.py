"""The engine: what signals that are not health, parents, people and a reload lead to."""

import msgspec
import pytest

from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.signals import (
    BreakerState,
    BreakerTransition,
    CallRecord,
    CheckResult,
    ContractDrift,
    CredentialNotice,
    Evidence,
    Health,
    HealthChange,
    IncidentChange,
    Indicator,
    QuotaSample,
    Signal,
    VendorNotice,
)
from monitors.alerts.alert import Alert
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.facts import Claim
from monitors.alerts.rules import DAY, Condition, Fact, Rule, RuleBook
from monitors.alerts.standing import Phase
from monitors.incident import Acknowledgement, Impact
from monitors.parent import Certainty, Parent, ParentKind
from tests.fakes.alerting_world import World

DOWN, UP = Health.DOWN, Health.UP
HERE = "github-prod"


def standing(world: World) -> list[tuple[str, Phase]]:
    return sorted((row.alert.labels["alertname"], row.phase) for row in world.engine.alerts())


def transition(world: World, after: BreakerState) -> BreakerTransition:
    return BreakerTransition(
        at=world.clock.time(),
        integration=HERE,
        vendor="github",
        capability="read",
        before=BreakerState.CLOSED,
        after=after,
        reason="6 of 10 calls failed",
    )


def quota(world: World, remaining: float, *, ahead: float = 3_600.0) -> QuotaSample:
    now = world.clock.time()
    return QuotaSample(
        at=now,
        integration=HERE,
        vendor="github",
        bucket="core",
        limit=100.0,
        remaining=remaining,
        reset_at=now + ahead,
    )


def notice(world: World, event: str, *, days: float | None = None) -> CredentialNotice:
    now = world.clock.time()
    return CredentialNotice(
        at=now,
        integration=HERE,
        vendor="github",
        event=event,
        detail="token ends soon",
        credential="token",
        expires_at=None if days is None else now + days * DAY,
    )


def check(world: World, *, kind: FailureKind | None = None, days: float | None = None) -> CheckResult:
    now = world.clock.time()
    return CheckResult(
        at=now,
        integration=HERE,
        vendor="github",
        capability="read",
        action="user.get",
        kind=kind,
        certificate_ends_at=None if days is None else now + days * DAY,
    )


def word(world: World, indicator: Indicator) -> VendorNotice:
    return VendorNotice(
        at=world.clock.time(),
        vendor="github",
        kind="status",
        integrations=(HERE,),
        indicator=indicator,
        title="Incident with API requests",
        url="https://www.githubstatus.com",
    )


async def hear(world: World, *signals: Signal) -> None:
    for signal in signals:
        world.engine.on_signal(signal)
    await world.step()


async def test_an_open_circuit_is_told_when_it_stays_open() -> None:
    world = World()
    await hear(world, transition(world, BreakerState.OPEN))
    assert standing(world) == [("BreakerOpen", Phase.PENDING)]
    await world.wait(301)
    assert standing(world) == [("BreakerOpen", Phase.FIRING)]
    await hear(world, transition(world, BreakerState.HALF_OPEN))
    assert standing(world) == [("BreakerOpen", Phase.FIRING)]
    await hear(world, transition(world, BreakerState.CLOSED))
    await world.wait(120)
    assert standing(world) == []


async def test_a_quota_that_runs_out_is_told_and_one_that_recovers_is_over() -> None:
    world = World()
    await hear(world, quota(world, 50))
    assert standing(world) == []
    await hear(world, quota(world, 10))
    assert standing(world) == [("QuotaLow", Phase.FIRING)]
    (row,) = world.engine.alerts()
    assert row.alert.labels["bucket"] == "core"
    assert row.alert.annotations["summary"] == "10% of the quota core of github-prod is left"
    await hear(world, quota(world, 90))
    await world.wait(120)
    assert standing(world) == []


async def test_a_low_quota_is_over_when_its_window_ends() -> None:
    world = World()
    await hear(world, quota(world, 1, ahead=600.0))
    await world.wait(602)
    assert standing(world) == []


async def test_a_quota_of_a_short_window_is_no_alert() -> None:
    world = World()
    await hear(world, quota(world, 0, ahead=60.0))
    assert standing(world) == []


async def test_a_refused_credential_is_over_with_a_good_check() -> None:
    world = World()
    await hear(world, notice(world, "rejected"))
    assert standing(world) == [("CredentialRefused", Phase.PENDING)]
    await hear(world, check(world, kind=FailureKind.TIMEOUT))
    assert standing(world) == [("CredentialRefused", Phase.PENDING)]
    await hear(world, check(world))
    assert standing(world) == []


@pytest.mark.parametrize("event", ["reread", "refreshed"])
async def test_a_credential_that_ends_is_over_with_a_new_one(event: str) -> None:
    world = World()
    await hear(world, notice(world, "expiring", days=7))
    assert standing(world) == [("CredentialExpiring", Phase.FIRING)]
    await hear(world, notice(world, event))
    assert standing(world) == []


async def test_a_credential_that_ends_in_a_month_is_no_alert() -> None:
    world = World()
    await hear(world, notice(world, "expiring", days=30))
    assert standing(world) == []


async def test_a_certificate_that_ends_is_over_when_a_check_meets_a_longer_one() -> None:
    world = World()
    await hear(world, check(world, days=3))
    assert standing(world) == [("CertificateExpiring", Phase.FIRING)]
    await hear(world, check(world, days=90))
    await world.wait(120)
    assert standing(world) == []


async def test_drift_is_over_a_day_after_it_was_seen_last() -> None:
    world = World()
    drift = ContractDrift(
        at=world.clock.time(),
        integration=HERE,
        vendor="github",
        action="user.get",
        pointer="/id",
        expected="integer",
        found="string",
    )
    await hear(world, drift)
    await world.wait(80_000)
    await hear(world, msgspec.structs.replace(drift, at=world.clock.time()))
    await world.wait(80_000)
    assert standing(world) == [("ContractDrift", Phase.FIRING)]
    await world.wait(7_000)
    assert standing(world) == []


async def test_a_vendors_trouble_is_told_until_it_says_that_all_is_well() -> None:
    world = World()
    await hear(world, word(world, Indicator.MAJOR_OUTAGE))
    (row,) = world.engine.alerts()
    assert dict(row.alert.labels) == {"alertname": "VendorTrouble", "severity": "info", "vendor": "github"}
    assert row.alert.link == "https://www.githubstatus.com"
    await hear(world, word(world, Indicator.OPERATIONAL))
    await world.wait(120)
    assert standing(world) == []


async def test_what_is_to_end_is_told_a_month_before() -> None:
    world = World()
    now = world.clock.time()
    ending = VendorNotice(
        at=now, vendor="github", kind="deprecation", action="user.get", sunset_at=now + 20 * DAY
    )
    await hear(world, ending)
    assert standing(world) == [("EndingSoon", Phase.FIRING)]


async def test_signals_are_lines_of_an_open_incident() -> None:
    world = World()
    await hear(world, transition(world, BreakerState.OPEN))
    await world.turn(DOWN)
    await hear(
        world,
        transition(world, BreakerState.OPEN),
        notice(world, "rejected"),
        word(world, Indicator.MAJOR_OUTAGE),
    )
    incident = world.open()
    assert [entry.text for entry in incident.timeline[1:]] == [
        "The circuit (read) went from closed to open: 6 of 10 calls failed",
        "Credential rejected: token ends soon",
        "github says: major outage: Incident with API requests",
    ]
    assert incident.vendor_says == "github says: major outage: Incident with API requests"
    assert msgspec.json.decode(world.store.incidents[incident.id], type=type(incident)) == incident


async def test_the_trial_calls_of_a_circuit_are_no_lines() -> None:
    world = World()
    await world.turn(DOWN)
    opened = transition(world, BreakerState.OPEN)
    trial = msgspec.structs.replace(opened, before=BreakerState.OPEN, after=BreakerState.HALF_OPEN)
    again = msgspec.structs.replace(opened, before=BreakerState.HALF_OPEN)
    closed = msgspec.structs.replace(opened, before=BreakerState.HALF_OPEN, after=BreakerState.CLOSED)
    await hear(world, opened, trial, again, trial, again, trial, closed)
    texts = [entry.text.split(":")[0] for entry in world.open().timeline if entry.event == "evidence"]
    assert texts == [
        "The circuit (read) went from closed to open",
        "The circuit (read) went from half_open to closed",
    ]


def call(world: World, run: str, *, kind: FailureKind | None) -> CallRecord:
    return CallRecord(
        at=world.clock.time(),
        call_id=run,
        run_id=run,
        integration=HERE,
        vendor="github",
        action="user.get",
        capability="read",
        effect=Effect.READ,
        origin=Origin.TRAFFIC,
        caller="ci",
        kind=kind,
    )


async def test_an_incident_shows_its_impact_at_once_and_keeps_it_at_its_end() -> None:
    world = World()
    await hear(world, call(world, "a", kind=FailureKind.TIMEOUT))
    await world.turn(DOWN)
    await hear(world, call(world, "b", kind=FailureKind.REJECTED), call(world, "c", kind=None))
    incident = world.open()
    expected = Impact(calls=3, failures=1, rejected=1, callers=("ci",))
    assert world.engine.incident(incident.id).impact == expected
    await world.turn(UP)
    await hear(world, call(world, "d", kind=FailureKind.TIMEOUT))
    (kept,) = world.store.loaded_incidents()
    assert kept.impact == expected


async def test_an_alert_that_no_rule_makes_fires_until_it_is_ended() -> None:
    world = World()
    raised = Alert(labels={"alertname": "BudgetBurns", "severity": "critical"}, annotations={}, starts_at=0.0)
    world.engine.raise_alert(raised)
    await world.wait(60)
    world.restart()
    world.engine.end_alert({"severity": "critical", "alertname": "BudgetBurns"})
    await world.wait(60)
    assert [why for _, _, why, _ in world.outline()] == ["first notification", "all alerts resolved"]
    assert world.store.standing == {}


async def test_ending_an_alert_that_does_not_stand_is_nothing() -> None:
    world = World()
    world.engine.end_alert({"alertname": "BudgetBurns"})
    await world.step()
    assert world.store.units == []


async def test_an_integration_that_is_degraded_for_its_silence_is_told_as_silent() -> None:
    world = World()
    await world.turn(Health.DEGRADED, evidence=Evidence.WEBHOOK, reason="No push for 2 h.")
    assert standing(world) == [("WebhookSilent", Phase.FIRING)]
    (row,) = world.engine.alerts()
    assert row.alert.annotations["description"] == "No push for 2 h."


async def test_facts_that_no_signal_carries_can_be_claimed() -> None:
    world = World()
    labels = {"integration": HERE, "event_type": "push"}
    fact = Fact(condition=Condition.WEBHOOK_SILENT, labels=labels, since=world.clock.time())
    world.engine.claim(Claim(f"silent:{HERE}:push", (fact,)))
    assert standing(world) == [("WebhookSilent", Phase.FIRING)]
    world.engine.claim(Claim(f"silent:{HERE}:push"))
    await world.wait(120)
    assert standing(world) == []


async def test_what_is_no_integration_has_incidents_too() -> None:
    world = World()
    change = HealthChange(
        at=world.clock.time(),
        integration="heartbeat:backup",
        vendor="heartbeat",
        capability="",
        before=UP,
        after=DOWN,
        evidence=Evidence.HEARTBEAT,
        reason="No beat for 2 h.",
        since=world.clock.time(),
    )
    world.engine.report([change])
    await world.step()
    assert world.open("heartbeat:backup").reason == "No beat for 2 h."
    assert world.store.signals[0] == change
    assert world.published.of(HealthChange) == [change]


def parent(
    certainty: Certainty, *, kind: ParentKind = ParentKind.VENDOR, children: tuple[str, ...]
) -> Parent:
    is_declared = kind is ParentKind.DEPENDENCY
    return Parent(
        key="integration:okta" if is_declared else "vendor:github",
        kind=kind,
        certainty=certainty,
        name="okta" if is_declared else "GitHub",
        reason="3 of 4 fail.",
        since=1.0,
        children=children,
        vendor="" if is_declared else "github",
        integration="okta" if is_declared else "",
    )


async def test_a_suspected_parent_is_not_told_and_a_confirmed_one_once() -> None:
    world = World()
    await world.turn(DOWN, "a")
    world.engine.take_parent(parent(Certainty.UNCERTAIN, children=("a",)))
    assert world.incidents.of("vendor:github") is None
    world.engine.take_parent(parent(Certainty.CONFIRMED, children=("a",)))
    world.engine.take_parent(parent(Certainty.CONFIRMED, children=("a",)))
    await world.step()
    assert standing(world) == [("IntegrationDown", Phase.FIRING), ("VendorDown", Phase.FIRING)]
    assert world.open("a").parent == world.open("vendor:github").id
    world.engine.take_parent(parent(Certainty.RECOVERED, children=("a",)))
    assert world.incidents.of("vendor:github") is None
    assert standing(world) == [("IntegrationDown", Phase.FIRING)]


async def test_the_incident_of_a_declared_dependency_is_its_integrations_own() -> None:
    world = World()
    await world.turn(DOWN, "okta")
    await world.turn(DOWN, "a")
    world.engine.take_parent(parent(Certainty.CONFIRMED, kind=ParentKind.DEPENDENCY, children=("a",)))
    assert world.open("a").parent == world.open("okta").id
    assert world.incidents.of("integration:okta") is None
    assert {name for name, _ in standing(world)} == {"IntegrationDown"}


async def test_acknowledging_a_root_cause_makes_no_further_alert() -> None:
    world = World()
    world.engine.take_parent(parent(Certainty.CONFIRMED, children=()))
    await world.acknowledge("vendor:github")
    assert standing(world) == [("VendorDown", Phase.FIRING)]


async def test_what_is_unwatched_ends() -> None:
    world = World()
    await world.turn(DOWN)
    await world.turn(DOWN, "github-prod-two")
    await hear(world, transition(world, BreakerState.OPEN), quota(world, 1))
    world.engine.forget(HERE)
    await world.wait(120)
    assert [row.alert.labels["integration"] for row in world.engine.alerts()] == ["github-prod-two"]
    assert [each.integration for each in world.incidents.open()] == ["github-prod-two"]


async def test_at_a_start_what_is_configured_no_longer_ends() -> None:
    world = World()
    await world.turn(DOWN, "gone")
    await hear(world, transition(world, BreakerState.OPEN), word(world, Indicator.MAJOR_OUTAGE))
    world.engine.take_parent(parent(Certainty.CONFIRMED, children=("gone",)))
    await world.turn(DOWN, "stays")
    await world.step()
    world.restart()
    world.engine.forget_others({"stays"})
    await world.wait(120)
    assert standing(world) == [("IntegrationDown", Phase.FIRING), ("VendorTrouble", Phase.FIRING)]
    assert [each.integration for each in world.incidents.open()] == ["stays"]


async def test_a_reload_ends_alerts_of_rules_that_are_gone_and_begins_those_of_new_ones() -> None:
    world = World()
    await world.turn(DOWN)
    await hear(world, quota(world, 1))
    rules = (Rule(name="Outage"), Rule(name="IntegrationDown", enabled=False))
    world.engine.configure(RuleBook(rules, builtin=BUILTIN_RULES))
    await world.wait(120)
    assert standing(world) == [("Outage", Phase.FIRING), ("QuotaLow", Phase.FIRING)]


async def test_a_capability_has_an_alert_where_a_rule_names_it() -> None:
    world = World()
    rule = Rule(name="ReadingFails", matchers=('capability="read"',))
    world.engine.configure(RuleBook((rule,), builtin=BUILTIN_RULES))
    await world.turn(DOWN)
    assert [name for name, _ in standing(world)] == ["IntegrationDown", "ReadingFails"]
    await world.turn(UP)
    await world.wait(120)
    assert standing(world) == []


async def test_a_note_on_an_old_incident_leaves_the_alerts_of_the_present_one_alone() -> None:
    world = World()
    await world.turn(DOWN)
    old = world.open().id
    await world.turn(UP)
    await world.wait(300)
    await world.turn(DOWN)
    await world.engine.change_incident(
        world.incidents.note(old, "It was DNS.", actor="ana", at=world.clock.time())
    )
    assert standing(world) == [("IntegrationDown", Phase.FIRING)]


async def test_what_a_person_does_is_stored_when_it_returns() -> None:
    world = World()
    await world.turn(DOWN)
    given = Acknowledgement(actor="ana", at=world.clock.time())
    await world.engine.change_incident(world.incidents.acknowledge(world.open().id, given))
    (stored,) = world.store.loaded_incidents()
    assert stored.acknowledgement == given
    assert [each.event for each in world.published.of(IncidentChange)] == ["opened", "acknowledged"]
    await world.engine.change_incident(None)


async def test_closed_by_hand_its_alert_ends() -> None:
    world = World()
    await world.turn(DOWN)
    await world.wait(60)
    closed = world.incidents.close(world.open().id, actor="ana", at=world.clock.time(), reason="switched off")
    await world.engine.change_incident(closed)
    await world.wait(200)
    assert [each.status for each in world.told] == ["firing", "resolved"]


async def test_its_samples_count_incidents_and_alerts() -> None:
    world = World()
    await world.turn(DOWN)
    await hear(world, transition(world, BreakerState.OPEN))
    found = {(each.metric, *each.labels): each.value for each in world.engine.samples()}
    assert found["dialtone_incidents_open", "down"] == 1
    assert found["dialtone_incidents_open", "degraded"] == 0
    assert found["dialtone_alerts", "warning", "firing"] == 1
    assert found["dialtone_alerts", "warning", "pending"] == 1
