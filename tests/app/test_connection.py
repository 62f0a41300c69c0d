"""A connection, byte by byte: what is taken for a request, what is refused, and how it goes on."""

import asyncio
from collections.abc import Callable
from typing import cast

import anyio
import pytest
import uvicorn
from litestar.enums import ScopeType
from litestar.types import Receive, Scope, Send
from uvicorn.server import ServerState

from app.connection import HEAD_BYTES, MAX_PIPELINE, PatientProtocol
from tests.fakes.clock import VIRTUAL_TIME

HEAD = b"POST /a HTTP/1.1\r\nhost: localhost\r\n"
GET = b"GET /a HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Wire(asyncio.Transport):
    """Keeps what the server says."""

    def __init__(self) -> None:
        super().__init__()
        self.said = b""
        self.is_closed = self.is_aborted = self.is_paused = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.said += b"" if self.is_closed else data

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False


class Echo:
    """Answers with the body, and keeps what it was asked; waits before it answers while it is held."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes]] = []
        self.headers: list[tuple[bytes, bytes]] = []
        self.free = anyio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = cast("dict[str, object]", await receive())
            body += cast("bytes", message.get("body", b""))
            more = bool(message.get("more_body", False))
        assert scope["type"] == ScopeType.HTTP
        self.asked.append((scope["method"], scope["path"], body))
        self.headers = list(scope["headers"])
        await self.free.wait()
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})


class Client:
    """One connection to a protocol over an application."""

    def __init__(self, app: Echo) -> None:
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
        self.wire = Wire()
        self._protocol = PatientProtocol(config, ServerState(), {})
        self._protocol.connection_made(self.wire)

    async def say(self, *pieces: bytes) -> bytes:
        for piece in pieces:
            if not self.wire.is_closed:
                self._protocol.data_received(piece)
            await anyio.wait_all_tasks_blocked()
        return self.wire.said


@pytest.fixture
async def app() -> Echo:
    echo = Echo()
    echo.free.set()
    return echo


def whole(request: bytes) -> list[bytes]:
    return [request]


def bytewise(request: bytes) -> list[bytes]:
    return [request[at : at + 1] for at in range(len(request))]


BODIES = {
    "by its length": HEAD + b"content-length: 5\r\n\r\nhello",
    "in chunks": HEAD
    + b"transfer-encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\ntrailer: 1\r\n\r\n",
    "offering h2c": HEAD + b"connection: Upgrade\r\nupgrade: h2c\r\ncontent-length: 5\r\n\r\nhello",
    "offering h2c, in chunks": HEAD
    + b"connection: Upgrade\r\nupgrade: h2c\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("cut", [whole, bytewise])
@pytest.mark.parametrize("request_", BODIES.values(), ids=BODIES)
async def test_a_body_arrives_and_the_connection_goes_on(
    app: Echo, request_: bytes, cut: Callable[[bytes], list[bytes]]
) -> None:
    client = Client(app)

    said = await client.say(*cut(request_ + GET))

    assert app.asked == [("POST", "/a", b"hello"), ("GET", "/a", b"")]
    assert said.count(b"HTTP/1.1 200 OK") == 2
    assert not client.wire.is_closed


async def test_trailers_are_no_headers(app: Echo) -> None:
    await Client(app).say(BODIES["in chunks"])

    assert [name for name, _ in app.headers] == [b"host", b"transfer-encoding"]


async def test_an_offer_to_speak_another_protocol_is_answered_in_this_one(app: Echo) -> None:
    client = Client(app)

    said = await client.say(
        b"GET /a HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n", GET
    )

    assert said.count(b"HTTP/1.1 200 OK") == 2


REFUSED = {
    "no HTTP": (b"\x16\x03\x01\x02\x00", b"no HTTP request"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"no HTTP request"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", b"one field Host"),
    "two hosts": (b"GET / HTTP/1.1\r\nhost: localhost\r\nHost: elsewhere\r\n\r\n", b"one field Host"),
    "a tunnel": (b"CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n", b"no HTTP request"),
    "two lengths": (HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n", b"no HTTP request"),
    "length and chunks": (
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        b"no HTTP request",
    ),
    "a folded header": (HEAD + b"a: b\r\n c\r\n\r\n", b"no HTTP request"),
    "a control character": (HEAD + b"a: \x01\r\n\r\n", b"no HTTP request"),
    "a bad chunk": (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", b"no HTTP request"),
    "a large head": (HEAD + b"a: " + b"x" * HEAD_BYTES + b"\r\n\r\n", b"larger than 64 KiB"),
    "a large target": (
        b"GET /" + b"x" * HEAD_BYTES + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"larger than",
    ),
    "a head without end": (b"GET / HTTP/1.1\r\na: " + b"x" * (HEAD_BYTES + 1), b"larger than 64 KiB"),
    "an extension without end": (
        HEAD + b"transfer-encoding: chunked\r\n\r\n5;" + b"x" * (HEAD_BYTES * 2),
        b"larger than 64 KiB",
    ),
}


@pytest.mark.parametrize(("request_", "reason"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_answered_is_refused_and_the_connection_closed(
    app: Echo, request_: bytes, reason: bytes
) -> None:
    client = Client(app)

    said = await client.say(*(request_[at : at + 5_000] for at in range(0, len(request_), 5_000)))

    assert said.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert reason in said
    assert client.wire.is_closed
    assert not app.asked


async def test_a_large_head_in_one_piece_is_refused(app: Echo) -> None:
    said = await Client(app).say(HEAD + b"a: " + b"x" * HEAD_BYTES + b"\r\n\r\n")

    assert b"larger than 64 KiB" in said


@pytest.mark.parametrize("large", [b"x" * (3 * HEAD_BYTES), b"a: b\r\n" * HEAD_BYTES])
async def test_trailers_without_end_end_the_connection(app: Echo, large: bytes) -> None:
    client = Client(app)

    await client.say(HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", b"a: ", large)

    assert client.wire.is_closed
    assert not app.asked


async def test_a_body_in_chunks_of_a_byte_each_is_taken(app: Echo) -> None:
    size = 100_000
    chunks = b"1\r\nx\r\n" * size + b"0\r\n\r\n"
    client = Client(app)

    await client.say(
        HEAD + b"transfer-encoding: chunked\r\n\r\n",
        *(chunks[at : at + 50_000] for at in range(0, len(chunks), 50_000)),
    )

    assert [len(body) for _, _, body in app.asked] == [size]


async def test_garbage_behind_a_request_waits_for_its_answer(app: Echo) -> None:
    app.free = anyio.Event()
    client = Client(app)

    before = await client.say(GET + b"\x00\x00\x00")
    app.free.set()
    await anyio.sleep(1)

    assert before == b""
    assert client.wire.said.startswith(b"HTTP/1.1 200 OK")
    assert client.wire.said.count(b"HTTP/1.1") == 1
    assert client.wire.is_closed


async def test_requests_in_a_row_are_answered_in_order(app: Echo) -> None:
    client = Client(app)

    await client.say(b"".join(GET.replace(b"/a", b"/%d" % number) for number in range(10)))

    assert [path for _, path, _ in app.asked] == [f"/{number}" for number in range(10)]


async def test_too_many_requests_at_once_are_not_kept(app: Echo) -> None:
    app.free = anyio.Event()
    client = Client(app)

    await client.say(GET * (MAX_PIPELINE * 100))

    app.free.set()
    await anyio.sleep(1)
    assert len(app.asked) == MAX_PIPELINE + 1
    assert client.wire.is_closed


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nhost: "])
async def test_a_request_that_does_not_come_ends_its_connection_after_ten_seconds(
    app: Echo, start: bytes
) -> None:
    client = Client(app)
    await client.say(start) if start else None

    await anyio.sleep(9.5)
    early = client.wire.is_closed
    await anyio.sleep(1)

    assert (early, client.wire.is_aborted) == (False, True)


async def test_a_request_that_comes_a_byte_at_a_time_has_ten_seconds_in_all(app: Echo) -> None:
    client = Client(app)

    for byte in bytewise(GET)[:21]:
        await client.say(byte)
        await anyio.sleep(0.5)

    assert client.wire.is_aborted


async def test_an_answer_may_take_longer_than_the_head_of_its_request(app: Echo) -> None:
    app.free = anyio.Event()
    client = Client(app)
    await client.say(GET)

    await anyio.sleep(60)
    app.free.set()
    await anyio.sleep(1)

    assert client.wire.said.startswith(b"HTTP/1.1 200 OK")


async def test_one_connection_too_many_is_cut_off(app: Echo) -> None:
    state = ServerState()
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, access_log=False)
    wires = [Wire() for _ in range(PatientProtocol.max_connections + 1)]

    for wire in wires:
        PatientProtocol(config, state, {}).connection_made(wire)

    assert [wire.is_aborted for wire in wires].count(True) == 1
    assert wires[-1].is_aborted
