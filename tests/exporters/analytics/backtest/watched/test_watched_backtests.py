"""Backtests of objectives and heartbeats over DuckDB: what was lived through goes in as signals and comes out
as an answer.
"""

import threading
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from exporters.analytics.backtest.desk import Backtests
from exporters.analytics.backtest.watched.order import WatchOrder
from exporters.analytics.backtest.watched.outcome import WatchedBacktest
from exporters.analytics.backtest.watched.reading import backtest_watched
from exporters.analytics.backtest.watched.stream import WatchReader
from exporters.analytics.database import Database
from integrations.clock import SystemClock
from integrations.signals import CallRecord, CheckResult, ConfigChange, QueryRun, Signal
from monitors.slo_counts import HOUR
from monitors.slo_settings import SLOSettings
from tests.exporters.analytics.archive.sealing_by_hand import DAY, seal_all
from tests.exporters.analytics.backtest.watched.watched_live import LABELS, Lived, live, seen, watching
from tests.exporters.analytics.generated import Pair, started
from tests.fakes.clock import VirtualTimeLoop
from tests.fakes.signals import RecordingSubscriber


@pytest.fixture(scope="module")
def history() -> Lived:
    found: list[Lived] = []

    async def main() -> None:
        found.append(await live(watching(), seed=2, seconds=9_000.0))

    # The tests of this module run in a loop of their own kind.
    thread = threading.Thread(
        target=partial(anyio.run, main, backend_options={"loop_factory": VirtualTimeLoop})
    )
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    pair = started(tmp_path)
    yield pair
    pair.close()


def database_of(pair: Pair) -> Database:
    assert pair.writer.database is not None
    return pair.writer.database


def ask(pair: Pair, order: WatchOrder, **options: object) -> tuple[WatchedBacktest, ...]:
    with database_of(pair).reading() as cursor:
        return backtest_watched(cursor, order, breathe=lambda: None, **options)


async def test_todays_settings_over_what_duckdb_holds_give_back_everything(
    pair: Pair, history: Lived
) -> None:
    pair.load(list(history.signals))
    published = RecordingSubscriber()
    desk = Backtests(database=lambda: database_of(pair), clock=SystemClock(), publish=published.on_signal)

    found = await desk.watched(history.order(), caller="ann")

    assert [(each.kind, each.name) for each in found] == [
        ("objective", "shop"),
        ("objective", "sales fast"),
        ("heartbeat", "sync"),
        ("heartbeat", "report"),
    ]
    for each in found:
        told = each.alerts.fidelity
        assert told.recorded == told.given_back > 3, each.name
        assert told.invented == 0
        assert each.alerts.today == each.alerts.proposed
        assert each.alerts.changes == ()
        assert not each.truncated
    assert found[0].heard == len(seen(history.signals, ["shop"], start=history.start, end=history.end))
    (run,) = published.of(QueryRun)
    assert (run.query, run.caller, run.error) == ("backtest", "ann", "")
    assert run.rows == sum(each.heard for each in found)


async def test_other_settings_are_replayed_over_the_same(pair: Pair, history: Lived) -> None:
    pair.load(list(history.signals))
    today = history.settings
    lenient = replace(today.slos[0], burn_rates=(90.0, 90.0, 90.0, 90.0))
    patient = replace(today.heartbeats[0], grace=3_000.0, longest=None)
    proposed = replace(today, slos=(lenient, today.slos[1]), heartbeats=(patient,))

    shop, sales, sync, gone = ask(pair, history.order(proposed))

    assert shop.today == shop.proposed
    assert len(shop.alerts.today.alerts) > len(shop.alerts.proposed.alerts)
    assert [each.key for each in shop.alerts.changes] == ["alerts.slos.shop.burn_rates"]
    assert sales.alerts.changes == ()
    assert len(sync.alerts.today.incidents) > len(sync.alerts.proposed.incidents)
    assert sync.alerts.unnoticed
    assert gone.alerts.proposed.incidents == ()
    assert [each.key for each in gone.alerts.changes] == ["alerts.heartbeats.report"]


async def test_days_that_are_sealed_are_replayed_as_they_were(pair: Pair, history: Lived) -> None:
    pair.load(list(history.signals))
    before = ask(pair, history.order())
    pair.clock.advance(4 * DAY)

    sealed = seal_all(pair)

    assert sealed > 0
    assert pair.rows("SELECT count(*) FROM hot_heartbeat_reports") == [(0,)]
    assert ask(pair, history.order()) == before


async def test_a_window_within_the_history_is_warmed_up_by_what_was_before(
    pair: Pair, history: Lived
) -> None:
    pair.load(list(history.signals))
    start = history.start + 4_500

    for whole, part in zip(ask(pair, history.order()), ask(pair, history.order(start=start)), strict=True):
        assert part.alerts.fidelity.recorded == part.alerts.fidelity.given_back, part.name
        assert part.alerts.fidelity.invented == 0
        later = [each.at for each in whole.alerts.today.alerts if each.at >= start]
        assert [each.at for each in part.alerts.today.alerts if each.at >= start] == later


async def test_where_there_is_too_much_it_ends_early_and_says_so(pair: Pair, history: Lived) -> None:
    pair.load(list(history.signals))

    shop, _, sync, _ = ask(pair, history.order(), most=1_000, most_reports=10)

    assert (sync.truncated, sync.heard) == (True, 10)
    assert history.start < sync.end < history.end
    assert sync.alerts.fidelity.given_back == sync.alerts.fidelity.recorded
    assert shop.truncated
    assert history.start < shop.end < history.end
    assert shop.heard < 1_000


def rows_of(pair: Pair, history: Lived, *, limits: Sequence[float], fine: int) -> list[tuple[object, ...]]:
    with database_of(pair).reading() as cursor:
        reader = WatchReader(cursor, breathe=lambda: None, fine=fine)
        found = reader.events(list(LABELS), history.start - DAY, history.end, limits=limits)
        return [(each.at, *each.event[:3], each.event.duration > 0.5, each.times) for each in found]


@pytest.mark.parametrize(("fine", "width"), [(1_000, 5), (1, 60)], ids=["busy", "very busy"])
async def test_busy_days_are_counted_by_some_seconds_and_nothing_is_lost_or_mistaken(
    pair: Pair, history: Lived, fine: int, width: int
) -> None:
    signals = [
        replace(each, at=int(each.at / 20) * 20.0 + each.at % 1)
        for each in history.signals
        if type(each) in {CallRecord, CheckResult}
    ]
    pair.load(signals)

    one_by_one = rows_of(pair, history, limits=(0.5,), fine=100_000)
    together = rows_of(pair, history, limits=(0.5,), fine=fine)

    def summed(rows: list[tuple[object, ...]]) -> dict[tuple[object, ...], int]:
        sums: dict[tuple[object, ...], int] = {}
        for at, *key, times in rows:
            sums[(int(at) // width, *key)] = sums.get((int(at) // width, *key), 0) + times
        return sums

    assert len(together) < len(one_by_one) == len(seen(signals, list(LABELS), start=0.0, end=3e9))
    assert summed(together) == summed(one_by_one)
    assert [row[0] for row in together] == sorted(row[0] for row in together)
    assert sum(row[-1] for row in rows_of(pair, history, limits=(), fine=fine)) == len(one_by_one)


async def test_what_is_older_than_requests_are_kept_is_taken_from_hourly_counts(
    pair: Pair, history: Lived
) -> None:
    slo = SLOSettings(name="shop", objective=99.0, integrations=("shop",), counted="traffic")
    pair.load(list(history.signals))
    first = int(history.start // HOUR) * HOUR
    with database_of(pair).reading() as cursor:
        reader = WatchReader(cursor, breathe=lambda: None)
        hours = reader.hours(slo, integrations=["shop"], start=first, end=first + 3 * HOUR)
        slow = reader.hours(
            replace(slo, latency_below=0.5), integrations=["shop"], start=first, end=first + 3 * HOUR
        )
        kept = reader.kept_from(history.end)

    calls = [
        each
        for each in seen(history.signals, ["shop"], start=first, end=first + 3 * HOUR)
        if not each.event.is_check
    ]
    for hour, strict in zip(hours, slow, strict=True):
        mine = [each.event for each in calls if int(each.at // HOUR) == hour.hour]
        assert (hour.good, hour.bad) == (
            sum(each.succeeded for each in mine),
            sum(not each.succeeded for each in mine),
        )
        assert strict.good == sum(each.succeeded and each.duration <= 0.5 for each in mine)
        assert strict.good + strict.bad == len(mine)
    assert sum(each.bad for each in hours) > 10
    assert kept == pytest.approx(min(each.at for each in history.signals if type(each) is CallRecord), abs=30)


async def test_of_what_only_counts_are_left_nothing_is_taken_to_be_kept(pair: Pair, history: Lived) -> None:
    first = min(each.at for each in history.signals if type(each) is CallRecord)
    early = next(each for each in history.signals if type(each) is CheckResult)
    pair.load([replace(early, at=first - DAY, seq=1), *history.signals])
    database_of(pair).connection.execute(
        "INSERT INTO hot.rollup_calls BY NAME SELECT to_timestamp(?)::TIMESTAMP AS hour, "
        "'shop' AS integration, 'traffic' AS origin, true AS good, 0 AS bucket, 5 AS calls",
        [first // HOUR * HOUR - 2 * DAY],
    )
    with database_of(pair).reading() as cursor:
        kept = WatchReader(cursor, breathe=lambda: None).kept_from(history.end)

    assert kept == pytest.approx(first, abs=1e-5)


def started_at(at: float, seq: int) -> Signal:
    return ConfigChange(at=at, seq=seq, source="x", sha256="", integrations=1, version="1")


async def test_while_dialtone_was_away_nobody_is_called_overdue(pair: Pair, history: Lived) -> None:
    """All that is recorded ends half-way, and Dialtone starts again when the job would long be overdue."""
    half = history.start + 4_000
    kept = [each for each in history.signals if each.at < half and each.seq < 90_000]
    back = half + 3_000
    pair.load([started_at(history.start - 7_200, 90_000), *kept, started_at(back, 1)])

    *_, sync, _ = ask(pair, history.order(end=back + 200))

    opened = [each.opened_at for each in sync.alerts.today.incidents]
    assert not [at for at in opened if half + 90 < at < back]
