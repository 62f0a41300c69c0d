"""Further receivers, while nobody acknowledges."""

import pytest

from monitors.alerts.decisions import Verdict
from monitors.alerts.intervals import TimeInterval, TimeRange
from monitors.alerts.notification import Reason
from monitors.alerts.routing import Route
from monitors.alerts.settings import AlertSettings, Escalation, EscalationLevel, NamedInterval
from tests.fakes.alerting import Desk, alert, settings

DOWN = alert()


def chain(*, quiet: bool = False) -> AlertSettings:
    levels = (
        EscalationLevel(after=900, receivers=("chat",)),
        EscalationLevel(after=1_800, receivers=("boss",)),
    )
    morning = NamedInterval(
        name="early", time_intervals=(TimeInterval(times=(TimeRange(start_time="08:00", end_time="09:00"),)),)
    )
    return settings(
        Route(receiver="pager", escalation="team"),
        escalations=(Escalation(name="team", levels=levels, quiet_hours=("early",) if quiet else ()),),
        time_intervals=(morning,),
    )


@pytest.fixture
def desk() -> Desk:
    return Desk(chain())


def told(desk: Desk) -> list[tuple[str, Reason, int]]:
    return [(each.receiver, each.reason, each.level) for each in desk.told]


FIRST = ("pager", Reason.FIRST, 0)
SECOND = ("chat", Reason.ESCALATION, 1)
THIRD = ("boss", Reason.ESCALATION, 2)


def test_levels_are_told_at_their_times_since_the_first_notification(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(10 + 899)
    assert told(desk) == [FIRST]
    desk.wait(1)
    assert told(desk) == [FIRST, SECOND]
    desk.wait(899)
    assert told(desk) == [FIRST, SECOND]
    desk.wait(1)
    assert told(desk) == [FIRST, SECOND, THIRD]


async def test_what_is_new_at_a_level_waits_its_interval_while_what_it_knows_is_silenced(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(1_000)
    await desk.silence('integration="github-prod"', lasts=86_400)
    desk.wait(14_310)
    desk.fire(alert(integration="slack-prod"))
    desk.wait(9)
    assert told(desk) == [FIRST, SECOND]
    desk.wait(1)
    assert told(desk)[2:] == [("pager", Reason.NEW_ALERTS, 0), ("chat", Reason.NEW_ALERTS, 1)]
    desk.wait(1_789)
    assert len(told(desk)) == 4
    desk.wait(1)
    assert told(desk)[4:] == [THIRD]


def test_what_is_told_on_the_way_delays_no_level(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(500)
    desk.fire(alert(integration="slack-prod"))
    desk.wait(10 + 400)
    assert told(desk) == [FIRST, ("pager", Reason.NEW_ALERTS, 0), SECOND]


def test_an_acknowledgement_stops_the_climb_and_its_end_lets_it_go_on(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(60)
    desk.acknowledge("incident-github-prod")
    desk.wait(3_600)
    assert told(desk) == [FIRST]
    assert ("chat", Verdict.ACKNOWLEDGED) in desk.verdicts
    desk.release("incident-github-prod")
    desk.wait(0)
    assert told(desk) == [FIRST, SECOND, THIRD]


def test_an_end_stops_the_climb_and_is_told_to_those_who_know(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(1_000)
    desk.end(DOWN)
    desk.wait(36_000)
    assert told(desk) == [
        FIRST,
        SECOND,
        ("pager", Reason.ALL_RESOLVED, 0),
        ("chat", Reason.ALL_RESOLVED, 1),
    ]
    assert Verdict.OVER not in {verdict for _, verdict in desk.verdicts}


def test_a_silenced_group_does_not_climb(desk: Desk) -> None:
    desk.fire(alert(vendor="slack"), DOWN)
    desk.wait(5)
    desk.end(DOWN)
    desk.wait(5)
    assert [each.group_labels["vendor"] for each in desk.told] == ["slack"]
    desk.wait(2_000)
    assert {each.group_labels["vendor"] for each in desk.told} == {"slack"}


async def test_a_group_nobody_was_told_of_does_not_climb(desk: Desk) -> None:
    await desk.silence('vendor="github"', lasts=3_600)
    desk.fire(DOWN)
    desk.wait(3_599)
    assert desk.told == []
    desk.wait(1 + 900)
    assert told(desk) == [FIRST, SECOND]


def test_the_next_failure_climbs_from_the_beginning(desk: Desk) -> None:
    desk.fire(DOWN)
    desk.wait(1_000)
    desk.end(DOWN)
    desk.wait(1_000)
    desk.fire(DOWN)
    desk.wait(10)
    assert told(desk)[-1] == FIRST
    desk.wait(899)
    assert told(desk)[-1] == FIRST
    desk.wait(1)
    assert told(desk)[-1] == SECOND


@pytest.mark.parametrize(
    ("severity", "expected"), [("critical", [FIRST, SECOND, THIRD]), ("warning", [FIRST])]
)
def test_in_quiet_hours_only_critical_alerts_climb(
    severity: str, expected: list[tuple[str, Reason, int]]
) -> None:
    desk = Desk(chain(quiet=True))
    desk.fire(alert(severity=severity))
    desk.wait(3_000)
    assert told(desk) == expected
    desk.wait(601)
    assert told(desk) == [FIRST, SECOND, THIRD]


def test_a_restart_on_the_way_changes_nothing(desk: Desk) -> None:
    desk.fire(DOWN)
    for _ in range(20):
        desk.wait(100)
        desk.restart()
    assert told(desk) == [FIRST, SECOND, THIRD]
