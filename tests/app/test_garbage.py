"""The tamed garbage collector: what is set aside, when, and that all is as before afterwards."""

import gc
import sys
import weakref
from collections.abc import Iterator

import pytest

from app.garbage import CLOSED, FIRST, LONG, SWITCH, THRESHOLDS, GarbageCollection, uncollected
from tests.fakes.clock import FakeClock


class Ring:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def garbage(clock: FakeClock) -> Iterator[GarbageCollection]:
    garbage = GarbageCollection(clock)
    garbage.start()
    yield garbage
    garbage.stop()


def collect_for(seconds: float, clock: FakeClock) -> None:
    """A full collection that takes so long by the clock."""

    def dawdle(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            clock.advance(seconds)

    gc.callbacks.append(dawdle)
    try:
        gc.collect()
    finally:
        gc.callbacks.remove(dawdle)


def test_what_is_there_at_the_start_is_set_aside(garbage: GarbageCollection) -> None:
    assert garbage is not None
    assert gc.get_freeze_count() > 1_000


async def test_what_the_first_seconds_made_is_set_aside_and_what_comes_then_is_looked_at_often(
    garbage: GarbageCollection, clock: FakeClock
) -> None:
    kept, began = [Ring() for _ in range(5_000)], clock.monotonic()
    before = gc.get_freeze_count()
    assert gc.get_count()[0] >= len(kept)

    await garbage.run()

    assert clock.monotonic() == began + FIRST
    assert gc.get_freeze_count() >= before + len(kept)
    assert gc.get_threshold() == THRESHOLDS


async def test_a_collector_that_was_left_as_it_was_stays_so(clock: FakeClock) -> None:
    before = gc.get_threshold()
    garbage = GarbageCollection(clock)

    await garbage.run()

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize(("seconds", "grows"), [(LONG / 2, False), (LONG * 2, True)])
def test_what_survives_a_long_full_collection_is_set_aside_too(
    garbage: GarbageCollection, clock: FakeClock, *, seconds: float, grows: bool
) -> None:
    kept = [Ring() for _ in range(5_000)]
    before = gc.get_freeze_count()
    collect_for(seconds, clock)
    assert (gc.get_freeze_count() >= before + len(kept)) is grows


@pytest.mark.parametrize(("closed", "freed"), [(CLOSED - 1, False), (CLOSED, True)])
def test_rings_of_closed_integrations_are_freed_once_they_are_many(
    garbage: GarbageCollection, clock: FakeClock, *, closed: int, freed: bool
) -> None:
    ring = Ring()
    gone = weakref.ref(ring)
    collect_for(LONG * 2, clock)
    del ring
    garbage.integrations_closed(closed)
    gc.collect()
    assert (gone() is None) is freed


def test_threads_take_short_turns_from_the_start_on(garbage: GarbageCollection) -> None:
    assert garbage is not None
    assert sys.getswitchinterval() == pytest.approx(SWITCH)


def test_stopping_leaves_the_collector_as_it_was(clock: FakeClock) -> None:
    before = gc.get_threshold(), len(gc.callbacks), sys.getswitchinterval()
    garbage = GarbageCollection(clock)
    garbage.stop()
    garbage.start()
    garbage.stop()
    assert (gc.get_threshold(), len(gc.callbacks), sys.getswitchinterval()) == before
    assert gc.get_freeze_count() == 0


def test_what_was_made_uncollected_is_old_at_once() -> None:
    assert gc.get_freeze_count() == 0
    with uncollected():
        kept = [Ring() for _ in range(5_000)]
    assert gc.get_count()[0] < len(kept)
    assert gc.get_freeze_count() == 0


def test_what_was_made_uncollected_is_set_aside_where_more_is(garbage: GarbageCollection) -> None:
    assert garbage is not None
    before = gc.get_freeze_count()
    with uncollected():
        kept = [Ring() for _ in range(5_000)]
    assert gc.get_freeze_count() >= before + len(kept)


def test_nothing_is_collected_while_much_is_made_and_all_is_as_before_afterwards() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
