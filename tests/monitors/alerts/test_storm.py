"""Many notifications at once: a few of their own, the rest in digests."""

import itertools

import pytest

from integrations.credentials.secret import Secret
from monitors.alerts.alert import Alert
from monitors.alerts.decisions import Verdict
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.receivers import AlertmanagerReceiver
from monitors.alerts.routing import Route
from monitors.alerts.settings import StormGuard
from monitors.alerts.storm import Storm
from tests.fakes.alerting import Desk, alert, settings


def storm(count: int, *, severity: str = "warning") -> list[Alert]:
    """Alerts of as many groups."""
    return [
        alert(integration=f"i-{number}", vendor=f"v-{number}", severity=severity) for number in range(count)
    ]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def own(desk: Desk) -> list[Notification]:
    return [each for each in desk.told if each.reason is not Reason.DIGEST]


def digests(desk: Desk) -> list[Notification]:
    return [each for each in desk.told if each.reason is Reason.DIGEST]


def test_an_alertmanager_is_told_of_all_by_themselves() -> None:
    alertmanager = AlertmanagerReceiver(name="pager", urls=(Secret("http://am:9093"),))
    desk = Desk(settings(receivers=(alertmanager,)))

    desk.fire(*storm(60))
    desk.wait(60)

    assert (len(own(desk)), len(digests(desk))) == (60, 0)


def test_ten_of_a_minute_go_out_and_the_rest_is_one_digest(desk: Desk) -> None:
    alerts = storm(60)
    desk.fire(*alerts)
    desk.wait(30)
    assert (len(own(desk)), len(digests(desk))) == (10, 0)
    desk.wait(10)
    assert (len(own(desk)), len(digests(desk))) == (10, 1)
    (digest,) = digests(desk)
    assert len(digest.alerts) == 50
    assert digest.status == "firing"
    assert digest.group_key == "{}:{digest}"
    told = {each.labels["integration"] for notification in desk.told for each in notification.alerts}
    assert told == {each.labels["integration"] for each in alerts}


def test_critical_alerts_are_let_through_up_to_a_limit_of_their_own(desk: Desk) -> None:
    desk.fire(*storm(40, severity="critical"))
    desk.wait(600)
    assert (len(own(desk)), len(digests(desk))) == (30, 1)


def test_critical_alerts_have_the_first_places(desk: Desk) -> None:
    desk.fire(*storm(40))
    desk.wait(20)
    desk.fire(alert("Critical", vendor="pager"))
    desk.wait(10)
    assert own(desk)[0].alerts[0].labels["alertname"] == "Critical"


def test_what_was_told_in_a_digest_ends_in_one_and_what_was_told_by_itself_ends_by_itself(desk: Desk) -> None:
    alerts = storm(15)
    desk.fire(*alerts)
    desk.wait(120)
    told_alone = {each.group_key for each in own(desk)}
    desk.end(*alerts)
    desk.wait(600)
    ends = [each for each in own(desk) if each.status == "resolved"]
    assert {each.group_key for each in ends} == told_alone
    assert [each.status for each in digests(desk)] == ["firing", "resolved"]
    assert len(digests(desk)[-1].alerts) == 5


def test_at_most_one_digest_goes_out_in_a_minute(desk: Desk) -> None:
    for number in range(50):
        desk.fire(
            *[alert(integration=f"{number}-{n}", vendor=f"{number}-{n}", severity="w") for n in range(5)]
        )
        desk.wait(10)
    desk.wait(120)
    at = [each.at for each in digests(desk)]
    assert len(at) >= 5
    assert min(later - earlier for earlier, later in itertools.pairwise(at)) >= 60
    told = {each.labels["integration"] for notification in desk.told for each in notification.alerts}
    assert len(told) == 250


def test_recoveries_of_what_was_told_alone_wait_for_room_and_are_never_lost(desk: Desk) -> None:
    for part in range(3):
        desk.fire(*storm(30)[part * 10 : part * 10 + 10])
        desk.wait(120)
    assert len(own(desk)) == 30
    desk.end(*storm(30))
    desk.wait(31)
    assert len([each for each in own(desk) if each.status == "resolved"]) == 10
    assert ("pager", Verdict.HELD) in desk.verdicts
    desk.wait(120)
    assert len([each for each in own(desk) if each.status == "resolved"]) == 30
    assert digests(desk) == []


def test_one_receivers_storm_is_no_others(desk: Desk) -> None:
    route = Route(receiver="pager", routes=(Route(receiver="chat", matchers=('vendor="calm"',)),))
    desk.configure(settings(route))
    desk.fire(*storm(30), alert(vendor="calm", severity="warning"))
    desk.wait(30)
    assert len(desk.told_to("chat")) == 1


def test_a_restart_amid_a_storm_neither_repeats_nor_loses(desk: Desk) -> None:
    desk.fire(*storm(60))
    for _ in range(50):
        desk.wait(2)
        desk.restart()
    assert (len(own(desk)), len(digests(desk))) == (10, 1)


def test_the_guards_limits_are_configuration(desk: Desk) -> None:
    desk.configure(settings(storm=StormGuard(per_minute=2, critical_per_minute=3)))
    desk.fire(*storm(10), *[alert(vendor=f"c-{n}") for n in range(5)])
    desk.wait(30)
    assert len(own(desk)) == 3


@pytest.mark.parametrize("limits", [(0, 5), (6, 5)])
def test_limits_that_let_nothing_through_are_refused(limits: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="per_minute must be at least 1"):
        StormGuard(per_minute=limits[0], critical_per_minute=limits[1])


def test_room_comes_back_a_minute_after_it_was_taken() -> None:
    guard = Storm(StormGuard(per_minute=2, critical_per_minute=3))
    for now in (0.0, 10.0):
        assert guard.admit("pager", critical=False, now=now)
    assert not guard.admit("pager", critical=False, now=59.0)
    assert guard.free_at("pager", critical=False) == 60.0
    assert guard.admit("pager", critical=True, now=59.0)
    assert guard.free_at("pager", critical=False) == 70.0
    assert not guard.admit("pager", critical=False, now=69.0)
    assert guard.admit("pager", critical=False, now=70.0)


async def test_what_is_held_for_room_and_what_is_silenced_wait_side_by_side() -> None:
    desk = Desk(settings(storm=StormGuard(per_minute=1, critical_per_minute=1)))
    down, slack = alert(), alert(integration="slack-prod")
    desk.fire(down)
    desk.wait(15)
    await desk.silence('integration="slack-prod"')
    desk.fire(slack)
    desk.end(down)
    desk.wait(54)
    assert [each.reason for each in desk.told] == [Reason.FIRST]
    desk.wait(1)
    assert [each.reason for each in desk.told] == [Reason.FIRST, Reason.ALL_RESOLVED]


def test_after_a_restart_everything_that_a_group_sent_in_the_last_minute_counts() -> None:
    desk = Desk(settings(storm=StormGuard(per_minute=2, critical_per_minute=2)))
    desk.fire(alert())
    desk.wait(20)
    desk.end(alert())
    desk.wait(10)
    assert len(desk.told) == 2
    desk.restart()
    desk.fire(alert(vendor="slack"))
    desk.wait(15)
    assert len(desk.told) == 2
