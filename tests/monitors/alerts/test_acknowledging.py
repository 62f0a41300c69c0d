"""Somebody works on it: for a day unless said otherwise, never without a name."""

import msgspec
import pytest

from monitors.alerts.acknowledging import AcknowledgementError, acknowledgement, standing
from monitors.alerts.steady import SteadyClock
from tests.fakes.alerting import an_incident
from tests.fakes.clock import FakeClock

NOW = 1_000.0
DAY = 86_400.0


def test_it_lasts_a_day_unless_told_otherwise() -> None:
    assert acknowledgement(actor=" ana ", at=NOW, reason=" on it ").expires_at == NOW + DAY
    assert acknowledgement(actor="ana", at=NOW, expires_at=NOW + 60).expires_at == NOW + 60


def test_names_and_reasons_are_kept_without_space_around() -> None:
    made = acknowledgement(actor=" ana ", at=NOW, reason=" on it ")
    assert (made.actor, made.reason, made.at) == ("ana", "on it", NOW)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"actor": " "}, "needs who makes it"),
        ({"actor": "x" * 1_025}, "at most 1024 characters"),
        ({"reason": "x" * 1_025}, "at most 1024 characters"),
        ({"expires_at": NOW}, "must expire after now"),
        ({"expires_at": NOW + 31 * DAY}, "within 30 days"),
    ],
)
def test_what_cannot_be_kept_is_refused(given: dict[str, object], problem: str) -> None:
    with pytest.raises(AcknowledgementError, match=problem):
        acknowledgement(**{"actor": "ana", "at": NOW, **given})  # type: ignore[arg-type] # keys of it


def test_it_stands_until_it_expires_whatever_the_wall_clock_does() -> None:
    clock = FakeClock()
    steady = SteadyClock(clock)
    made = acknowledgement(actor="ana", at=clock.time(), expires_at=clock.time() + 60)
    incident = msgspec.structs.replace(an_incident("incident-a", at=clock.time()), acknowledgement=made)
    assert standing(incident, clock=steady) == made
    clock.jump_utc(3_600)
    clock.advance(59)
    assert standing(incident, clock=steady) == made
    clock.advance(1)
    assert standing(incident, clock=steady) is None


def test_without_an_incident_or_an_acknowledgement_nobody_works_on_it() -> None:
    clock = SteadyClock(FakeClock())
    assert standing(None, clock=clock) is None
    assert standing(an_incident("incident-a", at=NOW), clock=clock) is None


def test_one_without_an_end_stands_until_the_incident_is_over() -> None:
    clock = FakeClock()
    endless = msgspec.structs.replace(acknowledgement(actor="ana", at=NOW), expires_at=None)
    incident = msgspec.structs.replace(an_incident("incident-a", at=NOW), acknowledgement=endless)
    clock.advance(365 * DAY)
    assert standing(incident, clock=SteadyClock(clock)) == endless
