"""The loop-lag probe tells the longest delay it saw lately."""

import anyio
import pytest

from exporters.looplag import LoopLag
from tests.fakes.clock import VIRTUAL_TIME, LoopClock


class LateClock(LoopClock):
    """Wakes the sleeper later than asked."""

    late = 0.0

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds + self.late)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def seen(probe: LoopLag, clock: LateClock, *, lates: tuple[float, ...]) -> float:
    async with anyio.create_task_group() as group:
        group.start_soon(probe.run)
        for clock.late in lates:
            await anyio.sleep(1)
        (sample,) = probe.samples()
        group.cancel_scope.cancel()
    return sample.value


async def test_a_loop_that_is_never_late_has_no_lag() -> None:
    clock = LateClock()
    assert await seen(LoopLag(clock=clock), clock, lates=(0.0,) * 5) < 0.05


async def test_a_late_wake_up_stays_visible_for_the_window() -> None:
    clock = LateClock()
    lag = await seen(LoopLag(clock=clock, window=30), clock, lates=(0.0, 0.4, 0.0, 0.0, 0.0))
    assert lag == pytest.approx(0.4, abs=0.05)


async def test_a_late_wake_up_is_forgotten_after_the_window() -> None:
    clock = LateClock()
    assert await seen(LoopLag(clock=clock, window=3), clock, lates=(0.4, *[0.0] * 9)) < 0.05


async def test_a_wake_up_that_is_overdue_now_counts_already() -> None:
    clock = LateClock()
    lag = await seen(LoopLag(clock=clock), clock, lates=(60.0, 60.0, 60.0, 60.0))
    assert lag == pytest.approx(3.5, abs=0.1)


def test_before_it_runs_it_claims_nothing() -> None:
    assert list(LoopLag(clock=LateClock()).samples()) == []
