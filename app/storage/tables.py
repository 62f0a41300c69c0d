"""The tables as this version knows them; migrations/ leads every older database here, and a test compares."""

import functools
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

metadata = sa.MetaData()

ROWS_AT_ONCE = 128
"""Rows that one statement inserts into SQLite. At each step of a statement the driver gives the interpreter
away and waits for it again: by statements of one row each, a thousand rows took ten times as long beside a
busy event loop.
"""


def _partial(name: str, where: str, *columns: str) -> sa.Index:
    """An index over the rows that meet a condition, which a query must hold in the same words."""
    return sa.Index(name, *columns, sqlite_where=sa.text(where))


execution_line = sa.Table(
    "execution_line",
    metadata,
    sa.Column("integration", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

health_state = sa.Table(
    "health_state",
    metadata,
    sa.Column("integration", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

credential = sa.Table(
    "credential",
    metadata,
    sa.Column("integration", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

signal_log = sa.Table(
    "signal_log",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("integration", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("signal_log_by_integration", "kind", "integration", "id"),
    sqlite_autoincrement=True,
)

webhook_delivery = sa.Table(
    "webhook_delivery",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("integration", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("event_type", sa.Text, nullable=False),
    sa.Column("webhook_id", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("lag", sa.Double),
    sa.Column("delivery_key", sa.Text),
    sa.Column("content_key", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due", sa.Double),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("body_bytes", sa.BigInteger, nullable=False),
    sa.Column("headers", sa.LargeBinary, nullable=False),
    # Last, so that reading the other columns leaves the pages of a long body alone.
    sa.Column("body", sa.LargeBinary),
    sa.Index("webhook_by_delivery_key", "integration", "delivery_key", unique=True),
    sa.Index("webhook_by_content_key", "integration", "content_key", unique=True),
    sa.Index("webhook_by_integration", "integration", "id"),
    _partial("webhook_due", "due IS NOT NULL", "due"),
    sqlite_autoincrement=True,
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column(
        "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("receiver", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("supersedes", sa.Boolean, nullable=False),
    sa.Column("is_paging", sa.Boolean, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_at", sa.Double, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("first_failed_at", sa.Double),
    sa.Column("lease_until", sa.Double),
    sa.Column("lease_owner", sa.Text, nullable=False),
    sa.Column("last_error", sa.Text, nullable=False),
    sa.Column("delivered_at", sa.Double),
    sa.Column("finished_at", sa.Double),
    sa.Column("fall_back_at", sa.Double),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("tells_of_ends", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("outbox_by_id", "id", unique=True),
    _partial("outbox_due", "state = 'queued'", "receiver", "due_at", "number"),
    _partial("outbox_sending", "state = 'sending'", "receiver"),
    _partial(
        "outbox_undone", "finished_at IS NULL", "receiver", "subject", "sequence", "number", "created_at"
    ),
    _partial("outbox_done", "finished_at IS NOT NULL", "finished_at"),
    _partial("outbox_dead", "state = 'dead'", "receiver", "finished_at"),
    _partial("outbox_fall_back", "fall_back_at IS NOT NULL", "fall_back_at"),
    sqlite_autoincrement=True,
)

outbox_subject = sa.Table(
    "outbox_subject",
    metadata,
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("reference", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Index("outbox_subject_by_age", "at"),
)

receiver_condition = sa.Table(
    "receiver_condition",
    metadata,
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

webhook_key = sa.Table(
    "webhook_key",
    metadata,
    sa.Column("integration", sa.Text, primary_key=True),
    sa.Column("current", sa.Text, nullable=False),
    sa.Column("previous", sa.Text),
    sa.Column("previous_until", sa.Double, nullable=False),
)

incident = sa.Table(
    "incident",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("integration", sa.Text, nullable=False),
    sa.Column("opened_at", sa.Double, nullable=False),
    sa.Column("resolved_at", sa.Double),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("incident_by_time", "opened_at", "id"),
    sa.Index("incident_by_integration", "integration", "opened_at"),
    _partial("incident_open", "resolved_at IS NULL", "opened_at"),
)

standing_alert = sa.Table(
    "standing_alert",
    metadata,
    sa.Column("fingerprint", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

alert_group = sa.Table(
    "alert_group",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

silence = sa.Table(
    "silence",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

alert_decision = sa.Table(
    "alert_decision",
    metadata,
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("at", sa.Double, primary_key=True),
    sa.Column("group_key", sa.Text, primary_key=True),
    sa.Column("receiver", sa.Text, primary_key=True),
    sa.Column("verdict", sa.Text, primary_key=True),
    sa.Column("cause", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("alert_decision_by_time", "at"),
)


parent_state = sa.Table(
    "parent_state",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

slo_hour = sa.Table(
    "slo_hour",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("hour", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("good", sa.BigInteger, nullable=False),
    sa.Column("bad", sa.BigInteger, nullable=False),
    sa.Column("minutes", sa.LargeBinary, nullable=False),
)

heartbeat_state = sa.Table(
    "heartbeat_state",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)

heartbeat_key = sa.Table(
    "heartbeat_key",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("current", sa.Text, nullable=False),
    sa.Column("previous", sa.Text),
    sa.Column("previous_until", sa.Double, nullable=False),
)


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, all with the same columns, in their order."""
    _execute(connection, _insert(table), rows)


def replace(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, all with the same columns, each in the place of an older one with its primary key."""
    _execute(connection, _upsert(table, connection.dialect.name), rows)


def insert_new(table: sa.Table, dialect: str) -> sa.Insert:
    """Return an INSERT that leaves out rows of which a unique index has one already."""
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table).on_conflict_do_nothing()


def word_for_postgresql() -> None:
    """Give each partial index PostgreSQL's word for its condition, which is the same.

    Said where the index is declared, it would load PostgreSQL's dialect, 3 MiB, for SQLite too.
    """
    for table in metadata.tables.values():
        for index in table.indexes:
            if (only := index.dialect_options["sqlite"]["where"]) is not None:
                index.dialect_kwargs["postgresql_where"] = only


def _execute(connection: sa.Connection, statement: sa.Insert, rows: Sequence[Mapping[str, object]]) -> None:
    if not rows:
        return
    if connection.dialect.name != "sqlite":
        connection.execute(statement, list(rows))
        return
    columns = tuple(rows[0])
    place = 0
    while place < len(rows):
        # Powers of two, so that few statements are prepared and kept.
        count = min(ROWS_AT_ONCE, 1 << (len(rows) - place).bit_length() - 1)
        text, order = _of_rows(statement, columns, count)
        values = tuple([row[name] for row in rows[place : place + count] for name in order])
        connection.exec_driver_sql(text, values)
        place += count


@functools.cache
def _of_rows(statement: sa.Insert, columns: tuple[str, ...], count: int) -> tuple[str, tuple[str, ...]]:
    """The statement for so many rows at once in SQLite's words, and the order of each row's values."""
    compiled = statement.compile(dialect=sqlite.dialect(), column_keys=columns)
    order = tuple(compiled.positiontup or ())
    row = f"({', '.join('?' * len(order))})"
    return str(compiled).replace(row, ", ".join([row] * count), 1), order


@functools.cache
def _insert(table: sa.Table) -> sa.Insert:
    return sa.insert(table)


@functools.cache
def _upsert(table: sa.Table, dialect: str) -> sa.Insert:
    keys = [column.name for column in table.primary_key]
    given = table.alias("excluded").c
    others = {column.name: given[column.name] for column in table.c if column.name not in keys}
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_update(index_elements=keys, set_=others)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table).on_conflict_do_update(index_elements=keys, set_=others)
