"""A receiver of webhooks on a socket: counts and keeps what it is told, and answers as it is told to."""

import asyncio
import threading
from collections.abc import Callable
from typing import NamedTuple, Self

import anyio
import httptools


class Received(NamedTuple):
    """One request: its path, headers in lower case, and body."""

    path: str
    headers: dict[str, str]
    body: bytes


Reply = tuple[int, float]
"""The status to answer with, and after how many seconds; status 0 cuts the connection."""

_OK = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Connection(asyncio.Protocol):
    def __init__(self, take: Callable[[Received], Reply], open_ones: set[asyncio.Transport]) -> None:
        self._take = take
        self._open = open_ones
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(transport)

    def connection_lost(self, _: Exception | None) -> None:
        self._open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def on_message_begin(self) -> None:
        self._path, self._headers, self._body = b"", dict[str, str](), b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status, wait = self._take(Received(self._path.decode(), self._headers, self._body))
        if wait:
            asyncio.get_running_loop().call_later(wait, self._answer, status)
        else:
            self._answer(status)

    def _answer(self, status: int) -> None:
        if self._transport.is_closing():
            return
        if status == 0:
            self._transport.abort()
        elif status == 204:
            self._transport.write(_OK)
        else:
            self._transport.write(b"HTTP/1.1 %d Status\r\ncontent-length: 0\r\n\r\n" % status)


class ReceiverServer:
    """Listens on a free port of 127.0.0.1, on a thread of its own. `take` is called on that thread."""

    def __init__(self, take: Callable[[Received], Reply]) -> None:
        self._take = take
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), anyio.Event()
        connections: set[asyncio.Transport] = set()
        server = await self._loop.create_server(
            lambda: _Connection(self._take, connections), "127.0.0.1", 0, backlog=2048
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await self._stop.wait()
            for one in tuple(connections):
                one.abort()
