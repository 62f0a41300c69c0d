"""Heartbeats and the keys of their URLs: fulfils monitors.heartbeats.HeartbeatStore and
monitors.heartbeat_keys.KeyStore.
"""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.storage.tables import heartbeat_key, heartbeat_state, replace
from app.storage.units import Units
from integrations.credentials.secret import Secret
from monitors.heartbeat import HeartbeatState
from monitors.heartbeat_keys import HeartbeatKey


class HeartbeatRows:
    """Keeps one row a heartbeat in `heartbeat_state`, and one in `heartbeat_key`."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def save_heartbeats(self, states: Sequence[HeartbeatState], /) -> None:
        """Replace these, in one transaction."""
        rows = [{"id": state.id, "body": msgspec.json.encode(state)} for state in states]
        await self._units.run(lambda connection: replace(connection, heartbeat_state, rows))

    async def load_heartbeats(self) -> Sequence[HeartbeatState]:
        """Return all that is stored."""
        query = sa.select(heartbeat_state.c.body)
        bodies = await self._units.run(lambda connection: connection.scalars(query).all())
        return [msgspec.json.decode(body, type=HeartbeatState) for body in bodies]

    async def save_key(self, key: HeartbeatKey, /) -> None:
        """Replace the key of a heartbeat's URL."""
        row = {
            "id": key.id,
            "current": key.current.reveal(),
            "previous": key.previous.reveal() if key.previous is not None else None,
            "previous_until": key.previous_until,
        }
        await self._units.run(lambda connection: replace(connection, heartbeat_key, [row]))

    async def load_keys(self) -> Sequence[HeartbeatKey]:
        """Return the keys of all URLs."""
        query = sa.select(heartbeat_key)
        rows = await self._units.run(lambda connection: connection.execute(query).all())
        return [
            HeartbeatKey(
                id=row.id,
                current=Secret(row.current),
                previous=None if row.previous is None else Secret(row.previous),
                previous_until=row.previous_until,
            )
            for row in rows
        ]
