"""One request over a connection of its own: over a unix socket its phases, its end, and its cancellation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import anyio
import httpx
import pytest

from integrations.clock import SystemClock
from integrations.connection import NetworkPolicy
from integrations.execution.cold import COLD
from integrations.execution.failure import TransportFailure
from integrations.execution.listening import ListeningStopwatch
from integrations.execution.outcome import FailureKind, Phases
from integrations.execution.pool import Pools
from integrations.execution.transport import HTTPTransport, Reply
from tests.fakes.clock import FakeClock
from tests.fakes.execution import line_spec

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Server:
    """Sends its bytes for each request, then waits for the next. Counts the connections it had."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        self.had = self.has = 0
        self.asked = anyio.Event()
        self.left = anyio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.had += 1
        self.has += 1
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(self.answer)
                self.asked.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.has -= 1
            if not self.has:
                self.left.set()
            writer.close()


Opened = Callable[[Server], Awaitable[HTTPTransport]]


@pytest.fixture(params=[None, "http://proxy.example"], ids=["ours", "aiohttp's"])
async def opened(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Opened]:
    transports: list[HTTPTransport] = []
    listening: list[asyncio.Server] = []

    async def open_transport(server: Server) -> HTTPTransport:
        path = tmp_path / "s"
        listening.append(await asyncio.start_unix_server(server.serve, path))
        clock = SystemClock()
        transports.append(
            HTTPTransport(
                Pools(clock).open(line_spec(socket=str(path), network=NetworkPolicy(proxy=request.param))),
                clock=clock,
            )
        )
        return transports[-1]

    yield open_transport
    for transport in transports:
        await transport.aclose()
    for each in listening:
        each.close()


async def get(transport: HTTPTransport, *, cold: bool = True, max_body: int = 99) -> Reply:
    request = httpx.Request("GET", "http://unix.example/x", extensions={COLD: True} if cold else {})
    return await transport.send(request, connect=2, timeout=2, max_body=max_body)


async def test_a_cold_exchange_opens_a_connection_and_closes_it_beside_the_pool(opened: Opened) -> None:
    server = Server(HEAD + b"tone")
    transport = await opened(server)
    await get(transport, cold=False)
    first, second = await get(transport), await get(transport)
    await get(transport, cold=False)
    assert (server.had, first.body, second.body) == (3, b"tone", b"tone")
    assert transport.inner.taken == transport.in_flight == transport.orphans == 0


async def test_its_phases_have_no_name_and_no_tls_over_a_unix_socket(opened: Opened) -> None:
    reply = await get(await opened(Server(HEAD + b"tone")))
    phases = reply.phases
    assert phases is not None
    assert (phases.dns, phases.tls) == (None, None)
    assert min(phases.connect or -1, phases.first_byte or -1, phases.transfer or 0) >= 0


@pytest.mark.parametrize("answer", [b"", HEAD], ids=["before-the-head", "in-the-body"])
async def test_a_cancelled_cold_exchange_leaves_no_socket(opened: Opened, answer: bytes) -> None:
    server = Server(answer)
    transport = await opened(server)
    async with anyio.create_task_group() as group:
        group.start_soon(get, transport)
        await server.asked.wait()
        await anyio.wait_all_tasks_blocked()
        group.cancel_scope.cancel()
    with anyio.fail_after(1):
        await server.left.wait()
    assert transport.in_flight == transport.orphans == 0


async def test_a_body_over_the_cap_is_cut_off(opened: Opened) -> None:
    server = Server(HEAD + b"tone")
    transport = await opened(server)
    with pytest.raises(TransportFailure) as caught:
        await get(transport, max_body=3)
    assert caught.value.kind is FailureKind.TOO_LARGE
    with anyio.fail_after(1):
        await server.left.wait()


async def test_a_body_that_stops_coming_is_a_timeout_after_sending(opened: Opened) -> None:
    transport = await opened(Server(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nto"))
    request = httpx.Request("GET", "http://unix.example/x", extensions={COLD: True})
    with pytest.raises(TransportFailure) as caught:
        await transport.send(request, connect=2, timeout=0.05, max_body=99)
    assert (caught.value.kind, caught.value.sent) == (FailureKind.TIMEOUT, True)


def test_a_stopwatch_takes_the_way_through_a_proxy_for_connect_and_the_rest_for_the_vendors() -> None:
    clock = FakeClock()
    stopwatch = ListeningStopwatch(clock.monotonic)
    loop = asyncio.new_event_loop()
    steps = (
        (stopwatch.begin, 0.1),
        (lambda: setattr(stopwatch, "resolved", clock.monotonic()), 0.2),
        (lambda: stopwatch.protocol(loop), 0.3),
        (stopwatch.hear, 0.0),
        (lambda: stopwatch.protocol(loop), 0.4),
        (lambda: stopwatch.make_ready(is_secure=True), 0.5),
        (stopwatch.hear, 0.1),
        (stopwatch.hear, 0.5),
        (stopwatch.end, 0.0),
    )
    for step, seconds in steps:
        step()
        clock.advance(seconds)
    loop.close()
    rounded = {name: round(getattr(stopwatch.phases(), name), 6) for name in Phases.__struct_fields__}
    assert rounded == {"dns": 0.1, "connect": 0.5, "tls": 0.4, "first_byte": 0.5, "transfer": 0.6}
