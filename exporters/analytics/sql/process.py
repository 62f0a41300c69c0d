"""A reader process: `python -I -m exporters.analytics.sql.process DIRECTORY MEMORY WRITTEN [SPACE]`.

It answers one question after the other from stdin to stdout until stdin ends. DIRECTORY is its own, for files
made on the way; MEMORY is its address space and WRITTEN the largest file it may write, in bytes. With SPACE
that is its address space, and MEMORY only what DuckDB's own limit is made of.
"""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import BinaryIO

import duckdb
import msgspec

from exporters.analytics.engine import bound_file_threads
from exporters.analytics.sql.answers import (
    Answer,
    Statement,
    TooLarge,
    Unsupported,
    answer,
    write_parquet,
)
from exporters.analytics.sql.frames import Question, Reply, packed, read_frame
from exporters.analytics.sql.gate import Refused, admit
from exporters.analytics.sql.limits import allow_seconds, confine, cpu_seconds

_MEMORY_SHARE = 0.4
"""Of its address space, for DuckDB's own count; the rest is code, Python and what DuckDB does not count."""

_INTERRUPT_AGAIN = 0.05
_LONGEST_DETAIL = 2_000

# Tables are Dialtone's own; whatever is to be seen is a view.
_PUBLISHED = (
    "SELECT table_name FROM information_schema.tables "
    "WHERE table_type = 'VIEW' AND table_schema = 'main' AND table_catalog = current_database()"
)


class Snapshot:
    """An open snapshot: for reading only, with no way to other files, the network, extensions or settings.

    The files of sealed days, which its views read, lie in the folder `archive` beside the snapshots' own.
    """

    def __init__(self, path: str, *, directory: Path, memory: int) -> None:
        self.path = path
        self._connection = duckdb.connect(
            path,
            read_only=True,
            config={
                "threads": 1,
                "memory_limit": f"{int(memory * _MEMORY_SHARE) >> 20}MiB",
                "temp_directory": "",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
                "allow_unsigned_extensions": "false",
            },
        )
        bound_file_threads(self._connection)
        archive = Path(path).parent.parent / "archive"
        sealed = self._connection.execute("SELECT file FROM sealed_files").fetchall()
        self._allow("directories", [directory])
        self._allow("paths", [archive / name for (name,) in sealed])
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        self._connection.execute("SET enable_external_access = false")
        self._connection.execute("SET lock_configuration = true")
        found = self._connection.execute(_PUBLISHED).fetchall()
        self.published: AbstractSet[str] = {name.lower() for (name,) in found}

    @contextlib.contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Lend a cursor within a transaction that can only read; what it leaves behind goes with it."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            yield cursor
        finally:
            cursor.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _allow(self, what: str, paths: Iterable[Path]) -> None:
        quoted = ("'" + str(path).replace("'", "''") + "'" for path in paths)
        self._connection.execute(f"SET allowed_{what} = [{', '.join(quoted)}]")


class Answering:
    """Answers questions, one at a time, with the newest snapshot kept open between them."""

    def __init__(self, directory: Path, *, memory: int) -> None:
        self._directory = directory
        self._memory = memory
        self._snapshot: Snapshot | None = None

    def reply(self, question: Question) -> tuple[Reply, bytes]:
        """Answer one question; whatever is wrong with it is in the reply."""
        before = cpu_seconds()
        expired = threading.Event()
        try:
            found = self._ask(question, expired)
        except Exception as error:  # noqa: BLE001 - the process goes on, and its asker is told
            kind, detail = _told(error, question, is_late=expired.is_set())
            return Reply(error=kind, detail=detail, cpu=cpu_seconds() - before), b""
        return (
            Reply(
                columns=found.columns,
                rows=found.rows,
                truncated=found.truncated,
                cpu=cpu_seconds() - before,
                size=len(found.body),
            ),
            found.body,
        )

    def _ask(self, question: Question, expired: threading.Event) -> Answer:
        snapshot = self._opened(question.snapshot)
        with snapshot.reading() as cursor, _timed(cursor, question.seconds, expired):
            admit(cursor, question.sql, published=snapshot.published)
            statement = Statement(question.sql)
            if question.file:
                count = write_parquet(cursor, statement, self._directory / question.file)
                return Answer(columns=(), body=b"", rows=count, truncated=False)
            return answer(
                cursor,
                statement,
                shape=question.format,
                rows=question.rows,
                max_bytes=question.max_bytes,
                directory=self._directory,
            )

    def _opened(self, path: str) -> Snapshot:
        if self._snapshot is None or self._snapshot.path != path:
            if self._snapshot is not None:
                self._snapshot.close()
                self._snapshot = None
            self._snapshot = Snapshot(path, directory=self._directory, memory=self._memory)
        return self._snapshot


@contextlib.contextmanager
def _timed(cursor: duckdb.DuckDBPyConnection, seconds: float, expired: threading.Event) -> Iterator[None]:
    """Interrupt what the cursor runs once its time is over, again and again: one may come too early."""
    done = threading.Event()

    def watch() -> None:
        if done.wait(seconds):
            return
        expired.set()
        while not done.wait(_INTERRUPT_AGAIN):
            with contextlib.suppress(duckdb.Error):
                cursor.interrupt()

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()


def _told(error: Exception, question: Question, *, is_late: bool) -> tuple[str, str]:
    if is_late:
        return "timeout", f"the query took longer than {question.seconds:g} s; narrow it"
    if isinstance(error, Refused | Unsupported):
        return "refused", str(error)
    if isinstance(error, TooLarge):
        return "too_large", f"the answer has more than {question.max_bytes:,} bytes; ask for less at once"
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException):
        return "failed", "the query needs more memory than it may use; aggregate earlier, or narrow it"
    if isinstance(error, duckdb.Error):
        return "failed", str(error)[:_LONGEST_DETAIL]
    return "failed", f"the answer cannot be written as {question.format}: {type(error).__name__}"


def serve(
    questions: BinaryIO, replies: BinaryIO, answering: Answering, *, allow: Callable[[float], None]
) -> None:
    """Answer until the questions end; `allow` is told for how many seconds the next may run."""
    replies.write(packed(Reply()))
    replies.flush()
    while (question := read_frame(questions, Question)) is not None:
        allow(question.seconds)
        reply, body = answering.reply(question)
        replies.write(packed(reply))
        replies.write(body)
        replies.flush()


def main(directory: str, memory: str, *limits: str) -> None:
    """Confine the process, then serve; `limits` are WRITTEN and SPACE."""
    written, space = (*limits, memory)[:2]
    confine(memory=int(space), written=int(written))
    with contextlib.suppress(BrokenPipeError, msgspec.DecodeError):
        answering = Answering(Path(directory), memory=int(memory))
        serve(sys.stdin.buffer, sys.stdout.buffer, answering, allow=allow_seconds)


if __name__ == "__main__":
    main(*sys.argv[1:])
