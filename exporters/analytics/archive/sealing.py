"""Sealing: what of a table's hot rows is to become a file, and how it is written.

A part is a range of whole minutes of one day. It is counted on the writer's thread, copied on another while
rows go on being loaded, and taken out of the hot table only if it still has as many rows as were copied:
nothing but sealing removes rows, so the same number means the same rows.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec

from exporters.analytics.archive.files import FOOTER, Footer, SealedFile, finish, new_name, unfinished
from exporters.analytics.derived import whole
from exporters.analytics.seconds import packed
from exporters.analytics.tables import hot, quoted

PART_ROWS = 250_000
"""Rows of a file: what bounds the memory of sorting them (some 120 MiB) and the time of taking them out of
the hot table (some 20 ms). A single minute may have more.
"""

_ROW_GROUP = 122_880
"""Rows that a Parquet file can be skipped by: DuckDB's own number."""

_MINUTE = dt.timedelta(minutes=1)
_BY_INTEGRATION = "date_trunc('hour', ts), integration, ts"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """Rows to be sealed: those of the footer's table from `start` and before `end` (naive UTC)."""

    footer: Footer
    start: dt.datetime
    end: dt.datetime

    @property
    def condition(self) -> str:
        """Which rows, in SQL."""
        return f"ts >= TIMESTAMP '{self.start}' AND ts < TIMESTAMP '{self.end}'"


class Form(NamedTuple):
    """How a file holds its rows: the select list, and options of COPY."""

    columns: str
    is_whole: bool = False
    options: str = ""


def plan(
    connection: duckdb.DuckDBPyConnection, table: str, *, before: dt.date, most: int = PART_ROWS
) -> list[Part]:
    """Return the parts of a table's days before one, oldest first, of `most` rows where minutes allow it."""
    counted = connection.execute(
        f"SELECT date_trunc('minute', ts)::TIMESTAMP, count(*) FROM {hot(table)} WHERE ts < ? "  # noqa: S608 - our schema
        "GROUP BY ALL ORDER BY ALL",
        [before],
    ).fetchall()
    if not counted:
        return []
    schema, position = connection.execute(
        "SELECT (SELECT max(schema_version) FROM meta), (SELECT max(position) FROM cursors)"
    ).fetchall()[0]
    return [
        Part(
            footer=Footer(table=table, day=minutes[0][0].date(), rows=rows, schema=schema, position=position),
            start=minutes[0][0],
            end=minutes[-1][0] + _MINUTE,
        )
        for minutes, rows in _gathered(counted, most)
    ]


def count(connection: duckdb.DuckDBPyConnection, part: Part) -> int:
    """Return how many rows of a part are in the hot table now."""
    found: int = connection.execute(
        f"SELECT count(*) FROM {hot(part.footer.table)} WHERE {part.condition}"  # noqa: S608 - our schema and times
    ).fetchall()[0][0]
    return found


def write_part(
    cursor: duckdb.DuckDBPyConnection, part: Part, archive: Path, *, is_whole: bool = False
) -> SealedFile | None:
    """Write a part into a file of its own; None, and no file, when rows have been added to it meanwhile.
    `is_whole`: as the table is, for any program to read, and not packed; so too where it has seconds that no
    decimal holds.

    Raises:
        duckdb.Error, OSError: no file, or one that the next opening of the archive deals with, is left.
    """
    plain = Form(whole(part.footer.table), is_whole=True)
    if is_whole:
        return _written(cursor, part, archive, form=plain)
    try:
        return _written(cursor, part, archive, form=_packed(cursor, part.footer.table))
    except duckdb.ConversionException:
        return _written(cursor, part, archive, form=plain)


def _packed(cursor: duckdb.DuckDBPyConnection, table: str) -> Form:
    described = cursor.execute(f"DESCRIBE {hot(table)}").fetchall()
    return Form(", ".join(packed(name, kind) for name, kind, *_ in described), options=", PARQUET_VERSION V2")


def _written(
    cursor: duckdb.DuckDBPyConnection, part: Part, archive: Path, *, form: Form
) -> SealedFile | None:
    name = new_name(part.footer.table, part.footer.day, is_whole=form.is_whole)
    path = unfinished(archive / name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        copied = _copy(cursor, part, path, form=form)
        if copied != part.footer.rows:
            return None
        return SealedFile(name=name, size=finish(archive, name), footer=part.footer)
    finally:
        path.unlink(missing_ok=True)


def _copy(cursor: duckdb.DuckDBPyConnection, part: Part, path: Path, *, form: Form) -> int:
    table = part.footer.table
    footer = quoted(msgspec.json.encode(part.footer).decode())
    copied: int = cursor.execute(
        f"COPY (SELECT {form.columns} FROM {hot(table)} WHERE {part.condition}{_order(cursor, part)}) "  # noqa: S608 - our schema and times
        f"TO {quoted(str(path))} "
        f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{{FOOTER}: {footer}}}{form.options})"
    ).fetchall()[0][0]
    return copied


def _order(cursor: duckdb.DuckDBPyConnection, part: Part) -> str:
    """Rows lie in the order they were loaded in, about that of time, which is what queries by time need.
    Sorting them costs half as much again, and helps queries of one integration once an hour fills row groups.
    """
    hours = (part.end - part.start) / dt.timedelta(hours=1)
    if part.footer.rows <= hours * _ROW_GROUP:
        return ""
    columns = {name for name, *_ in cursor.execute(f"DESCRIBE {hot(part.footer.table)}").fetchall()}
    return f" ORDER BY {_BY_INTEGRATION}" if "integration" in columns else " ORDER BY ts"


_Minutes = Sequence[tuple[dt.datetime, int]]


def _gathered(counted: _Minutes, most: int) -> Iterator[tuple[_Minutes, int]]:
    """Put minutes together that follow each other on one day, up to `most` rows."""
    gathered: list[tuple[dt.datetime, int]] = []
    rows = 0
    for minute, many in counted:
        if gathered and (rows + many > most or minute.date() != gathered[0][0].date()):
            yield gathered, rows
            gathered, rows = [], 0
        gathered.append((minute, many))
        rows += many
    yield gathered, rows
