"""Another configuration, alerts about receivers, and restarts: what is told stays true."""

import pytest

from monitors.alerts.notification import Reason
from monitors.alerts.routing import Route
from monitors.alerts.settings import AlertSettings
from tests.fakes.alerting import Desk, alert, receiver, settings

DOWN = alert()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def told(desk: Desk) -> list[tuple[str, Reason]]:
    return [(each.receiver, each.reason) for each in desk.told]


def test_after_a_reload_what_fires_goes_where_the_new_routes_lead(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.configure(settings(Route(receiver="chat")))
    desk.wait(20_000)
    assert told(desk) == [("pager", Reason.FIRST), ("chat", Reason.FIRST), ("chat", Reason.REPEAT)]


def test_who_was_told_under_the_old_routes_hears_of_the_end_under_the_new(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.configure(settings(Route(receiver="chat")))
    desk.restart()
    desk.wait(600)
    desk.end(DOWN)
    desk.wait(30)
    assert told(desk)[2:] == [("pager", Reason.ALL_RESOLVED), ("chat", Reason.ALL_RESOLVED)]


@pytest.mark.parametrize(
    "route",
    [
        Route(receiver="pager", group_by=("integration",)),
        Route(receiver="chat", routes=(Route(receiver="pager"),)),
        Route(receiver="chat", routes=(Route(receiver="pager", matchers=('vendor="github"',)),)),
    ],
)
def test_what_is_due_while_the_routes_change_is_told_once(desk: Desk, route: Route) -> None:
    desk.configure(settings(Route(receiver="pager")))
    desk.fire(alert())
    desk.clock.advance(10)
    desk.configure(settings(route))
    desk.restart()
    desk.wait(60)
    assert [each.reason for each in desk.told] == [Reason.FIRST]
    desk.end(alert())
    desk.wait(400)
    assert [each.reason for each in desk.told] == [Reason.FIRST, Reason.ALL_RESOLVED]


def test_what_a_new_route_takes_is_not_told_by_the_old_one_too(desk: Desk) -> None:
    desk.configure(settings(Route(receiver="pager")))
    desk.fire(alert())
    desk.wait(5)
    desk.configure(
        settings(Route(receiver="pager", routes=(Route(receiver="chat", matchers=('vendor="github"',)),)))
    )
    desk.wait(60)
    assert [each.receiver for each in desk.told] == ["chat"]


def test_a_receiver_that_is_gone_is_told_nothing_any_more(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.configure(settings(Route(receiver="chat"), receivers=(receiver("chat"),)))
    desk.end(DOWN)
    desk.wait(600)
    assert told(desk) == [("pager", Reason.FIRST)]


def test_a_restart_under_other_routes_routes_anew_what_fires(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.settings = settings(Route(receiver="chat"))
    desk.restart()
    desk.wait(10)
    desk.end(DOWN)
    desk.wait(10)
    assert told(desk) == [
        ("pager", Reason.FIRST),
        ("chat", Reason.FIRST),
        ("pager", Reason.ALL_RESOLVED),
        ("chat", Reason.ALL_RESOLVED),
    ]


def test_the_first_routes_take_what_fires_already() -> None:
    desk = Desk(AlertSettings())
    desk.fire(DOWN)
    desk.store.put_groups(desk.notifier.configure(settings(), alerts=(DOWN,)))
    desk.wait(10)
    assert told(desk) == [("pager", Reason.FIRST)]


def test_what_fires_at_the_start_is_routed_although_no_group_held_it() -> None:
    desk = Desk()
    desk.notifier.load((), alerts=(DOWN,))
    desk.wait(10)
    assert told(desk) == [("pager", Reason.FIRST)]


def test_a_reload_that_changes_nothing_sends_nothing(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    for _ in range(10):
        desk.configure(settings())
        desk.wait(60)
    assert told(desk) == [("pager", Reason.FIRST)]


def test_an_alert_about_a_receiver_goes_to_its_stand_in(desk: Desk) -> None:
    desk.configure(
        settings(receivers=(receiver("pager", fallback="boss"), receiver("chat"), receiver("boss")))
    )
    failing = alert("ReceiverFailing", receiver="pager", integration="", vendor="")
    desk.fire(failing)
    desk.wait(10)
    desk.restart()
    desk.end(failing)
    desk.wait(10)
    assert told(desk) == [("boss", Reason.FIRST), ("boss", Reason.ALL_RESOLVED)]


def test_an_alert_about_a_receiver_without_a_fallback_goes_to_another(desk: Desk) -> None:
    desk.fire(alert("ReceiverFailing", receiver="pager"))
    desk.wait(10)
    assert told(desk) == [("chat", Reason.FIRST)]


def test_an_alert_about_the_only_receiver_is_told_to_nobody(desk: Desk) -> None:
    desk.configure(settings(receivers=(receiver("pager"),)))
    desk.fire(alert("ReceiverFailing", receiver="pager"))
    desk.wait(600)
    assert told(desk) == []


def test_a_restart_at_every_second_changes_nothing(desk: Desk) -> None:
    plain = Desk()
    for each, restarts in ((desk, True), (plain, False)):
        for step in range(400):
            if step == 5:
                each.fire(DOWN)
            if step == 40:
                each.fire(alert(integration="slack-prod"))
            if step == 360:
                each.end(DOWN, alert(integration="slack-prod"))
            each.wait(1)
            if restarts:
                each.restart()
    assert [(each.reason, each.at, each.sequence) for each in desk.told] == [
        (each.reason, each.at, each.sequence) for each in plain.told
    ]
    assert [each.reason for each in desk.told] == [Reason.FIRST, Reason.NEW_ALERTS, Reason.ALL_RESOLVED]


async def test_silences_survive_a_restart(desk: Desk) -> None:
    await desk.silence('vendor="github"', lasts=600)
    desk.fire(DOWN)
    desk.wait(100)
    desk.restart()
    desk.wait(499)
    assert desk.told == []
    desk.wait(1)
    assert told(desk) == [("pager", Reason.FIRST)]
