"""What an incident cost its callers, read from DuckDB once it is over; until then, and while analytics is
down, what was counted in memory stands there.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
import structlog

from integrations.clock import Clock
from monitors.impact import MINUTE, SHOWN_CALLERS
from monitors.incident import Impact, Incident

EVERY = 30.0
SETTLED = 30.0
"""Seconds after an incident's end by which its calls are in DuckDB."""

LATEST = 6 * 3_600.0
"""Seconds after its end in which an incident is still asked for."""

AT_ONCE = 20

log = structlog.get_logger("dialtone.incidents")


class Answer(Protocol):
    """The rows of a query."""

    @property
    def rows(self) -> Sequence[Sequence[object]]:
        """In the order of the query."""
        ...


class Analytics(Protocol):
    """Answers named queries."""

    async def query(self, name: str, params: Mapping[str, str], /, *, caller: str) -> Answer:
        """Answer one; RuntimeError while it cannot."""
        ...


class Incidents(Protocol):
    """Knows incidents, and takes what they cost."""

    def all_incidents(self) -> Sequence[Incident]:
        """Those kept in memory."""
        ...

    def fill_impact(self, incident: str, impact: Impact, /) -> None:
        """Store what one cost."""
        ...


class ImpactFiller:
    """Fills in, twice a minute, what incidents that are over cost. Nothing waits for it."""

    def __init__(self, incidents: Incidents, *, analytics: Analytics, clock: Clock) -> None:
        self._incidents = incidents
        self._analytics = analytics
        self._clock = clock

    async def run(self) -> None:
        """Fill in until cancelled."""
        while True:
            await self._clock.sleep(EVERY)
            await self.fill()

    async def fill(self) -> None:
        """Fill in some that are over; those that cannot be asked for now come again."""
        now = self._clock.time()
        waiting = [each for each in self._incidents.all_incidents() if _is_wanted(each, now)]
        for incident in waiting[:AT_ONCE]:
            try:
                impact = await self._read(incident)
            except RuntimeError as error:
                log.debug("impact is not known yet", incident=incident.id, error=str(error))
                return
            self._incidents.fill_impact(incident.id, impact)

    async def _read(self, incident: Incident) -> Impact:
        params = {
            "from": _iso(incident.began_at - incident.began_at % MINUTE),
            "to": _iso(incident.resolved_at or self._clock.time()),
            "integration": incident.integration,
        }
        answer = await self._analytics.query("incident_impact", params, caller="incidents")
        rows = msgspec.convert(answer.rows, list[tuple[str | None, int, int, int]])
        hit = [caller for caller, _, failures, rejected in rows if caller and failures + rejected]
        return Impact(
            calls=sum(runs for _, runs, _, _ in rows),
            failures=sum(failures for _, _, failures, _ in rows),
            rejected=sum(rejected for _, _, _, rejected in rows),
            callers=tuple(hit[:SHOWN_CALLERS]),
            source="analytics",
        )


def _is_wanted(incident: Incident, now: float) -> bool:
    ended = incident.resolved_at
    if incident.is_root or ended is None or not SETTLED <= now - ended <= LATEST:
        return False
    return incident.impact is None or incident.impact.source != "analytics"


def _iso(at: float) -> str:
    return dt.datetime.fromtimestamp(at, dt.UTC).isoformat()
