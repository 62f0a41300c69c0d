"""The feed: what is put in is spooled, on another thread, in order, and nothing is lost at the end."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporters.analytics.feed import Feed
from exporters.analytics.spool import Spool
from integrations.clock import SystemClock
from integrations.signals import Signal
from tests.exporters.analytics.generated import SETTINGS, START, call
from tests.fakes.clock import FakeClock

SOON = 5.0


class WatchedSpool(Spool):
    """Tells what it wrote; a write waits at the gate, and raises as often as asked."""

    def __init__(self, directory: Path, *, failures: int = 0) -> None:
        super().__init__(directory, clock=SystemClock(), settings=SETTINGS)
        self.failures = failures
        self.gate = threading.Event()
        self.gate.set()
        self.seqs: list[int] = []
        self.batches = 0
        self.reached = threading.Semaphore(0)

    def write(self, batch: Iterable[Signal]) -> None:
        given = list(batch)
        self.reached.release()
        assert self.gate.wait(SOON)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("a bug")
        super().write(given)
        self.seqs += [signal.seq for signal in given]
        self.batches += bool(given)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[WatchedSpool]:
    opened = WatchedSpool(tmp_path)
    opened.recover()
    yield opened
    opened.close()


@contextmanager
def running(feed: Feed) -> Iterator[threading.Thread]:
    thread = threading.Thread(target=feed.run)
    feed.open()
    thread.start()
    try:
        yield thread
    finally:
        feed.halt()
        thread.join(SOON)
        assert not thread.is_alive()


def fed(spool: Spool, signals: int = 0, **options: object) -> Feed:
    given: dict[str, object] = {"clock": SystemClock(), "room": 100} | options
    feed = Feed(spool, **given)  # type: ignore[arg-type] # options by name
    for number in range(signals):
        assert feed.put(call(number))
    return feed


def wait(until: Callable[[], bool]) -> None:
    ended = threading.Event()
    for _ in range(round(SOON / 0.001)):
        if until():
            return
        ended.wait(0.001)
    raise AssertionError("it does not come")


def test_what_is_put_in_is_written_in_order_and_together(spool: WatchedSpool) -> None:
    feed = fed(spool, 30)

    with running(feed):
        wait(lambda: len(spool.seqs) == 30)

    assert (spool.seqs, spool.batches) == (list(range(30)), 1)
    assert spool.acknowledged["calls"] == 30


def test_what_comes_while_it_waits_is_written_too(spool: WatchedSpool) -> None:
    feed = fed(spool)

    with running(feed):
        for number in range(5):
            assert feed.put(call(number))
            wait(lambda: len(spool.seqs) == number + 1)  # noqa: B023 - it is called before the next turn

    assert spool.batches == 5


def test_a_full_feed_takes_no_more_until_there_is_room(spool: WatchedSpool) -> None:
    feed = fed(spool, 3, room=3)
    assert not feed.put(call(3))
    assert feed.depth == 3

    feed.drain()

    assert feed.put(call(4))
    assert spool.seqs == [0, 1, 2]


def test_halting_spools_what_was_taken_and_draining_what_came_after(spool: WatchedSpool) -> None:
    feed = fed(spool, 2)
    with running(feed):
        pass
    feed.put(call(2))

    feed.drain()

    assert spool.seqs == [0, 1, 2]
    assert [segment.rows for segment in spool.sealed] == [3]
    assert (feed.depth, feed.oldest) == (0, None)


def test_draining_waits_for_the_batch_that_is_being_written(spool: WatchedSpool) -> None:
    feed = fed(spool, 1)
    spool.gate.clear()
    with running(feed):
        assert spool.reached.acquire(timeout=SOON)
        feed.put(call(1))
        feed.halt()
        draining = threading.Thread(target=feed.drain)
        draining.start()
        assert not spool.sealed

        spool.gate.set()
        draining.join(SOON)

    assert spool.seqs == [0, 1]
    assert sum(segment.rows for segment in spool.sealed) == 2


def test_a_bug_in_writing_ends_it_and_it_can_be_run_again(tmp_path: Path) -> None:
    spool = WatchedSpool(tmp_path, failures=1)
    spool.recover()
    feed = fed(spool, 1)
    with pytest.raises(RuntimeError, match="a bug"):
        feed.run()
    feed.halt()

    with running(feed):
        feed.put(call(1))
        wait(lambda: spool.seqs == [1])
    spool.close()


def test_what_waits_has_an_age_also_while_it_is_written(spool: WatchedSpool) -> None:
    clock = FakeClock(utc=START)
    feed = fed(spool, clock=clock)
    assert feed.oldest is None
    spool.gate.clear()
    with running(feed):
        feed.put(call(1))
        assert spool.reached.acquire(timeout=SOON)
        clock.advance(60)
        assert (feed.depth, feed.oldest) == (0, START)

        spool.gate.set()
        wait(lambda: feed.oldest is None)


def test_segments_are_sealed_when_nothing_comes_any_more(spool: WatchedSpool) -> None:
    feed = fed(spool)
    spool.seal = spool_sealed = _Counting()  # type: ignore[method-assign] # what is asked of it is counted
    with running(feed):
        wait(lambda: spool_sealed.count > 0)


class _Counting:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self, *, everything: bool = False) -> None:
        assert not everything
        self.count += 1
