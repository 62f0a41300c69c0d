"""What keeps a receiver from being told: silences, maintenance, inhibition, parents, acknowledgement."""

import datetime as dt

import msgspec
import pytest

from monitors.alerts.decisions import Verdict
from monitors.alerts.intervals import TimeInterval, TimeRange
from monitors.alerts.notification import Reason
from monitors.alerts.routing import Route
from monitors.alerts.settings import InhibitRule, MaintenancePlan, NamedInterval
from monitors.parent import Certainty, Parent, ParentKind, alert_of
from tests.fakes.alerting import Desk, SetAfresh, SetParents, alert, settings

DOWN = alert()
SLACK = alert(integration="slack-prod")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def reasons(desk: Desk) -> list[Reason]:
    return [each.reason for each in desk.told]


# Silences


async def test_a_silenced_alert_is_told_when_the_silence_ends_and_it_still_fires(desk: Desk) -> None:
    await desk.silence('vendor="github"', lasts=600)
    desk.fire(DOWN)
    desk.wait(599)
    assert desk.told == []
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST]


async def test_a_decision_is_kept_once_with_who_silenced_and_why(desk: Desk) -> None:
    silence = await desk.silence('vendor="github"', lasts=600)
    desk.fire(DOWN)
    desk.wait(500)
    (decision,) = desk.store.decisions
    assert (decision.verdict, decision.cause) == (Verdict.SILENCED, silence.id)
    assert decision.reason == "Silenced by ana: planned"
    assert decision.incidents == ("incident-github-prod",)


async def test_a_silence_that_is_ended_by_hand_lets_the_alert_through_at_once(desk: Desk) -> None:
    silence = await desk.silence('vendor="github"')
    desk.fire(DOWN)
    desk.wait(600)
    await desk.silences.expire(silence.id)
    desk.wait(0)
    assert reasons(desk) == [Reason.FIRST]


async def test_a_silence_hides_no_recovery_of_what_was_told(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    await desk.silence('vendor="github"', lasts=86_400)
    desk.wait(600)
    desk.end(DOWN)
    desk.wait(10)
    assert reasons(desk) == [Reason.FIRST, Reason.ALL_RESOLVED]


async def test_a_silence_stops_repeats_while_it_lasts(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    await desk.silence('vendor="github"', lasts=20_000)
    desk.wait(19_999)
    assert reasons(desk) == [Reason.FIRST]
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST, Reason.REPEAT]


async def test_an_alert_that_came_and_went_during_a_silence_is_never_told(desk: Desk) -> None:
    await desk.silence('vendor="github"', lasts=3_600)
    desk.fire(DOWN)
    desk.wait(600)
    desk.end(DOWN)
    desk.wait(7_200)
    assert desk.told == []


async def test_of_a_group_only_what_is_not_silenced_is_told(desk: Desk) -> None:
    await desk.silence('integration="slack-prod"', lasts=3_000)
    desk.fire(DOWN, SLACK)
    desk.wait(10)
    (told,) = desk.told
    assert [each.labels["integration"] for each in told.alerts] == ["github-prod"]
    desk.wait(3_000)
    assert reasons(desk) == [Reason.FIRST, Reason.NEW_ALERTS]


async def test_a_group_is_not_over_while_an_alert_that_was_told_fires_on_silenced(desk: Desk) -> None:
    desk.fire(DOWN, SLACK)
    desk.wait(10)
    await desk.silence('integration="slack-prod"', lasts=86_400)
    desk.end(DOWN)
    desk.wait(600)
    assert reasons(desk) == [Reason.FIRST, Reason.SOME_RESOLVED]
    assert desk.told[-1].status == "firing"


async def test_what_ended_beside_a_silenced_newcomer_is_told_without_waiting_for_the_interval(
    desk: Desk,
) -> None:
    await desk.silence('integration="slack-prod"', lasts=86_400)
    desk.fire(DOWN)
    desk.wait(10)
    desk.fire(SLACK)
    desk.end(DOWN)
    desk.wait(25)
    assert reasons(desk) == [Reason.FIRST, Reason.ALL_RESOLVED]
    assert [each.labels["integration"] for each in desk.told[-1].alerts] == ["github-prod"]


async def test_a_jump_of_the_wall_clock_does_not_end_a_silence_early(desk: Desk) -> None:
    await desk.silence('vendor="github"', lasts=3_600)
    desk.fire(DOWN)
    desk.wait(60)
    desk.clock.jump_utc(7_200)
    desk.wait(3_500)
    assert desk.told == []
    desk.wait(40)
    assert reasons(desk) == [Reason.FIRST]


async def test_a_look_at_what_is_silenced_does_not_cut_short_the_wait_of_what_is_new(desk: Desk) -> None:
    await desk.silence('integration="slack-prod"', lasts=3_600)
    desk.fire(SLACK)
    desk.wait(60)
    desk.fire(DOWN)
    desk.wait(3)
    await desk.silence('vendor="another"')
    desk.wait(6)
    assert desk.told == []
    desk.wait(1)
    assert [each.labels["integration"] for each in desk.told[0].alerts] == ["github-prod"]


async def test_a_repeat_that_is_withheld_does_not_cut_short_the_wait_of_what_is_new(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    await desk.silence('integration="github-prod"', lasts=86_400)
    desk.wait(14_395)
    desk.fire(SLACK)
    desk.wait(9)
    assert reasons(desk) == [Reason.FIRST]
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST, Reason.NEW_ALERTS]


# Maintenance


async def test_a_maintenance_made_by_hand_says_so(desk: Desk) -> None:
    await desk.silence('vendor="github"', lasts=600, is_maintenance=True)
    desk.fire(DOWN)
    desk.wait(60)
    assert desk.verdicts == [("pager", Verdict.MAINTENANCE)]
    assert desk.notifier.maintenance.current(DOWN.labels) is not None
    assert desk.notifier.maintenance.current({"vendor": "slack"}) is None


def test_a_maintenance_plan_mutes_in_its_hours_and_what_is_still_bad_is_told_afterwards(desk: Desk) -> None:
    # The clock begins on Friday 15 January 2027, 08:00 UTC, which is 09:00 in Berlin.
    friday = TimeInterval(
        weekdays=("friday",),
        times=(TimeRange(start_time="09:00", end_time="10:30"),),
        location="Europe/Berlin",
    )
    plan = MaintenancePlan(
        name="release", matchers=('vendor="github"',), time_intervals=(friday,), reason="weekly release"
    )
    desk.configure(settings(maintenance=(plan,)))
    desk.fire(DOWN, alert(vendor="slack"))
    desk.wait(89 * 60)
    assert [each.group_labels["vendor"] for each in desk.told] == ["slack"]
    assert desk.store.decisions[0].reason == "Maintenance release: weekly release."
    assert desk.notifier.maintenance.current(DOWN.labels) is plan
    desk.wait(60 + 15)
    assert [each.group_labels["vendor"] for each in desk.told] == ["slack", "github"]
    assert desk.notifier.maintenance.current(DOWN.labels) is None


async def test_after_maintenance_only_what_a_fresh_check_still_finds_bad_is_told() -> None:
    checks = SetAfresh()
    desk = Desk(afresh=checks)
    await desk.silence('vendor="github"', lasts=600, is_maintenance=True)
    desk.fire(DOWN, SLACK, alert(vendor="slack"))
    desk.wait(620)
    assert [each.group_labels["vendor"] for each in desk.told] == ["slack"]
    assert sorted(checks.asked) == ["github-prod", "slack-prod"]
    desk.end(SLACK)
    checks.waiting.clear()
    desk.notifier.touch()
    desk.wait(0)
    assert [each.labels["integration"] for each in desk.told[-1].alerts] == ["github-prod"]
    assert len(checks.asked) == 2


async def test_a_fresh_check_that_never_ends_holds_nobody_back_for_long() -> None:
    desk = Desk(afresh=SetAfresh())
    await desk.silence('vendor="github"', lasts=600, is_maintenance=True)
    desk.fire(DOWN)
    desk.wait(674)
    assert desk.told == []
    assert desk.store.decisions[-1].reason.startswith("Maintenance is over")
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST]


async def test_a_restart_during_maintenance_does_not_forget_the_fresh_check() -> None:
    checks = SetAfresh()
    desk = Desk(afresh=checks)
    await desk.silence('vendor="github"', lasts=600, is_maintenance=True)
    desk.fire(DOWN)
    desk.wait(300)
    desk.restart()
    desk.wait(300)
    assert checks.asked == ["github-prod"]
    assert desk.told == []


async def test_after_a_silence_that_is_no_maintenance_nobody_waits_for_a_check() -> None:
    checks = SetAfresh()
    desk = Desk(afresh=checks)
    await desk.silence('vendor="github"', lasts=600)
    desk.fire(DOWN)
    desk.wait(600)
    assert (checks.asked, reasons(desk)) == ([], [Reason.FIRST])


# Inhibition by rules


def with_rule() -> Desk:
    rule = InhibitRule(
        source_matchers=('severity="critical"',),
        target_matchers=('severity="warning"',),
        equal=("integration",),
    )
    return Desk(settings(inhibit_rules=(rule,)))


def test_a_rule_inhibits_while_its_source_fires_and_only_where_the_labels_are_equal() -> None:
    desk = with_rule()
    desk.fire(
        DOWN, alert("QuotaLow", severity="warning"), alert("QuotaLow", integration="x", severity="warning")
    )
    desk.wait(610)
    assert [[each.labels["integration"] for each in told.alerts] for told in desk.told] == [
        ["github-prod"],
        ["x"],
    ]
    assert ("pager", Verdict.INHIBITED) in desk.verdicts
    desk.end(DOWN)
    desk.wait(29)
    assert reasons(desk) == [Reason.FIRST, Reason.FIRST, Reason.ALL_RESOLVED]
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST, Reason.FIRST, Reason.ALL_RESOLVED, Reason.NEW_ALERTS]


def test_what_is_over_soon_after_what_inhibited_it_is_never_told() -> None:
    desk = with_rule()
    low = alert("QuotaLow", severity="warning")
    desk.fire(DOWN, low)
    desk.wait(600)
    desk.end(DOWN)
    desk.wait(20)
    desk.end(low)
    desk.wait(600)
    assert reasons(desk) == [Reason.FIRST, Reason.ALL_RESOLVED]


@pytest.mark.parametrize(
    ("name", "labels", "is_told"),
    [
        ("BreakerOpen", {}, False),
        ("IntegrationDegraded", {}, False),
        ("VendorTrouble", {"integration": ""}, False),
        ("VendorTrouble", {"integration": "", "vendor": "slack"}, True),
        ("BreakerOpen", {"integration": "another"}, True),
        ("QuotaLow", {}, True),
    ],
)
def test_without_any_configuration_what_is_down_is_not_told_of_in_lesser_words(
    desk: Desk, name: str, labels: dict[str, str], *, is_told: bool
) -> None:
    desk.fire(DOWN, alert(name, severity="warning", **labels))
    desk.wait(600)
    told = [each.labels["alertname"] for notification in desk.told for each in notification.alerts]
    assert told == ["IntegrationDown", *([name] if is_told else [])]


def test_an_alert_that_is_source_and_target_of_a_rule_does_not_inhibit_its_like() -> None:
    rule = InhibitRule(source_matchers=('vendor="github"',), target_matchers=('severity="critical"',))
    desk = Desk(settings(inhibit_rules=(rule,)))
    desk.fire(DOWN, SLACK)
    desk.wait(10)
    assert len(desk.told[0].alerts) == 2
    desk.fire(alert(vendor="slack"))
    desk.wait(60)
    assert len(desk.told) == 1


def test_a_label_that_is_missing_in_both_counts_as_equal() -> None:
    rule = InhibitRule(
        source_matchers=('alertname="IntegrationDown"',),
        target_matchers=('alertname="QuotaLow"',),
        equal=("region",),
    )
    desk = Desk(settings(inhibit_rules=(rule,)))
    desk.fire(DOWN, alert("QuotaLow", severity="warning"), alert("QuotaLow", severity="info", region="eu"))
    desk.wait(60)
    assert [told.alerts[0].labels["severity"] for told in desk.told] == ["critical", "info"]


# Parents


def parent(certainty: Certainty, *, since: float) -> Parent:
    return Parent(
        key="egress",
        kind=ParentKind.EGRESS,
        certainty=certainty,
        name="Our own network",
        reason="no canary answers",
        since=since,
        children=("github-prod", "slack-prod"),
    )


@pytest.fixture
def parents() -> SetParents:
    return SetParents()


@pytest.fixture
def family(parents: SetParents) -> Desk:
    return Desk(parents=parents)


def hang(parents: SetParents, certainty: Certainty | None) -> None:
    names = ("github-prod", "slack-prod")
    parents.of = {name: parent(certainty, since=0.0) for name in names} if certainty else {}


def test_children_wait_while_a_parent_is_uncertain_but_not_for_ever(
    family: Desk, parents: SetParents
) -> None:
    hang(parents, Certainty.UNCERTAIN)
    family.fire(DOWN)
    family.wait(54)
    assert family.told == []
    assert family.verdicts == [("pager", Verdict.HELD)]
    family.wait(1)
    assert reasons(family) == [Reason.FIRST]


def test_a_confirmed_parent_is_told_alone_with_its_children_listed(family: Desk, parents: SetParents) -> None:
    hang(parents, Certainty.UNCERTAIN)
    family.fire(DOWN, SLACK)
    family.wait(20)
    hang(parents, Certainty.CONFIRMED)
    family.notifier.touch()
    family.take(alert_of(parent(Certainty.CONFIRMED, since=family.clock.time()), now=family.clock.time()))
    family.wait(3_600)
    (told,) = family.told
    assert [each.labels["alertname"] for each in told.alerts] == ["EgressDown"]
    assert told.children == ("github-prod", "slack-prod")
    assert ("pager", Verdict.INHIBITED) in family.verdicts


def test_after_a_parent_children_wait_for_their_own_check_and_a_healthy_one_is_never_told(
    family: Desk, parents: SetParents
) -> None:
    hang(parents, Certainty.CONFIRMED)
    family.fire(DOWN, SLACK)
    family.wait(600)
    hang(parents, Certainty.RECOVERED)
    family.notifier.touch()
    family.wait(20)
    assert family.told == []
    family.end(SLACK)
    hang(parents, None)
    family.notifier.touch()
    family.wait(0)
    (told,) = family.told
    assert [each.labels["integration"] for each in told.alerts] == ["github-prod"]


def test_a_declared_dependency_is_not_explained_by_itself(family: Desk, parents: SetParents) -> None:
    gateway = msgspec.structs.replace(
        parent(Certainty.CONFIRMED, since=0.0),
        key="integration:gateway",
        kind=ParentKind.DEPENDENCY,
        integration="gateway",
    )
    parents.of = {"gateway": gateway, "github-prod": gateway}
    family.fire(alert(integration="gateway", vendor="kong"), DOWN)
    family.wait(60)
    (told,) = family.told
    assert told.alerts[0].labels["integration"] == "gateway"
    assert told.children == ("github-prod",)


# Acknowledgement


def test_an_acknowledgement_stops_repeats_until_it_is_taken_back(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.acknowledge("incident-github-prod")
    desk.wait(30_000)
    assert reasons(desk) == [Reason.FIRST]
    assert desk.verdicts == [("pager", Verdict.SENT), ("pager", Verdict.ACKNOWLEDGED)]
    desk.release("incident-github-prod")
    desk.wait(0)
    assert reasons(desk) == [Reason.FIRST, Reason.REMINDER]


def test_an_acknowledgement_that_expires_is_followed_by_a_reminder(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.acknowledge("incident-github-prod", expires_in=20_000)
    desk.wait(19_999)
    assert reasons(desk) == [Reason.FIRST]
    desk.wait(16)
    assert reasons(desk) == [Reason.FIRST, Reason.REMINDER]


def test_a_recovery_is_told_although_somebody_worked_on_it(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.acknowledge("incident-github-prod")
    desk.wait(100)
    desk.end(DOWN)
    desk.wait(10)
    assert reasons(desk) == [Reason.FIRST, Reason.ALL_RESOLVED]


def test_what_is_new_beside_an_acknowledged_incident_is_told(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.acknowledge("incident-github-prod")
    desk.wait(600)
    desk.fire(SLACK)
    desk.wait(10)
    assert reasons(desk) == [Reason.FIRST, Reason.NEW_ALERTS]


def test_what_is_acknowledged_before_it_was_told_wakes_nobody(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(5)
    desk.acknowledge("incident-github-prod")
    desk.wait(40_000)
    assert desk.told == []


# Quiet times of routes


async def test_a_muted_route_tells_at_the_end_of_its_interval_recoveries_too(desk: Desk) -> None:
    assert dt.datetime.fromtimestamp(desk.clock.time(), dt.UTC).hour == 8
    night = NamedInterval(
        name="night", time_intervals=(TimeInterval(times=(TimeRange(start_time="08:30", end_time="10:00"),)),)
    )
    route = Route(receiver="pager", routes=(Route(matchers=(), mute_time_intervals=("night",)),))
    desk.configure(settings(route, time_intervals=(night,)))
    desk.fire(DOWN)
    desk.wait(10)
    assert reasons(desk) == [Reason.FIRST]
    desk.wait(30 * 60)
    desk.end(DOWN)
    desk.fire(alert(vendor="slack"))
    desk.wait(89 * 60 - 11)
    assert reasons(desk) == [Reason.FIRST]
    assert ("pager", Verdict.MUTED) in desk.verdicts
    desk.wait(61)
    assert sorted(reasons(desk)) == sorted([Reason.FIRST, Reason.ALL_RESOLVED, Reason.FIRST])


async def test_a_route_that_is_active_at_times_only_is_silent_at_others(desk: Desk) -> None:
    hours = NamedInterval(
        name="hours", time_intervals=(TimeInterval(times=(TimeRange(start_time="09:00", end_time="17:00"),)),)
    )
    route = Route(receiver="pager", routes=(Route(active_time_intervals=("hours",)),))
    desk.configure(settings(route, time_intervals=(hours,)))
    desk.fire(DOWN)
    desk.wait(3_599)
    assert desk.told == []
    assert desk.store.decisions[0].reason == "The route is active during hours only."
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST]
