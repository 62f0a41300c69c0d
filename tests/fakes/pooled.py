"""A pool of our own over connections in memory."""

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
from tests.fakes.clock import LoopClock

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


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


class PooledLines:
    """A pool over lines in memory, and what is under way on it."""

    def __init__(self) -> None:
        self.dialed, self.deadlines = Dialed(), Deadlines()
        self.under_way: dict[Cancellable, object] = {}
        clock = LoopClock()
        pool = DirectPool(self.dialed, idle=IdleConnections(clock), clock=clock, deadlines=self.deadlines)
        self.clock = clock
        self.transport = HTTPTransport(pool, clock=clock)
        self.pool = pool

    async def ask(self, *, cold: bool = False) -> Reply:
        request = httpx.Request("GET", "http://shop.example/")
        request.extensions[PATIENCE] = Patience(seconds=2.0, under_way=self.under_way, owner=self)
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
        assert self.under_way == {}
        assert len(self.deadlines) == self.pool.taken == self.transport.in_flight == 0
