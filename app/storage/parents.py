"""Parents that last: fulfils monitors.parents.ParentStore."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.storage.tables import parent_state
from app.storage.units import Units
from monitors.parent import Parent


class ParentRows:
    """Keeps one row a parent in `parent_state`."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def save_parents(self, parents: Sequence[Parent], /) -> None:
        """Replace all that is stored, in one transaction."""
        rows = [{"key": parent.key, "body": msgspec.json.encode(parent)} for parent in parents]

        def unit(connection: sa.Connection) -> None:
            connection.execute(sa.delete(parent_state))
            if rows:
                connection.execute(sa.insert(parent_state), rows)

        await self._units.run(unit)

    async def load_parents(self) -> Sequence[Parent]:
        """Return all that is stored."""
        query = sa.select(parent_state.c.body)
        bodies = await self._units.run(lambda connection: connection.scalars(query).all())
        return [msgspec.json.decode(body, type=Parent) for body in bodies]
