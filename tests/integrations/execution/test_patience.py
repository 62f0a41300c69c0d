"""How long an exchange over our own pool may take: what ends it, and what is left then."""

import asyncio
import ssl
from collections.abc import Callable

import anyio
import httpx
import pytest

from integrations.clock import SystemClock
from integrations.deadlines import Cancellable, Deadlines
from integrations.execution.cold import COLD, Stopwatch
from integrations.execution.dialing import Dialer, Place
from integrations.execution.direct import DirectPool
from integrations.execution.failure import OutOfTime
from integrations.execution.idle import IdleConnections
from integrations.execution.patience import PATIENCE, Patience
from integrations.execution.transport import HTTPTransport, Reply
from integrations.execution.wire import Wire
from tests.fakes.clock import VIRTUAL_TIME, LoopClock

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Line(asyncio.Transport):
    """Answers what is written with what `answer` gives; with nothing, it never does."""

    def __init__(self, wire: Wire, answer: Callable[[], bytes]) -> None:
        super().__init__()
        self.is_aborted = False
        self._wire, self._answer = wire, answer

    def get_extra_info(self, name: str, default: object = None) -> object:
        return default

    def get_write_buffer_size(self) -> int:
        return 0

    def write(self, data: object) -> None:
        if answer := self._answer():
            self._wire.data_received(answer)

    def abort(self) -> None:
        self.is_aborted = True


class Dialed(Dialer):
    """Opens lines in memory, after `seconds`."""

    def __init__(self) -> None:
        super().__init__(ssl.create_default_context(), path="", now=SystemClock().monotonic)
        self.answer, self.seconds = ANSWER, 0.0
        self.lines: list[Line] = []

    async def dial(self, place: Place, *, stopwatch: Stopwatch | None = None) -> Wire:
        await anyio.sleep(self.seconds)
        wire = Wire()
        self.lines.append(Line(wire, lambda: self.answer))
        wire.connection_made(self.lines[-1])
        return wire


class Bench:
    """A pool over lines in memory, and what is under way on it."""

    def __init__(self) -> None:
        self.dialed, self.deadlines = Dialed(), Deadlines()
        self.under_way: list[Cancellable] = []
        clock = LoopClock()
        pool = DirectPool(self.dialed, idle=IdleConnections(clock), clock=clock, deadlines=self.deadlines)
        self.transport = HTTPTransport(pool, clock=clock)
        self.pool = pool

    async def ask(self, *, cold: bool = False) -> Reply:
        request = httpx.Request("GET", "http://shop.example/")
        request.extensions[PATIENCE] = Patience(2.0, self.under_way)
        if cold:
            request.extensions[COLD] = True
        return await self.transport.send(request, connect=1, timeout=float("inf"), max_body=99)

    async def ask_in_vain(self, *, cold: bool = False) -> float:
        """For how long it asked until it was out of time."""
        began = anyio.current_time()
        with pytest.raises(OutOfTime, match="no answer in time"):
            await self.ask(cold=cold)
        return anyio.current_time() - began

    def assert_nothing_is_left(self) -> None:
        assert self.under_way == []
        assert len(self.deadlines) == self.pool.taken == self.transport.in_flight == 0


async def test_a_transport_over_it_keeps_the_time_and_one_over_httpx_does_not() -> None:
    assert Bench().transport.keeps_time
    assert not HTTPTransport(httpx.MockTransport(lambda _: httpx.Response(200)), clock=LoopClock()).keeps_time


async def test_an_answer_in_time_leaves_nothing_behind() -> None:
    bench = Bench()
    for _ in range(3):
        assert (await bench.ask()).body == b"ok"
    bench.assert_nothing_is_left()
    assert len(bench.dialed.lines) == 1


@pytest.mark.parametrize("warm", [False, True], ids=["a new connection", "one that stands"])
async def test_an_exchange_ends_when_its_patience_does_and_closes_its_connection(*, warm: bool) -> None:
    bench = Bench()
    if warm:
        await bench.ask()
    bench.dialed.answer = b""
    assert await bench.ask_in_vain() == pytest.approx(2)
    assert [line.is_aborted for line in bench.dialed.lines] == [True]
    bench.assert_nothing_is_left()


async def test_an_answer_that_stops_half_way_is_out_of_time() -> None:
    bench = Bench()
    await bench.ask()
    bench.dialed.answer = ANSWER[:-1]
    assert await bench.ask_in_vain() == pytest.approx(2)
    bench.assert_nothing_is_left()


async def test_the_patience_holds_for_opening_the_connection_too() -> None:
    bench = Bench()
    bench.dialed.seconds, bench.dialed.answer = 0.9, b""
    assert await bench.ask_in_vain() == pytest.approx(2)
    bench.assert_nothing_is_left()


async def test_a_cold_exchange_ends_when_its_patience_does() -> None:
    bench = Bench()
    bench.dialed.answer = b""
    assert await bench.ask_in_vain(cold=True) == pytest.approx(2)
    bench.assert_nothing_is_left()


@pytest.mark.parametrize("warm", [False, True], ids=["a new connection", "one that stands"])
async def test_what_is_under_way_can_be_cut_off(*, warm: bool) -> None:
    bench = Bench()
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
    bench = Bench()
    await bench.ask()
    bench.dialed.answer = b""
    with anyio.move_on_after(0.5):
        await bench.ask()
    bench.assert_nothing_is_left()
    assert bench.dialed.lines[0].is_aborted


async def test_an_answer_at_the_last_moment_counts() -> None:
    bench = Bench()
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
