"""Confirmed health: fulfils monitors.report.HealthStore."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.storage import signal_log, tables
from app.storage.units import Units
from integrations.signals import HealthChange
from monitors.report import SavedHealth


class HealthRows:
    """Keeps one row an integration in `health_state`, and every change in the signal log."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def save_health(self, state: SavedHealth, changes: Sequence[HealthChange]) -> None:
        """Replace the integration's state and append its changes, in one transaction."""
        row = {"integration": state.integration, "body": msgspec.json.encode(state)}

        def unit(connection: sa.Connection) -> None:
            tables.replace(connection, tables.health_state, [row])
            signal_log.append(connection, changes)

        await self._units.run(unit)

    async def load_health(self) -> Sequence[SavedHealth]:
        """Return all that is stored."""
        query = sa.select(tables.health_state.c.body)
        bodies = await self._units.run(lambda connection: connection.scalars(query).all())
        return [msgspec.json.decode(body, type=SavedHealth) for body in bodies]
