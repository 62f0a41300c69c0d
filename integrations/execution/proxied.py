"""Connection pools for lines with a proxy: one an integration, over aiohttp sessions that pools share, behind
httpx's transport interface.
"""

import ssl
from collections.abc import Callable
from itertools import count

import aiohttp
import anyio
import httpx
from httpx_aiohttp import AiohttpTransport

from integrations.clock import Clock
from integrations.execution.call import LineSpec
from integrations.execution.certificate import Certificate
from integrations.execution.connectors import (
    BORROWER,
    Opened,
    PooledRequest,
    TCPConnector,
    UnixConnector,
)
from integrations.execution.failure import translate
from integrations.execution.idle import IdleConnections
from integrations.execution.listening import ListeningStopwatch
from integrations.execution.outcome import Phases
from integrations.execution.outgoing import correct_length, user_agent
from integrations.execution.pool import new_context

_Route = tuple[str | None, str | None, str]
"""What sessions differ in: the file of authorities, the proxy, the unix socket."""


class ProxiedPools:
    """Opens pools. `context` gives the TLS context that trusts a file of authorities."""

    def __init__(
        self, clock: Clock, *, idle: IdleConnections, context: Callable[[str | None], ssl.SSLContext]
    ) -> None:
        self._clock = clock
        self._idle = idle
        self._context = context
        self._sessions: dict[_Route, Session] = {}
        self._numbers = count(1)

    def open(self, spec: LineSpec) -> "Pool":
        """Return a pool for an integration.

        Raises:
            ValueError: when the proxy's URL cannot be used.
            OSError: when the CA file cannot be read.
        """
        return Pool(self._session_for(spec), number=next(self._numbers), clock=self._clock)

    def _session_for(self, spec: LineSpec) -> "Session":
        """The shared session, or one of its own for a line that shows a certificate."""
        network = spec.network
        if spec.identity is not None:
            context = new_context(network.ca_file)
            spec.identity.load_into(context)
            return Session(context, proxy=_proxy(spec), socket=spec.socket, idle=self._idle)
        route = network.ca_file, network.proxy, spec.socket
        session = self._sessions.get(route)
        if session is None or session.is_closed:
            context = self._context(network.ca_file)
            session = Session(context, proxy=_proxy(spec), socket=spec.socket, idle=self._idle)
            self._sessions[route] = session
        return session


class Session:
    """An aiohttp session for pools with the same network and identity. It opens with the first request, which
    runs in the event loop, and closes with its last pool. Without `idle` connections are used once.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        proxy: httpx.Proxy | None,
        socket: str,
        idle: IdleConnections | None,
        stopwatch: ListeningStopwatch | None = None,
    ) -> None:
        self.context, self.proxy, self.socket = context, proxy, socket
        self.is_closed = False
        self._idle = idle
        self._opened = Opened(stopwatch)
        self._pools = 0
        self._transport = AiohttpTransport(
            verify=context, trust_env=False, proxy=proxy, client=self._open_session
        )

    def enter(self) -> None:
        """One more pool uses it."""
        self._pools += 1

    async def leave(self) -> None:
        """A pool uses it no more."""
        self._pools -= 1
        if not self._pools:
            self.is_closed = True
            await self._transport.aclose()

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send one request for the pool that BORROWER names."""
        response: httpx.Response = await self._transport.handle_async_request(request)
        return response

    def _open_session(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=self._open_connector(),
            request_class=PooledRequest,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": user_agent().decode(), "Accept-Encoding": "gzip, deflate"},
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
            middlewares=(self._translated,),
            trace_configs=self._traces(),
        )

    def _traces(self) -> list[aiohttp.TraceConfig] | None:
        stopwatch = self._opened.stopwatch
        return [stopwatch.trace()] if stopwatch is not None else None

    def _open_connector(self) -> aiohttp.BaseConnector:
        if self.socket:
            return UnixConnector(self._opened, path=self.socket, idle=self._idle)
        return TCPConnector(self._opened, context=self.context, idle=self._idle)

    async def _translated(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Judge an error before aiohttp can: it would send some requests again, unseen and uncounted."""
        try:
            return await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            failure = translate(error)
            failure.stale = failure.sent and request not in self._opened.fresh
        raise failure


class Pool(httpx.AsyncBaseTransport):
    """The connections of one integration; no other uses them, though the session is shared."""

    def __init__(self, session: Session, *, number: int, clock: Clock) -> None:
        self.number = number
        self.taken = 0
        self.certificates: dict[str, Certificate] = {}
        self._session = session
        self._clock = clock
        session.enter()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raises what httpx and aiohttp raise, or a TransportFailure."""
        await correct_length(request)
        token = BORROWER.set(self)
        try:
            return await self._session.send(request)
        finally:
            BORROWER.reset(token)

    def certificate(self, host: str) -> Certificate | None:
        """Return the certificate that the host showed last; None before the first TLS connection to it."""
        return self.certificates.get(host)

    def open_cold(self) -> "ColdPool":
        """Return a pool for one request over a connection of its own."""
        return ColdPool(self._session, certificates=self.certificates, clock=self._clock)

    async def aclose(self) -> None:
        """Let go of the session; what is idle then ends by itself, at the latest with the last pool's."""
        await self._session.leave()


class ColdPool(Pool):
    """Makes one request over a connection that is opened and closed for it alone, and times its phases.

    What it sees of the server's certificate goes into `certificates`.
    """

    def __init__(self, session: Session, *, certificates: dict[str, Certificate], clock: Clock) -> None:
        self._stopwatch = ListeningStopwatch(clock.monotonic)
        own = Session(
            session.context,
            proxy=session.proxy,
            socket=session.socket,
            idle=None,
            stopwatch=self._stopwatch,
        )
        super().__init__(own, number=0, clock=clock)
        self.certificates = certificates

    def phases(self) -> Phases:
        """Return how long each phase took, once the answer is read whole."""
        self._stopwatch.end()
        return self._stopwatch.phases()

    async def aclose(self) -> None:
        """Close the connection, whatever state it is in, also while being cancelled."""
        self._stopwatch.abort()
        with anyio.CancelScope(shield=True):
            await super().aclose()


def _proxy(spec: LineSpec) -> httpx.Proxy | None:
    if spec.network.proxy is None:
        return None
    try:
        return httpx.Proxy(spec.network.proxy)
    except (ValueError, httpx.InvalidURL) as error:
        raise ValueError(f"{spec.integration}: network.proxy must be an http URL") from error
