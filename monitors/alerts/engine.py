"""The alert engine: from a confirmed change to incidents, alerts and due groups, all at once and in memory;
and, when a group is due, to what is decided on it.

`take` and `hear` are pure and synchronous. What they return is stored by the saver in the same unit as the
change. A group is looked at only when everything that made it due is stored.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Protocol

import anyio
import structlog
from msgspec.structs import replace

from integrations.clock import Clock
from integrations.samples import Sample
from integrations.signals import CallRecord, CheckResult, HealthChange, Signal
from monitors.alerts.alert import Alert, fingerprint
from monitors.alerts.consequences import NOTHING, Consequences
from monitors.alerts.decisions import Flush
from monitors.alerts.evidence import evidence_of
from monitors.alerts.facts import HEARD, Claim
from monitors.alerts.grouping import Grouping
from monitors.alerts.rules import RuleBook
from monitors.alerts.settling import AlertBook, told
from monitors.alerts.standing import Moment, Standing
from monitors.alerts.steady import SteadyClock
from monitors.impact import ImpactCounter
from monitors.incident import Impact, Incident
from monitors.incidents import BAD, Incidents, Moved
from monitors.parent import Certainty, Parent, ParentKind

LONGEST_WAIT = 30.0
"""Seconds between two looks at what is due when nothing is known to be."""

SHORTEST_WAIT = 0.001
SETTLE_TIMEOUT = 5.0

WHOLE = ""

log = structlog.get_logger("dialtone.alerts")


class Parents(Protocol):
    """Knows what explains failures."""

    def parent_of(self, integration: str, /) -> Parent | None:
        """The parent in trouble that explains an integration's failure, or another parent's (by its key)."""
        ...


class NoParents:
    """Explains nothing."""

    def parent_of(self, _: str, /) -> Parent | None:
        """None."""
        return None


class Notifier(Protocol):
    """Decides on due groups; `now` is SteadyClock's."""

    def due_at(self) -> float | None:
        """When it wants to be asked next."""
        ...

    def decide(self, now: float, /) -> Flush | None:
        """Decide on everything that is due; None when nothing came of it."""
        ...


class Saver(Protocol):
    """Stores, in order, what is given to it."""

    def keep(self, consequences: Consequences, *, changes: Sequence[HealthChange] = ()) -> None:
        """Take rows and signals."""
        ...

    def flush(self, flush: Flush) -> None:
        """Take decisions on due groups."""
        ...

    async def stored(self) -> None:
        """Wait until all that was taken is stored."""
        ...


class AlertEngine:
    """Composes incidents, rules, grouping and notifying. Everything is called on the event loop.

    `subjects` knows the labels of integrations, `parents` what explains failures; `sent` is told when new
    messages lie in the outbox. Without a `notifier` groups are kept and nobody is told.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        saver: Saver,
        incidents: Incidents,
        book: AlertBook,
        grouping: Grouping,
        steady: SteadyClock | None = None,
        notifier: Notifier | None = None,
        parents: Parents | None = None,
        sent: Callable[[], None] = lambda: None,
    ) -> None:
        self.incidents = incidents
        self.impact = ImpactCounter()
        self._clock = clock
        self._steady = steady or SteadyClock(clock)
        self._saver = saver
        self._book = book
        self._grouping = grouping
        self._notifier = notifier
        self._parents = parents or NoParents()
        self._sent = sent
        self._wake = anyio.Event()

    def load(self, *, incidents: Iterable[Incident], standing: Iterable[Standing]) -> None:
        """Go on with what is stored; grouping and notifier are loaded by who made them."""
        self.incidents.load(incidents)
        self._book.standing.load(standing, now=self._moment())
        for incident in self.incidents.open():
            self.impact.begin(incident.integration, began_at=incident.began_at, so_far=incident.impact)

    def configure(self, rules: RuleBook) -> None:
        """Take other rules: alerts of rules that are gone end, new rules look at what is open."""
        changed = self._book.configure(rules, self.incidents.open(), now=self._moment())
        self._keep(self._consequences((), changed))

    def alerts(self) -> Sequence[Standing]:
        """All alerts that stand: pending, firing, ending."""
        return tuple(self._book.standing)

    def incident(self, incident: str) -> Incident:
        """An incident with its impact of now.

        Raises:
            UnknownIncidentError: when there is none of this id.
        """
        return self._live(self.incidents.one(incident))

    def all_incidents(self) -> Sequence[Incident]:
        """Those kept in memory, the newest first."""
        return [self._live(each) for each in self.incidents.all()]

    # What happens.

    def take(self, changes: Sequence[HealthChange]) -> Consequences:
        """What confirmed changes of health lead to; the caller stores it with them."""
        # Asked before anything moves, because the answer may tell of a parent that is over.
        parents = {each.integration: self._parents.parent_of(each.integration) for each in changes}
        now = self._moment()
        moved: list[Moved] = []
        standing: list[Standing] = []
        for change in changes:
            if change.capability == WHOLE:
                moved += self._take_whole(change, parent=parents[change.integration])
        whole = [change.reason for change in changes if change.capability == WHOLE]
        for change in changes:
            if change.capability != WHOLE:
                moved += self.incidents.mention(change) if change.reason not in whole else []
                current = self.incidents.of(change.integration)
                known = current.id if current else ""
                standing += self._book.settle_capability(change, incident=known, now=now)
        for integration in {change.integration for change in changes}:
            standing += self._settle(integration, moved, now=now)
        return self._consequences(moved, standing)

    def hear(self, signal: Signal) -> Consequences:
        """What a signal that is not health leads to; the caller stores it."""
        if type(signal) not in HEARD:
            return NOTHING
        standing = self._book.settle_signal(signal, now=self._moment())
        moved: list[Moved] = []
        for integration, text, link in evidence_of(signal):
            if link is None:
                moved += self.incidents.note_evidence(integration, text, at=signal.at)
            else:
                moved += self.incidents.hear_vendor(integration, text, at=signal.at, link=link)
        return self._consequences(moved, standing) if moved or standing else NOTHING

    def on_signal(self, signal: Signal) -> None:
        """Take a signal from the bus; it never waits."""
        if type(signal) is CallRecord:
            self.impact.record(signal)
        elif type(signal) in HEARD and not (type(signal) is CheckResult and self._book.is_dull(signal)):
            self._keep(self.hear(signal))

    def report(self, changes: Sequence[HealthChange]) -> None:
        """Take changes of what has a state but is no integration, such as a heartbeat; they are stored with
        what follows from them, and then published.
        """
        self._saver.keep(self.take(changes), changes=changes)

    def raise_alert(self, alert: Alert, *, keep: float = 0.0) -> None:
        """Let an alert fire that no rule makes, or say something else of it; `keep` is for how many seconds
        it fires on after its end.
        """
        self._keep(self._consequences((), self._book.raise_alert(alert, keep=keep, now=self._moment())))

    def end_alert(self, labels: Mapping[str, str]) -> None:
        """End an alert that was raised so; one that does not stand is none."""
        ended = self._book.end_alert(fingerprint(labels), now=self._moment())
        self._keep(self._consequences((), ended))

    def claim(self, claim: Claim) -> None:
        """Take facts that no signal carries; without any, those of the subject hold no longer."""
        self._keep(self._consequences((), self._book.settle_claim(claim, now=self._moment())))

    def take_parent(self, parent: Parent) -> None:
        """Take what is known of a parent now. A confirmed one opens an incident of its own, which explains
        those of its children; a recovered one ends it. A parent that is an integration has one already.
        """
        at = self._clock.time()
        moved: list[Moved] = []
        standing: list[Standing] = []
        if parent.certainty is Certainty.CONFIRMED:
            if parent.kind is not ParentKind.DEPENDENCY:
                moved += self.incidents.begin_parent(parent, at=at)
            moved += self._explain_children(parent, at=at) + self._explain_inner(parent, at=at)
        elif parent.certainty is Certainty.RECOVERED and parent.kind is not ParentKind.DEPENDENCY:
            moved += self.incidents.end_parent(parent.key, at=at, reason=f"{parent.name} has recovered.")
        if parent.kind is not ParentKind.DEPENDENCY:
            above = self.incidents.of(parent.key)
            known = above.id if above else ""
            standing += self._book.settle_parent(parent, incident=known, now=self._moment())
        self._keep(self._consequences(moved, standing))

    def forget(self, integration: str) -> None:
        """An integration is watched no longer: its incident and its alerts end."""
        at = self._clock.time()
        moved = self.incidents.forget(integration, at=at, reason="It is no longer configured.")
        ended = self._book.forget(integration, now=self._moment())
        self.impact.forget(integration)
        self._keep(self._consequences(moved, ended))

    def forget_others(self, known: Collection[str]) -> None:
        """Of all that is not known, integrations or keys of root causes, the incidents and alerts end."""
        about = {row.alert.labels.get("integration", "") for row in self._book.standing}
        about |= {incident.integration for incident in self.incidents.open()}
        for gone in sorted(about - {"", *known}):
            self.forget(gone)

    def fill_impact(self, incident: str, impact: Impact) -> None:
        """Take what analytics found out about an incident."""
        if (filled := self.incidents.fill_impact(incident, impact)) is not None:
            self._saver.keep(Consequences(incidents=(filled,)))

    # What people do.

    async def change_incident(self, moved: Moved | None) -> None:
        """Store what a person did to an incident through `incidents`, and what follows from it. Waits for
        five seconds at most: what is not stored by then stays in line.
        """
        if moved is None:
            return
        self.follow(moved)
        with anyio.move_on_after(SETTLE_TIMEOUT):
            await self._saver.stored()

    def follow(self, moved: Moved) -> None:
        """Let alerts follow what a person did to an incident."""
        current = self.incidents.of(moved.incident.integration) or moved.incident
        standing = self._book.settle_incident(current, now=self._moment())
        self._keep(self._consequences([moved], standing))

    # Time.

    async def run(self) -> None:
        """Let time pass: alerts fire and end, due groups are decided on; until cancelled."""
        while True:
            await self.step()
            with anyio.move_on_after(self.patience()):
                await self._wake.wait()
            self._wake = anyio.Event()

    def wake(self) -> None:
        """Look at what is due: what held groups back has changed."""
        self._wake.set()

    async def step(self) -> None:
        """Do all that is due now, and return when it is stored."""
        self.pass_time()
        if not self.is_due():
            return
        await self._saver.stored()
        if (flush := self.decide()) is None:
            return
        await self._saver.stored()
        if flush.messages:
            self._sent()

    def pass_time(self) -> None:
        """Let alerts fire and end whose time has come."""
        self._keep(self._consequences((), self._book.standing.pass_time(now=self._moment())))

    def is_due(self) -> bool:
        """Whether a group is to be decided on now."""
        due = self._notifier.due_at() if self._notifier is not None else None
        return due is not None and due <= self._steady.now()

    def decide(self) -> Flush | None:
        """Decide on groups that are due, and give that to the saver; None when nothing came of it. What made
        them due must be stored.
        """
        flush = self._notifier.decide(self._steady.now()) if self._notifier is not None else None
        if flush is not None:
            self._saver.flush(replace(flush, incidents=tuple(self.incidents.tell(flush.timeline))))
        return flush

    def patience(self, *, longest: float = LONGEST_WAIT) -> float:
        """How many seconds from now nothing is due; `longest` at most."""
        due = self._book.standing.next_due()
        waits = [longest] if due is None else [longest, due - self._clock.monotonic() + 0.001]
        if self._notifier is not None and (flush := self._notifier.due_at()) is not None:
            waits.append(flush - self._steady.now())
        # A wait that is lost in a clock's rounding would find nothing due, again and again.
        return max(SHORTEST_WAIT, min(waits))

    def samples(self) -> Iterable[Sample]:
        """Open incidents by state, and alerts by severity and phase."""
        states = Counter(dict.fromkeys(sorted(BAD), 0))
        states.update(incident.state for incident in self.incidents.open())
        for state, count in states.items():
            yield Sample("dialtone_incidents_open", (state.value,), count)
        phases = Counter((row.alert.labels.get("severity", ""), row.phase) for row in self._book.standing)
        for (severity, phase), count in phases.items():
            yield Sample("dialtone_alerts", (severity, phase.value), count)

    # Hidden.

    def _take_whole(self, change: HealthChange, *, parent: Parent | None) -> list[Moved]:
        before = self.incidents.of(change.integration)
        moved = self.incidents.take(change, impact=self.impact.of(change.integration))
        after = self.incidents.of(change.integration)
        if before is None and after is not None:
            self.impact.begin(change.integration, began_at=after.began_at, so_far=after.impact)
            says = self._book.vendor_says(change.integration)
            moved += self.incidents.hear_vendor(change.integration, says, at=change.at) if says else []
            if parent is not None and parent.certainty is Certainty.CONFIRMED:
                moved += self._explain(change.integration, parent, at=change.at)
        elif after is None:
            self.impact.end(change.integration)
        return moved

    def _explain_children(self, parent: Parent, *, at: float) -> list[Moved]:
        moved = []
        for child in parent.children:
            moved += self._explain(child, parent, at=at)
        return moved

    def _explain_inner(self, parent: Parent, *, at: float) -> list[Moved]:
        moved = []
        for key in [each.integration for each in self.incidents.open() if each.is_root]:
            if (above := self._parents.parent_of(key)) is not None and above.key == parent.key:
                moved += self._explain(key, above, at=at)
        return moved

    def _explain(self, integration: str, parent: Parent, *, at: float) -> list[Moved]:
        above = self.incidents.of(parent.integration or parent.key)
        if above is None:
            return []
        return self.incidents.explain(integration, above.id, at=at, text=f"{parent.name}: {parent.reason}")

    def _settle(self, integration: str, moved: Sequence[Moved], *, now: Moment) -> list[Standing]:
        """The alerts of an integration's incident: the open one, or the one that was just resolved."""
        mine = [each.incident for each in moved if each.incident.integration == integration]
        incident = self.incidents.of(integration) or (mine[-1] if mine else None)
        return self._book.settle_incident(incident, now=now) if incident is not None else []

    def _consequences(self, moved: Iterable[Moved], standing: Sequence[Standing]) -> Consequences:
        moved, alerts = list(moved), told(standing)
        rows = Consequences(
            incidents=tuple(each.incident for each in moved),
            signals=tuple(each.signal for each in moved if each.signal is not None),
            standing=tuple(standing),
            alerts=alerts,
            groups=self._grouping.take(alerts, now=self._steady.now()) if alerts else (),
        )
        if standing:
            self._wake.set()
        return rows.newest()

    def _keep(self, consequences: Consequences) -> None:
        if consequences:
            self._saver.keep(consequences)

    def _live(self, incident: Incident) -> Incident:
        impact = self.impact.of(incident.integration) if incident.is_open else None
        return replace(incident, impact=impact) if impact is not None else incident

    def _moment(self) -> Moment:
        return Moment(self._clock.time(), self._clock.monotonic())
