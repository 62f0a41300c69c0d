"""The outbox beside its messages' way: what waits and is dead, what is forgotten, what is sent once more;
fulfils monitors.alerts.outbox.OutboxKeeping, and is what the API reads.
"""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.storage import signal_log, tables
from app.storage.outbox_rows import BEHIND, delivery_of
from app.storage.tables import outbox, outbox_subject, receiver_condition
from app.storage.units import Units
from monitors.alerts.outbox import LEASE_SECONDS, Backlog, Condition, Delivery, DeliveryState, Replay

AT_ONCE = 5_000
"""Rows that one unit deletes or queues again, so that it holds up no other for long."""

_ROW = outbox.c
_UNDONE, _DONE, _DEAD, _SENDING = (
    sa.text("finished_at IS NULL"),
    sa.text("finished_at IS NOT NULL"),
    sa.text("state = 'dead'"),
    sa.text("state = 'sending'"),
)

# Of the rows that are queued again, the first of a subject that has no other undone row goes first.
_REQUEUE_FIRST = sa.text(
    "UPDATE outbox SET state = 'queued' WHERE state = 'behind' AND NOT EXISTS (SELECT 1 FROM outbox AS other"
    " WHERE other.receiver = outbox.receiver AND other.subject = outbox.subject"
    " AND other.finished_at IS NULL AND (other.state <> 'behind' OR other.sequence < outbox.sequence"
    " OR (other.sequence = outbox.sequence AND other.number < outbox.number)))"
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries: those that fit all that is set; `before` is a number, from the newest down."""

    receiver: str = ""
    state: DeliveryState | None = None
    subject: str = ""
    before: int | None = None
    limit: int = 100


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with its number, by which one reads on."""

    number: int
    delivery: Delivery


class OutboxKeepingRows:
    """Reads and tidies the rows of `outbox`."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def rouse(self, now: float) -> Sequence[Condition]:
        """Make all that waits due, and return how receivers do; see OutboxKeeping."""

        def unit(connection: sa.Connection) -> Sequence[bytes]:
            late = sa.update(outbox).where(_UNDONE, _ROW.due_at > now).values(due_at=now)
            connection.execute(late)
            ahead = sa.update(outbox).where(_SENDING, _ROW.lease_until > now + LEASE_SECONDS)
            connection.execute(ahead.values(lease_until=now + LEASE_SECONDS))
            return connection.scalars(sa.select(receiver_condition.c.body)).all()

        bodies = await self._units.run(unit)
        conditions = [msgspec.json.decode(body, type=Condition) for body in bodies]
        return [one for one in conditions if one.failures or one.disabled_at is not None]

    async def backlog(self) -> Sequence[Backlog]:
        """Return what waits and what is dead, by receiver."""
        waiting = (
            sa.select(_ROW.receiver, sa.func.count(), sa.func.min(_ROW.created_at))
            .where(_UNDONE)
            .group_by(_ROW.receiver)
        )
        dead = sa.select(_ROW.receiver, sa.func.count()).where(_DEAD).group_by(_ROW.receiver)

        def unit(connection: sa.Connection) -> Sequence[Backlog]:
            found = {name: (count, oldest) for name, count, oldest in connection.execute(waiting)}
            gone: dict[str, int] = dict(connection.execute(dead).all())
            return [
                Backlog(
                    receiver=name,
                    waiting=found.get(name, (0, None))[0],
                    oldest_at=found.get(name, (0, None))[1],
                    dead=gone.get(name, 0),
                )
                for name in sorted({*found, *gone})
            ]

        return await self._units.run(unit)

    async def trim(self, *, done_before: float, dead_before: float) -> int:
        """Delete some of what ended long ago; return how many."""
        is_dead = _ROW.state == DeliveryState.DEAD.value
        old = sa.case((is_dead, _ROW.finished_at < dead_before), else_=_ROW.finished_at < done_before)
        newest = max(done_before, dead_before)
        some = sa.select(_ROW.number).where(_DONE, _ROW.finished_at < newest, old).limit(AT_ONCE)

        def unit(connection: sa.Connection) -> int:
            connection.execute(sa.delete(outbox_subject).where(outbox_subject.c.at < dead_before))
            return connection.execute(sa.delete(outbox).where(_ROW.number.in_(some))).rowcount

        return await self._units.run(unit)

    async def replay(self, order: Replay) -> int:
        """Queue messages again under their own ids; return how many. Asked twice, it does it once.

        At most 5,000 at a time: who wants more asks again until it returns 0.
        """
        some = sa.select(_ROW.number).where(_replayable(order)).order_by(_ROW.number).limit(AT_ONCE)

        def unit(connection: sa.Connection) -> int:
            signal_log.keep_order(connection)
            count = connection.execute(
                sa.update(outbox)
                .where(_ROW.number.in_(some))
                .values(
                    state=BEHIND, due_at=0.0, attempts=0, first_failed_at=None, last_error="",
                    delivered_at=None, finished_at=None, fall_back_at=None,
                )
            ).rowcount  # fmt: skip
            if count:
                connection.execute(_REQUEUE_FIRST)
            return count

        return await self._units.run(unit)

    async def prove(self, at: float) -> None:
        """Commit something, to show that it can be done; fulfils monitors.alerts.watchdog.Proof."""
        row = {"receiver": "", "subject": "watchdog", "reference": "", "at": at}
        await self._units.run(lambda connection: tables.replace(connection, outbox_subject, [row]))

    async def deliveries(self, wanted: Wanted) -> Sequence[Numbered]:
        """Return deliveries, the newest first."""
        query = sa.select(outbox)
        for column, value in ((_ROW.receiver, wanted.receiver), (_ROW.subject, wanted.subject)):
            query = query.where(column == value) if value else query
        if wanted.state is not None:
            states = [wanted.state.value, *([BEHIND] if wanted.state is DeliveryState.QUEUED else [])]
            query = query.where(_ROW.state.in_(states))
        if wanted.before is not None:
            query = query.where(_ROW.number < wanted.before)
        query = query.order_by(_ROW.number.desc()).limit(wanted.limit)
        rows = await self._units.run(lambda connection: connection.execute(query).all())
        return [Numbered(number=row.number, delivery=delivery_of(row)) for row in rows]

    async def delivery(self, message: str) -> Delivery | None:
        """Return one by its message's id."""
        query = sa.select(outbox).where(_ROW.id == message)
        row = await self._units.run(lambda connection: connection.execute(query).one_or_none())
        return None if row is None else delivery_of(row)


def _replayable(order: Replay) -> sa.ColumnElement[bool]:
    if order.ids:
        ended = _ROW.state.in_([DeliveryState.DEAD.value, DeliveryState.DELIVERED.value])
        return ended & _ROW.id.in_(order.ids)
    wanted: sa.ColumnElement[bool] = _ROW.state == DeliveryState.DEAD.value
    if order.receiver:
        wanted &= _ROW.receiver == order.receiver
    if order.since is not None:
        wanted &= _ROW.finished_at >= order.since
    if order.until is not None:
        wanted &= _ROW.finished_at <= order.until
    return wanted
