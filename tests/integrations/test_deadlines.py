"""Deadlines of many waits, by one timer, in virtual time."""

import anyio
import pytest

from integrations.deadlines import REST, Deadlines
from tests.fakes.clock import VIRTUAL_TIME


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Wait:
    """Notes when it was cancelled."""

    def __init__(self) -> None:
        self.ended_at: list[float] = []

    def cancel(self) -> None:
        self.ended_at.append(anyio.current_time())


@pytest.mark.parametrize("order", [(1.0, 2.0, 3.0), (3.0, 1.0, 2.0), (2.0, 2.0, 2.0)])
async def test_each_is_cancelled_when_its_time_is_up_and_once(order: tuple[float, ...]) -> None:
    deadlines, began = Deadlines(), anyio.current_time()
    waits = [Wait() for _ in order]
    for wait, seconds in zip(waits, order, strict=True):
        deadlines.set(wait, seconds)
    await anyio.sleep(10)
    ended = [[round(at - began, 3) for at in wait.ended_at] for wait in waits]
    assert ended == [[seconds] for seconds in order]
    assert len(deadlines) == 0


async def test_what_is_dropped_is_not_cancelled_and_holds_up_no_other() -> None:
    deadlines, began = Deadlines(), anyio.current_time()
    early, late = Wait(), Wait()
    deadlines.set(early, 1)
    deadlines.set(late, 2)
    deadlines.drop(early)
    deadlines.drop(early)
    await anyio.sleep(10)
    assert early.ended_at == []
    assert late.ended_at == [pytest.approx(began + 2)]


async def test_one_that_is_set_later_is_cancelled_after_all_others_were_dropped() -> None:
    deadlines = Deadlines()
    first, second = Wait(), Wait()
    deadlines.set(first, 1)
    deadlines.drop(first)
    await anyio.sleep(5)
    began = anyio.current_time()
    deadlines.set(second, 1)
    await anyio.sleep(5)
    assert second.ended_at == [pytest.approx(began + 1)]


async def test_one_that_sets_another_when_it_is_cancelled_is_heard() -> None:
    deadlines, second = Deadlines(), Wait()

    class First:
        def cancel(self) -> None:
            deadlines.set(second, 1)

    began = anyio.current_time()
    deadlines.set(First(), 1)
    await anyio.sleep(5)
    assert second.ended_at == [pytest.approx(began + 2)]


async def test_a_cancel_scope_ends_by_it() -> None:
    deadlines, began = Deadlines(), anyio.current_time()
    with anyio.CancelScope() as scope:
        deadlines.set(scope, 3)
        await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert anyio.current_time() - began == pytest.approx(3)


async def test_many_that_end_shortly_after_one_another_end_in_few_turns_none_early_or_much_later() -> None:
    deadlines, began, number = Deadlines(), anyio.current_time(), 2_000
    waits = [Wait() for _ in range(number)]
    for place, wait in enumerate(waits):
        deadlines.set(wait, 1 + place * 1e-5)
    await anyio.sleep(2)
    lates = [wait.ended_at[0] - began - 1 - place * 1e-5 for place, wait in enumerate(waits)]
    assert -1e-6 < min(lates) <= max(lates) < number * REST + 1e-4
    assert len({wait.ended_at[0] for wait in waits}) < number / 10
