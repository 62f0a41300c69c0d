"""Incidents as people see them, and what they do to them: acknowledge, note, resolve."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from app.desks.record import Record
from integrations.clock import Clock
from monitors.alerts.acknowledging import acknowledgement
from monitors.alerts.decisions import Decision, DecisionReader
from monitors.alerts.engine import AlertEngine
from monitors.alerts.standing import Standing
from monitors.incident import Incident
from monitors.incidents import Moved, UnknownIncidentError

IncidentState = Literal["open", "resolved"]

MOST_DECISIONS = 200


class IncidentHistory(Protocol):
    """Incidents as they are stored, however old."""

    async def incident(self, id_: str, /) -> Incident | None:
        """One of them."""
        ...

    async def incidents(
        self, *, integration: str | None = None, before: float | None = None, limit: int = 100
    ) -> Sequence[Incident]:
        """The newest first; `before` (UTC seconds) pages on."""
        ...


class IncidentDesk:
    """Reads incidents from memory where they are, else from the store; changes go through the engine.
    `changed` is called after one, so that what it may have held back is looked at again.
    """

    def __init__(
        self,
        *,
        engine: AlertEngine,
        history: IncidentHistory,
        decisions: DecisionReader,
        record: Record,
        clock: Clock,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._history = history
        self._decisions = decisions
        self._record = record
        self._clock = clock
        self._changed = changed

    def open(self) -> Sequence[Incident]:
        """Those that go on, the newest first."""
        return [incident for incident in self._engine.all_incidents() if incident.is_open]

    def of(self, integration: str) -> Incident | None:
        """The one of an integration that goes on."""
        found = self._engine.incidents.of(integration)
        return None if found is None else self._engine.incident(found.id)

    async def page(
        self, *, state: IncidentState | None, integration: str | None, before: float | None, limit: int
    ) -> tuple[Sequence[Incident], float | None]:
        """Some incidents, the newest first, and the `before` of the next page, None at the end."""
        if state == "open":
            found = [each for each in self.open() if integration in {None, each.integration}]
            rows = [each for each in found if before is None or each.opened_at < before][:limit]
            return rows, rows[-1].opened_at if len(rows) == limit else None
        stored = await self._history.incidents(integration=integration, before=before, limit=limit)
        rows = [self._live(each) for each in stored]
        shown = [each for each in rows if state is None or not each.is_open]
        return shown, stored[-1].opened_at if len(stored) == limit else None

    async def one(self, incident: str) -> Incident:
        """One of them.

        Raises:
            UnknownIncidentError: when there is none of this id.
        """
        if self._engine.incidents.get(incident) is not None:
            return self._engine.incident(incident)
        found = await self._history.incident(incident)
        if found is None:
            raise UnknownIncidentError(incident)
        return found

    async def decisions(self, incident: str) -> Sequence[Decision]:
        """Why somebody was told of it, or was not; the newest first."""
        return await self._decisions.decisions(incident, limit=MOST_DECISIONS)

    def alerts(self, incident: str) -> Sequence[Standing]:
        """The alerts that tell of it now."""
        return [row for row in self._engine.alerts() if row.alert.incident == incident]

    def explained_by(self, incident: str) -> Sequence[Incident]:
        """The open incidents that it explains."""
        return [each for each in self.open() if each.parent == incident]

    async def acknowledge(
        self, incident: str, *, actor: str, reason: str, expires_in: float | None
    ) -> Incident:
        """Somebody works on it, so nobody is reminded; until it is resolved, at most a day unless told
        otherwise.

        Raises:
            UnknownIncidentError: when there is none of this id.
            ValueError: when it is resolved already, or cannot be acknowledged for so long.
        """
        now = self._clock.time()
        ends = None if expires_in is None else now + expires_in
        found = acknowledgement(actor=actor, at=now, reason=reason, expires_at=ends)
        changed = await self._change(self._engine.incidents.acknowledge(incident, found))
        await self._told(changed, actor, "acknowledge", reason=reason, expires_at=found.expires_at)
        return changed

    async def unacknowledge(self, incident: str, *, actor: str, reason: str) -> Incident:
        """Take an acknowledgement back; one that is not there is none.

        Raises:
            UnknownIncidentError: when there is none of this id.
        """
        at = self._clock.time()
        moved = self._engine.incidents.unacknowledge(incident, actor=actor, at=at, reason=reason)
        if moved is None:
            return self._engine.incident(incident)
        changed = await self._change(moved)
        await self._told(changed, actor, "unacknowledge", reason=reason)
        return changed

    async def note(self, incident: str, *, actor: str, text: str, link: str) -> Incident:
        """Write into its timeline, also after its end.

        Raises:
            UnknownIncidentError: when it is not among the newest.
            ValueError: when there is nothing to write.
        """
        incidents = self._engine.incidents
        return await self._change(
            incidents.note(incident, text, actor=actor, at=self._clock.time(), link=link)
        )

    async def resolve(self, incident: str, *, actor: str, reason: str) -> Incident:
        """End it by hand; the next confirmed bad state opens another.

        Raises:
            UnknownIncidentError: when there is none of this id.
            ValueError: when it is resolved already.
        """
        at = self._clock.time()
        changed = await self._change(
            self._engine.incidents.close(incident, actor=actor, at=at, reason=reason)
        )
        await self._told(changed, actor, "resolve_incident", reason=reason)
        return changed

    async def _change(self, moved: Moved) -> Incident:
        await self._engine.change_incident(moved)
        self._changed()
        return self._engine.incident(moved.incident.id)

    async def _told(
        self, incident: Incident, actor: str, action: str, *, reason: str, expires_at: float | None = None
    ) -> None:
        await self._record(
            actor, action, reason=reason, integration=incident.integration, expires_at=expires_at
        )

    def _live(self, stored: Incident) -> Incident:
        """As it is in memory, where it may be newer."""
        known = self._engine.incidents.get(stored.id)
        return stored if known is None else self._engine.incident(stored.id)
