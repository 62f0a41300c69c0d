"""Incidents: opened once, told in lines, resolved by a confirmed recovery only."""

from itertools import count

import msgspec
import pytest

from integrations.signals import Evidence, Health, HealthChange
from monitors.incident import Acknowledgement, Impact, TimelineEntry
from monitors.incidents import MOST_ENTRIES, MOST_RESOLVED, Incidents, Moved, UnknownIncidentError
from monitors.parent import Certainty, Parent, ParentKind

DOWN, UP, DEGRADED = Health.DOWN, Health.UP, Health.DEGRADED


@pytest.fixture
def incidents() -> Incidents:
    return fresh()


def fresh() -> Incidents:
    numbers = count(1)
    return Incidents(new_id=lambda: f"inc-{next(numbers)}", reopen_within=90.0)


def change(
    after: Health,
    *,
    at: float = 100.0,
    integration: str = "wiki",
    before: Health = UP,
    reason: str = "It said so.",
    flapping: bool = False,
    capability: str = "",
) -> HealthChange:
    return HealthChange(
        at=at,
        integration=integration,
        vendor="wikis",
        capability=capability,
        before=before,
        after=after,
        evidence=Evidence.CHECK,
        reason=reason,
        since=at - 30,
        flapping=flapping,
    )


def events(moved: list[Moved]) -> list[str]:
    return [each.signal.event for each in moved if each.signal is not None]


def lines(incidents: Incidents, incident: str = "inc-1") -> list[str]:
    return [entry.event for entry in incidents.one(incident).timeline]


@pytest.mark.parametrize("state", [DOWN, DEGRADED, Health.THROTTLED, Health.UNAUTHORIZED])
def test_a_bad_state_opens_an_incident(incidents: Incidents, state: Health) -> None:
    (moved,) = incidents.take(change(state))
    assert moved.incident.state is state
    assert (moved.incident.began_at, moved.incident.opened_at) == (70.0, 100.0)
    assert moved.incident.version == 1
    assert events([moved]) == ["opened"]


@pytest.mark.parametrize("state", [UP, Health.UNKNOWN, Health.PAUSED])
def test_another_state_opens_none(incidents: Incidents, state: Health) -> None:
    assert incidents.take(change(state)) == []
    assert incidents.open() == []


def test_the_same_state_told_twice_opens_one(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    assert events(incidents.take(change(DOWN, at=200.0, reason="Still."))) == []
    assert len(incidents.all()) == 1
    assert lines(incidents) == ["opened", "evidence"]


def test_it_gets_worse_and_eases(incidents: Incidents) -> None:
    incidents.take(change(DEGRADED))
    assert events(incidents.take(change(DOWN, at=110.0))) == ["worsened"]
    assert events(incidents.take(change(Health.THROTTLED, at=120.0))) == ["eased"]
    assert incidents.one("inc-1").state is Health.THROTTLED
    assert incidents.one("inc-1").version == 3


def test_unknown_is_no_recovery(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    incidents.take(change(Health.UNKNOWN, at=110.0))
    assert incidents.one("inc-1").is_open


def test_a_pause_is_a_line_and_no_recovery(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    assert events(incidents.take(change(Health.PAUSED, at=110.0, reason="Paused by ana: busy"))) == []
    assert incidents.one("inc-1").state is DOWN
    assert lines(incidents)[-1] == "paused"


def test_a_recovery_resolves_it(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    impact = Impact(calls=10, failures=4, rejected=1)
    (moved,) = incidents.take(change(UP, at=200.0, reason="2 checks succeeded."), impact=impact)
    assert (moved.incident.resolved_at, moved.incident.state) == (200.0, UP)
    assert moved.incident.impact == impact
    assert incidents.of("wiki") is None


def test_soon_after_its_end_it_goes_on(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    incidents.take(change(UP, at=200.0))
    (moved,) = incidents.take(change(DEGRADED, at=290.0))
    assert moved.incident.id == "inc-1"
    assert (moved.incident.resolved_at, moved.incident.reopened) == (None, 1)
    assert events([moved]) == ["reopened"]


def test_later_it_is_another_one(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    incidents.take(change(UP, at=200.0))
    (moved,) = incidents.take(change(DOWN, at=290.1))
    assert moved.incident.id == "inc-2"


def test_while_it_flaps_it_stays_open(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    assert events(incidents.take(change(UP, at=110.0, flapping=True))) == ["flapping"]
    assert events(incidents.take(change(DOWN, at=120.0, flapping=True))) == []
    assert incidents.one("inc-1").is_open
    assert events(incidents.take(change(UP, at=130.0))) == ["resolved"]
    assert not incidents.one("inc-1").flapping


def test_it_ends_flapping_and_stays_bad(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    incidents.take(change(DEGRADED, at=110.0, flapping=True))
    assert events(incidents.take(change(DOWN, at=120.0))) == ["steady"]
    assert incidents.one("inc-1").is_open


def test_a_capability_is_a_line(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    incidents.mention(change(DOWN, capability="write", reason="403."))
    assert incidents.one("inc-1").timeline[-1].text == "write: up → down. 403."


def test_the_same_line_stands_once(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    assert incidents.note_evidence("wiki", "The circuit opened.", at=1.0)
    assert not incidents.note_evidence("wiki", "The circuit opened.", at=2.0)


def test_without_an_incident_evidence_is_no_line(incidents: Incidents) -> None:
    assert incidents.note_evidence("wiki", "The circuit opened.", at=1.0) == []


def test_the_vendors_word_is_kept(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    incidents.hear_vendor("wiki", "Wikis says: major outage.", at=110.0, link="https://status.example")
    assert incidents.hear_vendor("wiki", "Wikis says: major outage.", at=120.0) == []
    assert incidents.one("inc-1").vendor_says == "Wikis says: major outage."
    assert incidents.one("inc-1").timeline[-1].link == "https://status.example"


def test_a_long_timeline_keeps_its_beginning_and_what_is_new(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    for number in range(MOST_ENTRIES + 10):
        incidents.note_evidence("wiki", f"Line {number}.", at=float(number))
    timeline = incidents.one("inc-1").timeline
    assert len(timeline) == MOST_ENTRIES
    assert (timeline[0].event, timeline[-1].text) == ("opened", f"Line {MOST_ENTRIES + 9}.")


def acknowledgement() -> Acknowledgement:
    return Acknowledgement(actor="ana", at=150.0, reason="on it")


def test_somebody_works_on_it_and_stops(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    moved = incidents.acknowledge("inc-1", acknowledgement())
    assert moved.incident.acknowledgement == acknowledgement()
    assert moved.signal is not None
    assert (moved.signal.event, moved.signal.actor, moved.signal.reason) == ("acknowledged", "ana", "on it")
    back = incidents.unacknowledge("inc-1", actor="ana", at=160.0, reason="off to lunch")
    assert back is not None
    assert back.incident.acknowledgement is None
    assert incidents.unacknowledge("inc-1", actor="ana", at=170.0, reason="again") is None


def test_what_is_over_cannot_be_acknowledged(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    incidents.take(change(UP, at=200.0))
    with pytest.raises(ValueError, match="inc-1 is resolved already"):
        incidents.acknowledge("inc-1", acknowledgement())


def test_an_unknown_id_says_where_ids_are() -> None:
    with pytest.raises(UnknownIncidentError, match="dialtone incidents"):
        fresh().one("inc-9")


def test_notes_and_links_are_lines_also_of_a_resolved_one(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    incidents.take(change(UP, at=200.0))
    incidents.note("inc-1", "It was DNS.", actor="ana", at=300.0)
    incidents.note("inc-1", "", actor="ana", at=301.0, link="https://wiki.example/post-mortem")
    assert lines(incidents)[-2:] == ["note", "link"]
    with pytest.raises(ValueError, match="needs a text"):
        incidents.note("inc-1", "  ", actor="ana", at=302.0)


def test_closed_by_hand_it_is_over_and_the_next_is_another(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    moved = incidents.close("inc-1", actor="ana", at=150.0, reason="decommissioned")
    assert moved.incident.resolved_at == 150.0
    assert moved.incident.state is DOWN


def test_one_that_is_no_longer_configured_is_resolved(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    assert events(incidents.forget("wiki", at=300.0, reason="It is no longer configured.")) == ["resolved"]
    assert incidents.forget("wiki", at=301.0, reason="Again.") == []


def parent(certainty: Certainty = Certainty.CONFIRMED, *, reason: str = "3 of 3 canaries fail.") -> Parent:
    return Parent(
        key="egress",
        kind=ParentKind.EGRESS,
        certainty=certainty,
        name="our own way out",
        reason=reason,
        since=90.0,
        children=("wiki",),
    )


def test_a_parent_has_an_incident_that_explains_others(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    (moved,) = incidents.begin_parent(parent(), at=110.0)
    assert moved.incident.is_root
    (explained,) = incidents.explain("wiki", moved.incident.id, at=110.0, text="our own way out")
    assert explained.incident.parent == moved.incident.id
    assert [each.id for each in incidents.children(moved.incident.id)] == ["inc-1"]
    assert incidents.explain("wiki", moved.incident.id, at=111.0, text="our own way out") == []
    assert events(incidents.end_parent("egress", at=200.0, reason="It is over.")) == ["resolved"]


def test_a_parent_told_again_opens_nothing(incidents: Incidents) -> None:
    incidents.begin_parent(parent(), at=110.0)
    assert incidents.begin_parent(parent(), at=120.0) == []
    (moved,) = incidents.begin_parent(parent(reason="2 of 3 canaries fail."), at=130.0)
    assert moved.incident.reason == "2 of 3 canaries fail."
    assert moved.signal is None


def test_what_was_notified_stands_in_the_timeline_once_each(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    entries = [(name, TimelineEntry(at=1.0, event="notified", text="pager")) for name in ("inc-1", "gone")]
    (told,) = incidents.tell([*entries, *entries])
    assert [entry.event for entry in told.timeline] == ["opened", "notified", "notified"]
    assert told.version == 3


def test_impact_is_filled_in_later(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    impact = Impact(calls=9, failures=3, rejected=0, callers=("ci",), source="analytics")
    filled = incidents.fill_impact("inc-1", impact)
    assert filled is not None
    assert filled.impact == impact
    assert incidents.fill_impact("inc-1", impact) is None


def test_stored_ones_are_gone_on_with(incidents: Incidents) -> None:
    incidents.take(change(DOWN))
    incidents.take(change(DOWN, integration="chat"))
    incidents.take(change(UP, integration="chat", at=200.0))
    again = fresh()
    again.load([msgspec.json.decode(msgspec.json.encode(each), type=type(each)) for each in incidents.all()])
    assert again.all() == incidents.all()
    (moved,) = again.take(change(DOWN, integration="chat", at=250.0))
    assert moved.incident.reopened == 1
    assert again.take(change(DOWN, at=260.0))[0].incident.id == "inc-1"


def test_only_so_many_resolved_ones_stay_in_memory(incidents: Incidents) -> None:
    incidents.take(change(DOWN, integration="open"))
    for number in range(MOST_RESOLVED + 5):
        incidents.take(change(DOWN, integration=f"site-{number}", at=100.0 + number))
        incidents.take(change(UP, integration=f"site-{number}", at=100.0 + number))
    assert len(incidents.all()) == MOST_RESOLVED + 1
    assert incidents.of("open") is not None
    assert incidents.get("inc-2") is None
