"""Makes the parts of alerting, from a confirmed change to a delivered message, and joins them."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from random import Random, SystemRandom

from app.alert_keeping import AlertKeeping
from app.desks.alerting import AlertingDesks
from app.desks.alerts import AlertDesk
from app.desks.incidents import IncidentDesk
from app.desks.receivers import ReceiverDesk
from app.desks.record import Record
from app.desks.silences import SilenceDesk
from app.storage.storage import Storage
from app.watching import Watching
from app.watchman import Watchman
from integrations.clock import Clock
from integrations.connection import Labels, NetworkPolicy
from integrations.errors import UnknownIntegration
from integrations.execution.executor import Executor
from integrations.framework import IntegrationFramework
from integrations.samples import Sample
from integrations.signals import CallRecord, Indicator, Signal
from monitors.alerts.afresh import FreshChecks
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.consequences import Consequences
from monitors.alerts.engine import AlertEngine
from monitors.alerts.facts import Subject
from monitors.alerts.grouping import Grouping
from monitors.alerts.notifier import Notifier
from monitors.alerts.receivers import Directory
from monitors.alerts.relay import Relay
from monitors.alerts.rules import KEEP_FIRING, RuleBook
from monitors.alerts.senders import Senders
from monitors.alerts.settings import AlertSettings
from monitors.alerts.settling import AlertBook, told
from monitors.alerts.silences import Silences
from monitors.alerts.steady import SteadyClock
from monitors.dependencies import DependencyGraph
from monitors.egress import EgressWatch
from monitors.egress_probe import EgressProbe
from monitors.incident_ids import IncidentIDs
from monitors.incidents import Incidents
from monitors.members import Members
from monitors.monitor import IntegrationMonitor
from monitors.parent import Parent
from monitors.parents import Parents
from monitors.report import IntegrationHealth
from monitors.saving import HealthSaver
from monitors.vendor_words import tell

MOST_ROUNDS = 5
"""Rounds of checks in a row that may confirm a recovery after a root cause is over."""


class Alerting:
    """All of alerting. `settings` are those to begin with; `adopt` takes others.

    Wire it so: `saver` is the monitor's, `await load()` after storage has started and before the monitor
    loads, subscribe `on_signal`, run the `tasks()`, `await drain()` before the executor closes.
    """

    def __init__(
        self,
        settings: AlertSettings,
        *,
        storage: Storage,
        framework: IntegrationFramework,
        monitor: IntegrationMonitor,
        executor: Executor,
        saver: HealthSaver,
        clock: Clock,
        publish: Callable[[Signal], None],
        network: Callable[[], NetworkPolicy],
        own_port: int,
    ) -> None:
        self.settings = settings
        self._storage = storage
        self._framework = framework
        self._monitor = monitor
        self._saver = saver
        self._clock = clock
        self._began_at = clock.time()
        self._graph = DependencyGraph(settings.dependencies)
        self._steady = SteadyClock(clock)
        probe = EgressProbe(lines=executor, network=network, clock=clock)
        self.egress = EgressWatch(settings=lambda: self.settings.egress, probe=probe, clock=clock)
        self.parents = self._parents()
        self.silences = Silences(clock=self._steady, store=storage.alerts, changed=self.look_again)
        self.incidents = Incidents(new_id=IncidentIDs(clock, SystemRandom()), reopen_within=KEEP_FIRING)
        self._grouping = Grouping(settings)
        self._afresh = self._fresh_checks()
        self.notifier = self._notifier()
        self.engine = self._engine()
        self.watching = self._watching(publish)
        self._directory = Directory(settings.receivers)
        self._senders = Senders(settings.receivers, calls=executor, clock=clock, own_port=own_port)
        self.relay = self._relay(publish)
        self.watchman = self._watchman(executor, own_port)
        self._keeping = AlertKeeping(storage, silences=self.silences, clock=clock)
        self.desks = self._desks(publish)
        saver.then(self.engine.take)

    async def load(self) -> None:
        """Take up what is stored."""
        incidents, standing = await self._storage.incidents.load()
        self.engine.load(incidents=incidents, standing=standing)
        loaded = await self._storage.alerts.load()
        self.silences.load(loaded.silences)
        self.notifier.load(loaded.groups, alerts=told(self.engine.alerts()))
        await self.parents.load()
        await self.watching.load()
        await self.relay.load()
        self.relay.conditions.settle([row.alert for row in self.engine.alerts()])

    def begin(self) -> None:
        """End the incidents and alerts of what the configuration has no longer; call it once all integrations
        are watched.
        """
        known = {one.id for one in self._framework.integrations()}
        known |= {parent.key for parent in self.parents.active()}
        self.watching.begin(self.settings)
        known |= self.watching.subjects()
        self.engine.forget_others(known)

    def on_signal(self, signal: Signal) -> None:
        """Take a signal from the bus."""
        if type(signal) is not CallRecord:
            self.parents.on_signal(signal)
        self.watching.on_signal(signal)
        self.engine.on_signal(signal)

    async def adopt(self, settings: AlertSettings) -> None:
        """Go on under other settings, which were checked whole; incidents, groups and silences stay."""
        if settings == self.settings:
            return
        before, self.settings = self.settings, settings
        self._graph = DependencyGraph(settings.dependencies)
        self._directory.replace(settings.receivers)
        self._senders.prepare(settings.receivers)
        names = {receiver.name for receiver in settings.receivers}
        groups = self.notifier.configure(settings, alerts=told(self.engine.alerts()))
        self._saver.keep(Consequences(groups=groups))
        self.engine.configure(RuleBook(settings.rules, builtin=BUILTIN_RULES))
        self.watching.adopt(settings)
        self.look_again()
        self.watchman.adopt(settings.watchdog)
        await self._senders.keep(names)
        await self.relay.forget({each.name for each in before.receivers} - names)

    def forget(self, integrations: Collection[str]) -> None:
        """Integrations are no longer configured: their incidents and alerts end."""
        for integration in integrations:
            self.engine.forget(integration)

    def look_again(self) -> None:
        """Look at once at what is held back: what may have held it has changed."""
        self.notifier.touch()
        self.engine.wake()

    def tasks(self) -> Iterable[tuple[str, Callable[[], Awaitable[None]]]]:
        """The background tasks."""
        yield "deliveries", self.relay.run
        yield "egress", self.egress.run
        yield "parents", self.parents.run
        yield from self.watching.tasks()
        yield "alerts", self.engine.run
        yield "fresh-checks", self._afresh.run
        yield "alert-keeping", self._keeping.run
        yield "watchdog", self.watchman.run

    async def drain(self) -> None:
        """Let what is on its way to receivers arrive; nothing more is begun."""
        await self.relay.drain()

    def samples(self) -> Iterable[Sample]:
        """Incidents, alerts, groups, causes and deliveries."""
        for part in (
            self.engine,
            self.notifier,
            self.parents,
            self.egress,
            self.watching,
            self.desks.watching,
            self.relay,
            self.watchman,
        ):
            yield from part.samples()

    def _engine(self) -> AlertEngine:
        return AlertEngine(
            clock=self._clock,
            saver=self._saver,
            incidents=self.incidents,
            book=AlertBook(RuleBook(self.settings.rules, builtin=BUILTIN_RULES), self._subject),
            grouping=self._grouping,
            steady=self._steady,
            notifier=self.notifier,
            parents=self.parents,
            sent=self._sent,
        )

    def _notifier(self) -> Notifier:
        return Notifier(
            self.settings,
            clock=self._steady,
            grouping=self._grouping,
            silences=self.silences,
            incident=self.incidents.get,
            parents=self.parents,
            afresh=self._afresh,
        )

    def _fresh_checks(self) -> FreshChecks:
        return FreshChecks(
            check=self._check_afresh,
            done=self.look_again,
            clock=self._clock,
            random=Random(),  # noqa: S311 - it spreads checks, it guards nothing
        )

    def _watching(self, publish: Callable[[Signal], None]) -> Watching:
        return Watching(
            storage=self._storage,
            framework=self._framework,
            engine=self.engine,
            maintenance=self.notifier.maintenance,
            steady=self._steady,
            clock=self._clock,
            publish=publish,
        )

    def _parents(self) -> Parents:
        return Parents(
            members=Members(self._framework.integrations),
            verdicts=self._monitor.watched,
            recheck=self._check_afresh,
            clock=self._clock,
            graph=lambda: self._graph,
            egress=self.egress,
            tell=self._take_parent,
            store=self._storage.parents,
            random=Random(),  # noqa: S311 - it spreads checks, it guards nothing
        )

    def _relay(self, publish: Callable[[Signal], None]) -> Relay:
        return Relay(
            outbox=self._storage.outbox,
            keeping=self._storage.outbox_keeping,
            directory=self._directory,
            senders=self._senders,
            clock=self._clock,
            publish=publish,
            reports=self.engine,
        )

    def _watchman(self, executor: Executor, own_port: int) -> Watchman:
        return Watchman(
            self.settings.watchdog,
            calls=executor,
            proof=self._storage.outbox_keeping,
            directory=self._directory,
            senders=self._senders,
            engine=self.engine,
            clock=self._clock,
            own_port=own_port,
        )

    def _desks(self, publish: Callable[[Signal], None]) -> AlertingDesks:
        record = Record(self._storage.operators, clock=self._clock, publish=publish)
        return AlertingDesks(
            began_at=self._began_at,
            incidents=IncidentDesk(
                engine=self.engine,
                history=self._storage.incidents,
                decisions=self._storage.alerts,
                record=record,
                clock=self._clock,
                changed=self.look_again,
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
                grouping=self._grouping,
                silences=self.silences,
                maintenance=self.notifier.maintenance,
                parents=self.parents,
                settings=lambda: self.settings,
                steady=self._steady,
            ),
            receivers=ReceiverDesk(
                relay=self.relay,
                rows=self._storage.outbox_keeping,
                senders=self._senders,
                directory=self._directory,
                settings=lambda: self.settings,
                record=record,
                clock=self._clock,
            ),
            watching=self.watching.desk(parents=self.parents, egress=self.egress, record=record),
        )

    async def _check_afresh(self, integration: str) -> None:
        """Check one now, and a recovery that needs confirming until it is confirmed or contradicted."""
        for _ in range(MOST_ROUNDS):
            await self._monitor.check_integration_health(integration)
            watched = self._monitor.watched(integration)
            if watched is None or watched.bad_since is None or not watched.is_unconfirmed:
                return

    def _sent(self) -> None:
        self.relay.wake()

    def _take_parent(self, parent: Parent) -> None:
        self.engine.take_parent(parent)
        self.look_again()

    def _subject(self, name: str) -> Subject | None:
        """What rules may know of an integration, or of a heartbeat."""
        if (heartbeat := self.watching.subject(name)) is not None:
            return heartbeat
        try:
            one = self._framework.integration(name)
        except UnknownIntegration:
            return None
        watched = self._monitor.watched(name)
        health = watched.health() if watched is not None else None
        return Subject(
            vendor=one.connection.vendor,
            vendor_name=one.called,
            labels=_labels(one.connection.labels),
            advice=health.advice if health is not None else "",
            vendor_says=_said(health, one.called) if health is not None else "",
        )


def _labels(labels: Labels) -> Mapping[str, str]:
    return {name: value for name in labels.__struct_fields__ if (value := getattr(labels, name))}


def _said(health: IntegrationHealth, vendor: str) -> str:
    """What the vendor says of its trouble; empty while it sees none."""
    word = health.vendor_says
    if word is None or word.indicator is Indicator.OPERATIONAL:
        return ""
    return tell(word, vendor=vendor, state=health.state, bad_since=None)
