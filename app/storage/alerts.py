"""Groups of alerts, decisions and silences: fulfils monitors.alerts.store.AlertStore and DecisionReader."""

from collections.abc import Iterable, Sequence

import msgspec
import sqlalchemy as sa

from app.storage import outbox, tables
from app.storage.incidents import put_incidents
from app.storage.tables import alert_decision, alert_group, silence
from app.storage.units import Units
from monitors.alerts.decisions import Decision, Flush
from monitors.alerts.group import Group, GroupID
from monitors.alerts.silences import Silence
from monitors.alerts.store import Loaded

FORGET_AT_ONCE = 1_000


def put_groups(connection: sa.Connection, groups: Sequence[Group]) -> None:
    """Insert or replace groups within the caller's transaction."""
    rows = [
        {"key": group.key, "receiver": group.receiver, "body": msgspec.json.encode(group)} for group in groups
    ]
    tables.replace(connection, alert_group, rows)


class AlertRows:
    """Keeps one row a group and a silence, and one an incident of each decision."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def load(self) -> Loaded:
        """Return all groups and silences."""

        def unit(connection: sa.Connection) -> tuple[Sequence[bytes], Sequence[bytes]]:
            groups = connection.scalars(sa.select(alert_group.c.body)).all()
            return groups, connection.scalars(sa.select(silence.c.body)).all()

        groups, silences = await self._units.run(unit)
        return Loaded(
            groups=tuple(msgspec.json.decode(body, type=Group) for body in groups),
            silences=tuple(msgspec.json.decode(body, type=Silence) for body in silences),
        )

    async def save_flush(self, flush: Flush) -> None:
        """Store what was decided, and the messages it led to, in one transaction; twice does no harm."""
        decisions = [row for decision in flush.decisions for row in _rows(decision)]

        def unit(connection: sa.Connection) -> None:
            put_groups(connection, flush.groups)
            _forget_groups(connection, flush.forgotten)
            put_incidents(connection, flush.incidents)
            if decisions:
                connection.execute(tables.insert_new(alert_decision, connection.dialect.name), decisions)
            outbox.insert(connection, flush.messages)

        await self._units.run(unit)

    async def save_silences(self, silences: Sequence[Silence], *, forgotten: Sequence[str]) -> None:
        """Insert or replace silences, and delete those forgotten, in one transaction."""
        rows = [{"id": each.id, "body": msgspec.json.encode(each)} for each in silences]

        def unit(connection: sa.Connection) -> None:
            tables.replace(connection, silence, rows)
            if forgotten:
                gone = silence.c.id == sa.bindparam("gone")
                connection.execute(sa.delete(silence).where(gone), [{"gone": each} for each in forgotten])

        await self._units.run(unit)

    async def decisions(self, incident: str, *, limit: int) -> Sequence[Decision]:
        """Return the decisions about an incident, newest first; with "" those about what is no incident."""
        row = alert_decision.c
        query = sa.select(row.body).where(row.incident == incident)
        query = query.order_by(row.at.desc(), row.receiver, row.verdict).limit(limit)
        bodies = await self._units.run(lambda connection: connection.scalars(query).all())
        return [msgspec.json.decode(body, type=Decision) for body in bodies]

    async def forget_decisions(self, *, before: float) -> int:
        """Delete decisions that were made before a moment (UTC seconds); return how many, at most 1,000 at a
        time.
        """
        row = alert_decision.c
        keys = (row.incident, row.at, row.group_key, row.receiver, row.verdict, row.cause)
        old = sa.select(*keys).where(row.at < before).order_by(row.at).limit(FORGET_AT_ONCE)
        statement = sa.delete(alert_decision).where(sa.tuple_(*keys).in_(old))
        return await self._units.run(lambda connection: connection.execute(statement).rowcount)


def _rows(decision: Decision) -> Iterable[dict[str, object]]:
    body = msgspec.json.encode(decision)
    for incident in decision.incidents or ("",):
        yield {
            "incident": incident,
            "at": decision.at,
            "group_key": decision.group_key,
            "receiver": decision.receiver,
            "verdict": decision.verdict.value,
            "cause": decision.cause,
            "body": body,
        }


def _forget_groups(connection: sa.Connection, groups: Sequence[GroupID]) -> None:
    if groups:
        row = alert_group.c
        mine = (row.key == sa.bindparam("gone_key")) & (row.receiver == sa.bindparam("gone_receiver"))
        gone = [{"gone_key": each.key, "gone_receiver": each.receiver} for each in groups]
        connection.execute(sa.delete(alert_group).where(mine), gone)
