"""The desk that makes reports: one at a time, on a thread, in time."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from exporters.analytics.database import Database
from exporters.analytics.long_work import WAITING
from exporters.analytics.report.desk import NAME, Reports
from exporters.analytics.running import QueryCancelled
from exporters.analytics.settings import AnalyticsBusy, AnalyticsUnavailable, QueryTimeout
from exporters.analytics.store import AnalyticsStore
from integrations.clock import SystemClock
from integrations.signals import QueryRun
from tests.exporters.analytics.generated import SETTINGS, START, Pair, call, started
from tests.exporters.analytics.report.asked import order
from tests.fakes.signals import RecordingSubscriber

ORDER = order("2027-01-15", "2027-01-16")


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    pair = started(tmp_path)
    pair.load(call(number, at=START + number) for number in range(3))
    yield pair
    pair.close()


def desk(pair: Pair, published: RecordingSubscriber, **options: float) -> Reports:
    def database() -> Database:
        assert pair.writer.database is not None
        return pair.writer.database

    return Reports(database=database, clock=SystemClock(), publish=published, **options)


async def test_a_report_is_made_and_its_making_is_on_record(pair: Pair) -> None:
    published = RecordingSubscriber()
    report = await desk(pair, published).report(ORDER, caller="ann")
    assert report.use.runs == 3
    (run,) = published.of(QueryRun)
    assert (run.query, run.caller, run.rows, run.error) == (NAME, "ann", 1, "")


async def test_after_its_time_it_is_ended_and_told_so(pair: Pair) -> None:
    published = RecordingSubscriber()
    with pytest.raises(QueryTimeout, match="longer than 0 s; narrow its time"):
        await desk(pair, published, seconds=0.0).report(ORDER, caller="ann")
    assert [run.error for run in published.of(QueryRun)] == ["timeout"]
    assert pair.rows("SELECT count(*) FROM calls") == [(3,)]


async def test_without_a_database_the_reason_is_told(pair: Pair) -> None:
    def none() -> Database:
        raise AnalyticsUnavailable("analytics is off: the disk is full")

    published = RecordingSubscriber()
    reports = Reports(database=none, clock=SystemClock(), publish=published)
    with pytest.raises(AnalyticsUnavailable, match="the disk is full"):
        await reports.report(ORDER, caller="ann")
    assert [run.error for run in published.of(QueryRun)] == ["unavailable"]


async def test_too_many_at_once_are_refused(pair: Pair) -> None:
    published = RecordingSubscriber()
    reports = desk(pair, published)
    refused = 0

    async def ask() -> None:
        nonlocal refused
        try:
            await reports.report(ORDER, caller="ann")
        except AnalyticsBusy:
            refused += 1

    async with anyio.create_task_group() as group:
        for _ in range(WAITING + 3):
            group.start_soon(ask)
    assert refused == 2
    assert sorted(run.error for run in published.of(QueryRun)) == [""] * (WAITING + 1) + ["busy"] * 2
    assert (await reports.report(ORDER, caller="ann")).use.runs == 3


async def test_one_that_waits_is_listed_and_can_be_ended(pair: Pair) -> None:
    published = RecordingSubscriber()
    reports = desk(pair, published)

    async def ask(caller: str) -> None:
        try:
            await reports.report(ORDER, caller=caller)
        except QueryCancelled:
            ended.append(caller)

    ended: list[str] = []
    async with anyio.create_task_group() as group, reports._work.limiter:
        for caller in ("ann", "ben"):
            group.start_soon(ask, caller)
        await anyio.wait_all_tasks_blocked()
        _, waiting = reports.running()
        assert (waiting.caller, waiting.query) == ("ben", NAME)
        reports.cancel(waiting.id)
        await anyio.wait_all_tasks_blocked()
    assert ended == ["ben"]
    assert sorted(run.error for run in published.of(QueryRun)) == ["", "cancelled"]
    assert reports.running() == ()


async def test_the_store_lists_and_ends_reports_with_the_other_queries(tmp_path: Path) -> None:
    store = AnalyticsStore(tmp_path, clock=SystemClock(), settings=SETTINGS)
    await store.start()
    async with anyio.create_task_group() as group:

        async def ask() -> None:
            with pytest.raises(QueryCancelled):
                await store.reports.report(ORDER, caller="ann")

        group.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        (query,) = store.running()
        store.cancel(query.id)
    assert (query.query, query.caller, store.running()) == (NAME, "ann", ())
    await store.aclose()


async def test_one_whose_caller_leaves_is_ended(pair: Pair) -> None:
    reports = desk(pair, RecordingSubscriber())
    with anyio.move_on_after(0) as left:
        await reports.report(ORDER, caller="ann")
    assert left.cancelled_caught
    assert (await reports.report(ORDER, caller="ben")).use.runs == 3
