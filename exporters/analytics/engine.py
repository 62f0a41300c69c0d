"""What DuckDB is held to wherever it runs, where its version knows the setting."""

import contextlib

import duckdb

FILE_THREADS = 2
"""DuckDB 2.0 reads files with eight threads of its own, each with up to eight files open ahead. Two are as
fast on a local disk, and keep a query over a year of files far from the limit of open files.
"""


def bound_file_threads(connection: duckdb.DuckDBPyConnection) -> None:
    """Bound the threads that read files; DuckDB 1.5 has none, and knows no such setting."""
    with contextlib.suppress(duckdb.CatalogException):
        connection.execute(f"SET GLOBAL async_threads = {FILE_THREADS}")
