"""All of alerting on a clock that stands: confirmed changes go in, and what receivers are told comes out. A
restart loses what is not stored, as it is when a process is killed.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random

import msgspec

from integrations.signals import Evidence, Health, HealthChange, Signal
from monitors.alerts.acknowledging import acknowledgement
from monitors.alerts.builtin_rules import BUILTIN_RULES
from monitors.alerts.consequences import Consequences
from monitors.alerts.decisions import Flush
from monitors.alerts.engine import AlertEngine
from monitors.alerts.facts import Subject
from monitors.alerts.grouping import Grouping
from monitors.alerts.notification import Notification
from monitors.alerts.notifier import Notifier
from monitors.alerts.rules import KEEP_FIRING, RuleBook
from monitors.alerts.settings import AlertSettings
from monitors.alerts.settling import AlertBook, told
from monitors.alerts.silences import Silences
from monitors.alerts.standing import Phase, Standing
from monitors.alerts.steady import SteadyClock
from monitors.incident import Incident
from monitors.incident_ids import IncidentIDs
from monitors.incidents import Incidents
from monitors.parent import Certainty, Parent
from monitors.report import SavedHealth
from monitors.saving import HealthSaver
from tests.fakes.alerting import MemoryStore, SetParents, settings
from tests.fakes.clock import FakeClock
from tests.fakes.signals import RecordingSubscriber


class WorldStore(MemoryStore):
    """Everything that alerting and health store, as bytes; fails while `error` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, SavedHealth] = {}
        self.incidents: dict[str, bytes] = {}
        self.standing: dict[str, bytes] = {}
        self.signals: list[Signal] = []
        self.units: list[str] = []
        self.error: Exception | None = None

    async def save_health(
        self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        self._begin("health")
        self.states |= {each.integration: each for each in states}
        self._put_incidents(consequences.incidents)
        for row in consequences.standing:
            if row.phase is Phase.ENDED:
                self.standing.pop(row.alert.fingerprint, None)
            else:
                self.standing[row.alert.fingerprint] = msgspec.json.encode(row)
        self.put_groups(consequences.groups)
        self.signals += (*changes, *consequences.signals)

    async def load_health(self) -> Sequence[SavedHealth]:
        return tuple(self.states.values())

    async def save_flush(self, flush: Flush) -> None:
        self._begin("flush")
        self._put_incidents(flush.incidents)
        self.put_flush(flush)

    def loaded_incidents(self) -> list[Incident]:
        return [msgspec.json.decode(body, type=Incident) for body in self.incidents.values()]

    def loaded_standing(self) -> list[Standing]:
        return [msgspec.json.decode(body, type=Standing) for body in self.standing.values()]

    def _begin(self, unit: str) -> None:
        if self.error is not None:
            raise self.error
        self.units.append(unit)

    def _put_incidents(self, incidents: Sequence[Incident]) -> None:
        self.incidents |= {each.id: msgspec.json.encode(each) for each in incidents}


class World:
    """Saver, incidents, rules, grouping and notifying as they work together. `labels` are those of all
    integrations; `between` is called after whatever is stored, at most once in five seconds, to restart
    there.
    """

    def __init__(
        self,
        settings_: AlertSettings | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        between: Callable[["World"], None] = lambda _: None,
    ) -> None:
        self.clock = FakeClock()
        self.began = self.clock.monotonic()
        self.store = WorldStore()
        self.settings = settings_ or settings()
        self.labels = dict(labels or {})
        self.parents = SetParents()
        self.vendors: dict[str, str] = {}
        self.published = RecordingSubscriber()
        self.says = ""
        self._chance = Random(7)
        self._between = between
        self._stored = 0
        self._restarted_at = 0.0
        self._start()

    def _start(self) -> None:
        self.steady = SteadyClock(self.clock)
        self.saver = HealthSaver(
            store=self.store,
            flushes=self.store,
            clock=self.clock,
            publish=self.published,
            random=self._chance,
        )
        self.grouping = Grouping(self.settings)
        self.silences = Silences(clock=self.steady, store=self.store, changed=self._touch)
        self.incidents = Incidents(new_id=IncidentIDs(self.clock, self._chance), reopen_within=KEEP_FIRING)
        self.notifier = Notifier(
            self.settings,
            clock=self.steady,
            grouping=self.grouping,
            silences=self.silences,
            incident=self.incidents.get,
            parents=self.parents,
            new_id=lambda at: f"message-{len(self.store.messages) + 1}-{at}",
        )
        self.engine = AlertEngine(
            clock=self.clock,
            saver=self.saver,
            incidents=self.incidents,
            book=AlertBook(RuleBook(self.settings.rules, builtin=BUILTIN_RULES), self.subject),
            grouping=self.grouping,
            steady=self.steady,
            notifier=self.notifier,
            parents=self.parents,
        )
        self.saver.then(self.engine.take)

    def _touch(self) -> None:
        self.notifier.touch()

    def restart(self) -> None:
        """Kill the process, and start again from what is stored."""
        self._start()
        loaded = self.store.loaded()
        self.silences.load(loaded.silences)
        self.engine.load(incidents=self.store.loaded_incidents(), standing=self.store.loaded_standing())
        self.notifier.load(loaded.groups, alerts=told(self.engine.alerts()))

    def subject(self, integration: str) -> Subject | None:
        """Every integration is known; its vendor is `github` unless said otherwise."""
        vendor = self.vendors.get(integration, "github")
        return Subject(
            vendor=vendor,
            vendor_name=vendor.capitalize(),
            labels=self.labels,
            advice="Look at it.",
            vendor_says=self.says,
        )

    async def turn(
        self,
        state: Health,
        integration: str = "github-prod",
        *,
        before: Health | None = None,
        reason: str = "",
        flapping: bool = False,
        evidence: Evidence = Evidence.CHECK,
    ) -> None:
        """Let an integration be confirmed in a state now, and store it."""
        self.note(state, integration, before=before, reason=reason, flapping=flapping, evidence=evidence)
        await self.saver.save_all()
        self._pause()
        await self.step()

    def note(
        self,
        state: Health,
        integration: str = "github-prod",
        *,
        before: Health | None = None,
        reason: str = "",
        flapping: bool = False,
        evidence: Evidence = Evidence.CHECK,
    ) -> None:
        """The same, without waiting for the store."""
        at = self.clock.time()
        known = self.store.states.get(integration)
        changes = [
            HealthChange(
                at=at,
                integration=integration,
                vendor=self.vendors.get(integration, "github"),
                capability=capability,
                before=before or (known.state if known else Health.UNKNOWN),
                after=state,
                evidence=evidence,
                reason=reason or f"3 checks in a row said {state}.",
                since=at - 30,
                flapping=flapping,
            )
            for capability in ("read", "")
        ]
        parent = self.parents.of.get(integration)
        if state is Health.UP and parent is not None and parent.certainty is Certainty.RECOVERED:
            # Its fresh check is done, and nothing holds it back any longer.
            del self.parents.of[integration]
        saved = SavedHealth(integration=integration, capabilities=(), state=state, since=at)
        self.saver.note(saved, changes)

    async def step(self) -> None:
        """Let the engine do what is due now, and what waits be stored."""
        await self.engine.step()
        await self.saver.save_all()
        self._pause()

    async def wait(self, seconds: float) -> None:
        """Let time pass, and the engine do what comes due meanwhile."""
        end = self.clock.monotonic() + seconds
        while True:
            self.clock.advance(max(0.0, min(self.engine.patience(), end - self.clock.monotonic())))
            await self.step()
            if self.clock.monotonic() >= end - 1e-6:
                return

    async def acknowledge(self, integration: str = "github-prod", *, actor: str = "ana") -> None:
        """Let somebody work on the open incident of an integration."""
        incident = self.open(integration)
        given = acknowledgement(actor=actor, at=self.clock.time())
        await self.engine.change_incident(self.incidents.acknowledge(incident.id, given))
        self.notifier.touch({incident.id})
        self._pause()
        await self.step()

    def _pause(self) -> None:
        """What is held back is looked at again after a start: one a step would stop the clock."""
        now = self.clock.monotonic()
        if len(self.store.units) > self._stored and now >= self._restarted_at + 5:
            self._between(self)
            self._stored, self._restarted_at = len(self.store.units), now

    async def tell_parent(self, parent: Parent) -> None:
        """Let a parent be known, for all its children; of one that is over until they are up."""
        self.parents.of |= dict.fromkeys(parent.children, parent)
        self.engine.take_parent(parent)
        self.notifier.touch()
        await self.step()

    def open(self, integration: str = "github-prod") -> Incident:
        """The open incident of an integration."""
        found = self.incidents.of(integration)
        assert found is not None, f"{integration} has no open incident"
        return found

    @property
    def told(self) -> list[Notification]:
        """Every notification so far."""
        return [msgspec.json.decode(each.content, type=Notification) for each in self.store.messages]

    def told_to(self, name: str) -> list[Notification]:
        """Those to one receiver."""
        return [each for each in self.told if each.receiver == name]

    def outline(self) -> list[tuple[float, str, str, tuple[str, ...]]]:
        """What receivers were told: when (seconds since the beginning), whom, why, of which alerts."""
        offset = self.clock.time() - self.clock.monotonic() + self.began
        return [
            (
                round(each.at - offset, 1),
                each.receiver,
                each.reason.value,
                tuple(sorted(alert.labels["alertname"] for alert in each.alerts)),
            )
            for each in self.told
        ]
