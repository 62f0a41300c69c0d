"""When a group of alerts is told of, again, and its end."""

import pytest

from monitors.alerts.decisions import Verdict
from monitors.alerts.notification import Reason
from monitors.alerts.routing import Route
from monitors.alerts.settings import AlertSettings
from tests.fakes.alerting import Desk, alert, receiver, settings

DOWN = alert()
SLACK = alert(integration="slack-prod")
JIRA = alert(integration="jira")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def reasons(desk: Desk) -> list[Reason]:
    return [each.reason for each in desk.told]


@pytest.mark.parametrize(("severity", "wait"), [("critical", 10), ("warning", 30), ("", 30)])
def test_a_new_group_waits_for_more_of_its_kind_by_its_severity(
    desk: Desk, severity: str, wait: float
) -> None:
    desk.fire(alert(severity=severity))
    desk.wait(wait - 1)
    assert desk.told == []
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST]


def test_what_comes_within_the_wait_is_told_together(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(8)
    desk.fire(SLACK)
    desk.wait(2)
    (told,) = desk.told
    assert {each.labels["integration"] for each in told.alerts} == {"github-prod", "slack-prod"}
    assert told.group_key == '{}:{severity="critical", vendor="github"}'
    assert (told.status, told.sequence, told.at) == ("firing", 1, desk.clock.time())


def test_a_route_sets_its_own_wait(desk: Desk) -> None:
    desk.configure(settings(Route(receiver="pager", group_wait=0.0)))
    desk.fire(DOWN)
    desk.wait(0)
    assert reasons(desk) == [Reason.FIRST]


def test_an_alert_that_ends_before_it_was_told_is_never_told_and_that_is_said(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(5)
    desk.end(DOWN)
    desk.decide()
    assert desk.verdicts == [("pager", Verdict.OVER)]
    desk.wait(36_000)
    assert desk.told == []
    assert desk.verdicts == [("pager", Verdict.OVER)]
    assert desk.store.decisions[0].incidents == ("incident-github-prod",)


def test_all_resolved_is_told_after_group_wait_and_not_after_group_interval(desk: Desk) -> None:
    desk.fire(DOWN, SLACK)
    desk.wait(12)
    desk.end(DOWN, SLACK)
    desk.wait(9)
    assert reasons(desk) == [Reason.FIRST]
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST, Reason.ALL_RESOLVED]
    assert desk.told[-1].status == "resolved"
    assert [each.ends_at for each in desk.told[-1].alerts] == [desk.clock.time() - 10] * 2


def test_that_all_is_over_counts_from_the_last_end(desk: Desk) -> None:
    desk.fire(DOWN, SLACK)
    desk.wait(600)
    desk.end(SLACK)
    desk.wait(5)
    desk.end(DOWN)
    desk.wait(9)
    assert reasons(desk) == [Reason.FIRST]
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST, Reason.ALL_RESOLVED]


def test_an_alert_that_fires_again_within_the_wait_after_its_end_is_no_news(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.end(DOWN)
    desk.wait(5)
    desk.fire(DOWN)
    desk.wait(3_600)
    assert reasons(desk) == [Reason.FIRST]


def test_additions_wait_for_group_interval_since_the_last_notification(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.wait(60)
    desk.fire(SLACK)
    desk.wait(239)
    assert reasons(desk) == [Reason.FIRST]
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST, Reason.NEW_ALERTS]
    assert len(desk.told[-1].alerts) == 2


def test_an_addition_to_a_group_that_was_quiet_for_long_waits_group_wait_only(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(3_600)
    desk.fire(SLACK)
    desk.wait(10)
    assert reasons(desk) == [Reason.FIRST, Reason.NEW_ALERTS]


def test_a_part_that_ended_is_told_after_group_interval_and_the_rest_goes_on(desk: Desk) -> None:
    desk.fire(DOWN, SLACK)
    desk.wait(10)
    desk.end(SLACK)
    desk.wait(299)
    assert reasons(desk) == [Reason.FIRST]
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST, Reason.SOME_RESOLVED]
    told = desk.told[-1]
    assert told.status == "firing"
    assert [each.is_firing for each in told.alerts] == [True, False]


def test_what_goes_on_is_told_again_after_repeat_interval(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.wait(14_399)
    assert reasons(desk) == [Reason.FIRST]
    desk.wait(1)
    desk.wait(14_400)
    assert reasons(desk) == [Reason.FIRST, Reason.REPEAT, Reason.REPEAT]
    assert [each.sequence for each in desk.told] == [1, 2, 3]
    assert [each.supersedes for each in desk.store.messages] == [False, True, True]


def test_no_repeat_makes_a_message_needless_that_tells_of_an_end(desk: Desk) -> None:
    desk.fire(DOWN, SLACK)
    desk.wait(10)
    desk.end(DOWN)
    desk.wait(300)
    desk.wait(14_400)
    assert reasons(desk) == [Reason.FIRST, Reason.SOME_RESOLVED, Reason.REPEAT]
    assert [each.tells_of_ends for each in desk.store.messages] == [False, True, False]


def test_after_its_end_a_group_begins_anew_and_its_sequence_goes_on(desk: Desk) -> None:
    for _ in range(2):
        desk.fire(DOWN)
        desk.wait(600)
        desk.end(DOWN)
        desk.wait(600)
    assert reasons(desk) == [Reason.FIRST, Reason.ALL_RESOLVED] * 2
    assert [each.sequence for each in desk.told] == [1, 2, 3, 4]


def test_an_alert_that_is_told_of_anew_and_again_is_one_alert(desk: Desk) -> None:
    for _ in range(20):
        desk.fire(DOWN)
        desk.wait(60)
    assert reasons(desk) == [Reason.FIRST]
    assert len(desk.grouping.groups()) == 1


def test_a_receiver_that_wants_no_recoveries_hears_of_none_and_a_new_failure_is_new(desk: Desk) -> None:
    desk.configure(settings(receivers=(receiver("pager", send_resolved=False),)))
    desk.fire(DOWN, SLACK)
    desk.wait(10)
    desk.end(SLACK)
    desk.wait(600)
    desk.end(DOWN)
    desk.wait(600)
    desk.fire(DOWN)
    desk.wait(10)
    assert reasons(desk) == [Reason.FIRST, Reason.FIRST]
    assert Verdict.UNWANTED in [each.verdict for each in desk.store.decisions]


def test_a_receiver_that_wants_no_recoveries_finds_none_beside_what_is_new(desk: Desk) -> None:
    desk.configure(settings(receivers=(receiver("pager", send_resolved=False),)))
    desk.fire(DOWN, SLACK)
    desk.wait(10)
    desk.end(SLACK)
    desk.fire(JIRA)
    desk.wait(600)
    assert reasons(desk) == [Reason.FIRST, Reason.NEW_ALERTS]
    assert {each.labels["integration"] for each in desk.told[-1].alerts} == {"github-prod", "jira"}


def test_each_severity_and_vendor_is_a_group_of_its_own(desk: Desk) -> None:
    desk.fire(DOWN, alert(severity="warning"), alert(vendor="slack"))
    desk.wait(30)
    assert len(desk.told) == 3


def test_without_a_route_nobody_is_told_and_nothing_waits() -> None:
    desk = Desk(AlertSettings())
    desk.fire(DOWN)
    desk.wait(36_000)
    assert desk.told == []
    assert desk.grouping.groups() == ()


def test_a_jump_of_the_wall_clock_sends_nothing_early_and_nothing_late(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.clock.jump_utc(4 * 3_600)
    desk.wait(14_399)
    assert reasons(desk) == [Reason.FIRST]
    desk.clock.jump_utc(-8 * 3_600)
    desk.wait(1)
    assert reasons(desk) == [Reason.FIRST, Reason.REPEAT]
    assert desk.told[-1].at == desk.clock.time()


def test_groups_that_are_over_are_forgotten_after_five_days(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.end(DOWN)
    desk.wait(10)
    desk.wait(4 * 86_400)
    assert len(desk.store.groups) == 1
    desk.wait(86_400 + 3_600)
    assert desk.store.groups == {}
    assert desk.grouping.groups() == ()


def test_a_group_of_thousands_is_told_with_as_many_as_a_message_takes(desk: Desk) -> None:
    desk.fire(*(alert(integration=f"i-{number}") for number in range(300)))
    desk.wait(10)
    (told,) = desk.told
    assert (len(told.alerts), told.truncated_alerts) == (250, 50)
    assert len(told.incidents) == 0


def test_the_timeline_of_the_incident_says_who_was_told(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.clock.advance(10)
    flush = desk.decide()
    assert flush is not None
    ((incident, entry),) = flush.timeline
    assert (incident, entry.event) == ("incident-github-prod", "notified")
    assert entry.text == "pager is told: first notification."
    assert flush.decisions[0].message == flush.messages[0].id


def test_a_message_of_critical_alerts_pages_and_others_do_not(desk: Desk) -> None:
    desk.fire(DOWN, alert(severity="warning"))
    desk.wait(30)
    assert [each.is_paging for each in desk.store.messages] == [True, False]
