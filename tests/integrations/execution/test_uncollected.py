"""What a call that fails leaves behind until the garbage collector comes by, which may take long: nothing."""

import gc
import ssl
from collections.abc import Iterator, Sequence
from weakref import ref

import httpx
import pytest
from aiohappyeyeballs import AddrInfoType

from integrations.execution.dialing import Dialer
from integrations.execution.direct import DirectPool
from integrations.execution.failure import TransportFailure
from integrations.execution.idle import IdleConnections
from integrations.execution.incoming import Incoming
from integrations.execution.transport import HTTPTransport
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.pooled import ANSWER, PooledLines


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture(autouse=True)
def uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class RefusedError(ConnectionRefusedError):
    """One of which it can be told whether it is still there."""


class Refusing:
    """Refuses every name by an error that its frame holds, as frames of aiohappyeyeballs do."""

    def __init__(self) -> None:
        self.errors: list[ref[RefusedError]] = []

    async def __call__(self, host: str, port: int) -> Sequence[AddrInfoType]:
        error = RefusedError("nobody is there")
        self.errors.append(ref(error))
        raise error


def answers_left() -> int:
    return sum(isinstance(one, Incoming) for one in gc.get_objects(generation=0))


async def failed_over(transport: HTTPTransport) -> ref[httpx.Request]:
    """The request of a call that has failed."""
    request = httpx.Request("GET", "http://shop.example/")
    known, has_failed = ref(request), False
    try:
        await transport.send(request, connect=1, timeout=2, max_body=99)
    except TransportFailure:
        has_failed = True
    assert has_failed
    del request
    return known


async def test_nothing_stays_of_a_connection_that_was_refused() -> None:
    clock, refusing = LoopClock(), Refusing()
    dialer = Dialer(ssl.create_default_context(), path="", now=clock.monotonic, resolve=refusing)
    pool = DirectPool(dialer, idle=IdleConnections(clock), clock=clock)
    request = await failed_over(HTTPTransport(pool, clock=clock))
    assert request() is None
    assert [error() for error in refusing.errors] == [None]
    assert answers_left() == 0


@pytest.mark.parametrize("answer", [b"", ANSWER[:-1], b"nothing like HTTP\r\n\r\n"])
async def test_nothing_stays_of_an_answer_that_never_came_or_is_none(answer: bytes) -> None:
    bench = PooledLines()
    bench.dialed.answer = answer
    request = await failed_over(bench.transport)
    for line in bench.dialed.lines:
        # Lines in memory and their wires hold each other; those of asyncio do no longer once they are closed.
        vars(line).clear()
    assert request() is None


async def test_nothing_stays_of_what_another_transport_could_not_do() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no", request=request)

    request = await failed_over(HTTPTransport(httpx.MockTransport(fail), clock=LoopClock()))
    assert request() is None
