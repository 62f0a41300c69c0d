"""What was decided on telling people of an integration: the decisions about its incidents."""

from collections.abc import Sequence
from typing import Protocol

from monitors.alerts.decisions import Decision, DecisionReader
from monitors.incident import Incident


class IncidentList(Protocol):
    """Who knows the incidents."""

    def all(self) -> Sequence[Incident]:
        """Open ones and the newest resolved ones, the newest first."""
        ...


class IncidentDecisions:
    """Reads the decisions about the incidents of one integration; fulfils monitors.explain.Decisions."""

    def __init__(self, incidents: IncidentList, decisions: DecisionReader) -> None:
        self._incidents = incidents
        self._decisions = decisions

    async def decisions_of(self, integration: str, /, *, limit: int) -> Sequence[Decision]:
        """The last decisions, newest first."""
        found: list[Decision] = []
        for incident in self._incidents.all():
            if incident.integration == integration and len(found) < limit:
                found += await self._decisions.decisions(incident.id, limit=limit - len(found))
        return sorted(found, key=lambda decision: -decision.at)
