"""Messages as they are put together."""

import uuid

import msgspec

from monitors.alerts.composing import LAST_ENTRIES, MOST_INCIDENTS, Composer, message_id
from monitors.alerts.escalation import Chains
from monitors.alerts.group import Group
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.routing import Route, RoutingTree
from monitors.alerts.settings import Escalation, EscalationLevel
from monitors.incident import Incident, TimelineEntry
from tests.fakes.alerting import alert, an_incident

GROUP = Group(key="{}:{}", route="{}", receiver="pager", labels={}, sequence=4, level=1)


def test_ids_are_uuids_of_version_7_that_begin_with_their_time() -> None:
    ids = [message_id(1_800_000_000.0 + number / 1_000) for number in range(100)]
    parsed = [uuid.UUID(each) for each in ids]
    assert {each.version for each in parsed} == {7}
    assert {each.variant for each in parsed} == {uuid.RFC_4122}
    assert ids == sorted(ids)
    assert parsed[0].int >> 80 == 1_800_000_000_000
    assert len({message_id(5.0) for _ in range(100)}) == 100


def composed(incidents: dict[str, Incident], count: int) -> Notification:
    composer = Composer(incident=incidents.get, external_url="https://dialtone.example")
    alerts = [alert(integration=f"i-{number}", at=float(-number)) for number in range(count)]
    message = composer.message(GROUP, alerts, reason=Reason.FIRST, at=7.0, children=("a", "b"))
    assert (message.sequence, message.subject, message.receiver) == (5, "{}:{}", "pager")
    return msgspec.json.decode(message.content, type=Notification)


def test_a_message_holds_what_was_decided() -> None:
    told = composed({}, 2)
    assert (told.sequence, told.level, told.at, told.status) == (5, 1, 7.0, "firing")
    assert (told.children, told.external_url) == (("a", "b"), "https://dialtone.example")
    assert [each.labels["integration"] for each in told.alerts] == ["i-1", "i-0"]


def test_incidents_are_bounded_and_told_with_the_end_of_their_timelines() -> None:
    entries = tuple(TimelineEntry(at=float(number), event="note", text=f"{number}") for number in range(50))
    incidents = {
        f"incident-i-{number}": msgspec.structs.replace(
            an_incident(f"incident-i-{number}", at=0.0), timeline=entries
        )
        for number in range(30)
    }
    told = composed(incidents, 30)
    assert len(told.incidents) == MOST_INCIDENTS
    assert told.incidents[0].timeline == entries[-LAST_ENTRIES:]


def test_an_incident_that_is_gone_is_left_out() -> None:
    assert composed({}, 3).incidents == ()


def test_a_receiver_stands_once_on_a_branch_although_a_level_names_it_too() -> None:
    team = Escalation(name="team", levels=(EscalationLevel(after=60, receivers=("pager", "boss")),))
    tree = RoutingTree(Route(receiver="pager", escalation="team"))
    chains = Chains(tree, [team], stand_ins={})
    assert [(each.receiver, each.level) for each in chains.places(tree.root)] == [("pager", 0), ("boss", 1)]
