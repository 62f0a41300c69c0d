"""Whole stories with nothing left out but the network: checks fail and succeed, health is judged, root causes
are sought, incidents open, and what receivers are told comes out. In virtual time.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import anyio
import msgspec
import pytest

from integrations.bus import SignalBus
from integrations.connection import CheckPolicy, Connection
from integrations.execution.outcome import Outcome
from integrations.signals import Health
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.engine import AlertEngine
from monitors.alerts.facts import Subject
from monitors.alerts.grouping import Grouping
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.notifier import Notifier
from monitors.alerts.rules import KEEP_FIRING, RuleBook
from monitors.alerts.settling import AlertBook
from monitors.alerts.silences import Silences
from monitors.alerts.steady import SteadyClock
from monitors.checks import Check
from monitors.incident import Acknowledgement
from monitors.incident_ids import IncidentIDs
from monitors.incidents import Incidents
from monitors.members import Member
from monitors.monitor import IntegrationMonitor, MonitorSettings
from monitors.parent import Parent
from monitors.parents import Parents
from monitors.saving import HealthSaver
from tests.fakes.alerting import settings
from tests.fakes.alerting_world import WorldStore
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.monitors.doubles import FakeBreakers, FakeCheck, FakeFramework, failed, succeeded

HOUR = 3_600.0
POLICY = CheckPolicy(interval=60.0, retry_interval=15.0)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Vendors(FakeFramework):
    """Third parties that fail as `fails` says of an integration."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__(clock)
        self.fails: Callable[[str], bool] = lambda _: False

    async def run_check(self, check: Check, /, **_: object) -> Outcome:  # type: ignore[override]  # fewer are needed
        await anyio.lowlevel.checkpoint()
        return failed() if self.fails(check.integration) else succeeded()


class House:
    """Monitor, root causes and alerting, joined as app/alerting.py joins them; `vendors` of integrations."""

    def __init__(self, vendors: dict[str, str], *, tier: str = "1") -> None:
        self.clock = LoopClock()
        self.vendors = vendors
        self.tier = tier
        self.outside = Vendors(self.clock)
        self.store = WorldStore()
        self.bus = SignalBus()
        steady, chance = SteadyClock(self.clock), Random(1)
        saver = HealthSaver(
            store=self.store, flushes=self.store, clock=self.clock, publish=self.bus.publish, random=chance
        )
        self.monitor = IntegrationMonitor(
            framework=self.outside,
            executor=FakeBreakers(),
            clock=self.clock,
            publish=self.bus.publish,
            store=self.store,
            random=chance,
            settings=MonitorSettings(vendor_rounds=1_000),
            saver=saver,
        )
        self.parents = Parents(
            members=self._members,
            verdicts=self.monitor.watched,
            recheck=self._check_afresh,
            clock=self.clock,
            tell=self._tell,
            random=chance,
        )
        configured = settings()
        grouping = Grouping(configured)
        incidents = Incidents(new_id=IncidentIDs(self.clock, chance), reopen_within=KEEP_FIRING)
        self.notifier = Notifier(
            configured,
            clock=steady,
            grouping=grouping,
            silences=Silences(clock=steady, store=self.store, changed=lambda: None),
            incident=incidents.get,
            parents=self.parents,
            new_id=lambda at: f"message-{len(self.store.messages)}-{at}",
        )
        self.engine = AlertEngine(
            clock=self.clock,
            saver=saver,
            incidents=incidents,
            book=AlertBook(RuleBook((), builtin=BUILTIN_RULES), self._subject),
            grouping=grouping,
            steady=steady,
            notifier=self.notifier,
            parents=self.parents,
        )
        saver.then(self.engine.take)
        for name, part in (("monitor", self.monitor), ("alerts", self.engine), ("parents", self.parents)):
            self.bus.subscribe(name, part)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        for name, vendor in self.vendors.items():
            connection = Connection(id=name, vendor=vendor, check=POLICY)
            self.monitor.watch(connection, vendor, [FakeCheck(integration=name)])
        async with anyio.create_task_group() as group:
            for task in (self.monitor.run, self.engine.run, self.parents.run):
                group.start_soon(task)
            yield
            group.cancel_scope.cancel()

    @property
    def told(self) -> list[Notification]:
        return [msgspec.json.decode(each.content, type=Notification) for each in self.store.messages]

    def outline(self) -> list[tuple[str, tuple[str, ...]]]:
        return [
            (each.reason.value, tuple(sorted({alert.labels["alertname"] for alert in each.alerts})))
            for each in self.told
        ]

    def _members(self) -> dict[str, Member]:
        return {
            name: Member(integration=name, vendor=vendor, line=vendor, name=vendor)
            for name, vendor in self.vendors.items()
        }

    def _subject(self, integration: str) -> Subject:
        vendor = self.vendors[integration]
        return Subject(vendor=vendor, vendor_name=vendor, labels={"tier": self.tier})

    async def _check_afresh(self, integration: str) -> None:
        for _ in range(5):
            await self.monitor.check_integration_health(integration)
            watched = self.monitor.watched(integration)
            if watched is None or watched.bad_since is None or not watched.is_unconfirmed:
                return

    def _tell(self, parent: Parent) -> None:
        self.engine.take_parent(parent)
        self.notifier.touch()


def many(count: int, *, vendors: int) -> dict[str, str]:
    return {f"site-{number:03}": f"vendor-{number % vendors}" for number in range(count)}


async def test_integrations_that_fail_together_are_one_page_and_one_resolve() -> None:
    house = House(many(80, vendors=20))
    async with house.running():
        await house.clock.sleep(300)
        house.outside.fails = lambda _: True
        await house.clock.sleep(900)
        house.outside.fails = lambda _: False
        await house.clock.sleep(900)
    assert house.outline() == [
        ("first notification", ("MassFailure",)),
        ("all alerts resolved", ("MassFailure",)),
    ]
    incidents = house.engine.incidents.all()
    (root,) = [each for each in incidents if each.is_root]
    assert {each.parent for each in incidents if not each.is_root} == {root.id}
    assert house.engine.incidents.open() == []


async def test_a_vendor_that_fails_everywhere_is_one_page() -> None:
    vendors = many(20, vendors=5) | {f"git-{number}": "github" for number in range(6)}
    house = House(vendors)
    async with house.running():
        await house.clock.sleep(300)
        house.outside.fails = lambda name: name.startswith("git-")
        await house.clock.sleep(900)
        house.outside.fails = lambda _: False
        await house.clock.sleep(900)
    assert house.outline() == [
        ("first notification", ("VendorDown",)),
        ("all alerts resolved", ("VendorDown",)),
    ]


@pytest.mark.parametrize(("healthy", "failing"), [(300.0, 600.0), (329.24, 647.08), (330.47, 615.49)])
async def test_what_still_fails_after_a_root_cause_is_over_is_told_by_itself(
    healthy: float, failing: float
) -> None:
    house = House(many(50, vendors=10))
    async with house.running():
        await house.clock.sleep(healthy)
        house.outside.fails = lambda _: True
        await house.clock.sleep(failing)
        house.outside.fails = lambda name: name == "site-007"
        await house.clock.sleep(900)
    assert [names for _, names in house.outline() if names != ("MassFailure",)] == [("IntegrationDown",)]
    assert house.told[-1].incidents[0].integration == "site-007"


async def test_a_vendor_that_seemed_alone_at_first_is_not_told_beside_the_mass_failure_it_is_part_of() -> (
    None
):
    house = House(many(50, vendors=10))
    async with house.running():
        await house.clock.sleep(329.24)
        house.outside.fails = lambda _: True
        await house.clock.sleep(300)
        incidents = {each.integration: each for each in house.engine.incidents.open() if each.is_root}
        assert incidents.keys() == {"vendor:vendor-7", "mass-failure"}
        assert incidents["vendor:vendor-7"].parent == incidents["mass-failure"].id
    assert house.outline() == [("first notification", ("MassFailure",))]


async def test_one_integration_that_fails_is_told_within_its_time() -> None:
    house = House(many(20, vendors=10))
    async with house.running():
        await house.clock.sleep(305)
        house.outside.fails = lambda name: name == "site-003"
        began = house.clock.time()
        await house.clock.sleep(600)
    (told,) = house.told
    assert told.at - began <= 60 + 30 + 10 + 3


async def test_an_hour_of_changes_a_minute_is_two_notifications() -> None:
    house = House(many(3, vendors=3))
    async with house.running():
        await house.clock.sleep(300)
        house.outside.fails = lambda name: name == "site-000" and int(house.clock.time() // 60) % 2 == 0
        await house.clock.sleep(HOUR)
        house.outside.fails = lambda _: False
        await house.clock.sleep(2 * HOUR)
    assert [why for why, _ in house.outline()] == ["first notification", "all alerts resolved"]


async def test_a_reported_failure_is_told_like_any_other_and_once() -> None:
    house = House(many(3, vendors=3))
    async with house.running():
        await house.clock.sleep(120)
        house.outside.fails = lambda name: name == "site-000"
        for _ in range(3):
            await house.monitor.alert_integration_failure("site-000", "orders are refused")
        await house.clock.sleep(300)
    assert house.outline() == [("first notification", ("IntegrationDown",))]
    (incident,) = house.engine.incidents.all()
    assert incident.reason == "Reported: orders are refused"


async def test_an_acknowledgement_does_not_wait_for_ever_for_a_store_that_fails() -> None:
    house = House(many(1, vendors=1))
    async with house.running():
        house.outside.fails = lambda _: True
        await house.clock.sleep(120)
        house.store.error = OSError("disk full")
        (incident,) = house.engine.incidents.open()
        given = Acknowledgement(actor="ana", at=house.clock.time())
        before = house.clock.monotonic()
        await house.engine.change_incident(house.engine.incidents.acknowledge(incident.id, given))
        assert house.clock.monotonic() - before == pytest.approx(5.0, abs=0.1)
        house.store.error = None
        await house.clock.sleep(60)
    (stored,) = house.store.loaded_incidents()
    assert stored.acknowledgement == given


@pytest.mark.parametrize("seed", range(2))
async def test_two_checks_in_a_hundred_that_fail_by_chance_page_nobody(seed: int) -> None:
    chance = Random(seed)
    house = House(many(5, vendors=5))
    async with house.running():
        house.outside.fails = lambda _: chance.random() < 0.02
        await house.clock.sleep(3 * HOUR)
    assert [each for each in house.told if any(a.labels["severity"] == "critical" for a in each.alerts)] == []


async def test_ten_checks_in_a_hundred_that_fail_by_chance_are_degraded_at_most() -> None:
    chance = Random(5)
    house = House(many(5, vendors=5))
    async with house.running():
        house.outside.fails = lambda _: chance.random() < 0.10
        await house.clock.sleep(3 * HOUR)
    states = {incident.state for incident in house.engine.incidents.all() if incident.is_open}
    assert states <= {Health.DEGRADED}
    assert all(each.reason is not Reason.ESCALATION for each in house.told)
    assert {alert.labels["alertname"] for each in house.told for alert in each.alerts} <= {
        "IntegrationDegraded",
        "IntegrationFlapping",
    }
