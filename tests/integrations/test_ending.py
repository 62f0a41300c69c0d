"""A wait that is ended from outside, in virtual time."""

import asyncio

import anyio
import anyio.lowlevel
import pytest

from integrations.deadlines import Deadlines
from integrations.ending import Ending
from tests.fakes.clock import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Work:
    """Waits, and then for a while on its way out; notes what it got to."""

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds
        self.reached: list[str] = []

    async def run(self) -> str:
        try:
            await anyio.lowlevel.checkpoint()
            await anyio.sleep(self.seconds)
            self.reached.append("answer")
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1)
            self.reached.append("way out")
        return "done"


async def test_what_comes_in_time_is_returned() -> None:
    deadlines, work, began = Deadlines(), Work(1), anyio.current_time()
    assert await deadlines.within(3, Ending(work.run())) == "done"
    assert anyio.current_time() - began == pytest.approx(2)
    assert len(deadlines) == 0


async def test_what_does_not_come_in_time_is_ended_once_and_may_clean_up() -> None:
    deadlines, work, began = Deadlines(), Work(), anyio.current_time()
    with pytest.raises(TimeoutError):
        await deadlines.within(2, Ending(work.run()))
    assert work.reached == ["way out"]
    assert anyio.current_time() - began == pytest.approx(3)
    assert len(deadlines) == 0


async def test_what_is_ended_before_it_waits_is_ended_when_it_does() -> None:
    work, began = Work(), anyio.current_time()
    ending = Ending(work.run())
    ending.cancel()
    with pytest.raises(TimeoutError):
        await ending
    assert work.reached == ["way out"]
    assert anyio.current_time() - began == pytest.approx(1)


async def test_an_error_is_the_coroutines_own() -> None:
    async def fail() -> None:
        await anyio.sleep(1)
        raise LookupError

    ending = Ending(fail())
    with pytest.raises(LookupError):
        await ending
    assert not ending.is_ended


async def test_the_inner_of_two_is_ended_alone() -> None:
    deadlines, work = Deadlines(), Work()
    outer = Ending(deadlines.within(1, Ending(work.run())))
    with pytest.raises(TimeoutError):
        await deadlines.within(9, outer)
    assert not outer.is_ended


async def test_the_outer_of_two_ends_both() -> None:
    deadlines, work = Deadlines(), Work()
    inner = Ending(work.run())
    with pytest.raises(TimeoutError):
        await deadlines.within(1, Ending(deadlines.within(9, inner)))
    assert (work.reached, inner.is_ended) == (["way out"], False)
    assert len(deadlines) == 0


@pytest.mark.parametrize(("ended_first", "error"), [(True, TimeoutError), (False, asyncio.CancelledError)])
async def test_of_two_who_end_it_the_first_is_heard_and_the_second_not_lost(
    *, ended_first: bool, error: type[BaseException]
) -> None:
    work, began = Work(), anyio.current_time()
    ending, scope = Ending(work.run()), anyio.CancelScope()
    raised: list[type[BaseException]] = []

    async def wait() -> None:
        with scope:
            try:
                await ending
            except BaseException as caught:
                raised.append(type(caught))
                if not isinstance(caught, TimeoutError):
                    raise
            await anyio.sleep(99)

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.sleep(2)
        for one in (ending, scope) if ended_first else (scope, ending):
            one.cancel()
    assert (raised, work.reached, scope.cancelled_caught) == ([error], ["way out"], True)
    assert anyio.current_time() - began == pytest.approx(3)


async def test_who_was_cancelled_before_can_still_be_out_of_time() -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        with anyio.CancelScope(shield=True), pytest.raises(TimeoutError):
            await Deadlines().within(1, Ending(Work().run()))
