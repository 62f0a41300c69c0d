"""aiohttp's connectors, which also tell what they open."""

import asyncio
import ssl
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from functools import partial
from weakref import WeakSet

import aiohttp
from aiohttp import client_reqrep, tracing
from aiohttp.client_proto import ResponseHandler

from integrations.execution.certificate import Certificate, read_certificate
from integrations.execution.cold import Stopwatch

KEEPALIVE = 20.0

OPENING: ContextVar[Callable[[], None] | None] = ContextVar("dialtone_opening", default=None)
"""Who hears, in the task of a request, that a connection is being opened for it."""


class Opened:
    """What a pool knows of the connections it opened.

    `fresh` holds the requests that got a new one. `certificates` are those last seen, by host. A `stopwatch`
    times the one connection of a cold exchange.
    """

    def __init__(
        self, certificates: MutableMapping[str, Certificate], stopwatch: Stopwatch | None = None
    ) -> None:
        self.fresh: WeakSet[client_reqrep.ClientRequest] = WeakSet()
        self.certificates = certificates
        self.stopwatch = stopwatch

    def begin(self, request: aiohttp.ClientRequest) -> None:
        """A connection is being opened for a request."""
        self.fresh.add(request)
        if (hear := OPENING.get()) is not None:
            hear()
        if self.stopwatch is not None:
            self.stopwatch.begin()

    def end(self, request: aiohttp.ClientRequest, protocol: ResponseHandler) -> None:
        """It is open."""
        transport = protocol.transport
        connection = transport.get_extra_info("ssl_object") if transport is not None else None
        if self.stopwatch is not None:
            self.stopwatch.make_ready(is_secure=connection is not None)
        host = request.url.raw_host
        if connection is not None and host is not None:
            certificate = read_certificate(connection, host)
            if certificate is not None:
                self.certificates[host] = certificate


class TCPConnector(aiohttp.TCPConnector):
    """Opens connections over TCP and TLS, through a proxy too."""

    def __init__(self, opened: Opened, *, limit: int, context: ssl.SSLContext) -> None:
        if opened.stopwatch is None:
            super().__init__(limit=limit, keepalive_timeout=KEEPALIVE, ssl=context)
        else:
            super().__init__(limit=limit, force_close=True, ssl=context)
            self._factory = partial(opened.stopwatch.protocol, asyncio.get_running_loop())
        self._dialtone_opened = opened

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[tracing.Trace], limits: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        self._dialtone_opened.begin(req)
        protocol = await super()._create_connection(req, traces, limits)
        self._dialtone_opened.end(req, protocol)
        return protocol


class UnixConnector(aiohttp.UnixConnector):
    """Opens connections over a unix socket."""

    def __init__(self, opened: Opened, *, limit: int, path: str) -> None:
        if opened.stopwatch is None:
            super().__init__(path, limit=limit, keepalive_timeout=KEEPALIVE)
        else:
            super().__init__(path, limit=limit, force_close=True)
            self._factory = partial(opened.stopwatch.protocol, asyncio.get_running_loop())
        self._dialtone_opened = opened

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[tracing.Trace], limits: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        self._dialtone_opened.begin(req)
        protocol = await super()._create_connection(req, traces, limits)
        self._dialtone_opened.end(req, protocol)
        return protocol
