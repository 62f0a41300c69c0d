"""The schema's versions: schema/<n>.sql, applied in order, each in one transaction. Forward only."""

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import duckdb

from exporters.analytics.database import Database
from exporters.analytics.settings import AnalyticsUnavailable

_FOLDER = Path(__file__).parent / "schema"


def bundled_steps() -> tuple[str, ...]:
    """Return the steps of this version of Dialtone; step n leads to schema version n."""
    files = sorted(_FOLDER.glob("*.sql"), key=lambda path: int(path.stem))
    return tuple(path.read_text(encoding="utf-8") for path in files)


def migrate(
    database: Database, steps: Sequence[str], *, reopen: Callable[[], Database], now: datetime
) -> Database:
    """Bring the file to the newest version; return the database, which may be a new opening of the file.

    A copy of the file is kept before an older one is changed. A checkpoint follows each step, because DuckDB
    has failed to replay changes of schema from its log; a new file has nothing to lose and needs but one.

    Raises:
        AnalyticsUnavailable: when the file is of a newer version than this Dialtone knows.
    """
    version = schema_version(database.connection)
    if version > len(steps):
        raise AnalyticsUnavailable(
            f"{database.path.name} has schema version {version} and this Dialtone knows {len(steps)}: "
            f"start the newer Dialtone, or move the file away to begin a new one"
        )
    if version == len(steps):
        return database
    if version:
        database = _copy(database, version, reopen)
    for number, step in enumerate(steps[version:], start=version + 1):
        _apply(database.connection, step, number=number, now=now)
        if version:
            database.connection.execute("CHECKPOINT hot")
    database.connection.execute("CHECKPOINT hot")
    return database


def schema_version(connection: duckdb.DuckDBPyConnection) -> int:
    """Return the file's version; 0 for an empty file."""
    known = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = 'hot' AND table_name = 'meta'"
    ).fetchall()
    if not known[0][0]:
        return 0
    found: int = connection.execute("SELECT max(schema_version) FROM meta").fetchall()[0][0]
    return found


def _copy(database: Database, version: int, reopen: Callable[[], Database]) -> Database:
    """Copy the closed file: reading it while it is open here would release DuckDB's lock on it."""
    database.connection.execute("CHECKPOINT hot")
    database.close()
    copy = database.path.with_name(f"{database.path.name}.schema-{version}")
    shutil.copy2(database.path, copy.with_suffix(".part"))
    copy.with_suffix(".part").rename(copy)
    return reopen()


def _apply(connection: duckdb.DuckDBPyConnection, step: str, *, number: int, now: datetime) -> None:
    connection.execute("BEGIN")
    try:
        connection.execute(step)
        connection.execute("INSERT INTO meta VALUES (?, ?)", [number, now])
        connection.execute("COMMIT")
    except duckdb.Error:
        connection.execute("ROLLBACK")
        raise
