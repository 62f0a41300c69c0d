"""Answers of a server that means harm, or knows no better: what they may cost, and what they cannot feign."""

import asyncio
import gzip
import tracemalloc
import zlib

import pytest

from integrations.execution import incoming as module
from integrations.execution.failure import TransportFailure
from integrations.execution.incoming import FIELD, FRAMES, Incoming
from integrations.execution.outcome import FailureKind as K

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
PACKED = OK + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n"


def new(*, max_body: int = 1_000, is_head: bool = False) -> Incoming:
    over = asyncio.get_running_loop().create_future()
    return Incoming(max_body=max_body, is_head=is_head, heard=None, over=over)


def failed(incoming: Incoming) -> TransportFailure:
    assert incoming.over.done()
    assert incoming.failure is not None
    return incoming.failure


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    "head",
    [b"x-a: " + b"a" * FRAMES + b"\r\n", b"a:\r\n" * (FRAMES // FIELD)],
    ids=["a header", "short ones"],
)
async def test_a_head_that_is_too_large_is_refused_though_it_comes_at_once(head: bytes) -> None:
    incoming = new()
    incoming.take(OK + head + b"content-length: 0\r\n\r\n")
    failure = failed(incoming)
    assert failure.kind is K.MALFORMED
    assert f"over {FRAMES} bytes" in failure.detail
    assert not incoming.is_reusable


async def test_a_head_right_below_the_bound_is_taken() -> None:
    incoming = new()
    incoming.take(OK + b"a:b\r\n" * (FRAMES // (FIELD + 2) - 1) + b"content-length: 0\r\n\r\n")
    assert (incoming.failure, incoming.is_reusable) == (None, True)


async def test_names_that_are_too_long_to_be_anybodys_are_not_remembered() -> None:
    before = module._lower.cache_info().currsize
    incoming = new()
    incoming.take(OK + b"x" * 1_000 + b": a\r\ncontent-length: 0\r\n\r\n")
    assert incoming.headers["x" * 1_000] == "a"
    # Of this answer only the name of its length can be new.
    assert module._lower.cache_info().currsize <= before + 1


async def test_a_body_in_tiny_chunks_takes_no_more_memory_than_it_is_long() -> None:
    incoming = new(max_body=1 << 20)
    incoming.take(CHUNKED)
    tracemalloc.start()
    try:
        for _ in range(200):
            incoming.take(b"2\r\nab\r\n" * 1_000)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert incoming.body() == b"ab" * 200_000
    assert held < 2 * 400_000


@pytest.mark.parametrize("nothing", [gzip.compress(b""), b"\0\0\0\xff\xff"], ids=["members", "blocks"])
async def test_what_unpacks_to_nothing_does_not_come_for_ever(nothing: bytes) -> None:
    packer = zlib.compressobj(wbits=31)
    begun = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    incoming = new()
    incoming.take(PACKED + chunk(begun if nothing.startswith(b"\0") else nothing))
    piece = chunk(nothing * (4_096 // len(nothing)))
    for _ in range(FRAMES // 4_096 + 2):
        incoming.take(piece)
    failure = failed(incoming)
    assert (failure.kind, failure.status) == (K.TOO_LARGE, 200)


@pytest.mark.parametrize("step", [1, 2, 3, 10_000])
@pytest.mark.parametrize(
    ("coding", "packed", "body"),
    [
        (b"gzip", gzip.compress(b"to") + gzip.compress(b"ne"), b"tone"),
        (b"gzip", gzip.compress(b"tone") + b"\0" * 8, b"tone"),
        (b"gzip", gzip.compress(b"tone") + b"\x1f", b"tone"),
        (b"gzip", gzip.compress(b"tone") + b"?" + gzip.compress(b"less"), b"tone"),
        (b"deflate", zlib.compress(b"tone") + gzip.compress(b"less"), b"tone"),
        (b"deflate", zlib.compress(b"tone", wbits=-15) + b"\x1f\x8b", b"tone"),
    ],
    ids=["two members", "padding", "half a mark", "a member behind it", "after zlib", "after deflate"],
)
async def test_what_is_unpacked_does_not_depend_on_the_pieces_it_came_in(
    step: int, coding: bytes, packed: bytes, body: bytes
) -> None:
    incoming = new()
    incoming.take(OK + b"content-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (coding, len(packed)))
    for at in range(0, len(packed), step):
        incoming.take(packed[at : at + step])
    assert (incoming.failure, incoming.body(), incoming.is_reusable) == (None, body, True)


@pytest.mark.parametrize(
    "early",
    [
        b"HTTP/1.1 150 Early\r\ncontent-length: 4\r\n\r\nevil",
        CHUNKED.replace(b"200", b"150") + b"4\r\nevil\r\n0\r\n\r\n",
    ],
    ids=["with a length", "chunked"],
)
async def test_a_body_before_the_answer_gets_not_into_that_of_the_answer(early: bytes) -> None:
    incoming = new()
    incoming.take(early + OK + b"content-length: 4\r\n\r\ntone")
    assert failed(incoming).kind is K.MALFORMED
    assert incoming.body() == b""


@pytest.mark.parametrize("status", [b"000", b"099"])
async def test_a_status_below_100_is_no_answer(status: bytes) -> None:
    incoming = new()
    incoming.take(b"HTTP/1.1 %b X\r\ncontent-length: 0\r\n\r\n" % status)
    assert failed(incoming).kind is K.MALFORMED


@pytest.mark.parametrize(
    "came",
    [OK + b"Content-Length : 9\r\n\r\ntone", OK + b"Transfer-Encoding : chunked\r\n\r\n9\r\ntone"],
    ids=["a length", "chunks"],
)
async def test_a_space_before_the_colon_makes_no_body_whole_that_is_cut(came: bytes) -> None:
    incoming = new()
    incoming.take(came)
    incoming.end(None)
    assert failed(incoming).kind is K.CONNECTION


async def test_a_body_whose_coding_is_none_at_all_ends_with_its_connection() -> None:
    incoming = new()
    incoming.take(OK + b"transfer-encoding: identity\r\n\r\ntone")
    incoming.end(None)
    assert (incoming.failure, incoming.body(), incoming.is_reusable) == (None, b"tone", False)


@pytest.mark.parametrize(
    ("head", "is_head"),
    [(OK + b"content-length: 9\r\n", True), (b"HTTP/1.1 304 Not Modified\r\n", False)],
    ids=["HEAD", "304"],
)
async def test_a_coding_nobody_asked_for_matters_to_no_answer_without_body(
    head: bytes, *, is_head: bool
) -> None:
    incoming = new(is_head=is_head)
    incoming.take(head + b"content-encoding: br\r\n\r\n")
    assert (incoming.failure, incoming.body(), incoming.is_reusable) == (None, b"", True)
