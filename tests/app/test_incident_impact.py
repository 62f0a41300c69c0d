"""What an incident cost, read from analytics once it is over."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from app.incident_impact import LATEST, SETTLED, ImpactFiller
from integrations.signals import Evidence, Health
from monitors.incident import Impact, Incident
from tests.fakes.clock import FakeClock


class Answered(msgspec.Struct, frozen=True):
    rows: Sequence[Sequence[object]]


class FakeAnalytics:
    """Answers with rows; is down while `error` is set."""

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []
        self.error: Exception | None = None
        self.asked: list[tuple[str, Mapping[str, str]]] = []

    async def query(self, name: str, params: Mapping[str, str], /, *, caller: str) -> Answered:
        self.asked.append((name, params))
        if self.error is not None:
            raise self.error
        return Answered(self.rows)


class FakeIncidents:
    """Holds incidents and takes impacts."""

    def __init__(self, *incidents: Incident) -> None:
        self.incidents = {each.id: each for each in incidents}

    def all_incidents(self) -> Sequence[Incident]:
        return tuple(self.incidents.values())

    def fill_impact(self, incident: str, impact: Impact, /) -> None:
        self.incidents[incident] = msgspec.structs.replace(self.incidents[incident], impact=impact)


class Desk:
    """The filler with one incident that ended a while ago."""

    def __init__(self, *, ended: float | None = SETTLED, is_root: bool = False) -> None:
        self.clock = FakeClock()
        now = self.clock.time()
        self.incident = Incident(
            id="inc-1",
            integration="github-prod",
            vendor="github",
            capability="",
            state=Health.UP,
            evidence=Evidence.CHECK,
            reason="2 checks succeeded.",
            began_at=now - 1_000,
            opened_at=now - 970,
            resolved_at=None if ended is None else now - ended,
            impact=Impact(calls=1, failures=1, rejected=0),
            is_root=is_root,
        )
        self.incidents = FakeIncidents(self.incident)
        self.analytics = FakeAnalytics()
        self.filler = ImpactFiller(self.incidents, analytics=self.analytics, clock=self.clock)

    @property
    def impact(self) -> Impact | None:
        return self.incidents.incidents["inc-1"].impact


async def test_it_is_the_sum_over_callers_with_the_most_affected_first() -> None:
    desk = Desk()
    desk.analytics.rows = [("web", 10, 6, 2), ("", 5, 3, 0), ("ci", 4, 0, 1), ("cron", 7, 0, 0)]
    await desk.filler.fill()
    assert desk.impact == Impact(calls=26, failures=9, rejected=3, callers=("web", "ci"), source="analytics")
    ((name, params),) = desk.analytics.asked
    assert (name, params["integration"]) == ("incident_impact", "github-prod")
    # From the start of the minute in which it began to its end.
    assert (params["from"], params["to"]) == ("2027-01-15T07:43:00+00:00", "2027-01-15T07:59:30+00:00")


async def test_what_is_filled_in_is_not_asked_for_again() -> None:
    desk = Desk()
    await desk.filler.fill()
    await desk.filler.fill()
    assert len(desk.analytics.asked) == 1


@pytest.mark.parametrize(
    ("ended", "is_root"),
    [(None, False), (SETTLED - 1, False), (LATEST + 1, False), (SETTLED, True)],
    ids=["open", "its calls are not there yet", "long ago", "a root cause"],
)
async def test_others_are_not_asked_for(ended: float | None, is_root: bool) -> None:
    desk = Desk(ended=ended, is_root=is_root)
    await desk.filler.fill()
    assert desk.analytics.asked == []


async def test_while_analytics_is_down_what_was_counted_stays_and_it_is_asked_again() -> None:
    desk = Desk()
    desk.analytics.error = RuntimeError("DuckDB is being opened")
    await desk.filler.fill()
    assert desk.impact == desk.incident.impact
    desk.analytics.error = None
    await desk.filler.fill()
    assert desk.impact is not None
    assert desk.impact.source == "analytics"
