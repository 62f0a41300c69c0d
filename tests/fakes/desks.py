"""Alerting without storage, network or tasks: the real engine, notifier and desks over memory."""

import random
from collections.abc import Sequence

import anyio

from app.desks.alerting import AlertingDesks
from app.desks.alerts import AlertDesk
from app.desks.incidents import IncidentDesk
from app.desks.receivers import ReceiverDesk
from app.desks.record import Log, Record
from app.desks.silences import SilenceDesk
from app.storage.outbox_keeping import Numbered, Wanted
from integrations.clock import Clock
from integrations.signals import Evidence, Health, HealthChange, Signal
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.condition import Conditions
from monitors.alerts.consequences import Consequences
from monitors.alerts.decisions import Decision
from monitors.alerts.engine import AlertEngine, NoParents
from monitors.alerts.exchange import Exchange
from monitors.alerts.facts import Subject
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.grouping import Grouping
from monitors.alerts.notifier import Notifier
from monitors.alerts.outbox import Backlog, Condition, Delivery, DeliveryState, Replay
from monitors.alerts.receivers import Directory
from monitors.alerts.rules import KEEP_FIRING, RuleBook
from monitors.alerts.schedule import Sent
from monitors.alerts.settings import AlertSettings
from monitors.alerts.settling import AlertBook
from monitors.alerts.silences import Silences
from monitors.alerts.steady import SteadyClock
from monitors.incident import Incident
from monitors.incident_ids import IncidentIDs
from monitors.incidents import Incidents
from monitors.report import SavedHealth
from monitors.saving import HealthSaver
from tests.fakes.alerting import MemoryStore
from tests.fakes.outbox import FakeSender
from tests.fakes.watching import watching_desk


class Memory(MemoryStore):
    """What alerting stores and reads, in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.old: list[Incident] = []
        self.states: dict[str, DeliveryState] = {}

    async def load_health(self) -> Sequence[SavedHealth]:
        return ()

    async def save_health(
        self, _: Sequence[SavedHealth], __: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        self.put_groups(consequences.groups)
        for incident in consequences.incidents:
            self.old = [each for each in self.old if each.id != incident.id] + [incident]

    async def incident(self, id_: str) -> Incident | None:
        return next((each for each in self.old if each.id == id_), None)

    async def incidents(
        self, *, integration: str | None = None, before: float | None = None, limit: int = 100
    ) -> Sequence[Incident]:
        rows = sorted(self.old, key=lambda each: each.opened_at, reverse=True)
        rows = [each for each in rows if integration in {None, each.integration}]
        return [each for each in rows if before is None or each.opened_at < before][:limit]

    async def decisions_of(self, incident: str, *, limit: int) -> Sequence[Decision]:
        found = [each for each in reversed(self.decisions) if incident in each.incidents]
        return found[:limit]

    async def deliveries(self, wanted: Wanted) -> Sequence[Numbered]:
        rows = [
            Numbered(number=number, delivery=self._delivery(number - 1))
            for number in range(len(self.messages), 0, -1)
        ]
        return [
            each
            for each in rows
            if (not wanted.receiver or each.delivery.message.receiver == wanted.receiver)
            and (wanted.state is None or each.delivery.state is wanted.state)
            and (not wanted.subject or each.delivery.message.subject == wanted.subject)
            and (wanted.before is None or each.number < wanted.before)
        ][: wanted.limit]

    async def delivery(self, message: str) -> Delivery | None:
        numbers = {each.id: number for number, each in enumerate(self.messages)}
        return self._delivery(numbers[message]) if message in numbers else None

    async def replay(self, order: Replay) -> int:
        chosen = [
            each.id
            for each in self.messages
            if (each.id in order.ids if order.ids else order.receiver in {"", each.receiver})
            and self.states.get(each.id) is DeliveryState.DEAD
        ]
        self.states |= dict.fromkeys(chosen, DeliveryState.QUEUED)
        return len(chosen)

    async def backlog(self) -> Sequence[Backlog]:
        names = sorted({each.receiver for each in self.messages})
        return [
            Backlog(
                receiver=name,
                waiting=sum(
                    self.states.get(each.id, DeliveryState.QUEUED) is DeliveryState.QUEUED
                    for each in self.messages
                    if each.receiver == name
                ),
            )
            for name in names
        ]

    def _delivery(self, index: int) -> Delivery:
        message = self.messages[index]
        state = self.states.get(message.id, DeliveryState.QUEUED)
        return Delivery(message=message, state=state, due_at=message.created_at)


class ShowingSender(FakeSender):
    """Shows `exchanges` of what it sent."""

    exchanges: tuple[Exchange, ...] = ()

    async def converse(self, letter: Letter) -> tuple[Sent, tuple[Exchange, ...]]:
        return await self.send(letter), self.exchanges


class _Decisions:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def decisions(self, incident: str, *, limit: int) -> Sequence[Decision]:
        return await self._memory.decisions_of(incident, limit=limit)


class FakeRelay:
    """Sends nothing by itself."""

    def __init__(self, clock: Clock) -> None:
        self.conditions = Conditions(clock=clock)
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1

    async def enable(self, receiver: str) -> None:
        self.conditions.enable(receiver)


class FakeAlerting:
    """All desks over real parts. `fail` and `mend` are confirmed changes of an integration's health, `wait`
    lets time pass and groups be decided on.
    """

    def __init__(self, clock: Clock, *, log: Log, settings: AlertSettings | None = None) -> None:
        self.clock = clock
        self.settings = settings or AlertSettings()
        self.memory = Memory()
        self.sender = ShowingSender()
        self.published: list[Signal] = []
        self.relay = FakeRelay(clock)
        self.steady = SteadyClock(clock)
        self.saver = HealthSaver(
            store=self.memory,
            flushes=self.memory,
            clock=clock,
            publish=self.published.append,
            random=random.Random(7),
        )
        self.silences = Silences(clock=self.steady, store=self.memory, changed=self._look_again)
        self.incidents = Incidents(new_id=IncidentIDs(clock, random.Random(7)), reopen_within=KEEP_FIRING)
        self.grouping = Grouping(self.settings)
        self.notifier = Notifier(
            self.settings,
            clock=self.steady,
            grouping=self.grouping,
            silences=self.silences,
            incident=self.incidents.get,
        )
        self.engine = AlertEngine(
            clock=clock,
            saver=self.saver,
            incidents=self.incidents,
            book=AlertBook(RuleBook(self.settings.rules, builtin=BUILTIN_RULES), _subject),
            grouping=self.grouping,
            steady=self.steady,
            notifier=self.notifier,
        )
        self.desks = self._desks(Record(log, clock=clock, publish=self.published.append))

    def _look_again(self) -> None:
        self.notifier.touch()

    def _desks(self, record: Record) -> AlertingDesks:
        return AlertingDesks(
            began_at=self.clock.time(),
            incidents=IncidentDesk(
                engine=self.engine,
                history=self.memory,
                decisions=_Decisions(self.memory),
                record=record,
                clock=self.clock,
                changed=self.notifier.touch,
            ),
            silences=SilenceDesk(
                self.silences,
                maintenance=self.notifier.maintenance,
                engine=self.engine,
                plans=lambda: self.settings.maintenance,
                record=record,
            ),
            alerts=AlertDesk(
                engine=self.engine,
                grouping=self.grouping,
                silences=self.silences,
                maintenance=self.notifier.maintenance,
                parents=NoParents(),
                settings=lambda: self.settings,
                steady=self.steady,
            ),
            receivers=ReceiverDesk(
                relay=self.relay,
                rows=self.memory,
                senders=lambda _: self.sender,
                directory=Directory(self.settings.receivers),
                settings=lambda: self.settings,
                record=record,
                clock=self.clock,
            ),
            watching=watching_desk(self.clock, record, self.settings, report=self.engine.report),
        )

    def fail(
        self, integration: str, *, health: Health = Health.DOWN, reason: str = "no answer in 10 s"
    ) -> Incident:
        """Confirm that an integration is in a bad state; return its incident."""
        self._change(integration, health, reason)
        incident = self.incidents.of(integration)
        assert incident is not None
        return incident

    def mend(self, integration: str) -> None:
        """Confirm that it is well."""
        self._change(integration, Health.UP, "2 checks in a row succeeded")

    def _change(self, integration: str, after: Health, reason: str) -> None:
        change = HealthChange(
            at=self.clock.time(),
            integration=integration,
            vendor=integration.partition("-")[0],
            capability="",
            before=Health.UP,
            after=after,
            evidence=Evidence.CHECK,
            reason=reason,
            since=self.clock.time(),
        )
        self.engine.report([change])

    async def wait(self, seconds: float) -> None:
        """Let time pass, second by second."""
        for _ in range(int(seconds)):
            self.clock.advance(1.0)  # type: ignore[attr-defined]  # every clock that stands can.
            await self.engine.step()
        await self.saver.save_all()

    def disable(self, receiver: str, reason: str) -> None:
        """Let a receiver be disabled."""
        at = self.clock.time()
        self.relay.conditions.load(
            [Condition(receiver=receiver, failures=9, failing_since=at, disabled_at=at, reason=reason)]
        )

    def bury(self, message: str) -> None:
        """Let a message be a dead letter."""
        self.memory.states[message] = DeliveryState.DEAD

    def run(self, seconds: float) -> None:
        """`wait`, for a test that is not asynchronous."""
        anyio.run(self.wait, seconds)


def _subject(integration: str) -> Subject | None:
    vendor = integration.partition("-")[0]
    return Subject(vendor=vendor, vendor_name=vendor.title(), labels={"team": "platform", "tier": "1"})
