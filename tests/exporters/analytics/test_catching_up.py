"""Who reads has the newest rows loaded first."""

import anyio
import pytest

from exporters.analytics.catching_up import PATIENCE, RECENT, CatchingUp
from exporters.analytics.settings import AnalyticsUnavailable
from tests.fakes.clock import VIRTUAL_TIME, FakeClock, LoopClock


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class World:
    """Counts loads; one raises `error`."""

    def __init__(self, error: Exception | None = None) -> None:
        self.loads = 0
        self.error = error
        self.clock = FakeClock()
        self.thread = anyio.CapacityLimiter(1)
        self.catching_up = CatchingUp(self.load, thread=self.thread, clock=self.clock)

    def load(self) -> None:
        self.loads += 1
        if self.error is not None:
            raise self.error


async def test_twenty_questions_at_once_load_once_and_one_a_second_later_again() -> None:
    world = World()

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(world.catching_up.wait)
    assert world.loads == 1
    world.clock.advance(RECENT)
    await world.catching_up.wait()

    assert world.loads == 2


@pytest.mark.parametrize("error", [AnalyticsUnavailable("the disk is full"), OSError(5, "no")])
async def test_who_reads_goes_on_when_nothing_can_be_loaded(error: Exception) -> None:
    world = World(error)

    await world.catching_up.wait()

    assert world.loads == 1


async def test_nobody_waits_for_long_for_a_writer_that_is_busy() -> None:
    world = World()
    busy, clock = object(), LoopClock()
    await world.thread.acquire_on_behalf_of(busy)
    began = clock.monotonic()

    await world.catching_up.wait()

    assert clock.monotonic() - began == pytest.approx(PATIENCE)
    assert world.loads == 0
    world.thread.release_on_behalf_of(busy)


async def test_who_asks_after_one_has_waited_in_vain_does_not_wait_for_the_same() -> None:
    """Twenty questions of a board, of which four are answered at once, would take a second each four."""
    world = World()
    busy, clock = object(), LoopClock()
    world.catching_up = CatchingUp(world.load, thread=world.thread, clock=clock)
    await world.thread.acquire_on_behalf_of(busy)
    waited = []

    for pause in (0.0, RECENT / 2, RECENT):
        await anyio.sleep(pause)
        began = clock.monotonic()
        await world.catching_up.wait()
        waited.append(clock.monotonic() - began)

    assert waited == pytest.approx([PATIENCE, 0, PATIENCE])
    world.thread.release_on_behalf_of(busy)
