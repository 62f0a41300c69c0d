"""The outbox's rows: fulfils monitors.alerts.outbox.Outbox; `insert` is for the unit that decides to send.

Of each receiver and subject only the first that is not done is `queued`; those after it are `behind`, which
is no state outside this file. So a claim never has to look past what waits for its turn.
"""

import functools
import uuid
from collections.abc import Collection, Sequence

import msgspec
import sqlalchemy as sa

from app.storage import signal_log, tables
from app.storage.outbox_rows import BEHIND, delivery_of, row_of
from app.storage.tables import outbox, outbox_subject, receiver_condition
from app.storage.units import Units
from monitors.alerts.outbox import FALL_BACK_SECONDS, Crowd, Delivery, DeliveryState, Finished, Message

_ROW = outbox.c
_UNDONE = sa.text("finished_at IS NULL")
_QUEUED, _SENDING = sa.text("state = 'queued'"), sa.text("state = 'sending'")
_WAITS_TO_FALL_BACK = sa.text("fall_back_at IS NOT NULL")

# What a message's arrival ends: what it supersedes, and what is only sent again until there is news. One that
# is there already arrived before: a unit whose answer was lost is stored twice.
_END_OLDER = sa.text(
    "UPDATE outbox SET finished_at = :now, fall_back_at = NULL,"
    " state = CASE WHEN delivered_at IS NULL THEN 'superseded' ELSE 'delivered' END"
    " WHERE receiver = :receiver AND subject = :subject AND finished_at IS NULL AND state <> 'sending'"
    " AND (delivered_at IS NOT NULL OR (:supersedes AND NOT tells_of_ends))"
    " AND NOT EXISTS (SELECT 1 FROM outbox AS same WHERE same.id = :id)"
)

# The same for one that goes back into the queue while there is news already.
_END_OUTDATED = sa.text(
    "UPDATE outbox SET finished_at = :now, fall_back_at = NULL,"
    " state = CASE WHEN delivered_at IS NULL THEN 'superseded' ELSE 'delivered' END"
    " WHERE id = :id AND finished_at IS NULL AND EXISTS (SELECT 1 FROM outbox AS later"
    " WHERE later.receiver = outbox.receiver AND later.subject = outbox.subject"
    " AND later.finished_at IS NULL AND later.number > outbox.number"
    " AND ((later.supersedes AND NOT outbox.tells_of_ends) OR outbox.delivered_at IS NOT NULL))"
)

_PROMOTE = sa.text(
    "UPDATE outbox SET state = 'queued' WHERE state = 'behind' AND number ="
    " (SELECT number FROM outbox WHERE receiver = :receiver AND subject = :subject"
    " AND finished_at IS NULL ORDER BY sequence, number LIMIT 1)"
)

# Each receiver that has queued rows is found by one step in the index, however long its queue is.
_CANDIDATES = sa.text(
    "WITH RECURSIVE waiting(receiver) AS ("
    " SELECT min(receiver) FROM outbox WHERE state = 'queued'"
    " UNION ALL SELECT (SELECT min(receiver) FROM outbox WHERE state = 'queued'"
    " AND receiver > waiting.receiver) FROM waiting WHERE waiting.receiver IS NOT NULL)"
    " SELECT found.number, found.receiver FROM waiting JOIN outbox AS found ON found.number IN"
    " (SELECT inner_row.number FROM outbox AS inner_row WHERE inner_row.receiver = waiting.receiver"
    " AND inner_row.state = 'queued' AND inner_row.due_at <= :now"
    " ORDER BY inner_row.due_at, inner_row.number LIMIT :at_once)"
    " ORDER BY found.is_paging DESC, found.number"
)

_NEXT_DUE = sa.text(
    "WITH RECURSIVE waiting(receiver, due_at) AS ("
    " SELECT min(receiver), CAST(NULL AS DOUBLE PRECISION) FROM outbox WHERE state = 'queued'"
    " UNION ALL SELECT (SELECT min(receiver) FROM outbox WHERE state = 'queued'"
    " AND receiver > waiting.receiver),"
    " (SELECT min(due_at) FROM outbox WHERE state = 'queued' AND receiver = waiting.receiver)"
    " FROM waiting WHERE waiting.receiver IS NOT NULL)"
    " SELECT min(due_at) FROM waiting"
)


def insert(connection: sa.Connection, messages: Sequence[Message]) -> None:
    """Put messages into the outbox, within the caller's transaction; one that is there already stays."""
    if not messages:
        return
    signal_log.keep_order(connection)
    subjects = {(message.receiver, message.subject) for message in messages}
    together = [messages] if len(subjects) == len(messages) else [[message] for message in messages]
    for some in together:
        connection.execute(_END_OLDER, [_ending(message) for message in some])
        connection.execute(_insertion(connection.dialect.name), [row_of(message) for message in some])
    # One that stays behind what was superseded is the first now.
    renewed = [{"receiver": one.receiver, "subject": one.subject} for one in messages if one.supersedes]
    if renewed:
        connection.execute(_PROMOTE, renewed)


class OutboxRows:
    """Claims and settles the rows of `outbox`.

    At its first claim what an earlier process of this SQLite file was sending is due again at once: a lock
    lets no second process have the file. On PostgreSQL its leases run out.
    """

    def __init__(self, units: Units) -> None:
        self._units = units
        self._owner = uuid.uuid4().hex

    async def enqueue(self, messages: Sequence[Message]) -> None:
        """Put messages into the outbox, as a unit of their own."""
        await self._units.run(lambda connection: insert(connection, messages))

    async def claim(self, *, now: float, lease: float, limit: int, crowd: Crowd) -> Sequence[Delivery]:
        """Mark due deliveries as sending; see Outbox."""

        def unit(connection: sa.Connection) -> Sequence[Delivery]:
            _release(connection, now=now, owner=self._owner)
            numbers = _chosen(connection, now=now, limit=limit, crowd=crowd)
            return _take(connection, numbers, until=now + lease, owner=self._owner) if numbers else []

        return await self._units.run(unit)

    async def finish(self, finished: Finished) -> None:
        """Store what came of claimed deliveries; see Outbox."""

        def unit(connection: sa.Connection) -> None:
            signal_log.keep_order(connection)
            signal_log.append(connection, finished.attempts)
            _settle(connection, finished.deliveries, at=finished.at)
            if finished.copied:
                copied = _ROW.id.in_(finished.copied)
                connection.execute(sa.update(outbox).where(copied).values(fall_back_at=None))
            insert(connection, finished.messages)
            rows = [
                {"receiver": one.receiver, "body": msgspec.json.encode(one)} for one in finished.conditions
            ]
            tables.replace(connection, receiver_condition, rows)

        await self._units.run(unit)

    async def next_due(self) -> float | None:
        """Return when the next delivery is due, or a lease ends."""
        leases = sa.select(sa.func.min(_ROW.lease_until)).where(_SENDING)

        def unit(connection: sa.Connection) -> float | None:
            ends = [connection.execute(_NEXT_DUE).scalar(), connection.execute(leases).scalar()]
            return min((end for end in ends if end is not None), default=None)

        return await self._units.run(unit)

    async def overdue(self, now: float, receivers: Collection[str]) -> Sequence[Delivery]:
        """Return paging messages that should have reached these receivers by now; see Outbox."""
        # None is put in with so long to wait: the clock was set back since.
        late = (_ROW.fall_back_at <= now) | (_ROW.fall_back_at > now + 2 * FALL_BACK_SECONDS)
        theirs = _ROW.receiver.in_(sorted(receivers))
        query = sa.select(outbox).where(_WAITS_TO_FALL_BACK, late, theirs).order_by(_ROW.number).limit(256)
        rows = await self._units.run(lambda connection: connection.execute(query).all())
        return [delivery_of(row) for row in rows]


def _ending(message: Message) -> dict[str, object]:
    return {
        "id": message.id,
        "now": message.created_at,
        "receiver": message.receiver,
        "subject": message.subject,
        "supersedes": message.supersedes,
    }


@functools.cache
def _insertion(dialect: str) -> sa.Insert:
    """An INSERT that queues a message, behind those of its subject that are not done."""
    names = [column.name for column in outbox.c if column.name != "number"]
    older = sa.select(1).where(
        _UNDONE, _ROW.receiver == sa.bindparam("receiver"), _ROW.subject == sa.bindparam("subject")
    )
    state = sa.case((sa.exists(older), BEHIND), else_=DeliveryState.QUEUED.value)
    columns = (state if name == "state" else sa.bindparam(name, type_=outbox.c[name].type) for name in names)
    # SQLite takes an upsert of a SELECT only with a WHERE in it.
    chosen = sa.select(*columns).where(sa.true())
    return tables.insert_new(outbox, dialect).from_select(names, chosen)


def _release(connection: sa.Connection, *, now: float, owner: str) -> None:
    """Queue again what nobody works on any more."""
    is_left = _ROW.lease_until <= now
    if connection.dialect.name == "sqlite":
        is_left |= _ROW.lease_owner != owner
    connection.execute(
        sa.update(outbox)
        .where(_SENDING, is_left)
        .values(state=DeliveryState.QUEUED.value, lease_until=None, lease_owner="")
    )


def _chosen(connection: sa.Connection, *, now: float, limit: int, crowd: Crowd) -> list[int]:
    """The numbers of the rows to claim."""
    busy = sa.select(_ROW.receiver, sa.func.count()).where(_SENDING).group_by(_ROW.receiver)
    taken: dict[str, int] = dict(connection.execute(busy).all())
    numbers: list[int] = []
    failing_room = crowd.failing_room
    for number, receiver in connection.execute(_CANDIDATES, {"now": now, "at_once": crowd.at_once}):
        if len(numbers) == limit:
            break
        fails = receiver in crowd.failing
        if taken.get(receiver, 0) < (1 if fails else crowd.at_once) and (not fails or failing_room > 0):
            failing_room -= fails
            taken[receiver] = taken.get(receiver, 0) + 1
            numbers.append(number)
    return numbers


def _take(
    connection: sa.Connection, numbers: Sequence[int], *, until: float, owner: str
) -> Sequence[Delivery]:
    """Mark the rows, unless another process was quicker, and return them in the order of their numbers."""
    # As text: SQLAlchemy leaves tables' names out of SQLite's RETURNING, and `receiver = receiver` holds.
    is_its_own = sa.text(
        "outbox_subject.receiver = outbox.receiver AND outbox_subject.subject = outbox.subject"
    )
    reference = sa.select(outbox_subject.c.reference).where(is_its_own).scalar_subquery()
    rows = connection.execute(
        sa.update(outbox)
        .where(_ROW.number.in_(numbers), _QUEUED)
        .values(state=DeliveryState.SENDING.value, lease_until=until, lease_owner=owner)
        .returning(*outbox.c, reference.label("reference"))
    ).all()
    place = {number: index for index, number in enumerate(numbers)}
    return [delivery_of(row) for row in sorted(rows, key=lambda row: place[row.number])]


def _settle(connection: sa.Connection, deliveries: Sequence[Delivery], *, at: float) -> None:
    if not deliveries:
        return
    connection.execute(_SETTLE, [_settled(delivery) for delivery in deliveries])
    waiting = [one for one in deliveries if one.finished_at is None]
    if waiting:
        outdated = [{"id": one.message.id, "now": at} for one in waiting]
        connection.execute(_END_OUTDATED, outdated)
    references = [
        {
            "receiver": one.message.receiver,
            "subject": one.message.subject,
            "reference": one.vendor_reference,
            "at": one.delivered_at,
        }
        for one in deliveries
        if one.vendor_reference and one.delivered_at is not None
    ]
    tables.replace(connection, outbox_subject, references)
    connection.execute(
        _PROMOTE,
        [{"receiver": one.message.receiver, "subject": one.message.subject} for one in deliveries],
    )


_SETTLED = (
    "state",
    "due_at",
    "attempts",
    "first_failed_at",
    "last_error",
    "delivered_at",
    "finished_at",
)

_SETTLE = (
    sa.update(outbox)
    .where(_ROW.id == sa.bindparam("row"), _UNDONE)
    .values({name: sa.bindparam(f"new_{name}") for name in _SETTLED})
    .values(
        lease_until=None,
        lease_owner="",
        fall_back_at=sa.case((sa.bindparam("is_taken", type_=sa.Boolean), None), else_=_ROW.fall_back_at),
    )
)


def _settled(delivery: Delivery) -> dict[str, object]:
    return {
        "row": delivery.message.id,
        "new_state": delivery.state.value,
        "new_due_at": delivery.due_at,
        "new_attempts": delivery.attempts,
        "new_first_failed_at": delivery.first_failed_at,
        "new_last_error": delivery.last_error,
        "new_delivered_at": delivery.delivered_at,
        "new_finished_at": delivery.finished_at,
        "is_taken": delivery.delivered_at is not None,
    }
