"""The virtual-time loop keeps anyio's promises."""

import time

import anyio
import pytest

from tests.fakes.clock import VIRTUAL_TIME, LoopClock


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def test_a_long_sleep_takes_no_real_time() -> None:
    clock, began = LoopClock(), time.perf_counter()
    before = clock.time()
    with anyio.move_on_after(3600) as scope:
        await clock.sleep(7200)
    assert scope.cancelled_caught
    assert clock.time() - before == pytest.approx(3600, abs=1)
    assert time.perf_counter() - began < 5
