"""The whole store, with its threads, in real time."""

import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import duckdb
import pytest

from exporters.analytics.settings import AnalyticsSettings, AnalyticsUnavailable
from exporters.analytics.spool import SOON_ROWS
from exporters.analytics.store import AnalyticsStore
from exporters.analytics.tables import TABLES
from exporters.catalogue import CATALOGUE
from integrations.bus import SignalBus
from integrations.clock import SystemClock
from integrations.samples import Sample
from integrations.signals import Health, Signal
from tests.exporters.analytics.generated import SETTINGS, call, health_change, operator_action, started

CLOCK = SystemClock()
PYTHON = sys.executable


@asynccontextmanager
async def running(store: AnalyticsStore) -> AsyncIterator[AnalyticsStore]:
    await store.start()
    async with anyio.create_task_group() as group:
        group.start_soon(store.run)
        yield store
        group.cancel_scope.cancel()
    await store.aclose()


async def until(condition: Callable[[], bool], *, store: AnalyticsStore | None = None) -> None:
    """Wait for what threads do; nothing tells of it. Meanwhile somebody reads from a `store`."""
    with anyio.fail_after(8):
        while not condition():
            if store is not None:
                await store.catch_up()
            await anyio.sleep(0.01)


def value_of(store: AnalyticsStore, metric: str, *labels: str) -> float:
    (value,) = [one.value for one in store.samples() if one[:2] == (metric, labels)]
    return value


class StoredList:
    """A log of stored signals, which fails as often as asked."""

    def __init__(self, signals: Sequence[Signal], *, failures: int = 0) -> None:
        self.log = list(enumerate(signals, start=1))
        self.failures = failures

    async def signals_after(self, cursor: int, limit: int) -> Sequence[tuple[int, Signal]]:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("storage is busy")
        return [entry for entry in self.log if entry[0] > cursor][:limit]

    async def end(self) -> int:
        return len(self.log)


async def test_a_published_signal_is_in_an_answer_soon_after(tmp_path: Path) -> None:
    bus = SignalBus()
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS, publish=bus.publish)
    bus.subscribe("analytics", store)

    async with running(store):
        bus.publish(call(1, at=CLOCK.time(), integration="github"))
        await until(lambda: store.status().spool_bytes > 0)
        result = await store.query("performance", {"integration": "github"}, caller="ann")

    assert [row[1:3] for row in result.rows] == [("github", 1)]
    assert store.status().rows["query_runs"] == 1


async def test_what_nobody_asks_for_is_loaded_too(tmp_path: Path) -> None:
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)

    async with running(store):
        for number in range(SOON_ROWS):
            store.on_signal(call(number))

        await until(lambda: store.status().rows["calls"] == SOON_ROWS)


async def test_closing_brings_everything_taken_into_the_file(tmp_path: Path) -> None:
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)
    async with running(store):
        for number in range(500):
            store.on_signal(call(number))

    assert not store.status().ok
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["lock"]
    with duckdb.connect(str(tmp_path / "hot.duckdb")) as file:
        assert file.execute("SELECT count(*), count(DISTINCT seq) FROM calls").fetchall() == [(500, 500)]


async def test_closing_without_having_run_keeps_what_was_taken(tmp_path: Path) -> None:
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)
    await store.start()
    store.on_signal(call(1))
    await store.aclose()
    await store.aclose()

    pair = started(tmp_path)
    assert pair.seqs() == [1]
    pair.close()


async def test_after_closing_signals_are_dropped_and_questions_refused(tmp_path: Path) -> None:
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)
    async with running(store):
        pass

    store.on_signal(call(1))

    assert value_of(store, "dialtone_analytics_dropped_total", "calls", "closed") == 1
    with pytest.raises(AnalyticsUnavailable, match="Dialtone is shutting down"):
        await store.query("performance", {}, caller="ann")


async def test_a_full_queue_drops_and_counts(tmp_path: Path) -> None:
    settings = AnalyticsSettings(disk_floor=0, queue_rows=10)
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=settings)

    for number in range(15):
        store.on_signal(call(number))

    assert value_of(store, "dialtone_analytics_dropped_total", "calls", "queue_full") == 5
    assert value_of(store, "dialtone_queue_depth", "analytics") == 10


async def test_a_full_queue_loses_nothing_that_is_stored_elsewhere(tmp_path: Path) -> None:
    settings = AnalyticsSettings(disk_floor=0, queue_rows=1)
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=settings, stored=StoredList([]))

    for _ in range(3):
        store.on_signal(operator_action(CLOCK.time()))

    assert store.status().dropped == 0


async def test_stored_signals_come_from_their_log_alone_and_once(tmp_path: Path) -> None:
    now = CLOCK.time()
    signals = [health_change(now, Health.DOWN), operator_action(now), health_change(now + 1, Health.UP)]
    stored = StoredList(signals)
    for _ in range(2):
        store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS, stored=stored)
        async with running(store):
            for signal in signals:
                store.on_signal(signal)

    pair = started(tmp_path)
    assert pair.rows("SELECT after FROM health_changes ORDER BY ts") == [("down",), ("up",)]
    assert pair.rows("SELECT count(*) FROM operator_actions") == [(1,)]
    pair.close()


async def test_a_log_that_was_put_back_from_a_backup_is_copied_from_its_end_on(tmp_path: Path) -> None:
    now = CLOCK.time()
    signals = [operator_action(now + number) for number in range(5)]
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS, stored=StoredList(signals))
    async with running(store):
        await until(lambda: store.status().rows["operator_actions"] == 5)

    backup = StoredList(signals[:2])
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS, stored=backup)
    async with running(store):
        await anyio.sleep(0.3)
        backup.log.append((3, operator_action(now + 9)))
        await until(lambda: store.status().rows["operator_actions"] == 1)


async def test_more_stored_signals_than_a_page_are_all_copied(tmp_path: Path) -> None:
    stored = StoredList([operator_action(CLOCK.time() + number) for number in range(2_500)])
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS, stored=stored)

    async with running(store):
        await until(lambda: store.status().rows["operator_actions"] == 2_500)


async def test_a_log_that_fails_is_tried_again_and_holds_up_no_other_row(tmp_path: Path) -> None:
    stored = StoredList([operator_action(CLOCK.time())], failures=1)
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS, stored=stored)

    async with running(store):
        store.on_signal(call(1))
        await until(
            lambda: store.status().rows["operator_actions"] == store.status().rows["calls"] == 1, store=store
        )

    assert value_of(store, "dialtone_task_restarts_total", "analytics-copier") == 1


async def test_a_directory_in_use_turns_analytics_off_until_it_is_free(tmp_path: Path) -> None:
    first = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)
    await first.start()
    second = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)

    async with running(second):
        second.on_signal(call(1))
        assert "another process has it" in second.status().reason
        assert value_of(second, "dialtone_analytics_up") == 0
        with pytest.raises(AnalyticsUnavailable):
            await second.query("performance", {}, caller="ann")
        await first.aclose()
        await until(lambda: second.status().ok and second.status().rows["calls"] == 1, store=second)


async def test_a_file_that_another_program_holds_keeps_rows_waiting_in_segments(tmp_path: Path) -> None:
    holder = started(tmp_path)
    holder.close()
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)
    code = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    async with await anyio.open_process([PYTHON, "-c", code, str(tmp_path / "hot.duckdb")]) as process:
        assert process.stdout is not None
        await process.stdout.receive()
        await store.start()
        async with anyio.create_task_group() as group:
            group.start_soon(store.run)
            store.on_signal(call(1))
            await until(lambda: store.status().spool_bytes > 0)
            assert "Could not set lock" in store.status().reason
            process.kill()
            await until(lambda: store.status().ok and store.status().rows["calls"] == 1, store=store)
            group.cancel_scope.cancel()
    await store.aclose()


async def test_a_newer_file_turns_analytics_off_with_a_reason(tmp_path: Path) -> None:
    pair = started(tmp_path)
    assert pair.writer.database is not None
    pair.writer.database.connection.execute("INSERT INTO meta VALUES (7000, TIMESTAMP '2030-01-01')")
    pair.close()
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)

    async with running(store):
        store.on_signal(call(1))

        assert "schema version 7000" in store.status().reason
        assert not store.status().ok


async def test_a_directory_that_cannot_be_made_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = AnalyticsStore(tmp_path / "file", clock=CLOCK, settings=SETTINGS)

    async with running(store):
        store.on_signal(call(1))

        assert "cannot use" in store.status().reason


async def test_analytics_that_is_turned_off_makes_no_file(tmp_path: Path) -> None:
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=AnalyticsSettings(enabled=False))

    async with running(store):
        store.on_signal(call(1))
        with pytest.raises(AnalyticsUnavailable, match="turned off"):
            await store.query("performance", {}, caller="ann")

    assert await anyio.to_thread.run_sync(os.listdir, tmp_path) == []


async def test_what_is_not_committed_has_an_age(tmp_path: Path) -> None:
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)
    await store.start()
    assert store.status().freshness == 0

    store.on_signal(call(1))
    await anyio.sleep(0.05)

    assert 0.04 < store.status().freshness < 5
    await store.aclose()
    assert store.status().freshness == 0


async def test_every_sample_stands_in_the_catalogue(tmp_path: Path) -> None:
    store = AnalyticsStore(tmp_path, clock=CLOCK, settings=SETTINGS)
    async with running(store):
        await store.query("performance", {}, caller="ann")
    store.on_signal(call(1))

    samples: list[Sample] = list(store.samples())

    sizes = {one.labels[0]: one.value for one in samples if one.metric == "dialtone_analytics_file_bytes"}
    assert sizes.keys() == {"database", "log"}
    assert sizes["database"] > 0
    assert value_of(store, "dialtone_analytics_checkpoint_timestamp_seconds") > CLOCK.time() - 60
    assert value_of(store, "dialtone_analytics_files_set_aside") == 0
    for sample in samples:
        assert len(CATALOGUE[sample.metric].labels) == len(sample.labels), sample
    assert {one.labels[0] for one in samples if one.metric == "dialtone_analytics_rows_total"} == set(
        TABLES.values()
    )
