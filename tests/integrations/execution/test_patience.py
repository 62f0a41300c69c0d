"""How long an exchange over our own pool may take: what ends it, and what is left then."""

import anyio
import httpx
import pytest

from integrations.execution.transport import HTTPTransport
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.pooled import ANSWER, PooledLines


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


async def test_a_transport_over_it_keeps_the_time_and_one_over_httpx_does_not() -> None:
    assert PooledLines().transport.keeps_time
    assert not HTTPTransport(httpx.MockTransport(lambda _: httpx.Response(200)), clock=LoopClock()).keeps_time


async def test_an_answer_in_time_leaves_nothing_behind() -> None:
    bench = PooledLines()
    for _ in range(3):
        assert (await bench.ask()).body == b"ok"
    bench.assert_nothing_is_left()
    assert len(bench.dialed.lines) == 1


@pytest.mark.parametrize("warm", [False, True], ids=["a new connection", "one that stands"])
async def test_an_exchange_ends_when_its_patience_does_and_closes_its_connection(*, warm: bool) -> None:
    bench = PooledLines()
    if warm:
        await bench.ask()
    bench.dialed.answer = b""
    assert await bench.ask_in_vain() == pytest.approx(2)
    assert [line.is_aborted for line in bench.dialed.lines] == [True]
    bench.assert_nothing_is_left()


async def test_an_answer_that_stops_half_way_is_out_of_time() -> None:
    bench = PooledLines()
    await bench.ask()
    bench.dialed.answer = ANSWER[:-1]
    assert await bench.ask_in_vain() == pytest.approx(2)
    bench.assert_nothing_is_left()


async def test_the_patience_holds_for_opening_the_connection_too() -> None:
    bench = PooledLines()
    bench.dialed.seconds, bench.dialed.answer = 0.9, b""
    assert await bench.ask_in_vain() == pytest.approx(2)
    bench.assert_nothing_is_left()


async def test_a_cold_exchange_ends_when_its_patience_does() -> None:
    bench = PooledLines()
    bench.dialed.answer = b""
    assert await bench.ask_in_vain(cold=True) == pytest.approx(2)
    bench.assert_nothing_is_left()


@pytest.mark.parametrize("warm", [False, True], ids=["a new connection", "one that stands"])
async def test_what_is_under_way_can_be_cut_off(*, warm: bool) -> None:
    bench = PooledLines()
    if warm:
        await bench.ask()
    bench.dialed.answer = b""

    async def cut() -> None:
        await anyio.sleep(0.5)
        for one in tuple(bench.under_way):
            one.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(cut)
        assert await bench.ask_in_vain() == pytest.approx(0.5)
    bench.assert_nothing_is_left()


async def test_a_caller_who_leaves_leaves_nothing_behind() -> None:
    bench = PooledLines()
    await bench.ask()
    bench.dialed.answer = b""
    with anyio.move_on_after(0.5):
        await bench.ask()
    bench.assert_nothing_is_left()
    assert bench.dialed.lines[0].is_aborted


async def test_an_answer_at_the_last_moment_counts() -> None:
    bench = PooledLines()
    await bench.ask()
    bench.dialed.answer = b""

    async def answer() -> None:
        await anyio.sleep(1.999)
        bench.dialed.lines[0]._wire.data_received(ANSWER)
        for one in tuple(bench.under_way):
            one.cancel()

    async with anyio.create_task_group() as group:
        group.start_soon(answer)
        assert (await bench.ask()).status == 200
    bench.assert_nothing_is_left()
