"""What of the executor survives a restart: fulfils integrations.execution.status.ExecutionStore."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.storage import tables
from app.storage.units import Units
from integrations.execution.status import SavedLine


class ExecutionRows:
    """Keeps one row an integration in `execution_line`."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def save_lines(self, lines: Sequence[SavedLine]) -> None:
        """Replace what is stored for these integrations; all or none."""
        rows = [{"integration": line.integration, "body": msgspec.json.encode(line)} for line in lines]
        await self._units.run(lambda connection: tables.replace(connection, tables.execution_line, rows))

    async def load_lines(self) -> Sequence[SavedLine]:
        """Return all that is stored."""
        query = sa.select(tables.execution_line.c.body)
        bodies = await self._units.run(lambda connection: connection.scalars(query).all())
        return [msgspec.json.decode(body, type=SavedLine) for body in bodies]
