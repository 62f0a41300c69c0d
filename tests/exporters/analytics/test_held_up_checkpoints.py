"""A checkpoint waits for readers that DuckDB cannot checkpoint beside; nothing is closed because of them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import anyio
import pytest

from exporters.analytics.settings import AnalyticsUnavailable
from exporters.analytics.sql.snapshots import Snapshots
from integrations.clock import Clock
from integrations.signals import Health
from tests.exporters.analytics.generated import SETTINGS, START, Pair, call, health_change, started
from tests.fakes.clock import FakeClock


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    pair = started(tmp_path)
    pair.load([call(number) for number in range(3_000)])
    yield pair
    pair.close()


@contextmanager
def half_read(pair: Pair) -> Iterator[None]:
    """A reader that has begun, as a backtest's has, and goes on to its end afterwards."""
    assert pair.writer.database is not None
    with pair.writer.database.reading() as cursor:
        cursor.execute("SELECT seq FROM calls")
        cursor.fetchmany(1)
        yield
        assert len(cursor.fetchall()) == 2_999


def make_a_view(pair: Pair) -> None:
    """As each sealed day does."""
    assert pair.writer.database is not None
    pair.writer.database.connection.execute("CREATE OR REPLACE VIEW another AS SELECT 1 AS one")


def test_stored_signals_that_are_copied_hold_up_no_checkpoint(pair: Pair) -> None:
    with half_read(pair):
        pair.writer.copy([(7, health_change(START, Health.DOWN))])
        pair.writer.checkpoint()
        pair.writer.align(5)
        pair.writer.checkpoint()

    assert pair.writer.position() == 5
    assert pair.writer.checkpointed_at is not None


def test_the_writer_goes_on_beside_a_reader_and_checkpoints_after_it(pair: Pair, tmp_path: Path) -> None:
    opened = pair.writer.database
    with half_read(pair):
        make_a_view(pair)
        pair.clock.advance(SETTINGS.checkpoint_seconds)
        pair.load([call(3_000)])

        assert (pair.writer.problem, pair.writer.checkpointed_at) == ("", None)
        assert len(list((tmp_path / "spool").glob("*.ndjson"))) == 2

    pair.clock.advance(1.0)
    pair.writer.step()

    assert pair.writer.database is opened
    assert list((tmp_path / "spool").glob("*.ndjson")) == []


def snapshots_of(pair: Pair, clock: Clock) -> Snapshots:
    return Snapshots(
        pair.writer.path.parent / "snapshots",
        flush=pair.writer.flush,
        thread=anyio.CapacityLimiter(1),
        clock=clock,
        disk_floor=0,
    )


async def test_free_sql_has_the_snapshot_before_while_a_reader_is_in_the_way(pair: Pair) -> None:
    snapshots = snapshots_of(pair, pair.clock)
    first = await snapshots.fresh()
    with half_read(pair):
        make_a_view(pair)
        pair.clock.advance(3_600)
        assert await snapshots.fresh() == first

    assert (await snapshots.fresh()).at > first.at
    assert pair.writer.problem == ""


async def test_the_first_snapshot_is_waited_for_and_then_it_is_said_what_to_do(pair: Pair) -> None:
    snapshots, began = snapshots_of(pair, pair.clock), pair.clock.time()
    with half_read(pair):
        make_a_view(pair)
        with pytest.raises(AnalyticsUnavailable, match="dialtone query --running") as caught:
            await snapshots.fresh(patience=5.0)

    assert type(caught.value) is AnalyticsUnavailable
    assert 4.0 < pair.clock.time() - began <= 5.0
    assert pair.writer.problem == ""


async def test_the_first_snapshot_is_there_once_the_reader_in_its_way_has_ended(pair: Pair) -> None:
    reader = half_read(pair)
    reader.__enter__()
    make_a_view(pair)

    snapshot = await snapshots_of(pair, EndingReader(pair.clock, reader)).fresh()

    assert snapshot.path.exists()


class EndingReader(FakeClock):
    """A clock after whose first two seconds a reader ends."""

    def __init__(self, clock: FakeClock, reader: AbstractContextManager[None]) -> None:
        super().__init__(now=clock.monotonic(), utc=clock.time())
        self._ends_at = clock.monotonic() + 2
        self._reader = reader

    async def sleep(self, seconds: float) -> None:
        before = self.monotonic()
        await super().sleep(seconds)
        if before < self._ends_at <= self.monotonic():
            self._reader.__exit__(None, None, None)
