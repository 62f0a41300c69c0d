"""The list of the files that count, in the database itself: the table sealed_files."""

import datetime as dt

import duckdb

from exporters.analytics.archive.files import Footer, SealedFile


def listed(connection: duckdb.DuckDBPyConnection, table: str | None = None) -> tuple[SealedFile, ...]:
    """Return the files of a table, or of all, the oldest day first."""
    rows = connection.execute(
        "SELECT file, byte_count, table_name, day, row_count, schema_version, stored_position "
        "FROM sealed_files WHERE $1 IS NULL OR table_name = $1 ORDER BY table_name, day, sealed_at, file",
        [table],
    ).fetchall()
    return tuple(
        SealedFile(
            name=name,
            size=size,
            footer=Footer(table=of, day=day, rows=count, schema=schema, position=position),
        )
        for name, size, of, day, count, schema, position in rows
    )


def enter(connection: duckdb.DuckDBPyConnection, file: SealedFile, now: dt.datetime) -> None:
    """Put a file on the list, within the caller's transaction."""
    footer = file.footer
    connection.execute(
        "INSERT INTO sealed_files (table_name, day, file, row_count, byte_count, schema_version, "
        "stored_position, sealed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            footer.table,
            footer.day,
            file.name,
            footer.rows,
            file.size,
            footer.schema,
            footer.position,
            now,
        ],
    )


def strike(connection: duckdb.DuckDBPyConnection, table: str, before: dt.date) -> None:
    """Take the files of days before one off the list, within the caller's transaction."""
    connection.execute("DELETE FROM sealed_files WHERE table_name = ? AND day < ?", [table, before])


def align(connection: duckdb.DuckDBPyConnection, end: int) -> None:
    """Let no file claim more of the log of stored signals than there is, when another log is in its place."""
    connection.execute(
        "UPDATE sealed_files SET stored_position = $1 WHERE stored_position > $1",
        [end],
    )
