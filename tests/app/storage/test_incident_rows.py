"""Incidents and standing alerts in a real SQLite file: in one unit with the change, read at the start."""

import msgspec
import pytest

from app.storage.storage import Storage
from integrations.signals import Evidence, Health, HealthChange, IncidentChange
from monitors.alerts.alert import Alert
from monitors.alerts.consequences import NOTHING, Consequences
from monitors.alerts.decisions import Flush
from monitors.alerts.group import Group
from monitors.alerts.standing import Phase, Standing
from monitors.incident import Incident, TimelineEntry
from monitors.report import SavedHealth


def incident(id_: str, *, opened_at: float = 100.0, resolved_at: float | None = None) -> Incident:
    return Incident(
        id=id_,
        integration="github-prod",
        vendor="github",
        capability="",
        state=Health.DOWN,
        evidence=Evidence.CHECK,
        reason="no answer within 10 s",
        began_at=opened_at - 30,
        opened_at=opened_at,
        resolved_at=resolved_at,
        timeline=(TimelineEntry(at=opened_at, event="opened", text="no answer within 10 s"),),
    )


def alert(name: str = "IntegrationDown") -> Alert:
    return Alert(labels={"alertname": name}, annotations={"summary": "It is down."}, starts_at=100.0)


def row(name: str = "IntegrationDown", *, phase: Phase = Phase.FIRING) -> Standing:
    return Standing(alert=alert(name), rule=name, subjects=("health:github-prod",), phase=phase)


def group() -> Group:
    return Group(key="{}:{}", route="{}", receiver="pager", labels={}, alerts=(alert(),))


def change(reason: str = "no answer within 10 s") -> HealthChange:
    return HealthChange(
        at=100.0,
        integration="github-prod",
        vendor="github",
        capability="",
        before=Health.UP,
        after=Health.DOWN,
        evidence=Evidence.CHECK,
        reason=reason,
        since=70.0,
    )


def opened() -> IncidentChange:
    return IncidentChange(
        at=100.0,
        incident="inc-1",
        integration="github-prod",
        vendor="github",
        capability="",
        event="opened",
        state=Health.DOWN,
        opened_at=100.0,
    )


def everything() -> Consequences:
    return Consequences(
        incidents=(incident("inc-1"),), signals=(opened(),), standing=(row(),), groups=(group(),)
    )


SAVED = SavedHealth(integration="github-prod", capabilities=(), state=Health.DOWN, since=70.0)


async def keep(storage: Storage, *incidents: Incident) -> None:
    await storage.health.save_health([], [], Consequences(incidents=incidents))


async def test_a_change_is_stored_with_all_that_follows_from_it(storage: Storage) -> None:
    await storage.health.save_health([SAVED], [change()], everything())
    assert await storage.incidents.load() == ([incident("inc-1")], [row()])
    assert (await storage.alerts.load()).groups == (group(),)
    assert [signal for _, signal in await storage.signals.signals_after(0, 10)] == [change(), opened()]
    assert list(await storage.health.load_health()) == [SAVED]


async def test_of_a_unit_that_fails_nothing_is_stored(storage: Storage) -> None:
    unfit = everything()
    broken = msgspec.structs.replace(opened(), at=None)
    with pytest.raises(Exception, match=r"NOT NULL|IntegrityError"):
        await storage.health.save_health(
            [SAVED], [change()], msgspec.structs.replace(unfit, signals=(broken,))
        )
    assert await storage.incidents.load() == ([], [])
    assert (await storage.alerts.load()).groups == ()
    assert list(await storage.health.load_health()) == []


async def test_an_alert_that_ended_is_deleted(storage: Storage) -> None:
    await storage.health.save_health([], [], Consequences(standing=(row(), row("QuotaLow"))))
    await storage.health.save_health([], [], Consequences(standing=(row(phase=Phase.ENDED),)))
    assert (await storage.incidents.load())[1] == [row("QuotaLow")]


async def test_a_decision_keeps_what_the_timeline_says_of_it(storage: Storage) -> None:
    await keep(storage, incident("inc-1"))
    told = msgspec.structs.replace(incident("inc-1"), version=2)
    await storage.alerts.save_flush(Flush(incidents=(told,)))
    assert await storage.incidents.incident("inc-1") == told


async def test_all_open_ones_are_read_at_the_start_however_old(storage: Storage) -> None:
    old = incident("inc-0", opened_at=1.0)
    await keep(storage, old, incident("inc-1", opened_at=50.0, resolved_at=60.0))
    assert [each.id for each in (await storage.incidents.load())[0]] == ["inc-0", "inc-1"]


async def test_they_are_listed_the_newest_first_and_page_by_page(storage: Storage) -> None:
    other = msgspec.structs.replace(incident("inc-9", opened_at=9.0), integration="wiki")
    await keep(
        storage, *(incident(f"inc-{number}", opened_at=float(number)) for number in range(1, 6)), other
    )
    rows = storage.incidents
    assert [each.id for each in await rows.incidents(limit=2)] == ["inc-9", "inc-5"]
    assert [each.id for each in await rows.incidents(before=5.0, limit=2)] == ["inc-4", "inc-3"]
    assert [each.id for each in await rows.incidents(integration="wiki")] == ["inc-9"]
    assert await rows.incident("inc-99") is None


async def test_old_ones_are_forgotten_and_open_ones_never(storage: Storage) -> None:
    await keep(
        storage,
        incident("inc-1", opened_at=1.0),
        incident("inc-2", opened_at=2.0, resolved_at=3.0),
        incident("inc-3", opened_at=2.0, resolved_at=30.0),
    )
    assert await storage.incidents.forget(before=10.0) == 1
    assert {each.id for each in await storage.incidents.incidents()} == {"inc-1", "inc-3"}


async def test_nothing_to_store_is_stored(storage: Storage) -> None:
    await storage.health.save_health([], [], NOTHING)
    assert await storage.incidents.load() == ([], [])
