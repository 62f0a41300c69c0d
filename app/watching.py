"""Makes what watches beside the checks: heartbeats and service level objectives; joins them with alerting."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from app.desks.record import Record
from app.desks.watching import WatchingDesk
from app.storage.storage import Storage
from integrations.clock import Clock
from integrations.connection import Connection
from integrations.framework import IntegrationFramework
from integrations.samples import Sample
from integrations.signals import Signal
from monitors.alerts.engine import AlertEngine
from monitors.alerts.facts import Subject
from monitors.alerts.settings import AlertSettings
from monitors.alerts.steady import SteadyClock
from monitors.egress import EgressWatch
from monitors.heartbeat_keys import HeartbeatKeys
from monitors.heartbeats import HeartbeatWatch, subject_of
from monitors.parents import Parents
from monitors.slo import SLOWatch


class Maintenance(Protocol):
    """Knows what is in maintenance."""

    def current(self, labels: Mapping[str, str], /) -> object | None:
        """What holds now for these labels; None for nothing."""
        ...


class Watching:
    """Heartbeats and objectives of one Dialtone.

    Wire it so: `await load()` after the engine has loaded, `begin(settings)` once all integrations are
    watched, subscribe `on_signal`, run the `tasks()`. `adopt` takes other settings.
    """

    def __init__(
        self,
        *,
        storage: Storage,
        framework: IntegrationFramework,
        engine: AlertEngine,
        maintenance: Maintenance,
        steady: SteadyClock,
        clock: Clock,
        publish: Callable[[Signal], object],
    ) -> None:
        self._engine = engine
        self._framework = framework
        self._storage = storage
        self._known: dict[str, tuple[Connection, dict[str, str]]] = {}
        self.keys = HeartbeatKeys(store=storage.heartbeats, clock=clock)
        self.heartbeats = HeartbeatWatch(
            clock=clock, report=engine.report, publish=publish, store=storage.heartbeats, steady=steady
        )
        self.slos = SLOWatch(
            integrations=self._labels,
            clock=clock,
            in_maintenance=lambda labels: maintenance.current(labels) is not None,
            desk=engine,
            publish=publish,
            store=storage.slo,
            steady=steady,
        )

    async def load(self) -> None:
        """Read what is stored."""
        await self.keys.load()
        await self.heartbeats.load()
        await self.slos.load()

    def begin(self, settings: AlertSettings) -> None:
        """Begin to watch, and settle what a restart left open."""
        self.adopt(settings)
        self.slos.settle(row.alert for row in self._engine.alerts())
        self.heartbeats.settle(incident.integration for incident in self._engine.incidents.open())

    def adopt(self, settings: AlertSettings) -> None:
        """Watch these heartbeats and objectives from now on; incidents of heartbeats that are gone end."""
        before = set(self.heartbeats.known)
        self.heartbeats.configure(settings.heartbeats)
        self.slos.configure(settings.slos)
        for heartbeat in before - set(self.heartbeats.known):
            self._engine.forget(subject_of(heartbeat))

    def on_signal(self, signal: Signal) -> None:
        """Take a signal from the bus."""
        self.slos.on_signal(signal)

    def subject(self, name: str) -> Subject | None:
        """What rules may know of a heartbeat."""
        return self.heartbeats.subject(name)

    def subjects(self) -> set[str]:
        """What heartbeats are called in incidents."""
        return set(map(subject_of, self.heartbeats.known))

    def tasks(self) -> Iterable[tuple[str, Callable[[], Awaitable[None]]]]:
        """The background tasks."""
        yield "heartbeats", self.heartbeats.run
        yield "slos", self.slos.run

    def samples(self) -> Iterable[Sample]:
        """How heartbeats and objectives are."""
        yield from self.heartbeats.samples()
        yield from self.slos.samples()

    def desk(self, *, parents: Parents, egress: EgressWatch, record: Record) -> WatchingDesk:
        """What the API asks."""
        return WatchingDesk(
            heartbeats=self.heartbeats,
            keys=self.keys,
            slos=self.slos,
            parents=parents,
            egress=egress,
            record=record,
        )

    def _labels(self) -> Mapping[str, Mapping[str, str]]:
        """The labels of all integrations, made anew only where the configuration has changed."""
        known = self._known
        self._known = {
            one.id: known[one.id]
            if one.id in known and known[one.id][0] is one.connection
            else (one.connection, labels_of(one.connection))
            for one in self._framework.integrations()
        }
        return {name: labels for name, (_, labels) in self._known.items()}


def labels_of(connection: Connection) -> dict[str, str]:
    """The labels that matchers of objectives see of an integration."""
    labels = connection.labels
    named = {
        "integration": connection.id,
        "vendor": connection.vendor,
        "team": labels.team,
        "environment": labels.environment,
        "tier": labels.tier,
        "region": labels.region,
    }
    return {name: value for name, value in named.items() if value}
