"""What a request is on the wire, and what is none."""

from collections.abc import AsyncIterator

import httpx
import pytest

from integrations.execution.failure import TransportFailure
from integrations.execution.outcome import FailureKind
from integrations.execution.outgoing import body_of, user_agent, written


async def sent(request: httpx.Request) -> tuple[list[bytes], bytes]:
    """The lines of the head, and the body."""
    head, _, body = written(request, await body_of(request)).partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body


async def test_a_request_says_what_every_request_of_ours_says() -> None:
    lines, body = await sent(httpx.Request("GET", "https://shop.example/a%20b?c=d&e=%C3%A9"))
    assert lines[0] == b"GET /a%20b?c=d&e=%C3%A9 HTTP/1.1"
    assert [line.lower() for line in lines[1:]] == [
        b"host: shop.example",
        b"accept: */*",
        b"accept-encoding: gzip, deflate",
        b"user-agent: " + user_agent(),
    ]
    assert body == b""


async def test_what_a_request_says_itself_stands() -> None:
    headers = {"Accept": "text/plain", "User-Agent": "probe", "Accept-Encoding": "identity"}
    lines, _ = await sent(httpx.Request("GET", "http://shop.example:8080/", headers=headers))
    assert sorted(line.lower() for line in lines[1:]) == [
        b"accept-encoding: identity",
        b"accept: text/plain",
        b"host: shop.example:8080",
        b"user-agent: probe",
    ]


async def test_a_body_goes_with_its_type_and_length() -> None:
    lines, body = await sent(httpx.Request("POST", "http://shop.example/", json={"a": 1}))
    assert body == b'{"a":1}'
    assert b"content-length: 7" in lines
    assert b"Content-Type: application/json" in lines


async def test_bytes_of_no_stated_type_are_just_bytes() -> None:
    lines, _ = await sent(httpx.Request("PUT", "http://shop.example/", content=b"a"))
    assert b"content-type: application/octet-stream" in lines


async def test_a_streamed_body_is_read_first_and_has_a_length_then() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"to"
        yield b"ne"

    lines, body = await sent(httpx.Request("POST", "http://shop.example/", content=pieces()))
    assert (body, b"content-length: 4" in lines) == (b"tone", True)
    assert not any(line.lower().startswith(b"transfer-encoding") for line in lines)


@pytest.mark.parametrize(
    ("method", "content", "headers"),
    [
        ("POST", b"tone", [("Content-Length", "2")]),
        ("POST", b"tone", [("Content-Length", "2"), ("content-length", "9")]),
        ("POST", b"tone", [("Transfer-Encoding", "chunked")]),
        ("GET", None, [("Content-Length", "20")]),
        ("POST", None, [("transfer-encoding", "chunked"), ("content-length", "3")]),
    ],
    ids=["too short", "two", "chunked", "of no body", "both of no body"],
)
async def test_the_length_is_that_of_the_body_whatever_the_request_says(
    method: str, content: bytes | None, headers: list[tuple[str, str]]
) -> None:
    lines, body = await sent(httpx.Request(method, "http://shop.example/", content=content, headers=headers))
    framing = [line for line in lines if line.lower().startswith((b"content-length", b"transfer-encoding"))]
    assert framing == [b"content-length: %d" % len(body)]
    assert body == (content or b"")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x-a", b"b\r\nx-c: d")],
        [(b"x-a", b"b\nx-c: d")],
        [(b"x-a", b"b\rc")],
        [(b"x-a\r\nx-c", b"d")],
        [(b"x-a", b"b\0c")],
        [(b"transfer-encoding ", b"chunked")],
        [(b"content-length: 9\tx", b"a")],
        [(b"", b"a")],
    ],
    ids=["a line", "a bare LF", "a bare CR", "in a name", "a NUL", "a space", "a colon", "no name"],
)
async def test_nothing_can_write_a_field_or_a_request_of_its_own(headers: list[tuple[bytes, bytes]]) -> None:
    with pytest.raises(TransportFailure) as caught:
        await sent(httpx.Request("GET", "http://shop.example/", headers=headers))
    assert (caught.value.kind, caught.value.sent) == (FailureKind.CLIENT_ERROR, False)


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nx: y\r\n\r\n", "GET /other"])
async def test_a_method_that_is_more_than_a_word_makes_no_request(method: str) -> None:
    with pytest.raises(TransportFailure):
        await sent(httpx.Request(method, "http://shop.example/"))
