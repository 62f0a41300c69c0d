"""Background tasks survive their own failures and harm no other."""

from itertools import pairwise

import anyio
import pytest
import structlog

from app.supervisor import STOP_SECONDS, Supervisor
from tests.fakes.clock import VIRTUAL_TIME, LoopClock


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def test_a_task_that_fails_is_started_again_with_longer_waits() -> None:
    clock, starts = LoopClock(), []

    async def failing() -> None:
        starts.append(clock.monotonic())
        if len(starts) < 4:
            raise RuntimeError("boom")

    supervisor = Supervisor(clock)
    async with anyio.create_task_group() as group:
        supervisor.start(group, "failing", failing)
    assert [round(after - before) for before, after in pairwise(starts)] == [1, 2, 4]
    assert [(s.labels, s.value) for s in supervisor.samples()] == [(("failing",), 3)]


async def test_a_failing_task_does_not_cancel_its_sibling() -> None:
    clock, beats = LoopClock(), []

    async def failing() -> None:
        raise RuntimeError("boom")

    async def beating() -> None:
        for _ in range(5):
            await clock.sleep(10)
            beats.append(1)

    supervisor = Supervisor(clock)
    async with anyio.create_task_group() as group:
        supervisor.start(group, "failing", failing)
        supervisor.start(group, "beating", beating)
        await clock.sleep(60)
        await supervisor.stop_all()
    assert len(beats) == 5


async def test_stopping_waits_until_the_task_has_ended() -> None:
    clock, ended = LoopClock(), []

    async def tidy() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await clock.sleep(3)
                ended.append(1)

    supervisor = Supervisor(clock)
    async with anyio.create_task_group() as group:
        supervisor.start(group, "tidy", tidy)
        await clock.sleep(1)
        await supervisor.stop("tidy")
        assert ended == [1]


async def test_a_part_that_hangs_while_it_stops_is_left_behind() -> None:
    clock = LoopClock()
    supervisor = Supervisor(clock)
    began = clock.monotonic()

    with structlog.testing.capture_logs() as logs:
        await supervisor.finish("executor", anyio.sleep_forever)

    assert clock.monotonic() - began == pytest.approx(STOP_SECONDS, abs=0.1)
    assert [(entry["event"], entry["part"]) for entry in logs] == [("stopping takes too long", "executor")]
