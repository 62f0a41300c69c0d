"""Which days a table has rows of, and where they are: hot, or in files of the archive."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import msgspec

from exporters.analytics.archive.files import is_whole
from exporters.analytics.tables import TABLES, hot

NAMES: Sequence[str] = tuple(TABLES.values())
"""The tables that have days."""


class TableDay(msgspec.Struct, frozen=True, kw_only=True):
    """A table's rows of one UTC day. `part` is the file of the archive that holds all of them and nothing
    else, as the table is, or None where they are hot, in several files, or packed.
    """

    table: str
    day: dt.date
    rows: int
    part: Path | None = None


def list_days(
    connection: duckdb.DuckDBPyConnection, *, archive: Path, tables: Sequence[str] = NAMES
) -> tuple[TableDay, ...]:
    """Return the days of these tables in order, all as of one moment. Rows without a time are of no day.

    Raises:
        duckdb.Error: they cannot be read now.
    """
    connection.execute("BEGIN TRANSACTION READ ONLY")
    try:
        return tuple(day for table in tables for day in _days_of(connection, table, archive))
    finally:
        connection.execute("COMMIT")


def _days_of(connection: duckdb.DuckDBPyConnection, table: str, archive: Path) -> Iterator[TableDay]:
    sealed: dict[dt.date, list[tuple[Path, int, bool]]] = defaultdict(list)
    for day, file, rows, version in connection.execute(
        "SELECT day, file, row_count, schema_version FROM sealed_files WHERE table_name = ?", [table]
    ).fetchall():
        # A listed file that has gone is in no view either.
        if (path := archive / file).exists():
            sealed[day].append((path, rows, is_whole(file, schema=version)))
    fresh = dict(
        connection.execute(
            f"SELECT ts::DATE AS day, count(*) FROM {hot(table)} WHERE ts IS NOT NULL GROUP BY day"  # noqa: S608 - our schema
        ).fetchall()
    )
    for day in sorted(sealed.keys() | fresh.keys()):
        parts, rows = sealed[day], fresh.get(day, 0)
        is_one = len(parts) == 1 and not rows and parts[0][2]
        yield TableDay(
            table=table,
            day=day,
            rows=rows + sum(count for _, count, _ in parts),
            part=parts[0][0] if is_one else None,
        )


def rows_of(table: str, day: dt.date) -> str:
    """Return the statement that gives a table's rows of a day."""
    after = day + dt.timedelta(days=1)
    return f"SELECT * FROM {table} WHERE ts >= TIMESTAMP '{day}' AND ts < TIMESTAMP '{after}'"  # noqa: S608 - our schema
