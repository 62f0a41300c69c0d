"""A request as bytes on the wire."""

import re
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version

import httpx

from integrations.execution.bodiless import Bodiless
from integrations.execution.failure import TransportFailure
from integrations.execution.outcome import FailureKind

_FRAMING = frozenset({b"content-length", b"transfer-encoding"})
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PLAIN = re.compile(rb"[A-Z]+ [!-~]+ HTTP/1\.1\r\nHost: [!-9;-~][!-~]*")


async def body_of(request: httpx.Request) -> bytes:
    """The body, whole."""
    try:
        return request.content
    except httpx.RequestNotRead:
        return await request.aread()


async def correct_length(request: httpx.Request) -> None:
    """Have a request that states a length state that of its body; for who does not use `written`."""
    given = request.headers.get("content-length")
    if given is not None and given != (length := str(len(await body_of(request)))):
        request.headers["content-length"] = length


def written(request: httpx.Request, body: bytes) -> bytes:
    """The request in HTTP/1.1, with what every request of ours says where it does not say it itself.

    Where its body ends is not the request's to say: by a length that is not the body's, the server would take
    part of it for another request, or of another request for it.

    Raises:
        TransportFailure: when it would not be one request.
    """
    if type(request) is Bodiless and not body and (plain := _plain(request)):
        return plain
    given: set[bytes] = set()
    lines: list[bytes] = []
    for name, value in request.headers.raw:
        given.add(lower := name.lower())
        if lower not in _FRAMING:
            lines.append(name + b": " + value)
    lines += [line for name, line in _usual() if name not in given]
    if body and b"content-type" not in given:
        lines.append(b"content-type: application/octet-stream")
    if body or not _FRAMING.isdisjoint(given):
        lines.append(b"content-length: %d" % len(body))
    first = b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)
    head = b"\r\n".join((first, *lines))
    # Whatever ends a line ends it for the server too, and the rest would be another field or request.
    ends = head.count(b"\n"), head.count(b"\r")
    is_one = ends == (len(lines), len(lines)) and b"\0" not in head and first.count(b" ") == 2
    if not (is_one and all(map(_is_name, given))):
        raise TransportFailure(FailureKind.CLIENT_ERROR, sent=False, detail="no such request can be made")
    return head + b"\r\n\r\n" + body


def _plain(request: Bodiless) -> bytes:
    """The request, if nobody has looked at its fields, as most checks leave theirs; else nothing. Made so it
    takes a third of the time.
    """
    if request.agent is None:
        return b""
    url = request.url
    head = b"%b %b HTTP/1.1\r\nHost: %b" % (request.method.encode(), url.raw_path, url.netloc)
    return head + _after_host(request.agent) if _PLAIN.fullmatch(head) else b""


@lru_cache(maxsize=64)
def _after_host(agent: str) -> bytes:
    others = [line for name, line in _usual() if name != b"user-agent"]
    return b"\r\n".join((b"", b"user-agent: " + agent.encode(), *others, b"", b""))


@lru_cache(maxsize=1024)
def _is_name(name: bytes) -> bool:
    """RFC 9110, 5.6.2. Some servers read past a space or a colon too many what others do not."""
    return _TOKEN.fullmatch(name) is not None


@cache
def _usual() -> tuple[tuple[bytes, bytes], ...]:
    """The fields that every request of ours has, by name."""
    fields = (b"accept", b"*/*"), (b"accept-encoding", b"gzip, deflate"), (b"user-agent", user_agent())
    return tuple((name, b"%b: %b" % (name, value)) for name, value in fields)


@cache
def user_agent() -> bytes:
    """Who asks."""
    try:
        return f"dialtone/{version('dialtone')}".encode()
    except PackageNotFoundError:
        return b"dialtone/0"
