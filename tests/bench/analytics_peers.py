"""The peers: the same calls in one plain table of DuckDB, and in one of SQLite with indexes."""

import datetime as dt
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from exporters.analytics.database import Database
from tests.bench.analytics_history import DAYS, LAST
from tests.bench.analytics_questions import Question

MOST_FOR_SQLITE = 10
"""Million rows."""

SLOW = 5.0
"""Seconds of an answer after which a peer is not asked the same again."""

_COLUMNS = "ts, integration, action, caller, kind, status, code, duration"
_OF_A_DAY = f"SELECT {_COLUMNS} FROM calls WHERE ts >= ? AND ts < ? ORDER BY calls.ts"
_PAGE = 50_000

Window = list[dt.datetime]


class Plain:
    """One table of DuckDB in time's order, asked on one thread with as much memory as Dialtone's."""

    name = "plain DuckDB"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "peer.duckdb"

    def write(self, cursor: duckdb.DuckDBPyConnection, days: Iterable[Window]) -> None:
        """Take all calls from the store."""
        part = self.path.with_suffix(".part")
        part.unlink(missing_ok=True)
        cursor.execute(f"ATTACH '{part}' AS peer")
        cursor.execute(f"CREATE TABLE peer.calls AS SELECT {_COLUMNS} FROM calls LIMIT 0")
        for window in days:
            cursor.execute(f"INSERT INTO peer.calls {_OF_A_DAY}", window).fetchall()
        cursor.execute("DETACH peer")
        part.rename(self.path)

    def answer(self, question: Question, integrations: Iterable[str]) -> list[float]:
        """Return how many seconds each answer took, until one is slow."""
        begin, end = (moment.replace(tzinfo=None) for moment in _window(question))
        took = []
        config = {"threads": 1, "memory_limit": "512MiB"}
        with closing(duckdb.connect(str(self.path), read_only=True, config=config)) as connection:
            for integration in integrations:
                given = {"begin": begin, "end": end} | ({"integration": integration} if question.each else {})
                began = time.perf_counter()
                connection.execute(question.duckdb, given).fetchall()
                took.append(time.perf_counter() - began)
                if took[-1] > SLOW:
                    break
        return took


class SQLite:
    """One table of SQLite, with the indexes that one would make."""

    name = "SQLite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "peer.sqlite"

    def write(self, cursor: duckdb.DuckDBPyConnection, days: Iterable[Window]) -> None:
        """Take all calls from the store."""
        part = self.path.with_suffix(".part")
        part.unlink(missing_ok=True)
        with closing(sqlite3.connect(part)) as connection:
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"CREATE TABLE calls ({_COLUMNS})")
            for window in days:
                cursor.execute(_OF_A_DAY.replace("ts,", "epoch(ts) AS ts,", 1), window)
                while rows := cursor.fetchmany(_PAGE):
                    connection.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
            connection.execute("CREATE INDEX by_integration ON calls (integration, ts)")
            connection.execute("CREATE INDEX by_time ON calls (ts)")
            connection.commit()
        part.rename(self.path)

    def answer(self, question: Question, integrations: Iterable[str]) -> list[float]:
        """Return how many seconds each answer took, until one is slow."""
        begin, end = (moment.timestamp() for moment in _window(question))
        took = []
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA cache_size = -500000")
            for integration in integrations:
                began = time.perf_counter()
                connection.execute(
                    question.sqlite, {"begin": begin, "end": end, "integration": integration}
                ).fetchall()
                took.append(time.perf_counter() - began)
                if took[-1] > SLOW:
                    break
        return took


def peers(folder: Path, database: Database, millions: int) -> list[Plain | SQLite]:
    """Return the peers, filled from the store where they are not there yet. A hundred million rows are too
    many for SQLite: filling it takes an hour, and 20 GB.
    """
    asked: list[Plain | SQLite] = [Plain(folder), *([SQLite(folder)] if millions <= MOST_FOR_SQLITE else [])]
    for peer in asked:
        if not peer.path.exists():
            began = time.perf_counter()
            with database.reading() as cursor:
                peer.write(cursor, _days())
            print(f"{peer.name} filled in {time.perf_counter() - began:.0f} s", flush=True)
    return asked


def _days() -> Iterator[Window]:
    """Windows of a day each, the oldest first."""
    last = LAST.replace(hour=0, tzinfo=None)
    for ago in reversed(range(DAYS)):
        day = last - dt.timedelta(days=ago)
        yield [day, day + dt.timedelta(days=1)]


def _window(question: Question) -> tuple[dt.datetime, dt.datetime]:
    return LAST - dt.timedelta(days=question.days), LAST
