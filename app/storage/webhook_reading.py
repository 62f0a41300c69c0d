"""Reads what came in by webhook, puts deliveries back into the queue, and forgets the old ones."""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.storage.stored_webhook import StoredWebhook, Wanted
from app.storage.tables import webhook_delivery
from app.storage.units import Units

_ROW = webhook_delivery.c
_BRIEF = [column for column in _ROW if column.name not in {"body", "headers", "delivery_key", "content_key"}]
CHUNK = 2_000
"""Rows that one unit of trimming looks at, so that it holds up no other."""

MAX_READ = 8 << 20
"""Bytes of bodies that are read at once."""


class WebhookReading:
    """Reads and tends the rows of `webhook_delivery`."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def webhooks(self, wanted: Wanted) -> Sequence[StoredWebhook]:
        """Return what is wanted, newest first, or with `after` oldest first; without headers."""
        if not _is_storable(wanted.integration, wanted.event_type):
            return []
        order = _ROW.id.asc() if wanted.after is not None else _ROW.id.desc()
        query = sa.select(*_BRIEF).where(*_conditions(wanted)).order_by(order).limit(wanted.limit)
        rows = await self._units.run(lambda connection: connection.execute(query).mappings().all())
        return [StoredWebhook(**row) for row in rows]

    async def webhook(self, integration: str, number: int) -> tuple[StoredWebhook, bytes | None] | None:
        """Return one with its headers and its body, which is None when it is not kept any more."""
        if not _is_storable(integration):
            return None
        query = sa.select(*_BRIEF, _ROW.headers, _ROW.body).where(
            (_ROW.id == number) & (_ROW.integration == integration)
        )
        row = await self._units.run(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else _with_body(row)

    async def deliveries(self, wanted: Wanted) -> Sequence[tuple[StoredWebhook, bytes | None]]:
        """Return what is wanted with headers and bodies, up to about MAX_READ bytes; at least one."""
        order = _ROW.id.asc() if wanted.after is not None else _ROW.id.desc()
        query = sa.select(*_BRIEF, _ROW.headers, _ROW.body).where(*_conditions(wanted))
        query = query.order_by(order).limit(wanted.limit)

        def unit(connection: sa.Connection) -> list[tuple[StoredWebhook, bytes | None]]:
            found: list[tuple[StoredWebhook, bytes | None]] = []
            size = 0
            for row in connection.execute(query).mappings():
                size += row["body_bytes"]
                if found and size > MAX_READ:
                    break
                found.append(_with_body(row))
            return found

        return await self._units.run(unit)

    async def replay(self, integration: str, numbers: Sequence[int], *, now: float) -> int:
        """Put deliveries back into the queue as if they had just come; return how many there were whose body
        is kept.
        """
        theirs = (_ROW.integration == integration) & _ROW.id.in_(numbers)
        statement = (
            sa.update(webhook_delivery)
            .where(theirs & (_ROW.verdict == "accepted") & _ROW.body.is_not(None))
            .values(state="waiting", attempts=0, due=now, error="")
        )
        return await self._units.run(lambda connection: connection.execute(statement).rowcount)

    async def stored_bytes(self) -> int:
        """Return what the bodies that are kept take."""
        query = sa.select(sa.func.coalesce(sa.func.sum(_ROW.body_bytes), 0)).where(_ROW.body.is_not(None))
        return int(await self._units.run(lambda connection: connection.execute(query).scalar_one()))

    async def trim(self, *, before: float) -> int:
        """Delete what came before a time (UTC seconds) and does not wait; return how many."""
        oldest = sa.select(_ROW.id, _ROW.at, _ROW.due).order_by(_ROW.id).limit(CHUNK).subquery()
        old = sa.select(oldest.c.id).where((oldest.c.at < before) & oldest.c.due.is_(None))
        statement = sa.delete(webhook_delivery).where(_ROW.id.in_(old))
        return await self._units.run(lambda connection: connection.execute(statement).rowcount)

    async def drop_bodies(self, *, above: int, enough: int) -> tuple[int, int] | None:
        """Forget the bodies of the oldest deliveries that have one and an id above `above`, until `enough`
        bytes are free or a chunk is through.

        Returns the last id and how many bytes became free; None when there is none.
        """
        kept = (_ROW.id > above) & _ROW.body.is_not(None) & _ROW.due.is_(None)
        query = sa.select(_ROW.id, _ROW.body_bytes).where(kept).order_by(_ROW.id).limit(CHUNK)

        def unit(connection: sa.Connection) -> tuple[int, int] | None:
            rows = connection.execute(query).mappings().all()
            if not rows:
                return None
            last, freed = _until(rows, enough)
            statement = sa.update(webhook_delivery).where(kept & (_ROW.id <= last)).values(body=None)
            connection.execute(statement)
            return last, freed

        return await self._units.run(unit)


def _is_storable(*words: str) -> bool:
    """Whether rows can hold these words: only what is printable is stored, and PostgreSQL refuses NUL."""
    return all(map(str.isprintable, words))


def _with_body(row: sa.RowMapping) -> tuple[StoredWebhook, bytes | None]:
    facts = {column.name: row[column.name] for column in _BRIEF}
    headers = msgspec.json.decode(row["headers"], type=dict[str, str])
    return StoredWebhook(**facts, headers=headers), row["body"]


def _until(rows: Sequence[sa.RowMapping], enough: int) -> tuple[int, int]:
    """The first id up to which as many bytes are found, and these bytes."""
    freed = 0
    for row in rows:
        freed += row["body_bytes"]
        if freed >= enough:
            break
    return row["id"], freed


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    equal = {
        _ROW.integration: wanted.integration,
        _ROW.verdict: wanted.verdict,
        _ROW.event_type: wanted.event_type,
        _ROW.state: wanted.state,
    }
    conditions = [column == value for column, value in equal.items() if value]
    if wanted.since is not None:
        conditions.append(_ROW.at >= wanted.since)
    if wanted.before is not None:
        conditions.append(_ROW.id < wanted.before)
    if wanted.after is not None:
        conditions.append(_ROW.id > wanted.after)
    return conditions
