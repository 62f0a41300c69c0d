"""The transport: reads answers whole under a cap, decodes them, and keeps nothing."""

import gzip
import zlib
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from integrations.execution.certificate import Certificate
from integrations.execution.cold import COLD
from integrations.execution.failure import TransportFailure
from integrations.execution.outcome import FailureKind as K
from integrations.execution.outcome import Phases
from integrations.execution.transport import HTTPTransport, Reply
from tests.fakes.clock import FakeClock

TEXT = b"so much text " * 100_000


class Pieces(httpx.AsyncByteStream):
    """A body that comes in pieces and knows whether it was closed."""

    def __init__(self, body: bytes, size: int = 16_384) -> None:
        self.body, self.size, self.closed, self.read, self.ended = body, size, False, 0, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            for at in range(0, len(self.body), self.size):
                self.read += 1
                yield self.body[at : at + self.size]
        finally:
            self.ended = True

    async def aclose(self) -> None:
        self.closed = True


def raw_deflate(data: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(data) + squeeze.flush()


async def send(stream: Pieces, encoding: str = "", max_body: int = 10**7) -> Reply:
    headers = {"content-encoding": encoding} if encoding else {}
    response = httpx.Response(200, headers=headers, stream=stream)
    transport = HTTPTransport(httpx.MockTransport(lambda _: response), clock=FakeClock())
    try:
        return await transport.send(
            httpx.Request("GET", "https://shop.example/?token=secret"),
            connect=1,
            timeout=2,
            max_body=max_body,
        )
    finally:
        assert transport.in_flight == 0


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("", TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:500]) + gzip.compress(TEXT[500:])),
        ("gzip", gzip.compress(TEXT) + b"\0\0\0"),
        ("deflate", zlib.compress(TEXT)),
        ("deflate", raw_deflate(TEXT)),
    ],
    ids=["plain", "identity", "gzip", "x-gzip", "two members", "padding", "zlib", "raw deflate"],
)
@pytest.mark.parametrize("size", [1_000, 10**7])
async def test_a_body_is_decoded(encoding: str, body: bytes, size: int) -> None:
    stream = Pieces(body, size)
    assert (await send(stream, encoding)).body == TEXT
    assert stream.closed


@pytest.mark.parametrize(
    ("encoding", "body"),
    [("gzip", b"no gzip"), ("gzip", gzip.compress(TEXT)[:-20]), ("deflate", b"\xff\xff\xff"), ("br", b"x")],
    ids=["not compressed", "cut", "damaged", "not asked for"],
)
async def test_a_body_that_does_not_decode_is_malformed(encoding: str, body: bytes) -> None:
    stream = Pieces(body)
    with pytest.raises(TransportFailure) as caught:
        await send(stream, encoding)
    assert (caught.value.kind, caught.value.sent) == (K.MALFORMED, True)
    assert stream.closed


@pytest.mark.parametrize("size", [262_144 * 4 - 1, 262_144 * 4, 262_144 * 4 + 1, 3_000_000])
async def test_a_chunk_that_unpacks_to_much_more_than_itself_is_unpacked_whole(size: int) -> None:
    body = b"\0" * size
    assert len((await send(Pieces(gzip.compress(body)), "gzip")).body) == size
    assert len((await send(Pieces(raw_deflate(body)), "deflate")).body) == size


async def test_what_is_left_in_the_inflater_when_all_input_is_read_is_not_lost() -> None:
    for size in range(262_144, 262_144 + 190, 7):
        assert len((await send(Pieces(raw_deflate(b"\0" * size)), "deflate")).body) == size


@pytest.mark.parametrize("encoding", ["", "gzip"])
async def test_the_cap_counts_decoded_bytes_and_stops_the_reading(encoding: str) -> None:
    bomb = b"\0" * 200_000_000
    stream = Pieces(gzip.compress(bomb) if encoding else bomb)
    with pytest.raises(TransportFailure) as caught:
        await send(stream, encoding, max_body=100_000)
    assert (caught.value.kind, caught.value.status) == (K.TOO_LARGE, 200)
    assert stream.closed
    assert stream.ended, "not left to a task that closes it later"
    assert stream.read < 10


async def test_a_body_at_the_cap_passes() -> None:
    assert len((await send(Pieces(TEXT), max_body=len(TEXT))).body) == len(TEXT)


async def test_a_failure_carries_no_url_and_no_error_that_quotes_it() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"cannot reach {request.url}")

    transport = HTTPTransport(httpx.MockTransport(refuse), clock=FakeClock())
    with pytest.raises(TransportFailure) as caught:
        await transport.send(
            httpx.Request("GET", "https://shop.example/?token=secret"), connect=1, timeout=2, max_body=9
        )
    failure = caught.value
    assert "secret" not in f"{failure} {failure.detail}"
    assert failure.__cause__ is None
    assert failure.__context__ is None


def test_json_is_decoded_once_or_raises() -> None:
    reply = Reply(status=200, headers={"content-type": "application/json"}, body=b'{"a":1}')
    assert reply.json() is reply.json()
    with pytest.raises(msgspec.DecodeError):
        Reply(status=200, headers={}, body=b"<html>").json()


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("", "grüße".encode(), "grüße"),
        ("text/plain; charset=latin-1", "grüße".encode("latin-1"), "grüße"),
        ("text/plain; charset=nonsense", "grüße".encode(), "grüße"),
        ("text/plain", b"a\xff", "a\ufffd"),
    ],
)
def test_text_is_decoded_by_its_charset_and_never_raises(content_type: str, body: bytes, text: str) -> None:
    assert Reply(status=200, headers={"content-type": content_type}, body=body).text() == text


async def test_repeated_headers_are_joined() -> None:
    response = httpx.Response(200, headers=[("Link", "a"), ("link", "b"), ("X-One", "1")])
    transport = HTTPTransport(httpx.MockTransport(lambda _: response), clock=FakeClock())
    reply = await transport.send(
        httpx.Request("GET", "https://shop.example"), connect=1, timeout=2, max_body=9
    )
    assert reply.headers == {"link": "a, b", "x-one": "1"}


class CertifiedTransport(httpx.MockTransport):
    """A transport with connections of its own, one of which showed a certificate; cold ones are counted."""

    taken = 3
    cold = closed = 0

    def certificate(self, host: str) -> Certificate | None:
        now = FakeClock().time()
        return Certificate(not_after=now + 12.5 * 86_400) if host == "shop.example" else None

    def open_cold(self) -> "CertifiedTransport":
        self.cold += 1
        return self

    def phases(self) -> Phases:
        return Phases(connect=0.2, first_byte=0.5, transfer=0.25)

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    ("asked", "url", "days"),
    [
        pytest.param(True, "https://shop.example", 12.5, id="asked"),
        pytest.param(False, "https://shop.example", None, id="not-asked"),
        pytest.param(True, "http://shop.example", None, id="no-tls"),
    ],
)
async def test_the_certificate_is_told_only_when_asked(asked: bool, url: str, days: float | None) -> None:
    transport = HTTPTransport(CertifiedTransport(lambda _: httpx.Response(200)), clock=FakeClock())
    request = httpx.Request("GET", url)
    reply = await transport.send(request, connect=1, timeout=2, max_body=9, certificate=asked)
    assert reply.certificate_days_left == days
    assert transport.orphans == 3, "taken by nobody"


@pytest.mark.parametrize("status", [200, 500])
async def test_a_cold_request_has_a_connection_of_its_own_whose_opening_is_no_latency(status: int) -> None:
    inner = CertifiedTransport(lambda _: httpx.Response(status))
    transport = HTTPTransport(inner, clock=FakeClock())
    request = httpx.Request("GET", "https://shop.example", extensions={COLD: True})
    reply = await transport.send(request, connect=1, timeout=2, max_body=9)
    assert (inner.cold, inner.closed) == (1, 1)
    assert reply.phases == Phases(connect=0.2, first_byte=0.5, transfer=0.25)
    assert reply.duration == 0.75


async def test_a_cold_request_that_fails_lets_go_of_its_connection() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no", request=request)

    inner = CertifiedTransport(refuse)
    request = httpx.Request("GET", "https://shop.example", extensions={COLD: True})
    with pytest.raises(TransportFailure):
        await HTTPTransport(inner, clock=FakeClock()).send(request, connect=1, timeout=2, max_body=9)
    assert (inner.cold, inner.closed) == (1, 1)


async def test_a_transport_without_connections_answers_a_cold_request_as_any_other() -> None:
    transport = HTTPTransport(httpx.MockTransport(lambda _: httpx.Response(200)), clock=FakeClock())
    request = httpx.Request("GET", "https://shop.example", extensions={COLD: True})
    reply = await transport.send(request, connect=1, timeout=2, max_body=9)
    assert (reply.status, reply.phases) == (200, None)
