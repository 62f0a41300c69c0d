"""Fresh checks: each integration once, spread out, and whatever happens to one is over in time."""

from collections.abc import Callable
from random import Random

import anyio
import anyio.lowlevel
import pytest

from monitors.alerts.afresh import AT_ONCE, CHECK_SECONDS, SPREAD_SECONDS, FreshChecks
from tests.fakes.clock import VIRTUAL_TIME, LoopClock


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Line:
    """Checks that take a second, unless a test says otherwise."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.began: list[tuple[str, float]] = []
        self.done = 0
        self.at_once = self.most = 0
        self.behave: Callable[[str], float] = lambda _: 1.0
        self.checks = FreshChecks(check=self.check, done=self.count, clock=self.clock, random=Random(7))

    async def check(self, integration: str) -> None:
        self.began.append((integration, self.clock.monotonic()))
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await anyio.sleep(self.behave(integration))
        finally:
            self.at_once -= 1

    def count(self) -> None:
        self.done += 1


@pytest.fixture
def line() -> Line:
    return Line()


async def run(line: Line, seconds: float, *integrations: str) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(line.checks.run)
        await anyio.lowlevel.checkpoint()
        for integration in integrations:
            line.checks.ask(integration)
        await anyio.sleep(seconds)
        group.cancel_scope.cancel()


async def test_an_integration_is_checked_once_and_done_is_told(line: Line) -> None:
    await run(line, SPREAD_SECONDS + 2, "a", "a", "a")
    assert [name for name, _ in line.began] == ["a"]
    assert line.done == 1
    assert not line.checks.is_waiting("a")


async def test_one_waits_until_its_check_is_over(line: Line) -> None:
    line.checks.ask("a")
    assert line.checks.is_waiting("a")
    assert not line.checks.is_waiting("b")


async def test_many_are_spread_over_half_a_minute_some_at_once(line: Line) -> None:
    line.behave = lambda _: 20.0
    await run(line, 300, *(f"i-{number}" for number in range(100)))
    began = [at for _, at in line.began]
    assert len(began) == 100
    assert max(began) - min(began) > SPREAD_SECONDS / 2
    assert line.most == AT_ONCE


async def test_a_check_that_hangs_is_given_up(line: Line) -> None:
    line.behave = lambda _: 1e9
    await run(line, SPREAD_SECONDS + CHECK_SECONDS + 1, "a")
    assert line.done == 1
    assert not line.checks.is_waiting("a")


@pytest.mark.parametrize("error", [LookupError("gone"), RuntimeError("broken")])
async def test_a_check_that_raises_is_over_and_ends_no_other(line: Line, error: Exception) -> None:
    def behave(integration: str) -> float:
        if integration == "bad":
            raise error
        return 1.0

    line.behave = behave
    await run(line, SPREAD_SECONDS + 5, "bad", "good")
    assert line.done == 2
    assert not line.checks.is_waiting("bad")


async def test_one_that_was_checked_can_be_asked_for_again(line: Line) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(line.checks.run)
        for _ in range(2):
            line.checks.ask("a")
            await anyio.sleep(SPREAD_SECONDS + 2)
        group.cancel_scope.cancel()
    assert line.done == 2
