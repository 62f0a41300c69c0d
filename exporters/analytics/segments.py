"""Segments: files of newline-delimited JSON, one signal a line and one table a file, that hold rows until
DuckDB has them for good.

A segment is `<opened>-<run>-<number>.<table>`: written as `.open`, sealed by renaming it to `.ndjson`. No
name is ever used twice: DuckDB caches files by name, and the ledger knows a segment by it.
"""

import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Self

from integrations.clock import Clock

OPEN, SEALED, STAGED = ".open", ".ndjson", ".stage"

_NAME = re.compile(r"(\d{14})-[0-9a-f]{8}-\d{6}\.([a-z_]+)")
_CHUNK = 1 << 20


class Segment(NamedTuple):
    """A sealed segment. `opened` is UTC seconds: no row in it is older. `size` is bytes."""

    path: Path
    table: str
    opened: float
    rows: int
    size: int

    @property
    def name(self) -> str:
        """What the ledger calls it."""
        return self.path.stem

    @classmethod
    def found(cls, path: Path) -> Self | None:
        """Read what a file left behind says of itself, or None when it is no segment."""
        match = _NAME.fullmatch(path.stem)
        if match is None:
            return None
        rows, _ = _count_lines(path)
        return cls(path, match[2], int(match[1]) / 1000, rows, path.stat().st_size)


class Names:
    """Gives out file names that are never used twice, rising with time."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._run = secrets.token_hex(4)
        self._number = 0

    def next(self, table: str, suffix: str) -> Path:
        """Return a path that does not exist yet."""
        self._number += 1
        stamp = f"{int(self._clock.time() * 1000):014d}-{self._run}-{self._number:06d}"
        return self._directory / f"{stamp}.{table}{suffix}"


class OpenSegment:
    """A segment being written, by one thread. `write` is os.write and `flush` os.fsync, passed in so that a
    test can fail and count them.
    """

    def __init__(
        self,
        path: Path,
        table: str,
        *,
        clock: Clock,
        write: Callable[[int, bytes], int],
        flush: Callable[[int], None],
    ) -> None:
        self.path = path
        self.table = table
        self.opened = clock.time()
        self.since = clock.monotonic()
        self.rows = 0
        self.size = 0
        self._write = write
        self._flush = flush
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def append(self, lines: bytes, rows: int, *, sync: bool) -> None:
        """Write whole lines; when it returns they are acknowledged.

        Raises:
            OSError: none of the lines is in the file then.
        """
        view = memoryview(lines)
        try:
            while view:
                view = view[self._write(self._file, bytes(view) if len(view) != len(lines) else lines) :]
            if sync:
                self._flush(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.rows += rows
        self.size += len(lines)

    def seal(self, *, sync: bool) -> Segment | None:
        """Close the file and give it its final name; None when nothing was written."""
        try:
            if sync:
                self._flush(self._file)
        finally:
            os.close(self._file)
        return _sealed(self.path, Segment(self.path, self.table, self.opened, self.rows, self.size))


def recover(directory: Path) -> Iterator[Segment]:
    """Find what an earlier process left, oldest first: cut torn last lines, seal what was open, and remove
    staged files, whose rows are in DuckDB or still in the store they came from.
    """
    for path in sorted(directory.iterdir()):
        if path.suffix == STAGED:
            path.unlink()
        elif path.suffix == OPEN:
            _, whole = _count_lines(path)
            os.truncate(path, whole)
            segment = Segment.found(path)
            sealed = _sealed(path, segment) if segment else None
            if sealed:
                yield sealed
        elif path.suffix == SEALED and (segment := Segment.found(path)):
            yield segment


def lock_directory(directory: Path) -> int:
    """Keep other processes out, until the returned descriptor is closed or the process ends.

    Raises:
        OSError: when another process has it.
    """
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BlockingIOError(error.errno, "another process has it") from error
    return descriptor


def sync_directory(directory: Path) -> None:
    """Make renames and removals in it survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sealed(path: Path, segment: Segment) -> Segment | None:
    if segment.size == 0:
        path.unlink()
        return None
    return segment._replace(path=path.rename(path.with_suffix(SEALED)))


def _count_lines(path: Path) -> tuple[int, int]:
    """Return how many whole lines a file has, and how many bytes they take."""
    rows = whole = position = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            ends = chunk.count(b"\n")
            if ends:
                rows += ends
                whole = position + chunk.rindex(b"\n") + 1
            position += len(chunk)
    return rows, whole
