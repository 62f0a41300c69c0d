"""A request as bytes on the wire."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

import httpx

from integrations.execution.failure import TransportFailure
from integrations.execution.outcome import FailureKind

_USUAL: tuple[tuple[bytes, bytes], ...] = (
    (b"accept", b"*/*"),
    (b"accept-encoding", b"gzip, deflate"),
)


async def body_of(request: httpx.Request) -> bytes:
    """The body, whole."""
    try:
        return request.content
    except httpx.RequestNotRead:
        return await request.aread()


def written(request: httpx.Request, body: bytes) -> bytes:
    """The request in HTTP/1.1, with what every request of ours says where it does not say it itself.

    Raises:
        TransportFailure: when it would not be one request.
    """
    fields = [(name, value) for name, value in request.headers.raw if name.lower() != b"transfer-encoding"]
    given = {name.lower() for name, _ in fields}
    fields += [field for field in (*_USUAL, (b"user-agent", user_agent())) if field[0] not in given]
    if body and b"content-type" not in given:
        fields.append((b"content-type", b"application/octet-stream"))
    if body and b"content-length" not in given:
        fields.append((b"content-length", b"%d" % len(body)))
    lines = [b"%b: %b" % field for field in fields]
    first = b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)
    head = b"\r\n".join((first, *lines))
    # Whatever ends a line ends it for the server too, and the rest would be another field or request.
    ends = head.count(b"\n"), head.count(b"\r")
    if ends != (len(lines), len(lines)) or b"\0" in head or first.count(b" ") != 2:
        raise TransportFailure(FailureKind.CLIENT_ERROR, sent=False, detail="no such request can be made")
    return b"%b\r\n\r\n%b" % (head, body)


@cache
def user_agent() -> bytes:
    """Who asks."""
    try:
        return f"dialtone/{version('dialtone')}".encode()
    except PackageNotFoundError:
        return b"dialtone/0"
