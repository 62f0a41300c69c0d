"""Leads a database to this version's schema: forward only, in one transaction, a newer schema refused.

A new database gets the tables as they are now. Only an older one takes Alembic and the versions between,
which are loaded then: they bring along what takes 9 MiB.
"""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from app.storage.errors import UnknownSchemaError
from app.storage.tables import metadata, word_for_postgresql

MIGRATIONS = Path(__file__).parent / "migrations"
_VERSION = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""As Alembic makes it."""


def migrate(
    connection: sa.Connection,
    *,
    migrations: Path = MIGRATIONS,
    keep_copy: Callable[[str], object] = lambda _: None,
) -> None:
    """Bring the database to the newest schema, all steps or none.

    `keep_copy` is called with the present revision before an existing database is changed.

    Raises:
        UnknownSchemaError: when the schema is newer than this version, or not Dialtone's.
    """
    known = revisions(migrations)
    current = _revision(connection)
    if current is None:
        _refuse_foreign(connection)
        _create(connection, known[-1])
    elif current not in known:
        raise UnknownSchemaError(
            f"the database has schema {current}, this Dialtone knows schemas up to {known[-1]}: it was "
            "written by a newer version. Start that version, or restore the copy that was kept before the "
            "upgrade."
        )
    elif current != known[-1]:
        keep_copy(current)
        _upgrade(connection, migrations)


def revisions(migrations: Path = MIGRATIONS) -> list[str]:
    """The revisions that there are, the oldest first: `0001` is in a file whose name begins with `v0001_`."""
    return sorted(file.name[1:5] for file in (migrations / "versions").glob("v????_*.py"))


def _revision(connection: sa.Connection) -> str | None:
    with connection.begin():
        if not sa.inspect(connection).has_table(_VERSION.name):
            return None
        return connection.execute(sa.select(_VERSION.c.version_num)).scalar()


def _create(connection: sa.Connection, revision: str) -> None:
    if connection.dialect.name == "postgresql":
        word_for_postgresql()
    with connection.begin():
        metadata.create_all(connection)
        _VERSION.create(connection, checkfirst=True)
        connection.execute(sa.insert(_VERSION).values(version_num=revision))


def _upgrade(connection: sa.Connection, migrations: Path) -> None:
    from app.storage import upgrading

    with connection.begin():
        upgrading.upgrade(connection, migrations)


def _refuse_foreign(connection: sa.Connection) -> None:
    with connection.begin():
        tables = set(sa.inspect(connection).get_table_names()) - {_VERSION.name}
    if tables:
        raise UnknownSchemaError(
            f"the database holds tables that are not Dialtone's ({', '.join(sorted(tables)[:5])}): "
            "point storage.url to a database of its own."
        )
