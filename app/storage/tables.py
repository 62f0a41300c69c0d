"""The tables as this version knows them; migrations/ leads every older database here, and a test compares."""

import functools
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

metadata = sa.MetaData()

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


def replace(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, each in the place of an older one with the same primary key."""
    if rows:
        connection.execute(_upsert(table, connection.dialect.name), list(rows))


@functools.cache
def _upsert(table: sa.Table, dialect: str) -> sa.Insert:
    statement: sqlite.Insert | postgresql.Insert
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    others = {column.name: statement.excluded[column.name] for column in table.c if column.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)
