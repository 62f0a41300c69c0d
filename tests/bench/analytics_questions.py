"""The questions of the goals: as named queries, and as one would ask a plain table of DuckDB or SQLite.

Times in `calls` of SQLite are seconds since 1970.
"""

from collections.abc import Mapping
from typing import NamedTuple

_DUCKDB_PANEL = """
    SELECT time_bucket(INTERVAL 5 MINUTE, ts), count(*), count(kind),
        quantile_cont(duration, 0.5), quantile_cont(duration, 0.95), quantile_cont(duration, 0.99)
    FROM calls WHERE integration = $integration AND ts >= $begin AND ts < $end GROUP BY 1 ORDER BY 1
"""
_SQLITE_PANEL = """
    SELECT slot, max(n), sum(failed),
        max(CASE WHEN place = (n * 50 + 99) / 100 THEN duration END),
        max(CASE WHEN place = (n * 95 + 99) / 100 THEN duration END),
        max(CASE WHEN place = (n * 99 + 99) / 100 THEN duration END)
    FROM (
        SELECT CAST(ts / 300 AS INTEGER) AS slot, duration, kind IS NOT NULL AS failed,
            row_number() OVER (PARTITION BY CAST(ts / 300 AS INTEGER) ORDER BY duration) AS place,
            count(*) OVER (PARTITION BY CAST(ts / 300 AS INTEGER)) AS n
        FROM calls WHERE integration = :integration AND ts >= :begin AND ts < :end
    ) GROUP BY slot ORDER BY slot
"""
_DUCKDB_ERRORS = """
    SELECT date_trunc('hour', ts), integration, count(*), count(kind)
    FROM calls WHERE ts >= $begin AND ts < $end GROUP BY ALL ORDER BY ALL
"""
_SQLITE_ERRORS = """
    SELECT CAST(ts / 3600 AS INTEGER) AS hour, integration, count(*), count(kind)
    FROM calls WHERE ts >= :begin AND ts < :end GROUP BY hour, integration ORDER BY hour, integration
"""
_TOP = """
    SELECT integration, action, kind, status, code, count(*), count(DISTINCT caller), max(ts)
    FROM calls WHERE {window} AND kind IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 1, 2, 3, 4, 5 LIMIT 50
"""
_DUCKDB_TAIL = """
    SELECT integration, count(*), quantile_disc(duration, 0.99)
    FROM calls WHERE ts >= $begin AND ts < $end GROUP BY integration ORDER BY integration
"""
_SQLITE_TAIL = """
    SELECT integration, max(n), max(CASE WHEN place = (n * 99 + 99) / 100 THEN duration END)
    FROM (
        SELECT integration, duration, row_number() OVER (PARTITION BY integration ORDER BY duration) AS place,
            count(*) OVER (PARTITION BY integration) AS n
        FROM calls WHERE ts >= :begin AND ts < :end
    ) GROUP BY integration ORDER BY integration
"""


class Question(NamedTuple):
    """What is asked: a named query with its parameters over so many days, and the same for the peers; `each`
    is of one integration. `goals`: how many milliseconds it may take, by millions of rows; none for one that
    reads the rows themselves.
    """

    name: str
    days: float
    query: str
    params: Mapping[str, str]
    goals: Mapping[int, float]
    duckdb: str
    sqlite: str
    each: bool = False


QUESTIONS = (
    Question(
        "24 h panel of one integration, by 5 minutes",
        1,
        "performance",
        {"bucket": "5m"},
        {10: 25, 100: 50},
        _DUCKDB_PANEL,
        _SQLITE_PANEL,
        each=True,
    ),
    Question(
        "7 days of errors, by integration and hour",
        7,
        "availability",
        {"bucket": "1h"},
        {10: 75, 100: 150},
        _DUCKDB_ERRORS,
        _SQLITE_ERRORS,
    ),
    Question(
        "7 days of errors, what fails most",
        7,
        "top_errors",
        {},
        {},
        _TOP.format(window="ts >= $begin AND ts < $end"),
        _TOP.format(window="ts >= :begin AND ts < :end"),
    ),
    Question(
        "30 days, p99 of all integrations",
        30,
        "latency",
        {"bucket": "60d"},
        {10: 300, 100: 500},
        _DUCKDB_TAIL,
        _SQLITE_TAIL,
    ),
)
