"""Reads a folder of Parquet files on and on, as a program of its own: `python folder_reader.py KIND FOLDER`.

It ends with its stdin, and tells what it read and what it saw that cannot be. KIND is duckdb or polars.
"""

import json
import sys
import threading
from collections import Counter
from collections.abc import Callable

Found = tuple[int, ...]


def with_duckdb(folder: str) -> tuple[str, Callable[[], Found]]:
    """How DuckDB reads it."""
    import duckdb

    connection = duckdb.connect()
    query = f"SELECT count(*), count(DISTINCT seq), count(DISTINCT word) FROM '{folder}/calls/*/*.parquet'"

    def read() -> Found:
        found: list[Found] = connection.execute(query).fetchall()
        return found[0]

    return duckdb.__version__, read


def with_polars(folder: str) -> tuple[str, Callable[[], Found]]:
    """How Polars reads it."""
    import polars as pl

    def read() -> Found:
        rows = pl.scan_parquet(f"{folder}/calls/**/*.parquet").select("seq", "word").collect()
        return rows.height, rows["seq"].n_unique(), rows["word"].n_unique()

    return pl.__version__, read


class Looking:
    """Looks again and again, and notes what cannot be."""

    def __init__(self, read: Callable[[], Found]) -> None:
        self.readings = 0
        self.rows = 0
        self.wrong: Counter[str] = Counter()
        self._read = read

    def look(self) -> None:
        try:
            rows, *different = self._read()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what the test is after
            self.wrong[f"{type(error).__name__}: {error}"[:200]] += 1
            return
        if set(different) != {rows} or rows < self.rows:
            self.wrong[f"{rows} rows, {different} different, after {self.rows}"] += 1
        self.rows = max(self.rows, rows)
        self.readings += 1


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    version, read = {"duckdb": with_duckdb, "polars": with_polars}[sys.argv[1]](sys.argv[2])
    looking, ended = Looking(read), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    looking.look()
    say("ready")
    while not ended.wait(0.001):
        looking.look()
    told = {"version": version, "readings": looking.readings, "rows": looking.rows, "wrong": looking.wrong}
    say(json.dumps(told))
