"""Incidents and standing alerts: rows that are written in the units of health and of decisions, and read at
the start and by the API.
"""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.storage import tables
from app.storage.tables import incident, standing_alert
from app.storage.units import Units
from monitors.alerts.standing import Phase, Standing
from monitors.incident import Incident

RECENT = 1_000
"""Resolved incidents that are read at the start."""


def put_incidents(connection: sa.Connection, incidents: Sequence[Incident]) -> None:
    """Insert or replace incidents within the caller's transaction."""
    tables.replace(connection, incident, [_row(each) for each in incidents])


def put_standing(connection: sa.Connection, rows: Sequence[Standing]) -> None:
    """Insert or replace standing alerts within the caller's transaction; those that ended are deleted."""
    standing = [
        {"fingerprint": row.alert.fingerprint, "body": msgspec.json.encode(row)}
        for row in rows
        if row.phase is not Phase.ENDED
    ]
    ended = [{"gone": row.alert.fingerprint} for row in rows if row.phase is Phase.ENDED]
    tables.replace(connection, standing_alert, standing)
    if ended:
        gone = standing_alert.c.fingerprint == sa.bindparam("gone")
        connection.execute(sa.delete(standing_alert).where(gone), ended)


class IncidentRows:
    """Reads incidents and standing alerts; forgets old incidents."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def load(self) -> tuple[Sequence[Incident], Sequence[Standing]]:
        """Return all open incidents, the newest resolved ones, and all alerts that stand."""
        row = incident.c
        is_open = sa.select(row.body).where(row.resolved_at.is_(None))
        newest = row.opened_at.desc()
        resolved = sa.select(row.body).where(row.resolved_at.is_not(None)).order_by(newest).limit(RECENT)

        def unit(connection: sa.Connection) -> tuple[Sequence[bytes], Sequence[bytes]]:
            incidents = [*connection.scalars(is_open), *connection.scalars(resolved)]
            return incidents, connection.scalars(sa.select(standing_alert.c.body)).all()

        incidents, standing = await self._units.run(unit)
        return _incidents(incidents), [msgspec.json.decode(body, type=Standing) for body in standing]

    async def incident(self, id_: str) -> Incident | None:
        """Return one incident, however old; None when there is none."""
        query = sa.select(incident.c.body).where(incident.c.id == id_)
        body = await self._units.run(lambda connection: connection.scalars(query).one_or_none())
        return None if body is None else msgspec.json.decode(body, type=Incident)

    async def incidents(
        self, *, integration: str | None = None, before: float | None = None, limit: int = 100
    ) -> Sequence[Incident]:
        """Return incidents, the newest first; `before` (UTC seconds) pages on."""
        row = incident.c
        query = sa.select(row.body).order_by(row.opened_at.desc(), row.id.desc()).limit(limit)
        if integration is not None:
            query = query.where(row.integration == integration)
        if before is not None:
            query = query.where(row.opened_at < before)
        return _incidents(await self._units.run(lambda connection: connection.scalars(query).all()))

    async def forget(self, *, before: float) -> int:
        """Delete incidents that were resolved before a moment (UTC seconds); return how many, at most 1,000
        at a time.
        """
        row = incident.c
        old = sa.select(row.id).where(row.resolved_at < before).limit(1_000)
        statement = sa.delete(incident).where(row.id.in_(old))
        return await self._units.run(lambda connection: connection.execute(statement).rowcount)


def _row(each: Incident) -> dict[str, object]:
    return {
        "id": each.id,
        "integration": each.integration,
        "opened_at": each.opened_at,
        "resolved_at": each.resolved_at,
        "body": msgspec.json.encode(each),
    }


def _incidents(bodies: Sequence[bytes]) -> list[Incident]:
    return [msgspec.json.decode(body, type=Incident) for body in bodies]
