"""One database for one example after the other, and slow, obvious counts to hold its answers against."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import duckdb

from exporters.analytics.database import transaction
from exporters.analytics.parameters import read_parameters
from exporters.analytics.queries import bundled_queries
from exporters.analytics.rollups.declared import Declaration
from exporters.analytics.rollups.kinds import ROLLUPS
from exporters.analytics.tables import TABLES, hot
from integrations.signals import Signal
from tests.exporters.analytics.generated import START, Pair, abandon, started

QUERIES = {query.name: query for query in bundled_queries()}
OWN = (*(rollup.table for rollup in ROLLUPS), "rolled")
DECLARED = ("declared_integrations", "declared_vendors", "declared_callers")
TICK = 5.0

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Model:
    """A spool and a writer, and the time they think it is."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pair: Pair | None = started(directory)

    @property
    def opened(self) -> Pair:
        assert self.pair is not None
        return self.pair

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        assert self.opened.writer.database is not None
        return self.opened.writer.database.connection

    def holding(self, signals: Iterable[Signal], *, now: float = START) -> "Model":
        """Hold these signals alone."""
        self.forget(*map(hot, TABLES.values()))
        self.opened.writer.rollups.open(self.connection)
        self.set_time(now)
        self.load(signals)
        return self

    def forget(self, *tables: str) -> None:
        """Let nothing be rolled up or declared, as in a new database, and these tables be empty."""
        with transaction(self.connection):
            for table in (*tables, *OWN, *DECLARED):
                self.connection.execute(f"DELETE FROM {table}")
            for rollup in ROLLUPS:
                self.connection.execute(
                    f"CREATE OR REPLACE MACRO rolled_until_{rollup.name}() AS TIMESTAMP '-infinity'"
                )

    def set_time(self, now: float) -> None:
        clock = self.opened.clock
        clock.jump_utc(now - clock.time())

    def load(self, signals: Iterable[Signal]) -> None:
        """Take in more of them; nothing is rolled up by that."""
        pair = self.opened
        pair.write(signals)
        while pair.spool.sealed:
            pair.writer._load(pair.writer._loader)  # type: ignore[arg-type] # without the upkeep of step

    def declare(self, declaration: Declaration) -> None:
        self.opened.writer.rollups.declare(lambda: declaration)
        self.opened.writer.rollups.step()

    def roll(self) -> "Model":
        """Let a minute pass, and all be counted that is to be."""
        pair = self.opened
        now = pair.clock.time()
        pair.clock.advance(60.0)
        self.set_time(now)
        pair.writer.rollups.step()
        assert pair.writer.rollups.problem == ""
        return self

    def restart(self, *, killed: bool = False) -> None:
        """Close the file, or leave it as a kill does, and open it again."""
        now = self.opened.clock.time()
        abandon(self.opened) if killed else self.opened.close()
        self.pair = started(self.directory)
        self.set_time(now)

    def rows(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        cursor = self.connection.cursor()
        cursor.execute("USE hot")
        found = cursor.execute(sql, list(values)).fetchall()
        cursor.close()
        return found

    def ask(self, name: str, *, now: float = START, **params: str) -> list[tuple[object, ...]]:
        """Answer a named query; `from_` is its parameter from."""
        query = QUERIES[name]
        given = {key.strip("_"): text for key, text in params.items()}
        values = read_parameters(query.parameters, given, now=now)
        cursor = self.connection.cursor()
        cursor.execute("USE hot")
        found = cursor.execute(query.sql, values).fetchall()
        cursor.close()
        return found

    def close(self) -> None:
        self.opened.close()
        self.pair = None


class SteppingClock:
    """A clock on which everything takes a second."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += 1.0
        return self._now

    def time(self) -> float:
        return self._model.opened.clock.time()

    async def sleep(self, _seconds: float) -> None:
        raise AssertionError("a roller does not wait")


def moment(at: float) -> datetime:
    """A time as columns have it."""
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None)


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat()


def hour(at: float) -> datetime:
    return moment(at).replace(minute=0, second=0, microsecond=0)


def day(at: float) -> datetime:
    return hour(at).replace(hour=0)


def grouped(items: Iterable[T], key: Callable[[T], K]) -> Mapping[K, Sequence[T]]:
    groups: dict[K, list[T]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def nearest_rank(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all is not above."""
    ordered = sorted(values)
    return next(value for rank, value in enumerate(ordered, start=1) if rank >= share * len(ordered))


def zone_bucket(at: datetime, width: int, zone: str | None) -> datetime:
    """When the bucket began, found by going back from the moment until the wall's clock shows its start."""
    if zone is None or width < 3_600:
        epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - columns are naive UTC
        return at - (at - epoch) % timedelta(seconds=width)

    def wall(moment: datetime) -> datetime:
        return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    def start_of(shown: datetime) -> datetime:
        if width == 604_800:
            monday = shown - timedelta(days=shown.weekday())
            return monday.replace(hour=0, minute=0, second=0, microsecond=0)
        return zone_bucket(shown, width, None)

    start = start_of(wall(at))
    if width == 3_600 and wall(at - (wall(at) - start)) == start:
        return at - (wall(at) - start)
    return start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
