"""What comes in and what goes out: a request read whole from ASGI, and a response to be sent."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 4 * 1024 * 1024
"""Bytes of a request body that are read; a longer one is cut, and then fails its checks."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the vendor sees it: `path` below the vendor's mount, header names in lower case.

    `encoded` is the path as it was sent, in which a value's slash (`group%2Fproject`) is none of the path's.
    """

    method: str
    path: str
    encoded: str = ""
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = {}
    body: bytes = b""
    origin: str = ""
    mount: str = ""

    @property
    def content_type(self) -> str:
        """The media type without parameters, in lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def argument(self, name: str, default: str = "") -> str:
        """Return the first query value of that name."""
        return next((value for key, value in self.query if key == name), default)

    def url(self, path: str) -> str:
        """Return the absolute URL of a path of the same vendor, for Link headers and bodies."""
        return f"{self.origin}{self.mount}{path}"


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """An answer. `headers` have lower-case names; `body` is sent as it is."""

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes = b""

    def with_headers(self, headers: Mapping[str, str]) -> "Response":
        """Return the same answer with further headers; its own ones win."""
        return Response(status=self.status, headers={**headers, **self.headers}, body=self.body)


def json_response(data: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer with a JSON body."""
    return Response(
        status=status,
        headers={"content-type": "application/json; charset=utf-8", **(headers or {})},
        body=msgspec.json.encode(data),
    )


def text_response(text: str, *, status: int = 200, content_type: str = "text/plain") -> Response:
    """Return an answer with a text body."""
    return Response(
        status=status, headers={"content-type": f"{content_type}; charset=utf-8"}, body=text.encode()
    )


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Read a whole request; the body is cut at MAX_BODY."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    origin = f"{scope.get('scheme', 'http')}://{headers.get('host', 'localhost')}"
    return Request(
        method=scope["method"].upper(),
        path=scope["path"],
        encoded=(scope.get("raw_path") or b"").decode("latin-1"),
        query=tuple(query),
        headers=headers,
        body=await _read_body(receive),
        origin=origin,
    )


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        part = message.get("body", b"")
        more = message.get("more_body", False)
        if size < MAX_BODY:
            parts.append(part[: MAX_BODY - size])
        size += len(part)
    return b"".join(parts)


async def start_response(send: Send, response: Response, *, length: int | None = None) -> None:
    """Send status and headers; `length` replaces the body's own Content-Length."""
    size = len(response.body) if length is None else length
    headers = {**response.headers, "content-length": str(size)}
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": pairs})


async def send_response(send: Send, response: Response) -> None:
    """Send a whole answer."""
    await start_response(send, response)
    await send({"type": "http.response.body", "body": response.body})
