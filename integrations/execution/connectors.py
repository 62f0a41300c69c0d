"""aiohttp's connectors, which also tell what they open, whom they lend it to, and keep what is idle.

All pools that can share a connector do: a session with its connector takes 10 KB, and there may be ten
thousand integrations. What a pool opened is lent to that pool only (its requests' key names it), and there
is no limit here that one pool could use up for another: how many run at once is the bulkhead's to say.
"""

import asyncio
import ssl
from contextvars import ContextVar
from functools import partial
from typing import Protocol
from weakref import WeakSet

import aiohttp
from aiohttp import client_reqrep, tracing
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from integrations.execution.certificate import Certificate, read_certificate
from integrations.execution.idle import KEEPALIVE, IdleConnections
from integrations.execution.listening import ListeningStopwatch
from integrations.execution.opening import OPENING


class Borrower(Protocol):
    """A pool: `number` is no other's, `taken` is how many connections it has, those being opened included,
    `certificates` are those its hosts showed last.
    """

    number: int
    taken: int
    certificates: dict[str, Certificate]


BORROWER: ContextVar[Borrower] = ContextVar("dialtone_borrower")
"""Whose request it is that a task sends through a connector that several share."""


class PooledRequest(aiohttp.ClientRequest):
    """A request that goes over its own pool's connections only."""

    @property
    def connection_key(self) -> client_reqrep.ConnectionKey:
        """The key by aiohttp, with the pool in it."""
        key = super().connection_key
        return key._replace(proxy_headers_hash=hash((key.proxy_headers_hash, BORROWER.get().number)))


class Opened:
    """What a pool knows of the connections it opened.

    `fresh` holds the requests that got a new one. A `stopwatch` times the one connection of a cold exchange.
    """

    def __init__(self, stopwatch: ListeningStopwatch | None = None) -> None:
        self.fresh: WeakSet[client_reqrep.ClientRequest] = WeakSet()
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
                BORROWER.get().certificates[host] = certificate


class _Lending(aiohttp.BaseConnector):
    """What both connectors do beyond aiohttp's: they keep account of who has what, and of what is idle."""

    _dialtone_opened: Opened
    _dialtone_idle: IdleConnections | None
    _dialtone_lent: dict[ResponseHandler, Borrower]

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[tracing.Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """Lend a connection to the pool whose request it is."""
        borrower, idle = BORROWER.get(), self._dialtone_idle
        if idle is not None and (kept := self._conns.get(req.connection_key)):
            idle.drop_unfit(kept, req.method)
        borrower.taken += 1
        try:
            connection = await super().connect(req, traces, timeout)
        except BaseException:
            borrower.taken -= 1
            raise
        if (protocol := connection.protocol) is not None:
            self._dialtone_lent[protocol] = borrower
            if idle is not None:
                idle.take(protocol)
        return connection

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[tracing.Trace], limits: aiohttp.ClientTimeout
    ) -> ResponseHandler:
        self._dialtone_opened.begin(req)
        protocol = await super()._create_connection(req, traces, limits)
        self._dialtone_opened.end(req, protocol)
        return protocol

    def _release(
        self, key: client_reqrep.ConnectionKey, protocol: ResponseHandler, *, should_close: bool = False
    ) -> None:
        self._give_back(protocol)
        super()._release(key, protocol, should_close=should_close)
        if self._dialtone_idle is not None and protocol.is_connected():
            # The last answer and its parser, 4 KB; aiohttp makes a parser for each answer. What comes without
            # one is unasked for, and makes the connection unfit.
            protocol._parser = None  # noqa: SLF001 - there is no other way to let go of it
            self._dialtone_idle.keep(protocol)

    def _release_acquired(self, key: client_reqrep.ConnectionKey, proto: ResponseHandler) -> None:
        self._give_back(proto)
        super()._release_acquired(key, proto)

    def _give_back(self, protocol: ResponseHandler) -> None:
        if (borrower := self._dialtone_lent.pop(protocol, None)) is not None:
            borrower.taken -= 1


class TCPConnector(_Lending, aiohttp.TCPConnector):
    """Opens connections over TCP and TLS, through a proxy too. Without `idle` it keeps none."""

    def __init__(self, opened: Opened, *, context: ssl.SSLContext, idle: IdleConnections | None) -> None:
        self._dialtone_opened, self._dialtone_idle, self._dialtone_lent = opened, idle, {}
        super().__init__(
            limit=0,
            keepalive_timeout=KEEPALIVE if idle is not None else None,
            force_close=idle is None,
            ssl=context,
        )
        if opened.stopwatch is not None:
            self._factory = partial(opened.stopwatch.protocol, asyncio.get_running_loop())


class UnixConnector(_Lending, aiohttp.UnixConnector):
    """Opens connections over a unix socket. Without `idle` it keeps none."""

    def __init__(self, opened: Opened, *, path: str, idle: IdleConnections | None) -> None:
        self._dialtone_opened, self._dialtone_idle, self._dialtone_lent = opened, idle, {}
        if idle is not None:
            super().__init__(path, limit=0, keepalive_timeout=KEEPALIVE)
        else:
            super().__init__(path, limit=0, force_close=True)
        if opened.stopwatch is not None:
            self._factory = partial(opened.stopwatch.protocol, asyncio.get_running_loop())
