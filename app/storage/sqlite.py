"""Opens the SQLite file: one connection with full durability, checked before it is used.

One connection only, also because SQLite before 3.51.3 can damage a WAL that two connections reset at once.
"""

import os
import sqlite3
import typing
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from app.storage.errors import StorageDamagedError, StorageUnavailableError

_SETTINGS = (
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA trusted_schema=OFF",
)

_STORAGE_FAILURES = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


def is_storage_failure(error: BaseException) -> bool:
    """Whether the disk or the file is at fault, not the statement: a later try may succeed."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _STORAGE_FAILURES


def open_sqlite(path: Path) -> sa.Connection:
    """Open the file, made with mode 0600 when it is new, and check it.

    Raises:
        StorageUnavailableError: when it cannot be opened or another program has it open.
        StorageDamagedError: when it is no sound database.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
        connection = _connect(path)
    except OSError as error:
        raise StorageUnavailableError(f"cannot open the database {path}: {error.strerror}") from error
    try:
        return _checked(connection, path)
    except BaseException:
        close(connection)
        raise


def close(connection: sa.Connection) -> None:
    """Close the file, which also folds the WAL into it."""
    connection.close()
    connection.engine.dispose()


def keep_copy(connection: sa.Connection, path: Path, revision: str) -> Path:
    """Write a consistent copy beside the file and return its path; an older copy of that schema gives way."""
    copy = path.with_name(f"{path.name}.schema-{revision}")
    unfinished = copy.with_name(copy.name + ".new")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    driver(connection).execute("VACUUM INTO ?", (str(unfinished),))
    _sync(unfinished)
    unfinished.replace(copy)
    _sync(copy.parent)
    return copy


def driver(connection: sa.Connection) -> sqlite3.Connection:
    """Return the driver's own connection."""
    return typing.cast("sqlite3.Connection", connection.connection.dbapi_connection)


def rows_changed(connection: sa.Connection) -> int:
    """Return how many rows this connection has changed since it was opened."""
    return driver(connection).total_changes


def _connect(path: Path) -> sa.Connection:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, timeout=1.0, check_same_thread=False)

    # An error would quote what was to be stored, and errors are logged.
    engine = sa.create_engine(
        "sqlite+pysqlite://", creator=connect, poolclass=StaticPool, hide_parameters=True
    )
    sa.event.listen(engine, "begin", _begin)
    return engine.connect()


def _begin(connection: sa.Connection) -> None:
    # The driver itself would begin too late for savepoints; see SQLAlchemy's page on pysqlite.
    connection.exec_driver_sql("BEGIN")


def _checked(connection: sa.Connection, path: Path) -> sa.Connection:
    raw = driver(connection)
    try:
        for setting in _SETTINGS:
            raw.execute(setting).fetchall()
        found = raw.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise StorageUnavailableError(
                f"the database {path} is open in another program: close it there"
            ) from error
        found = str(error)
    if found != "ok":
        raise StorageDamagedError(
            f"the database {path} is damaged ({found}). Nothing was changed. Move the file and its -wal file "
            "away and put back a backup, or rescue what can be read: "
            f"sqlite3 {path.name} .recover | sqlite3 {path.name}.rescued"
        )
    return connection


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
