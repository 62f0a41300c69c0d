"""Deliveries that wait for their handlers: fulfils integrations.webhooks.store.WebhookQueue."""

from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa

from app.storage.tables import webhook_delivery
from app.storage.units import Units
from integrations.webhooks.store import Delivery, Settled


class WebhookQueueRows:
    """Reads and settles the rows of `webhook_delivery` that are due."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def due(self, now: float, *, limit: int, busy: Collection[str]) -> Sequence[Delivery]:
        """Return waiting deliveries whose time has come, oldest first, of integrations that are not busy."""
        row = webhook_delivery.c
        query = sa.select(webhook_delivery).where(row.due.is_not(None) & (row.due <= now))
        if busy:
            query = query.where(row.integration.not_in(sorted(busy)))
        query = query.order_by(row.due, row.id).limit(limit)
        rows = await self._units.run(lambda connection: connection.execute(query).all())
        return [_delivery(row) for row in rows]

    async def settle(self, settled: Sequence[Settled]) -> None:
        """Store what became of attempts."""
        statement = (
            sa.update(webhook_delivery)
            .where(webhook_delivery.c.id == sa.bindparam("row"))
            .values({name: sa.bindparam(f"new_{name}") for name in ("state", "attempts", "due", "error")})
        )
        rows = [
            {
                "row": one.id,
                "new_state": one.state,
                "new_attempts": one.attempts,
                "new_due": one.due,
                "new_error": one.error,
            }
            for one in settled
        ]
        await self._units.run(lambda connection: connection.execute(statement, rows))

    async def next_due(self) -> float | None:
        """Return when the next waiting delivery is due."""
        query = sa.select(sa.func.min(webhook_delivery.c.due)).where(webhook_delivery.c.due.is_not(None))
        return await self._units.run(lambda connection: connection.execute(query).scalar())


def _delivery(row: sa.Row[tuple[object, ...]]) -> Delivery:
    return Delivery(
        id=row.id,
        integration=row.integration,
        at=row.at,
        event_type=row.event_type,
        webhook_id=row.webhook_id,
        headers=msgspec.json.decode(row.headers, type=dict[str, str]),
        body=row.body or b"",
        attempts=row.attempts,
    )
