"""Reader processes for real: confined, killed when they hang, replaced, with nothing of ours in them."""

import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from exporters.analytics.sql.frames import Question
from exporters.analytics.sql.limits import NICENESS
from exporters.analytics.sql.readers import NoReader, ReaderLost, ReaderPool, ReaderProcess
from integrations.clock import SystemClock
from tests.exporters.analytics.sql.snapshot_file import ROWS, SEALED_ROWS, make_snapshot, question, seal_often

MEMORY = 1 << 30


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_snapshot(tmp_path_factory.mktemp("readers") / "hot.duckdb")


@pytest.fixture
async def make_pool(tmp_path: Path) -> AsyncIterator[Callable[[int], ReaderPool]]:
    pools: list[ReaderPool] = []

    def make(size: int) -> ReaderPool:
        pool = ReaderPool(
            tmp_path / "readers", size=size, memory=MEMORY, written=1 << 20, clock=SystemClock()
        )
        pools.append(pool)
        return pool

    yield make
    for pool in pools:
        await pool.aclose()


def read(pid: int, name: str) -> bytes:
    return Path(f"/proc/{pid}/{name}").read_bytes()


def status(pid: int) -> dict[str, str]:
    lines = read(pid, "status").decode().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def ask_from(pool: ReaderPool, asked: Question) -> None:
    async with pool.reader(5) as reader:
        await reader.ask(asked)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return status(pid)["State"][0] != "Z"


async def test_a_reader_is_confined_and_inherits_no_environment(
    make_pool: Callable[[int], ReaderPool], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIALTONE_CANARY", "canary-7f3a")
    async with make_pool(1).reader(5) as reader:
        reply, body = await reader.ask(question(path, "SELECT count(*) FROM calls"))

        limits = read(reader.pid, "limits").decode()
        assert json.loads(body)["rows"] == [[ROWS]]
        assert reply.error == ""
        assert f"Max address space         {MEMORY}" in limits
        assert f"Max file size             {1 << 20}" in limits
        assert "Max core file size        0" in limits
        assert os.getpriority(os.PRIO_PROCESS, reader.pid) >= NICENESS
        assert b"canary" not in read(reader.pid, "environ")


async def test_a_reader_is_kept_for_the_next_question_and_what_was_left_before_is_removed(
    make_pool: Callable[[int], ReaderPool], path: Path, tmp_path: Path
) -> None:
    left = tmp_path / "readers" / "reader-of-a-killed-dialtone"
    left.mkdir(parents=True)
    pool, pids = make_pool(1), []
    for _ in range(2):
        async with pool.reader(5) as reader:
            await reader.ask(question(path, "SELECT 1"))
            pids.append(reader.pid)

    assert pids[0] == pids[1]
    assert not left.exists()
    await pool.reap(3_600)
    assert is_alive(pids[0])
    await pool.reap(0)
    assert not is_alive(pids[0])


async def test_a_memory_bomb_is_an_error_and_the_reader_lives_on(
    make_pool: Callable[[int], ReaderPool], path: Path
) -> None:
    async with make_pool(1).reader(5) as reader:
        reply, _ = await reader.ask(question(path, "SELECT length(repeat('x', 2000000000))", seconds=2.0))
        after, _ = await reader.ask(question(path, "SELECT 1"))

        peak = int(status(reader.pid)["VmPeak"].split()[0]) << 10
        assert (reply.error, after.error) == ("failed", "")
        assert "memory" in reply.detail
        assert peak <= MEMORY


async def test_a_reader_that_does_not_end_is_killed_and_replaced(
    make_pool: Callable[[int], ReaderPool], path: Path
) -> None:
    pool, clock = make_pool(1), SystemClock()
    async with pool.reader(5) as reader:
        stopped = reader.pid
        await reader.ask(question(path, "SELECT 1"))
    os.kill(stopped, signal.SIGSTOP)
    started = clock.monotonic()

    with pytest.raises(ReaderLost, match="was killed") as lost:
        await ask_from(pool, question(path, "SELECT 2", seconds=0.1))

    assert lost.value.is_late
    assert clock.monotonic() - started < 0.1 + 2
    assert not is_alive(stopped)
    async with pool.reader(5) as reader:
        reply, _ = await reader.ask(question(path, "SELECT 3"))
        assert reply.error == ""
        assert reader.pid != stopped


async def test_a_reader_that_dies_is_told_of(make_pool: Callable[[int], ReaderPool], path: Path) -> None:
    async with make_pool(1).reader(5) as reader:
        os.kill(reader.pid, signal.SIGKILL)
        with pytest.raises(ReaderLost, match="ended its reader"):
            await reader.ask(question(path, "SELECT 1"))


async def test_being_cancelled_kills_the_reader(make_pool: Callable[[int], ReaderPool], path: Path) -> None:
    pool, pids = make_pool(1), []
    with anyio.move_on_after(1.0):
        async with pool.reader(5) as reader:
            pids.append(reader.pid)
            await reader.ask(question(path, "SELECT sum(hash(range)) FROM range(100000000000)", seconds=60.0))

    assert pids
    assert not is_alive(pids[0])


async def test_who_finds_all_readers_busy_waits_only_so_long(
    make_pool: Callable[[int], ReaderPool],
) -> None:
    pool = make_pool(1)
    async with pool.reader(5):
        with pytest.raises(NoReader, match="no reader became free"):
            async with pool.reader(0.05):
                pytest.fail("there is no second reader")


async def test_a_reader_that_cannot_start_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(ReaderLost, match="did not start"):
        await ReaderProcess.start(
            tmp_path, memory=MEMORY, written=1, clock=SystemClock(), python="/bin/false"
        )
    with pytest.raises(OSError, match="nowhere"):
        await ReaderProcess.start(
            tmp_path, memory=MEMORY, written=1, clock=SystemClock(), python="/nowhere/python"
        )
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - a moment's look, in a test


async def test_a_reader_reads_hundreds_of_sealed_days(
    make_pool: Callable[[int], ReaderPool], tmp_path: Path
) -> None:
    path = make_snapshot(tmp_path / "snapshots" / "hot.duckdb", sealed=True)
    seal_often(path, 400)
    unions = " UNION ALL ".join(["SELECT integration, duration, trace_id FROM calls"] * 3)

    async with make_pool(1).reader(5) as reader:
        reply, body = await reader.ask(
            question(path, f"SELECT count(*), count(DISTINCT trace_id) FROM ({unions})")
        )

    assert reply.detail == ""
    assert json.loads(body)["rows"] == [[3 * (ROWS - SEALED_ROWS + 400 * SEALED_ROWS), 0]]
