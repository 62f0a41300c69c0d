"""Confirmed health: fulfils monitors.report.HealthStore."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.storage import signal_log, tables
from app.storage.alerts import put_groups
from app.storage.incidents import put_incidents, put_standing
from app.storage.units import Units
from integrations.signals import HealthChange
from monitors.alerts.consequences import Consequences
from monitors.report import SavedHealth


class HealthRows:
    """Keeps one row an integration in `health_state`, every change in the signal log, and what follows from
    changes in the tables of incidents, alerts and groups.
    """

    def __init__(self, units: Units) -> None:
        self._units = units

    async def save_health(
        self, states: Sequence[SavedHealth], changes: Sequence[HealthChange], consequences: Consequences
    ) -> None:
        """Replace states, append changes, and store what follows from them, in one transaction."""

        def unit(connection: sa.Connection) -> None:
            # Written out here, on storage's own thread: after a time without a store it is thousands of rows.
            rows = [{"integration": each.integration, "body": msgspec.json.encode(each)} for each in states]
            tables.replace(connection, tables.health_state, rows)
            put_incidents(connection, consequences.incidents)
            put_standing(connection, consequences.standing)
            put_groups(connection, consequences.groups)
            signal_log.append(connection, (*changes, *consequences.signals))

        await self._units.run(unit)

    async def load_health(self) -> Sequence[SavedHealth]:
        """Return all that is stored."""
        query = sa.select(tables.health_state.c.body)
        bodies = await self._units.run(lambda connection: connection.scalars(query).all())
        return [msgspec.json.decode(body, type=SavedHealth) for body in bodies]
