"""A wall clock that was set back before a start keeps nobody waiting for as long as it was set back."""

import pytest

from monitors.alerts.notification import Reason
from monitors.alerts.routing import Route
from tests.fakes.alerting import Desk, alert, settings

DOWN = alert()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def start_an_hour_earlier(desk: Desk) -> None:
    desk.clock.jump_utc(-3_600)
    desk.restart()


def reasons(desk: Desk) -> list[Reason]:
    return [each.reason for each in desk.told]


def test_what_waits_for_its_group_waits_no_longer_than_that(desk: Desk) -> None:
    desk.fire(DOWN)
    start_an_hour_earlier(desk)
    desk.wait(10)
    assert reasons(desk) == [Reason.FIRST]


def test_an_end_is_told_in_its_time(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    desk.end(DOWN)
    start_an_hour_earlier(desk)
    desk.wait(10)
    assert reasons(desk) == [Reason.FIRST, Reason.ALL_RESOLVED]


def test_what_joins_a_group_and_what_is_repeated_come_in_their_time(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10)
    start_an_hour_earlier(desk)
    desk.fire(alert(integration="slack-prod"))
    desk.wait(300)
    assert reasons(desk) == [Reason.FIRST, Reason.NEW_ALERTS]
    desk.wait(14_400)
    assert reasons(desk)[2:] == [Reason.REPEAT]


def test_what_a_receiver_got_before_it_leaves_room_after_a_minute() -> None:
    desk = Desk(settings(Route(receiver="pager", group_by=("integration",))))
    desk.fire(*[alert(integration=f"many-{number}") for number in range(40)])
    desk.wait(20)
    assert reasons(desk) == [*[Reason.FIRST] * 30, Reason.DIGEST]
    desk.fire(*[alert(integration=f"more-{number}") for number in range(5)])
    desk.wait(10)
    start_an_hour_earlier(desk)
    desk.wait(61)
    assert reasons(desk)[31:] in ([Reason.DIGEST], [Reason.FIRST] * 5)
