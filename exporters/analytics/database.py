"""The DuckDB file: opened with the house's settings, mended when it is damaged, told what went wrong.

Speaks only what DuckDB 1.5.5 and 2.0 have in common, and makes files that both can read. A second process
cannot open the file while this one has it.
"""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb

from exporters.analytics.engine import bound_file_threads
from exporters.analytics.settings import AnalyticsUnavailable
from exporters.analytics.tables import quoted

STORAGE_VERSION = "v1.5.0"

_ROW_GROUP = 30_720
"""Rows that DuckDB compresses, and later joins with their neighbours, at a time: a quarter of its own figure
takes a quarter of the memory, for 5 % more bytes and the same CPU of loading and of queries (measured).
"""

_WAL_DAMAGED = "replaying WAL file"
_FILE_DAMAGED = (
    "Corrupt database file",
    "not a valid DuckDB database file",
    "Could not read enough bytes",
    "Data Corruption",
)
_ARCHIVED = ".parquet"
_ASIDE = ".damaged-"
_CLOSE_SECONDS = 5.0
_INTERRUPT_AGAIN = 0.05

REOPENS = "the analytics database was closed after an error, and opens again in a moment; try again then"
SHUTS_DOWN = "Dialtone is shutting down; ask again when it is back"


class Database:
    """An open file. `connection` belongs to the writer alone; readers take a cursor of their own."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path) -> None:
        self.connection = connection
        self.path = path
        self._readers: set[duckdb.DuckDBPyConnection] = set()
        self._changed = threading.Condition()
        self._closing = ""

    @contextlib.contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a cursor for one query, on any thread.

        Raises:
            AnalyticsUnavailable: when the file is being closed, also while the query runs.
        """
        with self._changed:
            if self._closing:
                raise AnalyticsUnavailable(self._closing)
            cursor = self.connection.cursor()
            self._readers.add(cursor)
        try:
            cursor.execute("USE hot")
            yield cursor
        except (duckdb.Error, RuntimeError) as error:
            # RuntimeError: reading Arrow that is interrupted raises one of nanoarrow's.
            if self._closing:
                raise AnalyticsUnavailable(self._closing) from error
            raise
        finally:
            cursor.close()
            with self._changed:
                self._readers.discard(cursor)
                self._changed.notify_all()

    def shed(self, *, kept_bytes: int, memory_bytes: int) -> None:
        """Let go of what DuckDB remembers of its file beyond `kept_bytes`, which the operating system mostly
        remembers too, and of what its allocator keeps for later; the limit is `memory_bytes` again then.

        For the writer, right after a checkpoint: rows that are in the log alone would go to an overflow file.
        A reader could meet the low limit, so nothing is done while there is one, and a new one waits for it.
        """
        with self._changed:
            if self._readers or self._closing:
                return
            # DuckDB refuses a limit that it cannot come down to.
            with contextlib.suppress(duckdb.OutOfMemoryException):
                _limit_memory(self.connection, min(kept_bytes, memory_bytes))
            _limit_memory(self.connection, memory_bytes)

    def trim(self, *, memory_bytes: int) -> None:
        """Give back what DuckDB's allocator keeps for later, which it does when its limit is set, here to
        the `memory_bytes` that it is. What DuckDB remembers stays, and readers go on.
        """
        with contextlib.suppress(duckdb.OutOfMemoryException):
            _limit_memory(self.connection, memory_bytes)

    def close(self, why: str = REOPENS) -> None:
        """Stop the readers, who are told why, and let go of the file; a live connection at exit could abort
        the interpreter.
        """
        with self._changed:
            self._closing = why
            for _ in range(round(_CLOSE_SECONDS / _INTERRUPT_AGAIN)):
                # Again and again: an interrupt that comes between two statements of a reader is lost.
                for cursor in self._readers:
                    break_off(cursor)
                if self._changed.wait_for(lambda: not self._readers, timeout=_INTERRUPT_AGAIN):
                    break
        with contextlib.suppress(duckdb.Error):
            self.connection.close()


@contextlib.contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Let what is done inside come true together, or not at all."""
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A database that has given up cannot roll back either; it is closed by the owner.
        with contextlib.suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


def open_database(path: Path, *, memory_bytes: int, stamp: str) -> tuple[Database, tuple[str, ...]]:
    """Open the file, or make it; return it with the names of the damaged files that were set aside.

    A damaged write-ahead log is renamed and the file opened without it; a damaged file is renamed with its
    log and a new one begun. `stamp` goes into the new names.

    Raises:
        AnalyticsUnavailable: when it cannot be opened for another reason; the message says which.
    """
    aside: list[str] = []
    while True:
        try:
            return Database(_attach(path, memory_bytes), path), tuple(aside)
        except duckdb.Error as error:
            damaged = damaged_files(path, error)
            if not damaged or len(aside) > len(damaged):
                raise AnalyticsUnavailable(f"cannot open {path.name}: {reason(error)}") from error
            aside += set_aside(damaged, stamp)


def damaged_files(path: Path, error: duckdb.Error) -> list[Path]:
    """Return which files an error proves to be damaged: the log, or the file with its log, or none. What is
    wrong with a file of the archive is told in the same words, and says nothing of these.
    """
    message = str(error)
    if _ARCHIVED in message:
        return []
    found = sorted(path.parent.glob(f"{path.name}.wal*"))
    # What was set aside before keeps its name: one that grew each time would become too long for the disk.
    logs = [log for log in found if _ASIDE not in log.name]
    if _WAL_DAMAGED in message:
        return logs
    if any(sign in message for sign in _FILE_DAMAGED):
        return [path, *logs]
    return []


def set_aside(files: list[Path], stamp: str) -> list[str]:
    """Rename damaged files, so that a person can look at them and nothing opens them again."""
    return [file.rename(file.with_name(f"{file.name}{_ASIDE}{stamp}")).name for file in files]


def break_off(connection: duckdb.DuckDBPyConnection) -> None:
    """Interrupt what a connection runs, from another thread; one that has been closed is left alone."""
    with contextlib.suppress(duckdb.Error):
        connection.interrupt()


def reason(error: Exception) -> str:
    """Return an error's first line, for a status and a log."""
    return str(error).strip().partition("\n")[0]


def _attach(path: Path, memory_bytes: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=dict(_config(path, memory_bytes)))
    try:
        bound_file_threads(connection)
        # Else now()::TIMESTAMP, which is compared with columns in UTC, would be the machine's local time.
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        options = f"STORAGE_VERSION '{STORAGE_VERSION}', ROW_GROUP_SIZE {_ROW_GROUP}"
        connection.execute(f"ATTACH {quoted(str(path))} AS hot ({options})")
        connection.execute("USE hot")
    except duckdb.Error:
        connection.close()
        raise
    return connection


def _config(path: Path, memory_bytes: int) -> Mapping[str, str | bool | int | float | list[str]]:
    """One thread: on two cores it delays the event loop least, at no cost to queries (measured)."""
    return {
        "threads": 1,
        "memory_limit": _mebibytes(memory_bytes),
        "temp_directory": str(path.parent / "overflow"),
        # A checkpoint on its own holds up the writer for longer than one that is asked for.
        "checkpoint_threshold": "1GB",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }


def _limit_memory(connection: duckdb.DuckDBPyConnection, memory_bytes: int) -> None:
    connection.execute(f"SET GLOBAL memory_limit = '{_mebibytes(memory_bytes)}'")


def _mebibytes(count: int) -> str:
    return f"{count >> 20}MiB"
