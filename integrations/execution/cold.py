"""A connection of its own for one request, timed phase by phase.

Phase        from                                to
dns          the name is asked for               it is resolved (None: an address, or a unix socket)
connect      resolved                            the connection stands
tls          the connection stands               the handshake is done (None: without TLS)
first_byte   the connection is ready             the first byte of the answer
transfer     the first byte                      the last one

Through a proxy, dns and connect are those of the way to the proxy, and connect also holds the time that the
proxy takes to open its tunnel; how long the proxy needs to resolve and to reach the vendor cannot be told
apart. tls, first_byte and transfer are the vendor's own there too.
"""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from aiohttp.client_proto import ResponseHandler

from integrations.execution.outcome import Phases

COLD = "dialtone_cold"
"""The extension of an httpx.Request that asks for a connection of its own."""


class Stopwatch:
    """When what happened to one request on a new connection; `now` is the clock's monotonic time.

    A mark that is set again counts the last time: a name is tried at one address after the other, and a
    tunnel through a proxy has a connection within a connection.
    """

    __slots__ = (
        "_now",
        "_protocols",
        "answered",
        "began",
        "connected",
        "ended",
        "is_secure",
        "ready",
        "resolved",
    )

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._protocols: list[_Listening] = []
        self.is_secure = False
        self.began = self.resolved = self.connected = self.ready = self.answered = self.ended = 0.0

    def protocol(self, loop: asyncio.AbstractEventLoop) -> ResponseHandler:
        """Make the protocol of a connection that stands now; aiohttp asks for it before TLS begins."""
        self.connected = self._now()
        protocol = _Listening(loop, self)
        self._protocols.append(protocol)
        return protocol

    def begin(self) -> None:
        """The connection is wanted."""
        self.began = self._now()

    def make_ready(self, *, is_secure: bool) -> None:
        """The connection is ready for the request; bytes that came before were a proxy's."""
        self.ready = self._now()
        self.is_secure = is_secure
        self.answered = 0.0

    def hear(self) -> None:
        """Bytes have come."""
        if not self.answered:
            self.answered = self._now()

    def end(self) -> None:
        """The last byte was read."""
        self.ended = self._now()

    def trace(self) -> aiohttp.TraceConfig:
        """What tells when the name is resolved."""
        config = aiohttp.TraceConfig()
        config.on_dns_resolvehost_end.append(self._note_resolved)
        return config

    def phases(self) -> Phases:
        """The phases of an exchange that has ended."""
        asked = self.resolved or self.began
        return Phases(
            dns=self.resolved - self.began if self.resolved else None,
            connect=(self.connected if self.is_secure else self.ready) - asked,
            tls=self.ready - self.connected if self.is_secure else None,
            first_byte=self.answered - self.ready,
            transfer=self.ended - self.answered,
        )

    def abort(self) -> None:
        """Let go of every socket at once, without waiting for the other end's goodbye."""
        for protocol in self._protocols:
            protocol.abort_now()

    async def _note_resolved(
        self,
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        _: aiohttp.TraceDnsResolveHostEndParams,
    ) -> None:
        self.resolved = self._now()


class _Listening(ResponseHandler):
    """aiohttp's protocol, which also tells of bytes, and keeps its socket within reach."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stopwatch: Stopwatch) -> None:
        super().__init__(loop)
        self._dialtone_stopwatch = stopwatch
        self._dialtone_transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._dialtone_transport = transport
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._dialtone_stopwatch.hear()
        super().data_received(data)

    def abort_now(self) -> None:
        """Close the socket, now. Closing the polite way, TLS waits half a minute for the other end."""
        if isinstance(self._dialtone_transport, asyncio.WriteTransport):
            self._dialtone_transport.abort()
