"""Holds a file of the archive against the hot rows of its day: are its rows there still, or again?

Rows are told apart by their time and the hash of all that they hold, in the form in which it is stored now; a
row that is there twice counts twice.
"""

import datetime as dt
from pathlib import Path

import duckdb

from exporters.analytics.archive.files import SealedFile
from exporters.analytics.archive.view import rows_of
from exporters.analytics.derived import stored
from exporters.analytics.tables import hot


def lacking(connection: duckdb.DuckDBPyConnection, file: SealedFile, archive: Path) -> int:
    """Return how many of the file's rows are not among the hot ones.

    Raises:
        duckdb.Error: when the file cannot be read.
    """
    content = _content(connection, file.table)
    counted = f"SELECT ts, {content} AS content, count(*) AS many FROM {{}} GROUP BY ALL"  # noqa: S608 - our schema
    found: int = connection.execute(
        "SELECT coalesce(sum(sealed.many - least(sealed.many, coalesce(hot.many, 0))), 0)::BIGINT "  # noqa: S608 - our schema and names
        f"FROM ({counted.format(_sealed(file, archive))}) AS sealed "
        f"LEFT JOIN ({counted.format(_hot(file))}) AS hot USING (ts, content)"
    ).fetchall()[0][0]
    return found


def delete_shared(connection: duckdb.DuckDBPyConnection, file: SealedFile, archive: Path) -> None:
    """Delete the hot rows that the file has too, within the caller's transaction."""
    content = _content(connection, file.table)
    numbered = f"SELECT ts, {content} AS content, row_number() OVER (PARTITION BY ts, {content}) AS number"
    table = hot(file.table)
    connection.execute(
        f"DELETE FROM {table} WHERE rowid IN (SELECT hot.place FROM "  # noqa: S608 - our schema and names
        f"({numbered}, rowid AS place FROM {table} WHERE {_within(file)}) AS hot "
        f"JOIN ({numbered} FROM {_sealed(file, archive)}) AS sealed USING (ts, content, number))"
    )


def _content(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """The hash of a row as it would be stored now: one of before may be there in both forms."""
    described = connection.execute(f"DESCRIBE {hot(table)}").fetchall()
    values = (stored(table, column, kind, field=column) for column, kind, *_ in described)
    return f"hash(row({', '.join(values)}))"


def _sealed(file: SealedFile, archive: Path) -> str:
    """Its rows with the columns that the table has now."""
    return (
        f"(SELECT * FROM {hot(file.table)} WHERE false "  # noqa: S608 - our schema and names
        f"UNION ALL BY NAME SELECT * FROM {rows_of([file], archive)})"
    )


def _hot(file: SealedFile) -> str:
    return f"(SELECT * FROM {hot(file.table)} WHERE {_within(file)})"  # noqa: S608 - our schema


def _within(file: SealedFile) -> str:
    return f"ts >= TIMESTAMP '{file.day}' AND ts < TIMESTAMP '{file.day + dt.timedelta(days=1)}'"
