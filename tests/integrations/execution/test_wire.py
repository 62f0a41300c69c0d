"""One connection: when it is of no more use, and TLS with a server in memory."""

import asyncio
import ssl
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from integrations.execution.ciphering import SLICE, Ciphering
from integrations.execution.incoming import Incoming
from integrations.execution.outcome import FailureKind
from integrations.execution.wire import Wire
from tests.fakes.certificates import certificate

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntone"
VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


class Line(asyncio.Transport):
    """A connection that has so many bytes yet to send."""

    def __init__(self, unsent: int = 0) -> None:
        super().__init__()
        self.unsent = unsent
        self.is_aborted = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def write(self, data: "bytes | bytearray | memoryview[int]") -> None:
        self.unsent += len(data)

    def abort(self) -> None:
        self.is_aborted = True


class Server(Line):
    """A server that speaks TLS, at the other end of a wire. What it is asked is in `asked`; `answer` says
    what it says to that, and what it sends goes out in pieces of `piece` bytes.
    """

    def __init__(self, wire: Wire, context: ssl.SSLContext, *, piece: int = 1_000_000) -> None:
        super().__init__()
        self.wire, self.piece = wire, piece
        self.come, self.going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.come, self.going, server_side=True)
        self.is_greeted = False
        self.asked = b""
        self.answer: Callable[[bytes], bytes] = lambda _: b""
        self.greeting = b""

    def write(self, data: "bytes | bytearray | memoryview[int]") -> None:
        self.come.write(data)
        try:
            if self.is_greeted or self._greet():
                while True:
                    self.asked += self.tls.read(100_000)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.asked = str(error.reason).encode()
        if said := self.answer(self.asked):
            self.tls.write(said)
        self.send(self.going.read())

    def send(self, data: bytes) -> None:
        for start in range(0, len(data), self.piece):
            self.wire.data_received(data[start : start + self.piece])

    def _greet(self) -> bool:
        self.tls.do_handshake()
        self.is_greeted = True
        if self.greeting:
            self.tls.write(self.greeting)
        return True


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("authority"), days=30.0)


@pytest.fixture(scope="module")
def trusting(issued: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=issued)


@pytest.fixture(params=VERSIONS, ids=["TLS 1.2", "TLS 1.3"])
def serving(request: pytest.FixtureRequest, issued: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued)
    context.minimum_version = context.maximum_version = request.param
    return context


def connected(line: Line) -> Wire:
    wire = Wire()
    wire.connection_made(line)
    return wire


def served(serving: ssl.SSLContext, *, piece: int = 1_000_000) -> tuple[Wire, Server]:
    wire = Wire()
    server = Server(wire, serving, piece=piece)
    wire.connection_made(server)
    return wire, server


def incoming(most: int = 1_000_000) -> Incoming:
    over = asyncio.get_running_loop().create_future()
    return Incoming(max_body=most, is_head=False, heard=None, over=over)


async def test_what_of_a_request_is_not_sent_yet_makes_its_connection_unfit() -> None:
    line = Line(unsent=70_000)
    wire = connected(line)
    wire.rest()
    assert wire.should_close
    assert line.is_aborted


async def test_a_connection_whose_request_is_sent_may_carry_the_next_one() -> None:
    wire = connected(Line())
    wire.rest()
    assert not wire.should_close


async def test_nothing_is_asked_over_a_connection_whose_server_says_no_more() -> None:
    wire = connected(Line())
    wire.eof_received()
    assert wire.should_close


@pytest.mark.parametrize("piece", [1, 1_000_000], ids=["byte by byte", "all at once"])
async def test_one_request_after_the_other_is_asked_and_answered_by_tls(
    serving: ssl.SSLContext, trusting: ssl.SSLContext, piece: int
) -> None:
    wire, server = served(serving, piece=piece)
    await wire.secure(trusting, "localhost")
    server.answer = lambda asked: ANSWER if asked.endswith(b"?") else b""
    for _ in range(2):
        answer = incoming()
        wire.ask(b"tone?", answer)
        assert (answer.status, answer.body()) == (200, b"tone")
        wire.rest()
    assert server.asked == b"tone?tone?"
    assert not wire.should_close
    assert wire.security is not None
    assert wire.security.getpeercert()


async def test_what_is_long_goes_through_whole(serving: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    wire, server = served(serving, piece=50_000)
    await wire.secure(trusting, "localhost")
    request, body = b"?" * (3 * SLICE + 7), bytes(range(256)) * 1_000
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    server.answer = lambda asked: head + body if len(asked) == len(request) else b""
    answer = incoming()
    wire.ask(request, answer)
    assert server.asked == request
    assert answer.body() == body


async def test_a_connection_keeps_no_large_buffer(serving: ssl.SSLContext, trusting: ssl.SSLContext) -> None:
    wire, _ = served(serving)
    tracemalloc.start()
    try:
        await wire.secure(trusting, "localhost")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 20_000


async def test_a_server_that_nobody_vouches_for_is_told_so_and_left(serving: ssl.SSLContext) -> None:
    wire, server = served(serving)
    with pytest.raises(ssl.SSLCertVerificationError):
        await wire.secure(ssl.create_default_context(), "localhost")
    assert server.is_aborted
    assert server.asked == b"TLSV1_ALERT_UNKNOWN_CA"


async def test_a_certificate_for_another_name_is_none(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    wire, server = served(serving)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"shop\.example"):
        await wire.secure(trusting, "shop.example")
    assert server.is_aborted


async def test_a_name_that_cannot_be_asked_for_is_refused(trusting: ssl.SSLContext) -> None:
    line = Line()
    with pytest.raises(ValueError, match="server_hostname"):
        await connected(line).secure(trusting, "")
    assert line.is_aborted


async def test_a_server_that_speaks_no_tls_is_no_connection(trusting: ssl.SSLContext) -> None:
    line = Line()
    wire = connected(line)
    async with asyncio.TaskGroup() as group:
        handshake = group.create_task(_failed(wire, trusting))
        await asyncio.sleep(0)
        wire.data_received(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert isinstance(handshake.result(), ssl.SSLError)
    assert line.is_aborted


@pytest.mark.parametrize("error", [None, BrokenPipeError("cut")])
async def test_a_connection_that_breaks_while_tls_is_made_ready_is_no_connection(
    trusting: ssl.SSLContext, error: OSError | None
) -> None:
    wire = connected(Line())
    async with asyncio.TaskGroup() as group:
        handshake = group.create_task(_failed(wire, trusting))
        await asyncio.sleep(0)
        wire.connection_lost(error)
    failure = handshake.result()
    assert failure is error if error is not None else isinstance(failure, ConnectionResetError)
    asked = incoming()
    wire.ask(b"tone", asked)
    assert wire.should_close
    assert asked.failure is not None


async def test_a_connection_that_was_lost_before_is_no_connection(trusting: ssl.SSLContext) -> None:
    wire = connected(Line())
    wire.connection_lost(None)
    with pytest.raises(ConnectionResetError):
        await wire.secure(trusting, "localhost")


async def test_a_server_that_speaks_before_it_is_asked_is_not_asked(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    wire, server = served(serving)
    server.greeting = ANSWER
    await wire.secure(trusting, "localhost")
    assert wire.should_close
    assert server.is_aborted


async def test_what_is_no_tls_in_the_middle_of_it_ends_the_answer(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    wire, server = served(serving)
    await wire.secure(trusting, "localhost")
    answer = incoming()
    wire.ask(b"tone?", answer)
    wire.data_received(b"nothing like TLS, and long enough to be told")
    assert answer.failure is not None
    assert answer.failure.kind is FailureKind.TLS
    assert server.is_aborted


async def test_a_server_that_takes_its_leave_is_not_asked_again(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    wire, server = served(serving)
    await wire.secure(trusting, "localhost")
    try:
        server.tls.unwrap()
    except ssl.SSLWantReadError:
        server.send(server.going.read())
    assert wire.should_close
    assert server.is_aborted


class Busy:
    """A connection that wants to hear the server before it says anything, `waits` times."""

    waits = 1

    def __init__(self, going: ssl.MemoryBIO) -> None:
        self.going = going

    def write(self, data: memoryview) -> int:
        if self.waits:
            self.waits -= 1
            raise ssl.SSLWantReadError
        return self.going.write(data)


def test_what_cannot_be_said_now_is_said_later(trusting: ssl.SSLContext) -> None:
    ciphering = Ciphering(trusting, "localhost")
    ciphering.connection = cast("ssl.SSLObject", Busy(ciphering._going))
    assert (b"".join(ciphering.encipher(b"tone?")), ciphering.is_all_said) == (b"", False)
    assert (b"".join(ciphering.outgoing()), ciphering.is_all_said) == (b"tone?", True)


async def _failed(wire: Wire, context: ssl.SSLContext) -> OSError | None:
    try:
        await wire.secure(context, "localhost")
    except OSError as error:
        return error
    return None
