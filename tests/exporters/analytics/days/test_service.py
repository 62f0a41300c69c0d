"""Days within the whole store: the folder fills by itself, and the store tells how it is."""

from pathlib import Path

import anyio
import duckdb

from exporters.analytics.days.folder import NAME
from exporters.analytics.settings import AnalyticsSettings
from exporters.analytics.store import AnalyticsStore
from exporters.catalogue import CATALOGUE
from integrations.clock import SystemClock
from tests.exporters.analytics.days.world import DAY
from tests.exporters.analytics.generated import call


def has_problem(store: AnalyticsStore) -> bool:
    folder = store.status().folder
    return folder is None or bool(folder.problem)


async def test_the_store_keeps_the_folder_and_says_how_it_is(tmp_path: Path) -> None:
    settings = AnalyticsSettings(disk_floor=0, folder=str(tmp_path / "out"), folder_seconds=0.1)
    store = AnalyticsStore(tmp_path / "analytics", clock=SystemClock(), settings=settings)
    place = tmp_path / "out" / "calls" / f"day={DAY}" / NAME
    await store.start()
    async with anyio.create_task_group() as group:
        group.start_soon(store.run)
        store.on_signal(call(1))
        with anyio.fail_after(20):
            while not place.exists() or has_problem(store):  # noqa: ASYNC110 - a process writes it
                await anyio.sleep(0.02)
        listed = await store.days.days("calls")
        group.cancel_scope.cancel()
    samples = {sample[0] for sample in store.samples()}
    await store.aclose()

    assert duckdb.execute(f"SELECT seq FROM '{place}'").fetchall() == [(1,)]
    assert [(day.day, day.rows) for day in listed] == [(DAY, 1)]
    assert {
        "dialtone_analytics_folder_timestamp_seconds",
        "dialtone_analytics_folder_files_total",
    } <= samples & CATALOGUE.keys()


async def test_without_a_folder_there_is_none(tmp_path: Path) -> None:
    store = AnalyticsStore(tmp_path, clock=SystemClock(), settings=AnalyticsSettings(disk_floor=0))

    assert store.status().folder is None
    assert not any("folder" in sample[0] for sample in store.samples())
