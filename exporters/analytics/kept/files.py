"""Files of kept copies: `<table>/<day, or all>-<version>-<unique>.parquet`. Their names say all that is
needed to tell which are of use; no name is ever used twice, because DuckDB caches files by name.
"""

import os
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb

from exporters.analytics.archive.files import COMPLETE, UNFINISHED, finish, unfinished
from exporters.analytics.database import transaction
from exporters.analytics.kept.pieces import DECLARED, ROLLED, Piece, versions
from exporters.analytics.tables import quoted

_WHOLE = "all"
_NAME = re.compile(rf"(\d{{4}}-\d\d-\d\d|{_WHOLE})-(\d+)-[0-9a-f]{{16}}\{COMPLETE}")


class KeptFile(NamedTuple):
    """A copy of a piece; `name` is its path within the folder, `size` its bytes."""

    name: str
    piece: Piece
    version: int
    size: int


def kept_files(folder: Path) -> tuple[KeptFile, ...]:
    """Return the files that are there and whole; what is not Dialtone's is left out."""
    return tuple(file for entry in _entries(folder) if (file := _file(folder, entry)))


def newest(files: Iterable[KeptFile]) -> Mapping[Piece, KeptFile]:
    """Return the newest copy of each piece."""
    return {file.piece: file for file in sorted(files, key=lambda file: (file.version, file.name))}


def write(cursor: duckdb.DuckDBPyConnection, piece: Piece, folder: Path) -> None:
    """Write a copy of a piece as it is now; nothing when it has gone.

    Raises:
        duckdb.Error, OSError: no file, or a whole one, is left.
    """
    with transaction(cursor):
        version = versions(cursor).get(piece)
        if version is None:
            return
        name = f"{piece.table}/{piece.day or _WHOLE}-{version}-{secrets.token_hex(8)}{COMPLETE}"
        path = unfinished(folder / name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            cursor.execute(
                f"COPY (SELECT * FROM {piece.table} WHERE {piece.condition}) TO {quoted(str(path))} "  # noqa: S608 - our own names
                "(FORMAT parquet, COMPRESSION zstd)"
            )
            finish(folder, name)
        finally:
            path.unlink(missing_ok=True)


def stale(cursor: duckdb.DuckDBPyConnection, folder: Path, *, oldest: date) -> list[Piece]:
    """Return the pieces of which there is no copy as they are now, those of days first, the oldest first;
    none of days before `oldest`.
    """
    copies = newest(kept_files(folder))
    wanted = [
        piece
        for piece, version in versions(cursor).items()
        if not _is_over(piece, oldest) and (piece not in copies or copies[piece].version < version)
    ]
    return sorted(wanted, key=lambda piece: (piece.day is None, piece.day or oldest, piece.table))


def tidy(folder: Path, *, oldest: date) -> Mapping[str, int]:
    """Remove copies that have a newer one, and those of days before `oldest`; return the bytes of the others
    by table.

    Raises:
        OSError: some are left.
    """
    files = kept_files(folder)
    wanted = {file for file in newest(files).values() if not _is_over(file.piece, oldest)}
    for file in set(files) - wanted:
        (folder / file.name).unlink(missing_ok=True)
    sizes: Counter[str] = Counter()
    for file in wanted:
        sizes[file.piece.table] += file.size
    return sizes


def remove_unfinished(folder: Path) -> None:
    """Remove what was being written when a process ended."""
    for entry in _entries(folder):
        if entry.name.endswith(UNFINISHED):
            Path(entry.path).unlink()


def _is_over(piece: Piece, oldest: date) -> bool:
    return piece.day is not None and piece.day < oldest


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    for table in (*ROLLED, *DECLARED):
        path = folder / table
        if path.is_dir():
            with os.scandir(path) as entries:
                yield from entries


def _file(folder: Path, entry: os.DirEntry[str]) -> KeptFile | None:
    match = _NAME.fullmatch(entry.name)
    if match is None:
        return None
    table = Path(entry.path).parent.name
    try:
        piece = Piece(table, None if match[1] == _WHOLE else date.fromisoformat(match[1]))
    except ValueError:
        return None
    if (piece.day is None) != (table in DECLARED):
        return None
    path = Path(entry.path).relative_to(folder)
    return KeptFile(str(path), piece, int(match[2]), entry.stat().st_size)
