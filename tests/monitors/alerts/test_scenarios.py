"""Whole stories on a simulated clock: from confirmed changes to what receivers are told."""

from collections.abc import Callable
from functools import partial

import pytest

from integrations.signals import Health, HealthChange, IncidentChange
from monitors.alerts.decisions import Verdict
from monitors.alerts.intervals import TimeInterval, TimeRange
from monitors.alerts.matchers import parse_matchers
from monitors.alerts.notification import Reason
from monitors.alerts.routing import Route
from monitors.alerts.settings import Escalation, EscalationLevel, MaintenancePlan
from monitors.parent import Certainty, Parent, ParentKind
from tests.fakes.alerting import settings
from tests.fakes.alerting_world import World

DOWN, UP = Health.DOWN, Health.UP

Make = Callable[..., World]


@pytest.fixture(params=[lambda _: None, World.restart], ids=["straight", "restarted everywhere"])
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a world, which in the second run of each story is killed and started after all that is stored."""
    return partial(World, between=request.param)


async def test_a_failure_is_told_once_and_its_end_once(make: Make) -> None:
    world = make(labels={"tier": "1"})
    await world.turn(DOWN)
    await world.wait(600)
    await world.turn(UP)
    await world.wait(600)
    assert [(at, why) for at, _, why, _ in world.outline()] == [
        (10.0, "first notification"),
        (700.0, "all alerts resolved"),
    ]


async def test_a_notification_tells_of_its_incident(make: Make) -> None:
    world = make()
    await world.turn(DOWN, reason="3 checks in a row failed. Last: no answer within 10 s.")
    await world.wait(60)
    (notification,) = world.told
    (incident,) = notification.incidents
    assert incident.reason == "3 checks in a row failed. Last: no answer within 10 s."
    assert notification.alerts[0].annotations["advice"] == "Look at it."
    assert [entry.event for entry in world.open().timeline] == ["opened", "notified"]


async def test_an_hour_of_flapping_is_two_notifications(make: Make) -> None:
    world = make(labels={"tier": "1"})
    for minute in range(60):
        await world.turn(UP if minute % 2 else DOWN, flapping=minute >= 6)
        await world.wait(60)
    await world.turn(UP)
    await world.wait(3_600)
    assert [why for _, _, why, _ in world.outline()] == ["first notification", "all alerts resolved"]


async def test_changes_a_minute_that_nobody_calls_flapping_are_two_notifications_all_the_same(
    make: Make,
) -> None:
    world = make(labels={"tier": "1"})
    for minute in range(60):
        await world.turn(UP if minute % 2 else DOWN)
        await world.wait(60)
    await world.wait(3_600)
    assert [why for _, _, why, _ in world.outline()] == ["first notification", "all alerts resolved"]
    (incident,) = world.incidents.all()
    assert incident.reopened == 29


async def test_what_flaps_from_the_start_is_told_as_flapping(make: Make) -> None:
    world = make()
    await world.turn(UP, flapping=True)
    await world.wait(600)
    await world.turn(UP)
    await world.wait(600)
    assert [(why, names) for _, _, why, names in world.outline()] == [
        ("first notification", ("IntegrationFlapping",)),
        ("all alerts resolved", ("IntegrationFlapping",)),
    ]


async def test_it_ends_flapping_in_a_bad_state_without_another_notification(make: Make) -> None:
    world = make()
    await world.turn(DOWN)
    await world.wait(60)
    await world.turn(UP, flapping=True)
    await world.wait(3_600)
    await world.turn(DOWN)
    await world.wait(3_600)
    assert [why for _, _, why, _ in world.outline()] == ["first notification"]


def fail_together(world: World, count: int) -> list[str]:
    names = [f"site-{number:03}" for number in range(count)]
    for number, name in enumerate(names):
        world.vendors[name] = f"vendor-{number % 50}"
    return names


def egress(certainty: Certainty, children: list[str], world: World) -> Parent:
    return Parent(
        key="egress",
        kind=ParentKind.EGRESS,
        certainty=certainty,
        name="our own way out",
        reason="3 of 3 canaries fail.",
        since=world.clock.time(),
        children=tuple(children),
    )


async def test_500_that_fail_together_are_one_page_and_one_resolve(make: Make) -> None:
    world = make(labels={"tier": "1"})
    names = fail_together(world, 500)
    await world.tell_parent(egress(Certainty.UNCERTAIN, names, world))
    for name in names[:-1]:
        world.note(DOWN, name)
    await world.turn(DOWN, names[-1])
    await world.wait(20)
    await world.tell_parent(egress(Certainty.CONFIRMED, names, world))
    await world.wait(1_800)
    await world.tell_parent(egress(Certainty.RECOVERED, names, world))
    for name in names[:-1]:
        world.note(UP, name)
    await world.turn(UP, names[-1])
    await world.wait(3_600)
    assert [(why, names) for _, _, why, names in world.outline()] == [
        ("first notification", ("EgressDown",)),
        ("all alerts resolved", ("EgressDown",)),
    ]
    assert len(world.told[0].children) == 500


async def test_the_children_of_a_parent_know_its_incident(make: Make) -> None:
    world = make()
    names = ["a", "b", "c"]
    await world.turn(DOWN, "a")
    await world.tell_parent(egress(Certainty.CONFIRMED, names, world))
    await world.turn(DOWN, "b")
    above = world.open("egress")
    assert [world.open(name).parent for name in ("a", "b")] == [above.id, above.id]
    assert above.is_root


async def test_500_that_fail_without_a_known_parent_are_a_few_pages_and_digests(make: Make) -> None:
    world = make(labels={"tier": "2"})
    names = fail_together(world, 500)
    for name in names[:-1]:
        world.note(DOWN, name)
    await world.turn(DOWN, names[-1])
    await world.wait(120)
    assert sum(each.reason is not Reason.DIGEST for each in world.told) == 10
    assert sum(each.reason is Reason.DIGEST for each in world.told) <= 2


async def test_a_silence_keeps_a_failure_quiet_and_hides_no_recovery(make: Make) -> None:
    world = make()
    await world.turn(DOWN)
    await world.wait(60)
    await world.silences.create(
        parse_matchers('vendor="github"'), actor="ana", comment="known", ends_at=world.clock.time() + 7_200
    )
    await world.turn(DOWN, "github-two")
    await world.wait(600)
    await world.turn(UP)
    await world.wait(600)
    assert [why for _, _, why, _ in world.outline()] == ["first notification", "all alerts resolved"]
    assert ("pager", Verdict.SILENCED) in [(each.receiver, each.verdict) for each in world.store.decisions]


async def test_what_still_fails_when_a_silence_ends_is_told(make: Make) -> None:
    world = make()
    await world.silences.create(
        parse_matchers('vendor="github"'), actor="ana", comment="known", ends_at=world.clock.time() + 3_600
    )
    await world.turn(DOWN)
    await world.wait(3_500)
    assert world.told == []
    await world.wait(200)
    assert [why for _, _, why, _ in world.outline()] == ["first notification"]


async def test_during_maintenance_nobody_is_told_and_after_it_only_of_what_still_fails(make: Make) -> None:
    hour = TimeInterval(times=(TimeRange(start_time="08:00", end_time="10:00"),))
    plan = MaintenancePlan(name="mornings", matchers=('vendor="github"',), time_intervals=(hour,))
    world = make(settings(maintenance=(plan,)))
    # 2027-01-15, 08:00 UTC.
    assert world.clock.time() == 1_800_000_000.0
    await world.turn(DOWN)
    await world.turn(DOWN, "github-two")
    await world.wait(3_600)
    await world.turn(UP)
    await world.wait(3_000)
    assert world.told == []
    await world.wait(1_200)
    (told,) = world.told
    assert [alert.labels["integration"] for alert in told.alerts] == ["github-two"]


async def test_an_acknowledged_incident_is_not_repeated_and_its_end_is_told(make: Make) -> None:
    world = make(settings(Route(receiver="pager", repeat_interval=600.0)))
    await world.turn(DOWN)
    await world.wait(700)
    await world.acknowledge()
    await world.wait(7_200)
    await world.turn(UP)
    await world.wait(600)
    assert [why for _, _, why, _ in world.outline()][:2] == ["first notification", "repeat interval elapsed"]
    assert world.told[-1].status == "resolved"
    assert sum(each.reason is Reason.REPEAT for each in world.told) == 1
    assert world.incidents.all()[0].acknowledgement is not None


def escalating(make: Make) -> World:
    levels = (
        EscalationLevel(after=900.0, receivers=("chat",)),
        EscalationLevel(after=1_800.0, receivers=("boss",)),
    )
    route = Route(receiver="pager", escalation="chain")
    chain = Escalation(name="chain", levels=levels)
    return make(settings(route, escalations=(chain,)), labels={"tier": "1"})


async def test_nobody_answers_and_the_next_are_told(make: Make) -> None:
    world = escalating(make)
    await world.turn(DOWN)
    await world.wait(3_600)
    assert [(at, who) for at, who, _, _ in world.outline()] == [
        (10.0, "pager"),
        (910.0, "chat"),
        (1_810.0, "boss"),
    ]


async def test_an_acknowledgement_stops_the_climb(make: Make) -> None:
    world = escalating(make)
    await world.turn(DOWN)
    await world.wait(1_000)
    await world.acknowledge()
    await world.wait(7_200)
    assert [who for _, who, _, _ in world.outline()] == ["pager", "chat"]


async def test_a_vendor_that_admits_its_trouble_is_quoted(make: Make) -> None:
    world = make()
    world.says = "GitHub says: major outage: Incident with API requests."
    await world.turn(DOWN)
    await world.wait(60)
    assert world.told[0].incidents[0].vendor_says == world.says


async def test_nothing_is_told_while_nothing_can_be_stored_and_all_of_it_afterwards(make: Make) -> None:
    world = make()
    world.store.error = OSError("disk full")
    world.note(DOWN)
    assert not await world.saver.save_all()
    world.clock.advance(300)
    assert world.told == []
    assert world.published.signals == []
    world.store.error = None
    await world.wait(60)
    assert [why for _, _, why, _ in world.outline()] == ["first notification"]
    assert len(world.published.of(HealthChange)) == 2
    assert [each.event for each in world.published.of(IncidentChange)] == ["opened"]


async def test_what_was_not_stored_when_the_process_died_was_told_to_nobody() -> None:
    world = World()
    world.note(DOWN)
    world.restart()
    await world.wait(600)
    assert world.told == []
    assert world.incidents.all() == []


async def test_a_wall_clock_that_jumps_an_hour_ends_nothing_early() -> None:
    world = World(labels={"tier": "1"})
    await world.turn(DOWN)
    await world.wait(60)
    await world.turn(UP)
    world.clock.jump_utc(3_600)
    await world.wait(60)
    assert [each.status for each in world.told] == ["firing"]
    await world.wait(60)
    assert [each.status for each in world.told] == ["firing", "resolved"]


async def test_an_outage_that_gets_worse_and_better_is_one_incident(make: Make) -> None:
    world = make()
    for state in (Health.DEGRADED, DOWN, Health.THROTTLED, Health.UNKNOWN, UP):
        await world.turn(state)
        await world.wait(200)
    (incident,) = world.incidents.all()
    assert [entry.event for entry in incident.timeline if entry.event != "notified"] == [
        "opened",
        "worsened",
        "eased",
        "eased",
        "resolved",
    ]


async def test_unknown_alone_is_no_incident(make: Make) -> None:
    world = make()
    await world.turn(Health.UNKNOWN, before=UP)
    await world.wait(600)
    assert world.told == []
    assert world.incidents.all() == []
