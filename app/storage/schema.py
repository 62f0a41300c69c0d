"""Leads a database to this version's schema: forward only, in one transaction, a newer schema refused."""

from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.storage.errors import UnknownSchemaError

MIGRATIONS = Path(__file__).parent / "migrations"


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
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    current = _revision(connection)
    _refuse_unknown(connection, scripts, current)
    if current == scripts.get_current_head():
        return
    if current:
        keep_copy(current)
    with connection.begin():
        command.upgrade(config, "head")


def _revision(connection: sa.Connection) -> str | None:
    with connection.begin():
        return MigrationContext.configure(connection).get_current_revision()


def _refuse_unknown(connection: sa.Connection, scripts: ScriptDirectory, current: str | None) -> None:
    if current is None:
        _refuse_foreign(connection)
    elif current not in {script.revision for script in scripts.walk_revisions()}:
        raise UnknownSchemaError(
            f"the database has schema {current}, this Dialtone knows schemas up to "
            f"{scripts.get_current_head()}: it was written by a newer version. Start that version, or "
            "restore the copy that was kept before the upgrade."
        )


def _refuse_foreign(connection: sa.Connection) -> None:
    with connection.begin():
        tables = sa.inspect(connection).get_table_names()
    if tables:
        raise UnknownSchemaError(
            f"the database holds tables that are not Dialtone's ({', '.join(sorted(tables)[:5])}): "
            "point storage.url to a database of its own."
        )
