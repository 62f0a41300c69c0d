"""A snapshot with the schema and a few rows, as readers get one."""

from pathlib import Path

import duckdb

from exporters.analytics.migrations import bundled_steps
from exporters.analytics.sql.frames import Format, Question

ROWS = 50
SEALED_ROWS = 20
SEALED = "calls/day=2026-11-22/part-1.parquet"


def make_snapshot(path: Path, *, sealed: bool = False) -> Path:
    """Make it: 50 calls, one row in the ledger, and a view; some of the calls sealed, where asked for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(":memory:")
    connection.execute(f"ATTACH '{path}' AS hot (STORAGE_VERSION 'v1.5.0')")
    connection.execute("USE hot")
    for step in bundled_steps():
        connection.execute(step)
    connection.execute(
        "INSERT INTO hot_calls (ts, seq, integration, caller) SELECT "
        "TIMESTAMP '2026-11-22 10:00:00' + to_seconds(range), range, 'slack-prod', 'ann' FROM range(?)",
        [ROWS],
    )
    connection.execute("INSERT INTO ledger VALUES ('a secret segment', 1, now()::TIMESTAMP)")
    connection.execute("CREATE VIEW busy AS SELECT integration, count(*) AS calls FROM calls GROUP BY ALL")
    if sealed:
        seal(connection, path.parent.parent / "archive" / SEALED)
    connection.close()
    return path


def seal(connection: duckdb.DuckDBPyConnection, file: Path) -> None:
    """Put some of the calls into a file of the archive, as a sealed day is."""
    old = f"seq < {SEALED_ROWS}"
    file.parent.mkdir(parents=True, exist_ok=True)
    connection.execute(f"COPY (SELECT * FROM hot_calls WHERE {old}) TO '{file}' (FORMAT parquet)")
    connection.execute(f"DELETE FROM hot_calls WHERE {old}")
    connection.execute(
        "INSERT INTO sealed_files VALUES ('calls', DATE '2026-11-22', ?, ?, 0, 1, 0, now()::TIMESTAMP)",
        [SEALED, SEALED_ROWS],
    )
    connection.execute(
        "CREATE OR REPLACE VIEW calls AS SELECT * FROM hot_calls UNION ALL BY NAME "
        f"SELECT * FROM read_parquet(['{file}'], hive_partitioning = false)"
    )


def seal_often(path: Path, times: int) -> None:
    """Let the sealed file of a snapshot count so many times, as files of their own."""
    first = path.parent.parent / "archive" / SEALED
    files = [first.with_name(f"part-{number}.parquet") for number in range(1, times + 1)]
    for file in files[1:]:
        file.hardlink_to(first)
    named = ", ".join(f"'{file}'" for file in files)
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "INSERT INTO sealed_files SELECT sealed_files.* REPLACE ("
            "replace(file, 'part-1.', 'part-' || range || '.') AS file) FROM sealed_files, range(2, ?)",
            [times + 1],
        )
        connection.execute(
            "CREATE OR REPLACE VIEW calls AS SELECT * FROM hot_calls UNION ALL BY NAME "
            f"SELECT * FROM read_parquet([{named}], hive_partitioning = false)"
        )


def question(path: Path, sql: str, **given: object) -> Question:
    """Ask of it, within limits that do not matter unless they are given."""
    fields = {"format": Format.JSON, "rows": 1_000, "max_bytes": 1 << 20, "seconds": 5.0} | given
    return Question(sql=sql, snapshot=str(path), **fields)  # type: ignore[arg-type] # limits by name
