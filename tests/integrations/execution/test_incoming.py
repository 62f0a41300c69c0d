"""One answer, fed byte by byte or at once: what is taken for it, and what ends it."""

import asyncio
import gzip
from collections.abc import Callable

import pytest

from integrations.execution.failure import TransportFailure
from integrations.execution.incoming import FRAMES, Incoming
from integrations.execution.outcome import FailureKind as K

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
TO_THE_END = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n"


def new(
    *, max_body: int = 1_000, is_head: bool = False, heard: Callable[[int], None] | None = None
) -> Incoming:
    over = asyncio.get_running_loop().create_future()
    return Incoming(max_body=max_body, is_head=is_head, heard=heard, over=over)


def failed(incoming: Incoming) -> TransportFailure:
    assert incoming.over.done()
    assert incoming.failure is not None
    return incoming.failure


@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_a_chunked_answer_is_the_same_in_pieces_of_any_size(step: int) -> None:
    data = CHUNKED + b"2\r\nto\r\n2;x=y\r\nne\r\n0\r\nx-trailer: a\r\n\r\n"
    incoming = new()
    for at in range(0, len(data), step):
        incoming.take(data[at : at + step])
    assert (incoming.status, incoming.body(), incoming.is_reusable) == (200, b"tone", True)
    assert incoming.headers == {"transfer-encoding": "chunked"}
    assert incoming.over.done()


async def test_names_are_lower_case_and_fields_that_come_again_are_joined() -> None:
    incoming = new()
    incoming.take(b"HTTP/1.1 204 No Content\r\nX-A: b\r\nx-a: c\r\nX-Latin: \xe9\r\n\r\n")
    assert incoming.headers == {"x-a": "b, c", "x-latin": "é"}
    assert (incoming.version, incoming.body()) == ("HTTP/1.1", b"")


async def test_the_status_is_told_when_the_head_is_there() -> None:
    told: list[int] = []
    incoming = new(heard=told.append)
    incoming.take(SIZED)
    assert (told, incoming.over.done()) == ([200], False)


async def test_answers_before_the_answer_are_passed_over() -> None:
    told: list[int] = []
    incoming = new(heard=told.append)
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    incoming.take(b"HTTP/1.1 100 Continue\r\n\r\n" + early + SIZED + b"tone")
    assert (incoming.status, incoming.body(), told) == (200, b"tone", [200])
    assert "link" not in incoming.headers


async def test_an_answer_to_head_has_no_body_whatever_its_length_says() -> None:
    incoming = new(is_head=True)
    incoming.take(SIZED)
    assert (incoming.over.done(), incoming.body(), incoming.is_reusable) == (True, b"", True)


@pytest.mark.parametrize("head", [TO_THE_END, b"HTTP/1.0 200 OK\r\n\r\n"], ids=["1.1", "1.0"])
async def test_a_body_of_no_stated_length_ends_with_its_connection(head: bytes) -> None:
    incoming = new()
    incoming.take(head + b"tone")
    assert not incoming.over.done()
    incoming.end(None)
    assert (incoming.body(), incoming.failure, incoming.is_reusable) == (b"tone", None, False)


@pytest.mark.parametrize(
    ("came", "error"),
    [
        (b"", None),
        (b"HTTP/1.1 200", None),
        (SIZED + b"to", None),
        (CHUNKED + b"2\r\nto\r\n", None),
        (TO_THE_END + b"to", ConnectionResetError(104, "Connection reset by peer")),
    ],
    ids=["nothing", "half a head", "half a body", "no last chunk", "reset"],
)
async def test_a_connection_that_ends_too_early_is_cut(came: bytes, error: Exception | None) -> None:
    incoming = new()
    if came:
        incoming.take(came)
    incoming.end(error)
    failure = failed(incoming)
    assert (failure.kind, failure.sent, failure.known) == (K.CONNECTION, True, True)


async def test_the_cap_holds_for_what_is_unpacked_and_names_the_status() -> None:
    packed = gzip.compress(b"\0" * 100_000)
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    incoming = new(max_body=99_999)
    incoming.take(head + packed)
    failure = failed(incoming)
    assert (failure.kind, failure.status, incoming.is_reusable) == (K.TOO_LARGE, 200, False)


@pytest.mark.parametrize(
    ("coding", "body"),
    [(b"gzip", b"no gzip"), (b"br", b"\x8b\x05\x80{}\x03"), (b"gzip", gzip.compress(b"tone")[:-5])],
    ids=["damaged", "a coding nobody asked for", "cut short"],
)
async def test_a_body_that_cannot_be_unpacked_is_malformed(coding: bytes, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (coding, len(body))
    incoming = new()
    incoming.take(head + body)
    assert failed(incoming).kind is K.MALFORMED


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (b"HTTP/1.1 200 OK\r\nx-a: ", b"a" * 4_096),
        (b"HTTP/1.1 200 OK\r\n", b"x-a: b\r\n" * 512),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (CHUNKED + b"2;", b"a" * 4_096),
        (CHUNKED + b"2\r\nto\r\n0\r\n", b"x-a: b\r\n" * 512),
    ],
    ids=["a header", "headers", "answers before the answer", "a chunk extension", "trailers"],
)
async def test_what_is_no_body_may_not_come_without_end(first: bytes, again: bytes) -> None:
    incoming = new()
    if first:
        incoming.take(first)
    for _ in range(2 * FRAMES // len(again) + 2):
        incoming.take(again)
    assert failed(incoming).kind is K.MALFORMED


async def test_a_large_body_in_small_chunks_is_no_endless_frame() -> None:
    incoming = new(max_body=1 << 20)
    incoming.take(CHUNKED)
    for _ in range(1_000):
        incoming.take(b"1\r\n1\r\n" * 200)
    incoming.take(b"0\r\n\r\n")
    assert (incoming.failure, len(incoming.body())) == (None, 200_000)


@pytest.mark.parametrize(
    "answer",
    [
        SIZED + b"tone" + SIZED + b"tone",
        SIZED + b"tone!",
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\ntone",
        b"HTTP/1.0 200 OK\r\ncontent-length: 4\r\n\r\ntone",
    ],
    ids=["another answer", "a byte too many", "the server closes", "HTTP/1.0"],
)
async def test_a_connection_is_not_used_again_when_it_says_more_or_will_be_closed(answer: bytes) -> None:
    incoming = new()
    incoming.take(answer)
    assert (incoming.body(), incoming.failure, incoming.is_reusable) == (b"tone", None, False)


async def test_what_comes_after_the_end_changes_nothing_but_that_its_connection_is_unfit() -> None:
    incoming = new()
    incoming.take(SIZED + b"tone")
    assert incoming.is_reusable
    incoming.take(b"more")
    assert (incoming.body(), incoming.is_reusable) == (b"tone", False)


async def test_a_switch_to_another_protocol_is_an_answer_that_ends_its_connection() -> None:
    incoming = new()
    incoming.take(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nx")
    assert (incoming.status, incoming.is_reusable, incoming.over.done()) == (101, False, True)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "Expected HTTP/"),
        (b"\x15\x03\x01\x00\x02\x02\x28", "Expected HTTP/"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1e3\r\n\r\n", "Invalid character in Content-Length"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}", "Duplicate Content-Length"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
            "Transfer-Encoding can't be present with Content-Length",
        ),
        (CHUNKED + b"zz\r\n{}\r\n", "Invalid character in chunk size"),
    ],
    ids=["SSH", "TLS", "no number", "two lengths", "a length and chunks", "a chunk without size"],
)
async def test_what_is_no_http_is_malformed_and_why_is_told(answer: bytes, told: str) -> None:
    incoming = new()
    incoming.take(answer)
    failure = failed(incoming)
    assert (failure.kind, failure.sent) == (K.MALFORMED, True)
    assert failure.detail.startswith(f"the answer is not valid HTTP: {told}")
    assert "SSH" not in failure.detail
