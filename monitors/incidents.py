"""Incidents: one an integration, opened by a confirmed bad state and resolved by a confirmed recovery.

Pure: confirmed changes go in, changed incidents and their signals come out, to be stored in the same unit.
What each change of the whole integration does:

state of the incident   change to            effect
none                    a bad state          opened, or the last one reopened where it ended just now
open                    another bad state    worsened or eased
open                    unknown, paused      a line in its timeline: neither is a recovery
open                    up                   resolved
open, flapping          anything             a line in its timeline, until the flapping ends

Changes of capabilities are lines in the timeline.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import msgspec

from integrations.signals import Evidence, Health, HealthChange, IncidentChange
from monitors.health import BROKEN, SEVERITY
from monitors.incident import Acknowledgement, Impact, Incident, TimelineEntry
from monitors.parent import Parent

BAD = BROKEN | {Health.DEGRADED}
MOST_ENTRIES = 200
"""Lines of a timeline that are kept: the first one and the newest."""
MOST_TEXT = 2_000
MOST_RESOLVED = 1_000
"""Resolved incidents kept in memory, for lists and for reopening; the store keeps them all."""


class UnknownIncidentError(LookupError):
    """There is no incident of this id."""

    def __init__(self, incident: str) -> None:
        super().__init__(f"there is no incident {incident!r}; `dialtone incidents` lists them")


class Moved(NamedTuple):
    """An incident that changed, and what is told of it."""

    incident: Incident
    signal: IncidentChange | None = None


class Incidents:
    """All open incidents and the newest resolved ones.

    `new_id` makes ids that are never used again. An integration that fails again within `reopen_within`
    seconds of its recovery goes on with the same incident.
    """

    def __init__(self, *, new_id: Callable[[], str], reopen_within: float) -> None:
        self._new_id = new_id
        self._reopen_within = reopen_within
        self._rows: dict[str, Incident] = {}
        self._open: dict[str, str] = {}
        self._last: dict[str, str] = {}

    def load(self, rows: Iterable[Incident]) -> None:
        """Go on with stored ones."""
        for row in sorted(rows, key=lambda each: each.opened_at):
            self._put(row)

    def get(self, incident: str) -> Incident | None:
        """One of them."""
        return self._rows.get(incident)

    def one(self, incident: str) -> Incident:
        """One of them.

        Raises:
            UnknownIncidentError: when there is none of this id.
        """
        if incident not in self._rows:
            raise UnknownIncidentError(incident)
        return self._rows[incident]

    def of(self, integration: str) -> Incident | None:
        """The open incident of an integration."""
        found = self._open.get(integration)
        return self._rows[found] if found else None

    def open(self) -> Sequence[Incident]:
        """All open ones, the oldest first."""
        return [self._rows[each] for each in self._open.values()]

    def all(self) -> Sequence[Incident]:
        """All that are kept in memory, the newest first."""
        return sorted(self._rows.values(), key=lambda each: (each.opened_at, each.id), reverse=True)

    def children(self, parent: str) -> Sequence[Incident]:
        """The open incidents that a parent incident explains."""
        return [each for each in self.open() if each.parent == parent]

    # What confirmed changes do.

    def take(self, change: HealthChange, *, impact: Impact | None = None) -> list[Moved]:
        """Take a change of the whole integration."""
        current = self.of(change.integration)
        if current is None:
            return self._begin(change) if change.after in BAD or change.flapping else []
        if impact is not None:
            current = msgspec.structs.replace(current, impact=impact)
        if change.flapping or current.flapping:
            return self._flap(current, change)
        return self._move(current, change)

    def mention(self, change: HealthChange) -> list[Moved]:
        """Note a change of one capability."""
        text = f"{change.capability}: {change.before} → {change.after}. {change.reason}"
        return self.note_evidence(change.integration, text, at=change.at)

    def note_evidence(self, integration: str, text: str, *, at: float) -> list[Moved]:
        """Note more evidence, if an incident is open."""
        return self._line(integration, TimelineEntry(at=at, event="evidence", text=text))

    def hear_vendor(self, integration: str, text: str, *, at: float, link: str = "") -> list[Moved]:
        """Note what the vendor says of itself, if an incident is open."""
        current = self.of(integration)
        if current is None or current.vendor_says == text:
            return []
        entry = TimelineEntry(at=at, event="vendor_notice", text=text, link=link)
        return [Moved(self._put(_with(current, entry, vendor_says=text)))]

    def forget(self, integration: str, *, at: float, reason: str) -> list[Moved]:
        """Resolve what nobody watches any longer."""
        current = self.of(integration)
        return [self._resolve(current, at=at, reason=reason)] if current else []

    # Parents.

    def begin_parent(self, parent: Parent, *, at: float) -> list[Moved]:
        """Open the incident of a confirmed parent; told again it changes nothing but the reason."""
        current = self.of(parent.key)
        if current is not None:
            return (
                []
                if current.reason == parent.reason
                else [Moved(self._put(_with(current, None, reason=parent.reason)))]
            )
        return [self._open_or_reopen(_of_parent(parent, at=at, new_id=self._new_id), at=at)]

    def end_parent(self, key: str, *, at: float, reason: str) -> list[Moved]:
        """Resolve a parent's incident."""
        return self.forget(key, at=at, reason=reason)

    def explain(self, integration: str, parent: str, *, at: float, text: str) -> list[Moved]:
        """Say which incident explains an integration's; an empty one takes that back."""
        current = self.of(integration)
        if current is None or parent in {current.parent, current.id}:
            return []
        entry = TimelineEntry(at=at, event="explained", text=text)
        return [Moved(self._put(_with(current, entry, parent=parent)))]

    # What people do.

    def acknowledge(self, incident: str, acknowledgement: Acknowledgement) -> Moved:
        """Note who works on it.

        Raises:
            UnknownIncidentError: when there is none of this id.
            ValueError: when it is resolved already.
        """
        current = self._still_open(incident)
        who, why = acknowledgement.actor, acknowledgement.reason
        entry = TimelineEntry(
            at=acknowledgement.at, event="acknowledged", text=why or "Acknowledged.", actor=who
        )
        after = self._put(_with(current, entry, acknowledgement=acknowledgement))
        return Moved(after, _signal(after, "acknowledged", at=acknowledgement.at, reason=why, actor=who))

    def unacknowledge(self, incident: str, *, actor: str, at: float, reason: str) -> Moved | None:
        """Take an acknowledgement back; None when there is none.

        Raises:
            UnknownIncidentError: when there is none of this id.
        """
        current = self.one(incident)
        if current.acknowledgement is None:
            return None
        entry = TimelineEntry(at=at, event="unacknowledged", text=reason, actor=actor)
        after = self._put(_with(current, entry, acknowledgement=None))
        return Moved(after, _signal(after, "unacknowledged", at=at, reason=reason, actor=actor))

    def note(self, incident: str, text: str, *, actor: str, at: float, link: str = "") -> Moved:
        """Write into its timeline; also of a resolved one.

        Raises:
            UnknownIncidentError: when there is none of this id.
            ValueError: when there is nothing to write.
        """
        if not text.strip() and not link:
            raise ValueError("a note needs a text, or a link")
        event = "link" if link else "note"
        entry = TimelineEntry(at=at, event=event, text=text.strip()[:MOST_TEXT], actor=actor, link=link)
        after = self._put(_with(self.one(incident), entry))
        return Moved(after, _signal(after, "noted", at=at, reason=entry.text, actor=actor))

    def close(self, incident: str, *, actor: str, at: float, reason: str) -> Moved:
        """Resolve by hand; the next confirmed bad state opens a new one.

        Raises:
            UnknownIncidentError: when there is none of this id.
            ValueError: when it is resolved already.
        """
        return self._resolve(self._still_open(incident), at=at, reason=reason, actor=actor)

    def tell(self, entries: Iterable[tuple[str, TimelineEntry]]) -> list[Incident]:
        """Note in the timelines what was notified or held back; return the incidents as they are then."""
        told = {}
        for incident, entry in entries:
            if (row := self._rows.get(incident)) is not None:
                told[incident] = self._put(_with(row, entry))
        return list(told.values())

    def fill_impact(self, incident: str, impact: Impact) -> Incident | None:
        """Put in what analytics found out; None when that is known already."""
        current = self._rows.get(incident)
        if current is None or current.impact == impact:
            return None
        return self._put(_with(current, None, impact=impact))

    # Hidden.

    def _begin(self, change: HealthChange) -> list[Moved]:
        fresh = Incident(
            id=self._new_id(),
            integration=change.integration,
            vendor=change.vendor,
            capability="",
            state=change.after,
            evidence=change.evidence,
            reason=change.reason,
            began_at=min(change.since, change.at),
            opened_at=change.at,
            kind=change.kind,
            flapping=change.flapping,
        )
        return [self._open_or_reopen(fresh, at=change.at)]

    def _open_or_reopen(self, fresh: Incident, *, at: float) -> Moved:
        last = self._rows.get(self._last.get(fresh.integration, ""))
        if last is not None and last.resolved_at is not None and at - last.resolved_at <= self._reopen_within:
            event = "reopened"
            row = msgspec.structs.replace(
                last,
                state=fresh.state,
                evidence=fresh.evidence,
                reason=fresh.reason,
                kind=fresh.kind,
                flapping=fresh.flapping,
                resolved_at=None,
                reopened=last.reopened + 1,
            )
        else:
            event, row = "opened", msgspec.structs.replace(fresh, version=0)
        entry = TimelineEntry(at=at, event=event, text=fresh.reason)
        after = self._put(_with(row, entry))
        return Moved(after, _signal(after, event, at=at, reason=fresh.reason))

    def _move(self, current: Incident, change: HealthChange) -> list[Moved]:
        if change.after is Health.UP:
            return [self._resolve(current, at=change.at, reason=change.reason, evidence=change.evidence)]
        if change.after is Health.PAUSED:
            return self._line(
                current.integration, TimelineEntry(at=change.at, event="paused", text=change.reason)
            )
        if change.after is current.state:
            return self._line(
                current.integration, TimelineEntry(at=change.at, event="evidence", text=change.reason)
            )
        worse = SEVERITY.index(change.after) < SEVERITY.index(current.state)
        return [self._state(current, change, event="worsened" if worse else "eased")]

    def _flap(self, current: Incident, change: HealthChange) -> list[Moved]:
        if current.flapping and not change.flapping:
            if change.after is Health.UP:
                steady = msgspec.structs.replace(current, flapping=False)
                return [self._resolve(steady, at=change.at, reason=change.reason, evidence=change.evidence)]
            return [self._state(current, change, event="steady")]
        return [self._state(current, change, event="evidence" if current.flapping else "flapping")]

    def _state(self, current: Incident, change: HealthChange, *, event: str) -> Moved:
        entry = TimelineEntry(at=change.at, event=event, text=change.reason)
        known = change.after is not Health.PAUSED
        after = self._put(
            _with(
                current,
                entry,
                state=change.after if known else current.state,
                evidence=change.evidence,
                reason=change.reason,
                kind=change.kind,
                flapping=change.flapping,
            )
        )
        told = event if event != "evidence" else ""
        return Moved(after, _signal(after, told, at=change.at, reason=change.reason) if told else None)

    def _resolve(
        self, current: Incident, *, at: float, reason: str, actor: str = "", evidence: Evidence | None = None
    ) -> Moved:
        entry = TimelineEntry(at=at, event="resolved", text=reason, actor=actor)
        after = self._put(
            _with(
                current,
                entry,
                state=Health.UP if evidence else current.state,
                resolved_at=max(at, current.opened_at),
                flapping=False,
            )
        )
        return Moved(after, _signal(after, "resolved", at=at, reason=reason, actor=actor))

    def _line(self, integration: str, entry: TimelineEntry) -> list[Moved]:
        current = self.of(integration)
        if current is None:
            return []
        last = current.timeline[-1] if current.timeline else None
        if last is not None and (last.event, last.text) == (entry.event, entry.text):
            return []
        return [Moved(self._put(_with(current, entry)))]

    def _still_open(self, incident: str) -> Incident:
        current = self.one(incident)
        if not current.is_open:
            raise ValueError(f"incident {incident} is resolved already")
        return current

    def _put(self, row: Incident) -> Incident:
        self._rows[row.id] = row
        if row.is_open:
            self._open[row.integration] = row.id
        elif self._open.get(row.integration) == row.id:
            del self._open[row.integration]
        self._last[row.integration] = row.id
        self._bound()
        return row

    def _bound(self) -> None:
        if len(self._rows) - len(self._open) <= MOST_RESOLVED:
            return
        oldest = next(each for each, row in self._rows.items() if not row.is_open)
        row = self._rows.pop(oldest)
        if self._last.get(row.integration) == oldest:
            del self._last[row.integration]


def _of_parent(parent: Parent, *, at: float, new_id: Callable[[], str]) -> Incident:
    return Incident(
        id=new_id(),
        integration=parent.key,
        vendor=parent.vendor,
        capability="",
        state=Health.DOWN,
        evidence=Evidence.CHECK,
        reason=parent.reason,
        began_at=min(parent.since, at),
        opened_at=at,
        is_root=True,
    )


def _with(current: Incident, entry: TimelineEntry | None, **fields: object) -> Incident:
    """The next version, with one more line in its timeline."""
    timeline = current.timeline if entry is None else (*current.timeline, entry)
    if len(timeline) > MOST_ENTRIES:
        timeline = (timeline[0], *timeline[-MOST_ENTRIES + 1 :])
    return msgspec.structs.replace(current, timeline=timeline, version=current.version + 1, **fields)


def _signal(incident: Incident, event: str, *, at: float, reason: str, actor: str = "") -> IncidentChange:
    return IncidentChange(
        at=at,
        incident=incident.id,
        integration=incident.integration,
        vendor=incident.vendor,
        capability=incident.capability,
        event=event,
        state=incident.state,
        opened_at=incident.opened_at,
        reason=reason,
        actor=actor,
        parent=incident.parent,
        resolved_at=incident.resolved_at,
    )
