"""Deliveries of webhooks: fulfils integrations.webhooks.store. What comes at once is stored at once.

A delivery and its receipt are one unit. Whether it is new is decided by two unique indexes, so it holds
across restarts and however many come at the same time.
"""

from collections.abc import Mapping, Sequence

import anyio
import msgspec
import sqlalchemy as sa

from app.storage import signal_log, tables
from app.storage.tables import webhook_delivery
from app.storage.units import Units
from integrations.credentials.secret import Secret
from integrations.signals import WebhookReceipt
from integrations.webhooks.store import NewDelivery, URLKey

MAX_BATCH = 256
MAX_BATCH_BYTES = 8 << 20
RECENT_ROWS = 100_000
"""How many of the newest rows are asked when the last delivery of each type came."""


class _Batch:
    """Deliveries that are stored in one unit; who began it stores it for all."""

    def __init__(self) -> None:
        self.deliveries: list[NewDelivery] = []
        self.size = 0
        self.done = anyio.Event()
        self.is_new: list[bool] = []
        self.error: Exception | None = None

    @property
    def is_full(self) -> bool:
        return len(self.deliveries) >= MAX_BATCH or self.size >= MAX_BATCH_BYTES

    def add(self, delivery: NewDelivery) -> int:
        self.deliveries.append(delivery)
        self.size += len(delivery.body)
        return len(self.deliveries) - 1


class WebhookRows:
    """Stores deliveries in `webhook_delivery`, receipts also in the signal log, keys in `webhook_key`."""

    def __init__(self, units: Units) -> None:
        self._units = units
        self._batch: _Batch | None = None
        self._turn = anyio.Lock()
        self.body_bytes = 0

    async def accept(self, delivery: NewDelivery) -> bool:
        """Store a delivery and its receipt, and return whether it was new."""
        batch = self._batch
        if batch is not None and not batch.is_full:
            place = batch.add(delivery)
            await batch.done.wait()
        else:
            batch = self._batch = _Batch()
            place = batch.add(delivery)
            await self._store(batch)
        if batch.error is not None:
            raise batch.error
        return batch.is_new[place]

    async def note(self, receipt: WebhookReceipt) -> None:
        """Store the receipt of what was not taken."""

        def unit(connection: sa.Connection) -> None:
            signal_log.append(connection, [receipt])
            connection.execute(sa.insert(webhook_delivery), [_row(receipt)])

        await self._units.run(unit)

    async def last_received(self) -> Mapping[tuple[str, str], float]:
        """Return when each integration's last delivery came, by integration and event type."""
        row = webhook_delivery.c
        newest = sa.select(sa.func.coalesce(sa.func.max(row.id), 0)).scalar_subquery()
        query = (
            sa.select(row.integration, row.event_type, sa.func.max(row.at))
            .where((row.verdict == "accepted") & (row.id > newest - RECENT_ROWS))
            .group_by(row.integration, row.event_type)
        )
        found = await self._units.run(lambda connection: connection.execute(query).all())
        return {(integration, event_type): at for integration, event_type, at in found}

    async def load_keys(self) -> Sequence[URLKey]:
        """Return the keys of all URLs."""
        query = sa.select(tables.webhook_key)
        rows = await self._units.run(lambda connection: connection.execute(query).all())
        return [
            URLKey(
                integration=row.integration,
                current=Secret(row.current),
                previous=None if row.previous is None else Secret(row.previous),
                previous_until=row.previous_until,
            )
            for row in rows
        ]

    async def save_key(self, key: URLKey) -> None:
        """Replace the key of an integration's URL."""
        row = {
            "integration": key.integration,
            "current": key.current.reveal(),
            "previous": key.previous.reveal() if key.previous is not None else None,
            "previous_until": key.previous_until,
        }
        await self._units.run(lambda connection: tables.replace(connection, tables.webhook_key, [row]))

    async def _store(self, batch: _Batch) -> None:
        """Store a batch once those before it are stored; meanwhile more may join it."""
        # Others wait for this one, so it ends whatever becomes of its own caller; storage has a deadline.
        with anyio.CancelScope(shield=True):
            try:
                async with self._turn:
                    if self._batch is batch:
                        self._batch = None
                    deliveries = batch.deliveries
                    batch.is_new = await self._units.run(lambda connection: _insert(connection, deliveries))
                    self.body_bytes += sum(
                        len(one.body) for one, new in zip(deliveries, batch.is_new, strict=True) if new
                    )
            except Exception as error:  # noqa: BLE001 - each caller of the batch raises it
                batch.error = error
            finally:
                batch.done.set()


def _insert(connection: sa.Connection, deliveries: Sequence[NewDelivery]) -> list[bool]:
    """Store the deliveries that are new, and the receipts of all."""
    signal_log.keep_order(connection)
    _release(connection, deliveries)
    row = webhook_delivery.c
    statement = tables.insert_new(webhook_delivery, connection.dialect.name)
    stored = connection.execute(
        statement.returning(row.integration, row.delivery_key), [_delivery_row(one) for one in deliveries]
    )
    unclaimed = {(integration, key) for integration, key in stored}
    is_new = []
    for one in deliveries:
        key = one.receipt.integration, one.delivery_key
        is_new.append(key in unclaimed)
        unclaimed.discard(key)
    receipts = [
        one.receipt if new else msgspec.structs.replace(one.receipt, verdict="duplicate", missing=0)
        for one, new in zip(deliveries, is_new, strict=True)
    ]
    if duplicates := [_row(one) for one in receipts if one.verdict == "duplicate"]:
        connection.execute(sa.insert(webhook_delivery), duplicates)
    signal_log.append(connection, receipts)
    return is_new


def _release(connection: sa.Connection, deliveries: Sequence[NewDelivery]) -> None:
    """Take the keys from those that came too long ago to make one of these a duplicate."""
    row = webhook_delivery.c
    for one in deliveries:
        if one.window is not None:
            same = (row.delivery_key == one.delivery_key) | (row.content_key == one.content_key)
            is_old = (row.integration == one.receipt.integration) & (row.at < one.receipt.at - one.window)
            connection.execute(
                sa.update(webhook_delivery).where(is_old & same).values(delivery_key=None, content_key=None)
            )


def _delivery_row(delivery: NewDelivery) -> dict[str, object]:
    at = delivery.receipt.at
    return _row(delivery.receipt) | {
        "delivery_key": delivery.delivery_key,
        "content_key": delivery.content_key,
        "state": "waiting" if delivery.handled else "kept",
        "due": at if delivery.handled else None,
        "headers": msgspec.json.encode(delivery.headers),
        "body": delivery.body,
    }


def _row(receipt: WebhookReceipt) -> dict[str, object]:
    """What a receipt alone tells; a row of it takes part in no unique index."""
    return {
        "at": receipt.at,
        "integration": receipt.integration,
        "verdict": receipt.verdict,
        "event_type": receipt.event_type,
        "webhook_id": receipt.webhook_id,
        "detail": receipt.detail,
        "lag": receipt.lag,
        "delivery_key": None,
        "content_key": None,
        "state": "none",
        "attempts": 0,
        "due": None,
        "error": "",
        "body_bytes": receipt.body_bytes,
        "headers": b"{}",
        "body": None,
    }
