"""Clients that send garbage, no end or nothing at all to the API's port: it goes on answering others."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
import uvicorn

from app.asgi import create_app
from app.connection import PatientProtocol, protocol
from app.patience import Bodies
from integrations.clock import SystemClock
from tests.fakes.parts import FakeDialtone, calm
from tests.fuzz.conftest import Covered

POST = b"POST /v2/integrations/a/pause HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
GARBAGE = 3_000


@asynccontextmanager
async def served(http: type[PatientProtocol] = PatientProtocol, *, body: float = 20) -> AsyncIterator[int]:
    app = create_app(FakeDialtone(calm(), clock=SystemClock()).parts())
    config = uvicorn.Config(
        Bodies(app, seconds=body), http=http, lifespan="off", log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    with socket.create_server(("127.0.0.1", 0)) as listening:
        async with anyio.create_task_group() as group:
            group.start_soon(server._serve, [listening])
            while not server.started:  # noqa: ASYNC110 - uvicorn has only a flag
                await anyio.sleep(0.01)
            yield listening.getsockname()[1]
            server.should_exit = True


async def is_well(port: int) -> bool:
    async with httpx.AsyncClient() as client:
        return (await client.get(f"http://127.0.0.1:{port}/healthz", timeout=5)).status_code == 200


async def said(port: int, data: bytes, *, seconds: float = 3) -> bytes:
    """All that the server says to these bytes, until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        with anyio.fail_after(seconds):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_body_that_never_ends_is_answered_408_and_the_connection_closed() -> None:
    async with served(body=0.3) as port:
        answer = await said(port, POST + b"content-length: 100\r\n\r\n{")
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"urn:dialtone:problem:slow-body" in answer
        assert await is_well(port)


@pytest.mark.parametrize(
    "head", [b"transfer-encoding: chunked\r\n\r\n", b"content-length: 99999999999\r\n\r\n"]
)
async def test_an_endless_body_is_cut_off(head: bytes) -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sent = 0
        with anyio.fail_after(10):
            writer.write(POST + head)
            try:
                while not reader.at_eof() and sent < 100 << 20:
                    writer.write(b"10000\r\n" + b" " * 65_536 + b"\r\n")
                    await writer.drain()
                    sent += 65_536
                    await asyncio.sleep(0)
            except ConnectionError:
                pass
        writer.close()
        assert sent < 16 << 20
        assert await is_well(port)


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nhost: "])
async def test_a_request_that_is_never_finished_ends_its_connection(start: bytes) -> None:
    async with served(protocol(head_seconds=0.3, max_connections=50)) as port:
        await said(port, start, seconds=2)
        assert await is_well(port)


async def test_a_second_request_that_is_never_finished_ends_its_connection() -> None:
    async with served(protocol(head_seconds=0.3, max_connections=50)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await reader.readuntil(b"}")
        with anyio.fail_after(3):
            while not reader.at_eof():
                writer.write(b"G")
                with anyio.move_on_after(0.05):
                    await reader.read()
        writer.close()


async def test_ten_thousand_idle_connections_are_bounded_and_time_gives_room_again(covered: Covered) -> None:
    async with served(protocol(head_seconds=1.0, max_connections=200)) as port:
        kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        for _ in range(100):
            kept += await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(100)))
            await asyncio.sleep(0.01)
            kept = [each for each in kept if not _is_cut(*each)]
            assert len(kept) <= 300
        with anyio.fail_after(5):
            while not await _answers(port):  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(0.1)
        for _, writer in kept:
            writer.transport.abort()
        covered("clients: 10000 idle connections, at most 200 of them kept")


def _is_cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    is_cut = reader.at_eof() or reader.exception() is not None or writer.is_closing()
    if is_cut:
        writer.transport.abort()
    return is_cut


async def _answers(port: int) -> bool:
    try:
        return await is_well(port)
    except httpx.HTTPError:
        return False


async def test_garbage_is_answered_or_cut_off_and_breaks_nothing(
    covered: Covered, caplog: pytest.LogCaptureFixture
) -> None:
    rng = random.Random(4)
    good = POST + b'content-length: 15\r\n\r\n{"reason": "x"}'
    words = (
        b"\r\n",
        b"\x00",
        b" ",
        b":",
        b"transfer-encoding: chunked\r\n",
        b"content-length: -1\r\n",
        b"\xff" * 99,
        b"a" * 70_000,
    )
    async with served(protocol(head_seconds=0.2, max_connections=400)) as port:

        async def one() -> None:
            at = rng.randrange(len(good))
            await said(
                port,
                good[:at]
                + rng.choice(words)
                + good[at + rng.randrange(9) :]
                + rng.randbytes(rng.randrange(40)),
                seconds=35,
            )

        async def work() -> None:
            for _ in range(GARBAGE // 100):
                with anyio.move_on_after(0.5):
                    await one()

        async with anyio.create_task_group() as group:
            for _ in range(100):
                group.start_soon(work)
        assert await is_well(port)
    covered(f"clients: {GARBAGE} requests of garbage")
    assert [record for record in caplog.records if record.levelname in {"ERROR", "CRITICAL"}] == []
