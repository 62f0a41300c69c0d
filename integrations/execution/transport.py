"""One request on the wire: send it, read the answer under a cap, decode it, and let go of the connection."""

import codecs
import re
import zlib
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from functools import partial
from math import inf
from typing import Protocol, runtime_checkable

import httpx
import msgspec

from integrations.clock import Clock
from integrations.execution.certificate import Certificate
from integrations.execution.cold import COLD
from integrations.execution.failure import TransportFailure, translate
from integrations.execution.inflate import Inflater
from integrations.execution.outcome import FailureKind, Phases

_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s;"']+)""", re.IGNORECASE)
_UNFIT_CHARSETS = frozenset({"idna", "punycode", "undefined", "unicode-escape", "unicode_escape"})
"""Codecs that Python has and no body is in: they take time that grows with the square, or fail."""


@runtime_checkable
class Pooled(Protocol):
    """An inner transport that has connections of its own, and sees certificates."""

    @property
    def taken(self) -> int:
        """Connections that are lent out now."""
        ...

    def certificate(self, host: str) -> Certificate | None:
        """Return the certificate that the host showed last, if any."""
        ...

    def open_cold(self) -> "ColdTransport":
        """Return a transport for one request over a connection of its own."""
        ...


class ColdTransport(Protocol):
    """A transport for one request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request."""
        ...

    def phases(self) -> Phases:
        """Return the phases of the exchange that has ended."""
        ...

    async def aclose(self) -> None:
        """Close the connection at once."""
        ...


class Reply:
    """An answer, read whole.

    `headers` have lower-case names, repeated ones joined by ", ". `body` is decoded. `duration` is seconds
    from the first byte sent to the last one read. `certificate` is set only when the call asked for it, and
    `phases` only when it asked for a connection of its own.
    """

    __slots__ = (
        "_json",
        "body",
        "certificate",
        "certificate_days_left",
        "duration",
        "headers",
        "http_version",
        "phases",
        "status",
    )

    def __init__(
        self,
        *,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        duration: float = 0.0,
        http_version: str = "HTTP/1.1",
    ) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.duration = duration
        self.http_version = http_version
        self.certificate: Certificate | None = None
        self.certificate_days_left: float | None = None
        self.phases: Phases | None = None
        self._json: object = msgspec.UNSET

    def json(self) -> object:
        """Return the body as JSON values, decoded once.

        Raises:
            msgspec.DecodeError: when it is no JSON.
        """
        if self._json is msgspec.UNSET:
            self._json = msgspec.json.decode(self.body)
        return self._json

    def text(self) -> str:
        """Return the body as text, in the charset its Content-Type names, or UTF-8; never raises."""
        named = _CHARSET.search(self.headers.get("content-type", ""))
        if named is None:
            return self.body.decode("utf-8", "replace")
        try:
            is_unfit = codecs.lookup(named[1]).name in _UNFIT_CHARSETS
            return self.body.decode("utf-8" if is_unfit else named[1], "replace")
        except (LookupError, ValueError):
            # Python knows it as no charset of texts, such as bz2, or at all.
            return self.body.decode("utf-8", "replace")


class Exchanging(Protocol):
    """An inner transport that sends and reads without httpx; one with connections of its own, too."""

    @property
    def taken(self) -> int:
        """Connections that are lent out now."""
        ...

    def certificate(self, host: str) -> Certificate | None:
        """Return the certificate that the host showed last, if any."""
        ...

    async def exchange(
        self,
        request: httpx.Request,
        *,
        connect: float,
        read: float | None,
        max_body: int,
        heard: Callable[[int], None] | None,
    ) -> Reply:
        """Send a request, also a cold one, and read the answer whole."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class HTTPTransport:
    """Sends requests through a pool, or any httpx transport: `httpx.MockTransport`, `httpx.ASGITransport`."""

    __slots__ = ("__weakref__", "_clock", "_lending", "_now", "in_flight", "inner")

    def __init__(self, inner: httpx.AsyncBaseTransport | Exchanging, *, clock: Clock) -> None:
        self.inner = inner
        self.in_flight = 0
        self._lending: Exchanging | Pooled | None = None
        # In this order, for looking whether something is Pooled takes longer than all else here.
        if not isinstance(inner, httpx.AsyncBaseTransport) or isinstance(inner, Pooled):
            self._lending = inner
        self._now: Callable[[], float] = clock.monotonic
        self._clock = clock

    @property
    def keeps_time(self) -> bool:
        """Whether a request's PATIENCE is heeded."""
        return not isinstance(self.inner, httpx.AsyncBaseTransport)

    async def send(
        self,
        request: httpx.Request,
        *,
        connect: float,
        timeout: float,  # noqa: ASYNC109 - handed to the socket; a deadline is the caller's to hold
        max_body: int,
        certificate: bool = False,
        heard: Callable[[int], None] | None = None,
    ) -> Reply:
        """Return the answer; `max_body` is decoded bytes, `connect` and `timeout` are seconds.

        `timeout` is for one read; inf, where the caller holds a deadline, saves the timer (8 µs a call).
        `certificate` also tells the certificate that the server showed last. A request with the extension
        COLD goes over a connection of its own, where there are connections at all. `heard` is told the status
        when the head of the answer is there. Follows no redirect.
        Whatever happens, a cancellation too, the connection is let go.

        Raises:
            TransportFailure: when there is no usable answer.
        """
        read = None if timeout == inf else timeout
        self.in_flight += 1
        try:
            reply = await self._exchange(request, connect=connect, read=read, max_body=max_body, heard=heard)
            if certificate:
                self._show(reply, request)
            return reply  # noqa: TRY300 - an else after a failure that is raised below would read worse
        except Exception as error:  # noqa: BLE001 - the edge: whatever the wire raises becomes one failure
            failure = translate(error)
        finally:
            self.in_flight -= 1
        # Raised outside the handler, so that no message that quotes the URL hangs on to it as context.
        try:
            raise failure.with_traceback(None)
        finally:
            # Or it and this frame, and with them the call, would stay until the collector comes by.
            del failure

    @property
    def _exchange(self) -> "_Exchange":
        """Looked up for each request: kept, it is one object more of each integration."""
        inner = self.inner
        if isinstance(inner, httpx.AsyncBaseTransport):
            return partial(self._exchange_by_httpx, inner)
        return inner.exchange

    async def _exchange_by_httpx(
        self,
        inner: httpx.AsyncBaseTransport,
        request: httpx.Request,
        *,
        connect: float,
        read: float | None,
        max_body: int,
        heard: Callable[[int], None] | None,
    ) -> Reply:
        request.extensions["timeout"] = {"connect": connect, "pool": connect, "read": read, "write": read}
        if COLD in request.extensions and isinstance(inner, Pooled):
            return await self._read_cold(inner, request, max_body)
        return await self._read(inner if heard is None else _Listened(inner, heard), request, max_body)

    def _show(self, reply: Reply, request: httpx.Request) -> None:
        lending = self._lending
        if lending is None or request.url.scheme != "https":
            return
        reply.certificate = certificate = lending.certificate(request.url.raw_host.decode("ascii"))
        if certificate is not None:
            reply.certificate_days_left = certificate.days_left(self._clock.time())

    async def _read_cold(self, pool: Pooled, request: httpx.Request, max_body: int) -> Reply:
        cold = pool.open_cold()
        try:
            reply = await self._read(cold, request, max_body)
            reply.phases = phases = cold.phases()
            # As on a connection that stood already, so that no condition on latency fails every tenth time.
            reply.duration = (phases.first_byte or 0.0) + (phases.transfer or 0.0)
            return reply
        finally:
            await cold.aclose()

    async def _read(self, inner: "_Sends", request: httpx.Request, max_body: int) -> Reply:
        began = self._now()
        response = await inner.handle_async_request(request)
        headers = _headers(response)
        try:
            body = await _read(response, headers.get("content-encoding", ""), max_body)
        finally:
            await response.aclose()
        return Reply(
            status=response.status_code,
            headers=headers,
            body=body,
            duration=self._now() - began,
            http_version=response.http_version,
        )

    @property
    def orphans(self) -> int:
        """Connections that are taken by no request: a leak, if it stays above 0."""
        lending = self._lending
        return max(0, lending.taken - self.in_flight) if lending is not None else 0

    async def aclose(self) -> None:
        """Close all connections."""
        await self.inner.aclose()


class _Listened:
    """A transport that tells when the head of an answer is there."""

    def __init__(self, inner: httpx.AsyncBaseTransport, heard: Callable[[int], None]) -> None:
        self._inner = inner
        self._heard = heard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        self._heard(response.status_code)
        return response


class _Exchange(Protocol):
    """What sends one request and reads the answer."""

    async def __call__(
        self,
        request: httpx.Request,
        *,
        connect: float,
        read: float | None,
        max_body: int,
        heard: Callable[[int], None] | None,
    ) -> Reply:
        """Do so."""
        ...


class _Sends(Protocol):
    """Who sends one request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it."""
        ...


async def close_all(transports: Iterable[HTTPTransport]) -> None:
    """Close them all; one that fails to close leaves no later one open.

    Raises:
        ExceptionGroup: with what went wrong.
    """
    errors: list[Exception] = []
    for transport in transports:
        try:
            await transport.aclose()
        except Exception as error:  # noqa: BLE001 - whatever it is, the others have to be closed too
            errors.append(error)
    if errors:
        raise ExceptionGroup("connections did not close", errors)


def _headers(response: httpx.Response) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in response.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


async def _read(response: httpx.Response, coding: str, max_body: int) -> bytes:
    """The decoded body; the cap holds while streaming, so that a gzip bomb is not unpacked whole."""
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("the transport answered with a stream that is not asynchronous")
    coding = coding.strip().lower()
    inflater = Inflater(coding) if coding not in {"", "identity"} else None
    body = _CappedBody(max_body, response.status_code)
    chunks = aiter(stream)
    try:
        async for chunk in chunks:
            body.add(inflater.pieces(chunk) if inflater else (chunk,))
    finally:
        # A generator left half-way would be closed by a task of its own, later.
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
    if inflater is not None and not inflater.is_whole:
        raise zlib.error("the compressed body ends early")
    return body.whole()


class _CappedBody:
    def __init__(self, cap: int, status: int) -> None:
        self._cap = cap
        self._status = status
        self._size = 0
        self._pieces: list[bytes] = []

    def add(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self._size += len(piece)
            if self._size > self._cap:
                detail = f"the body is over {self._cap} bytes"
                failure = TransportFailure(FailureKind.TOO_LARGE, sent=True, detail=detail)
                failure.status = self._status
                raise failure
            self._pieces.append(piece)

    def whole(self) -> bytes:
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
