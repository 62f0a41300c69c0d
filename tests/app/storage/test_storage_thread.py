from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
import sqlalchemy as sa

from app.storage.errors import StorageBusyError, StorageUnavailableError
from app.storage.storage import open_database
from app.storage.tables import execution_line
from app.storage.thread import SQLiteUnits
from integrations.clock import SystemClock

Unit = Callable[[sa.Connection], object]


def insert(name: str, *, size: int = 1) -> Unit:
    def unit(connection: sa.Connection) -> str:
        connection.execute(sa.insert(execution_line).values(integration=name, body=b"x" * size))
        return name

    return unit


def stored(connection: sa.Connection) -> set[str]:
    return set(connection.scalars(sa.select(execution_line.c.integration)))


def limit_pages(connection: sa.Connection) -> None:
    """Make the disk full in SQLite's eyes: the file may not grow any more."""
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")


def lift_limit(connection: sa.Connection) -> None:
    connection.exec_driver_sql("PRAGMA max_page_count=1000000")


def make(path: Path, **settings: float) -> SQLiteUnits:
    return SQLiteUnits(lambda: open_database(path), clock=SystemClock(), **settings)  # type: ignore[arg-type]  # a test's table of numbers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "units.sqlite"


@pytest.fixture
async def units(path: Path) -> AsyncIterator[SQLiteUnits]:
    units = make(path, deadline=0.4)
    await units.start()
    yield units
    await units.aclose(drain=0.2)


async def wait_until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - what is waited for happens on the thread
            await anyio.sleep(0.01)


async def test_a_caller_gets_its_units_result(units: SQLiteUnits) -> None:
    assert await units.run(insert("a")) == "a"
    assert await units.run(stored) == {"a"}


async def test_a_failing_unit_rolls_back_alone(units: SQLiteUnits) -> None:
    failures: list[Exception] = []

    def half(connection: sa.Connection) -> None:
        insert("half")(connection)
        raise KeyError("the unit's own mistake")

    async def failing(unit: Unit) -> None:
        try:
            await units.run(unit)
        except (KeyError, sa.exc.IntegrityError) as error:
            failures.append(error)

    async with anyio.create_task_group() as group:
        group.start_soon(units.run, insert("before"))
        group.start_soon(failing, half)
        group.start_soon(failing, insert("before"))
        group.start_soon(units.run, insert("after"))

    assert await units.run(stored) == {"before", "after"}
    assert sorted(type(error).__name__ for error in failures) == ["IntegrityError", "KeyError"]
    assert units.healthy() is None


async def test_units_that_come_together_share_commits(path: Path) -> None:
    units = make(path, deadline=8)
    await units.start()
    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(units.run, insert(str(number)))

    commits = {sample.metric: sample.value for sample in units.samples()}["dialtone_storage_commits_total"]
    assert len(await units.run(stored)) == 200
    assert commits < 20
    await units.aclose()


async def test_a_full_queue_refuses_at_once_and_counts(path: Path) -> None:
    units = make(path, queue_units=2)
    await units.start()
    refused = 0

    async def one(number: int) -> None:
        nonlocal refused
        try:
            await units.run(insert(str(number)))
        except StorageBusyError:
            refused += 1

    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(one, number)

    assert refused == 3
    assert ("dialtone_queue_dropped_total", ("storage", "full"), 3) in list(units.samples())
    assert len(await units.run(stored)) == 2
    await units.aclose()


async def test_a_full_disk_is_told_and_callers_fail_after_their_deadline(units: SQLiteUnits) -> None:
    await units.run(limit_pages)

    with pytest.raises(StorageUnavailableError, match=r"not stored within 0\.4 s: .*disk is full"):
        await units.run(insert("large", size=100_000))

    assert "database or disk is full" in str(units.healthy())
    assert ("dialtone_storage_up", (), 0.0) in list(units.samples())


async def test_a_unit_is_stored_once_the_disk_has_room_again(path: Path) -> None:
    units = make(path, deadline=8)
    await units.start()
    await units.run(limit_pages)

    async with anyio.create_task_group() as group:
        group.start_soon(units.run, insert("large", size=100_000))
        await wait_until(lambda: units.healthy() is not None)
        await units.run(lift_limit)

    assert await units.run(stored) == {"large"}
    assert units.healthy() is None
    await units.aclose()


async def test_reading_on_a_full_disk_works_and_does_not_pass_for_health(units: SQLiteUnits) -> None:
    await units.run(insert("small"))
    await units.run(limit_pages)
    with pytest.raises(StorageUnavailableError):
        await units.run(insert("large", size=100_000))

    async with anyio.create_task_group() as group:
        group.start_soon(_fails, units, insert("large", size=100_000))
        await anyio.sleep(0.1)
        assert await units.run(stored) == {"small"}
        assert units.healthy() is not None


async def _fails(units: SQLiteUnits, unit: Unit) -> None:
    with pytest.raises(StorageUnavailableError):
        await units.run(unit)


async def test_a_withdrawn_unit_is_not_stored_later(units: SQLiteUnits) -> None:
    await units.run(limit_pages)
    with pytest.raises(StorageUnavailableError):
        await units.run(insert("withdrawn", size=100_000))

    await units.run(lift_limit)
    await units.run(insert("next"))

    assert await units.run(stored) == {"next"}


async def test_a_withdrawn_unit_waits_no_longer(units: SQLiteUnits) -> None:
    await units.run(limit_pages)
    with pytest.raises(StorageUnavailableError):
        await units.run(insert("withdrawn", size=100_000))

    await wait_until(lambda: ("dialtone_queue_depth", ("storage",), 0) in list(units.samples()))
    with anyio.fail_after(2):
        await units.aclose(drain=5)


async def test_a_disk_that_stays_full_stays_a_failure_though_nobody_writes(units: SQLiteUnits) -> None:
    await units.run(limit_pages)
    with pytest.raises(StorageUnavailableError):
        await units.run(insert("large", size=100_000))

    for _ in range(8):
        await anyio.sleep(0.05)
        assert units.healthy() is not None


async def test_recovery_is_noticed_without_a_caller(units: SQLiteUnits) -> None:
    await units.run(limit_pages)
    with pytest.raises(StorageUnavailableError):
        await units.run(insert("large", size=100_000))
    await units.run(lift_limit)

    await wait_until(lambda: units.healthy() is None)


async def test_one_unit_that_does_not_fit_holds_up_no_other(units: SQLiteUnits) -> None:
    await units.run(limit_pages)

    async with anyio.create_task_group() as group:
        group.start_soon(_fails, units, insert("large", size=10_000_000))
        group.start_soon(units.run, insert("small"))

    assert await units.run(stored) == {"small"}


async def test_closing_stores_what_waits_and_refuses_the_rest(path: Path) -> None:
    units = make(path)
    await units.start()

    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(units.run, insert(str(number)))
        await anyio.lowlevel.checkpoint()
        await units.aclose()

    with pytest.raises(StorageUnavailableError, match="not open"):
        await units.run(insert("late"))
    again = make(path)
    await again.start()
    assert len(await again.run(stored)) == 50
    await again.aclose()


async def test_closing_on_a_full_disk_ends_in_bounded_time_and_tells_the_callers(path: Path) -> None:
    units = make(path, deadline=20)
    await units.start()
    await units.run(limit_pages)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(_fails, units, insert("large", size=100_000))
            await wait_until(lambda: units.healthy() is not None)
            await units.aclose(drain=0.1)


async def test_a_cancelled_callers_unit_is_stored(units: SQLiteUnits) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await units.run(insert("kept"))

    assert await units.run(stored) == {"kept"}
