"""A cold connection through a proxy, timed by what aiohttp tells of it."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp
from aiohttp.client_proto import ResponseHandler

from integrations.execution.cold import Stopwatch


class ListeningStopwatch(Stopwatch):
    """A Stopwatch that hears of the connection from aiohttp."""

    __slots__ = ("_protocols",)

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self._protocols: list[_Listening] = []

    def protocol(self, loop: asyncio.AbstractEventLoop) -> ResponseHandler:
        """Make the protocol of a connection that stands now; aiohttp asks for it before TLS begins."""
        self.connected = self._now()
        protocol = _Listening(loop, self)
        self._protocols.append(protocol)
        return protocol

    def trace(self) -> aiohttp.TraceConfig:
        """What tells when the name is resolved."""
        config = aiohttp.TraceConfig()
        config.on_dns_resolvehost_end.append(self._note_resolved)
        return config

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

    def __init__(self, loop: asyncio.AbstractEventLoop, stopwatch: ListeningStopwatch) -> None:
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
