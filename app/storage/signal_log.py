"""The log of stored signals: changes of health and of incidents, receipts of webhooks, attempts to deliver
and operators' actions, appended in the transaction that makes them true, read by a cursor. Signals are
numbered in the order of their commits.
"""

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.storage import tables
from app.storage.tables import signal_log
from app.storage.units import Units
from integrations.signals import (
    DeliveryAttempt,
    HealthChange,
    IncidentChange,
    OperatorAction,
    Signal,
    WebhookReceipt,
)

StoredSignal = HealthChange | IncidentChange | OperatorAction | WebhookReceipt | DeliveryAttempt

_APPEND_LOCK = 4350_0001
_DECODER: msgspec.json.Decoder[Signal] = msgspec.json.Decoder(Signal)
"""Made once: `decode` looks through all kinds of signals each time, which takes twenty times as long."""


def append(connection: sa.Connection, signals: Sequence[StoredSignal]) -> None:
    """Append within the caller's transaction."""
    if not signals:
        return
    keep_order(connection)
    tables.insert(connection, signal_log, [_row(signal) for signal in signals])


def keep_order(connection: sa.Connection) -> None:
    """Let rows be numbered in the order of their commits, from here to the end of the transaction."""
    if connection.dialect.name == "postgresql":
        # A sequence numbers before the commit: without this a reader's cursor could pass an uncommitted row.
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_APPEND_LOCK)))


class SignalLog:
    """Reads the log; also fulfils the analytics store's StoredSignals."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def signals_after(self, cursor: int, limit: int) -> Sequence[tuple[int, Signal]]:
        """Return up to `limit` signals with a number above `cursor`, oldest first."""
        query = sa.select(signal_log.c.id, signal_log.c.body).where(signal_log.c.id > cursor)
        rows = await self._units.run(
            lambda connection: connection.execute(query.order_by(signal_log.c.id).limit(limit)).all()
        )
        return [(number, _DECODER.decode(body)) for number, body in rows]

    async def end(self) -> int:
        """Return the number of the newest signal, 0 for an empty log."""
        query = sa.select(sa.func.coalesce(sa.func.max(signal_log.c.id), 0))
        return await self._units.run(lambda connection: connection.execute(query).scalar_one())

    async def recent_changes(self, integration: str, limit: int) -> Sequence[HealthChange]:
        """Return an integration's last health changes, newest first."""
        mine = (signal_log.c.kind == _kind(HealthChange)) & (signal_log.c.integration == integration)
        return [msgspec.json.decode(body, type=HealthChange) for body in await self._newest(mine, limit)]

    async def recent_actions(self, limit: int) -> Sequence[OperatorAction]:
        """Return the last operators' actions, newest first."""
        actions = signal_log.c.kind == _kind(OperatorAction)
        return [msgspec.json.decode(body, type=OperatorAction) for body in await self._newest(actions, limit)]

    async def trim(self, *, copied: int, before: float) -> int:
        """Delete signals that are copied (number up to `copied`) and older than `before` (UTC seconds).

        Returns how many; at most 10,000 at a time, so that no unit holds up the others.
        """
        old = (signal_log.c.id <= copied) & (signal_log.c.at < before)
        some = sa.select(signal_log.c.id).where(old).order_by(signal_log.c.id).limit(10_000)
        statement = sa.delete(signal_log).where(signal_log.c.id.in_(some))
        return await self._units.run(lambda connection: connection.execute(statement).rowcount)

    async def _newest(self, condition: sa.ColumnElement[bool], limit: int) -> Sequence[bytes]:
        query = sa.select(signal_log.c.body).where(condition).order_by(signal_log.c.id.desc()).limit(limit)
        return await self._units.run(lambda connection: connection.scalars(query).all())


class OperatorActions:
    """What operators did: stored before it is published."""

    def __init__(self, units: Units, signals: SignalLog) -> None:
        self._units = units
        self._signals = signals

    async def record(self, action: OperatorAction) -> None:
        """Store the action."""
        await self._units.run(lambda connection: append(connection, [action]))

    async def recent(self, limit: int) -> Sequence[OperatorAction]:
        """Return the last actions, newest first."""
        return await self._signals.recent_actions(limit)


def _kind(signal: type[StoredSignal]) -> str:
    return str(signal.__struct_config__.tag)


def _row(signal: StoredSignal) -> dict[str, object]:
    return {
        "at": signal.at,
        "kind": _kind(type(signal)),
        "integration": "" if isinstance(signal, DeliveryAttempt) else signal.integration,
        "body": msgspec.json.encode(signal),
    }
