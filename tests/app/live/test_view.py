"""Readers of the live view: in order, without a gap unless told, and nobody waits for them."""

import anyio
import pytest

from app.live.selection import Selection
from app.live.view import HEARTBEAT, LiveView, TooManyReadersError, ViewClosedError
from integrations.bus import SignalBus
from integrations.signals import CallRecord
from tests.app.live.reading import Browser
from tests.fakes.calls import call_record
from tests.fakes.clock import VIRTUAL_TIME, FakeClock, LoopClock

ALL = Selection()
SHOP = Selection(integrations=frozenset({"shop"}))


@pytest.fixture
def anyio_backend():
    return VIRTUAL_TIME


def view_of(published: int = 0, **bounds: int) -> LiveView:
    view = LiveView(clock=FakeClock(), **bounds)
    publish(view, published)
    return view


def publish(view: LiveView, number: int = 1, **changes: object) -> None:
    for _ in range(number):
        view.on_signal(call_record(call_id=f"c{view.ring.end}", **changes))


def taken(reader, browser=None):
    """All that can be read now."""
    browser = browser or Browser()
    events = []
    while chunk := reader.take():
        events += browser.events(chunk)
    return events


def told(events):
    return [(one.kind, one.data.get("call_id") or one.data.get("missed")) for one in events]


def calls(*numbers):
    return [("call_record", f"c{number}") for number in numbers]


def sampled(view):
    return {name.removeprefix("dialtone_live_"): value for name, _, value in view.samples()}


def test_a_reader_gets_what_comes_after_it_has_come():
    view = view_of(3)
    reader = view.open(ALL)
    publish(view, 2)
    assert told(taken(reader)) == calls(4, 5)


def test_a_reader_gets_only_what_passes_its_filter():
    view = view_of()
    reader = view.open(SHOP)
    publish(view, 2)
    publish(view, integration="shop")
    publish(view)
    assert told(taken(reader)) == calls(3)


def test_a_reader_resumes_behind_an_id_without_loss():
    view = view_of(5)
    assert told(taken(view.open(ALL, after=view.ring.identify(3)))) == calls(4, 5)


def test_resuming_behind_the_last_id_loses_nothing():
    view = view_of(5)
    reader = view.open(ALL, after=view.ring.identify(5))
    publish(view)
    assert told(taken(reader)) == calls(6)


def test_what_is_gone_is_told_first_with_its_number():
    view = view_of(10, capacity=4)
    assert told(taken(view.open(ALL, after=view.ring.identify(2)))) == [("gap", 4), *calls(7, 8, 9, 10)]


def test_resuming_behind_the_id_of_a_gap_tells_no_gap_again():
    view = view_of(10, capacity=4)
    gap = taken(view.open(ALL, after=view.ring.identify(2)))[0]
    assert told(taken(view.open(ALL, after=gap.id))) == calls(7, 8, 9, 10)


@pytest.mark.parametrize("after", ["0-2", "nonsense", "²-²", "18a-99999999999999999999"])
def test_after_a_restart_it_cannot_be_told_what_was_missed_and_all_of_this_process_follows(after):
    assert told(taken(view_of(2).open(ALL, after=after))) == [("gap", None), *calls(1, 2)]


def test_an_id_that_has_not_been_given_yet_is_of_no_use():
    view = view_of(2)
    assert told(taken(view.open(ALL, after=view.ring.identify(3)))) == [("gap", None), *calls(1, 2)]


def test_two_processes_have_different_epochs():
    first, second = LiveView(clock=FakeClock(utc=1_000.0)), LiveView(clock=FakeClock(utc=1_000.001))
    assert first.ring.epoch != second.ring.epoch


def test_a_slow_reader_is_dropped_and_told_where_it_was():
    view = view_of(capacity=4)
    reader, browser = view.open(ALL), Browser()
    publish(view, 2)
    taken(reader, browser)
    publish(view, 7)
    (dropped,) = taken(reader, browser)
    assert (dropped.kind, dropped.data["missed"]) == ("dropped", 3)
    assert dropped.data["last"] == dropped.id == view.ring.identify(2)
    assert sampled(view) == {"readers": 0, "readers_dropped_total": 1, "events_total": 2}


def test_a_reader_that_was_dropped_resumes_with_the_gap():
    view = view_of(capacity=4)
    reader = view.open(ALL)
    taken(reader)
    publish(view, 6)
    (dropped,) = taken(reader)
    assert told(taken(view.open(ALL, after=dropped.id))) == [("gap", 2), *calls(3, 4, 5, 6)]


def test_a_slow_reader_harms_no_other():
    view = view_of(capacity=4)
    slow, quick = view.open(ALL), view.open(ALL)
    seen = []
    for _ in range(9):
        publish(view)
        seen += taken(quick)
    assert told(seen) == calls(*range(1, 10))
    assert taken(slow)[0].kind == "dropped"


def test_a_filter_that_lets_nothing_pass_still_moves_the_id_on():
    view = view_of(capacity=4)
    reader, browser = view.open(SHOP), Browser()
    for _ in range(20):
        publish(view)
        assert taken(reader, browser) == []
    assert reader.last_id == view.ring.identify(20)


def test_a_chunk_is_bounded_however_much_there_is():
    view = view_of()
    reader = view.open(ALL)
    taken(reader)
    publish(view, 50, detail="x" * 20_000)
    assert len(reader.take()) < 100_000


def test_signals_are_encoded_for_readers_only():
    view = view_of(5)
    assert view.ring._events == {}


def test_there_is_room_for_so_many_readers_and_a_place_is_given_back():
    view = view_of(max_readers=2)
    with view.open(ALL), view.open(ALL), pytest.raises(TooManyReadersError, match="2 clients"):
        view.open(ALL)
    view.open(ALL)
    assert sampled(view)["readers"] == 1


def test_at_the_end_every_reader_gets_what_is_left_and_a_farewell():
    view = view_of()
    reader = view.open(ALL)
    publish(view, 2)
    view.close()
    assert told(taken(reader)) == [*calls(1, 2), ("bye", None)]
    with pytest.raises(ViewClosedError):
        view.open(ALL)


def test_a_reader_that_takes_nothing_is_counted_as_dropped_once():
    view = view_of()
    with view.open(ALL) as reader:
        reader.give_up()
        reader.give_up()
    assert sampled(view) == {"readers": 0, "readers_dropped_total": 1, "events_total": 0}


def test_on_the_bus_an_id_is_the_bus_sequence():
    bus, view = SignalBus(), view_of()
    bus.subscribe("live", view)
    reader = view.open(ALL)
    for _ in range(3):
        bus.publish(call_record())
    assert [one.id for one in taken(reader)] == [view.ring.identify(one) for one in (1, 2, 3)]
    assert [view.ring.signal(one).seq for one in (1, 2, 3)] == [1, 2, 3]


def test_first_on_the_bus_it_sees_a_signal_before_what_follows_from_it():
    bus, view = SignalBus(), view_of()

    class Answering:
        def on_signal(self, signal: CallRecord) -> None:
            if signal.call_id == "question":
                bus.publish(call_record(call_id="answer"))

    bus.subscribe("live", view)
    bus.subscribe("monitor", Answering())
    bus.publish(call_record(call_id="question"))
    assert [view.ring.signal(one).seq for one in (1, 2)] == [1, 2]


async def test_a_waiting_reader_is_woken_by_a_signal():
    view = LiveView(clock=LoopClock())
    reader, browser, got = view.open(ALL), Browser(), []

    async def read() -> None:
        while len(got) < 3:
            got.extend(browser.events(await reader.read()))

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.sleep(1)
        publish(view, 2)
        await anyio.sleep(1)
        publish(view)
    assert told(got) == calls(1, 2, 3)


async def test_many_signals_at_once_are_one_write():
    view = LiveView(clock=LoopClock())
    reader = view.open(ALL)
    await reader.read()
    chunks = []

    async def read() -> None:
        while reader.last_id != view.ring.identify(20):
            chunks.append(await reader.read())

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        for _ in range(20):
            await anyio.sleep(0.001)
            publish(view)
    assert len(chunks) == 1


@pytest.mark.parametrize("selection", [ALL, SHOP], ids=["nothing happens", "nothing passes"])
async def test_without_news_a_heartbeat_comes_and_moves_the_id_on(selection):
    view = LiveView(clock=LoopClock())
    reader, browser = view.open(selection), Browser()
    browser.events(await reader.read())
    if selection is SHOP:
        publish(view, 700)
    began = anyio.current_time()
    chunk = await reader.read()
    assert anyio.current_time() - began == pytest.approx(HEARTBEAT, abs=0.5)
    assert chunk.startswith(b":\n")
    assert browser.events(chunk) == []
    assert browser.last_id == reader.last_id == view.ring.identify(view.ring.end - 1)


async def test_the_end_wakes_readers_who_wait():
    view = LiveView(clock=LoopClock())
    reader, browser, kinds = view.open(ALL), Browser(), []

    async def read() -> None:
        while chunk := await reader.read():
            kinds.extend(one.kind for one in browser.events(chunk))

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.sleep(1)
        began = anyio.current_time()
        view.close()
    assert kinds == ["bye"]
    assert anyio.current_time() - began < 0.1
