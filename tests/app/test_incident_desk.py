"""Incidents that only the store knows any longer are read like any other, and not changed."""

import pytest
from msgspec.structs import replace

from monitors.incidents import UnknownIncidentError
from tests.fakes.alerting import an_incident
from tests.fakes.parts import FakeDialtone


@pytest.fixture
def dialtone() -> FakeDialtone:
    made = FakeDialtone()
    at = made.clock.time() - 86_400
    made.alerting.memory.old.append(replace(an_incident("inc-old", at=at), resolved_at=at + 60))
    return made


async def test_one_of_long_ago_is_read_from_the_store(dialtone: FakeDialtone) -> None:
    desk = dialtone.alerting.desks.incidents

    found = await desk.one("inc-old")
    page, _ = await desk.page(state=None, integration=None, before=None, limit=10)

    assert found.id == "inc-old"
    assert [one.id for one in page] == ["inc-old"]


async def test_one_of_long_ago_takes_no_note(dialtone: FakeDialtone) -> None:
    with pytest.raises(UnknownIncidentError):
        await dialtone.alerting.desks.incidents.note("inc-old", actor="ann", text="late", link="")


async def test_one_that_never_was_is_unknown(dialtone: FakeDialtone) -> None:
    with pytest.raises(UnknownIncidentError):
        await dialtone.alerting.desks.incidents.one("inc-none")


async def test_what_is_in_memory_is_newer_than_what_is_stored(dialtone: FakeDialtone) -> None:
    incident = dialtone.alerting.fail("slack-prod")
    await dialtone.alerting.saver.save_all()
    dialtone.alerting.incidents.note(incident.id, "newer", actor="ann", at=dialtone.clock.time())

    page, _ = await dialtone.alerting.desks.incidents.page(
        state=None, integration="slack-prod", before=None, limit=10
    )

    assert page[0].timeline[-1].text == "newer"
