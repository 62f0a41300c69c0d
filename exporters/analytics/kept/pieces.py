"""What of hot.duckdb is kept: each day of a rollup, and all that configurations have said.

The version of a piece only ever grows: rows that a rollup counted of a day, and what a configuration added or
ended. So the copy with the higher version is the newer one, whichever database wrote it.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import duckdb

from exporters.analytics.rollups.kinds import ROLLUPS, Rollup
from exporters.analytics.settings import Retention

DECLARED = ("declared_integrations", "declared_vendors", "declared_callers")
ROLLED: Mapping[str, Rollup] = {rollup.table: rollup for rollup in ROLLUPS}


class Piece(NamedTuple):
    """A day of a rollup's table, or, without a day, a table as a whole."""

    table: str
    day: date | None = None

    @property
    def condition(self) -> str:
        """Which rows, in SQL."""
        if self.day is None:
            return "true"
        start = ROLLED[self.table].start
        return f"{start} >= TIMESTAMP '{self.day}' AND {start} < TIMESTAMP '{self.day + timedelta(days=1)}'"


def versions(connection: duckdb.DuckDBPyConnection) -> Mapping[Piece, int]:
    """Return the pieces that the open database holds, with their versions."""
    tables = {rollup.name: rollup.table for rollup in ROLLUPS}
    days = connection.execute(
        "SELECT rollup, start::DATE, sum(row_count)::BIGINT FROM rolled GROUP BY ALL"
    ).fetchall()
    found = {Piece(tables[name], day): count for name, day, count in days}
    for table in DECLARED:
        ((version,),) = connection.execute(f"SELECT count(*) + count(valid_to) FROM {table}").fetchall()  # noqa: S608 - our own names
        found[Piece(table)] = version
    return {piece: version for piece, version in found.items() if version}


def oldest_day(retention: Retention, now: float) -> date:
    """Return the first day of which rollups are kept, at a time (UTC seconds)."""
    days = retention.rollups
    return datetime.fromtimestamp(now, UTC).date() - timedelta(days=days) if days else date.min
