"""Files of the archive: `<table>/day=YYYY-MM-DD/part-<unique>.parquet`, each with a footer that says what it
holds, so that the archive can be understood without the database that wrote it. They are packed; those called
`whole-<unique>.parquet` are as the table is, for any program to read.

No name is ever used twice: DuckDB caches files by name.
"""

import datetime as dt
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath

import duckdb
import msgspec

from exporters.analytics.derived import SINCE
from exporters.analytics.segments import sync_directory
from exporters.analytics.tables import quoted

FOOTER = "dialtone"
"""The key of Parquet's own key-value metadata that holds the footer."""

COMPLETE, UNFINISHED = ".parquet", ".part"
_PART, _WHOLE = "part-", "whole-"
_TOKEN_BYTES = 8


class Footer(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says of itself. `schema` is the schema's version when it was written, `position` how far
    the log of stored signals was copied then.
    """

    table: str
    day: dt.date
    rows: int
    schema: int
    position: int


class SealedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file with what its footer says; `name` is its path within the archive, `size` its bytes."""

    name: str
    size: int
    footer: Footer

    @property
    def table(self) -> str:
        """Whose rows it holds."""
        return self.footer.table

    @property
    def is_whole(self) -> bool:
        """Whether it is as its table is, and not packed."""
        return is_whole(self.name, schema=self.footer.schema)

    @property
    def day(self) -> dt.date:
        """Of which UTC day."""
        return self.footer.day


def new_name(table: str, day: dt.date, *, is_whole: bool) -> str:
    """Return a name that no file has had."""
    kind = _WHOLE if is_whole else _PART
    return f"{table}/day={day.isoformat()}/{kind}{secrets.token_hex(_TOKEN_BYTES)}{COMPLETE}"


def is_whole(name: str, *, schema: int) -> bool:
    """Whether a file of that name, written under that version of the schema, is as its table is."""
    return schema < SINCE or PurePath(name).name.startswith(_WHOLE)


def unfinished(path: Path) -> Path:
    """Return where a file is written before it has its name."""
    return path.with_suffix(UNFINISHED)


def finish(archive: Path, name: str) -> int:
    """Give a file that has been written its name, so that both survive a power cut; return its size.

    Raises:
        OSError: it has its name or not.
    """
    path = archive / name
    descriptor = os.open(unfinished(path), os.O_RDONLY)
    try:
        os.fsync(descriptor)
        size = os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
    unfinished(path).rename(path)
    for folder in (path.parent, path.parent.parent, archive):
        sync_directory(folder)
    return size


def remove(archive: Path, names: Iterable[str]) -> int:
    """Remove files, and the folders of days that are empty then; return how many bytes came free.

    Raises:
        OSError: some may be left.
    """
    freed = 0
    for name in names:
        path = archive / name
        if path.exists():
            freed += path.stat().st_size
            path.unlink()
        if path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
    return freed


def remove_unfinished(archive: Path) -> None:
    """Remove what was being written when a process ended."""
    for entry in _entries(archive):
        if entry.name.endswith(UNFINISHED):
            Path(entry.path).unlink()


def sizes(archive: Path) -> Mapping[str, int]:
    """Return the complete files that are there, with their bytes."""
    start = len(str(archive)) + 1
    return {
        entry.path[start:]: entry.stat().st_size
        for entry in _entries(archive)
        if entry.name.endswith(COMPLETE)
    }


def _entries(archive: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in the folders of days; years of it are thousands of files."""
    for table in _folders(archive):
        for day in _folders(table.path):
            with os.scandir(day.path) as entries:
                yield from entries


def _folders(path: str | Path) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if entry.is_dir()]
    except FileNotFoundError:
        return []


def read_footer(connection: duckdb.DuckDBPyConnection, path: Path) -> Footer | None:
    """Return what a file says of itself; None when it is not one of ours, or not the one it is named as.

    Raises:
        duckdb.Error: when it cannot be read.
    """
    found = connection.execute(
        f"SELECT value FROM parquet_kv_metadata({quoted(str(path))}) WHERE key = ?",  # noqa: S608 - our own name
        [FOOTER.encode()],
    ).fetchall()
    try:
        footer = msgspec.json.decode(found[0][0], type=Footer) if found else None
    except msgspec.DecodeError:
        return None
    is_here = footer is not None and path.parts[-3:-1] == (footer.table, f"day={footer.day.isoformat()}")
    return footer if is_here else None
