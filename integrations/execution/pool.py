"""Connection pools, one an integration: those of our own (direct.py), and for lines with a proxy those over
aiohttp sessions that pools share, behind httpx's transport interface.

Measured: AiohttpTransport called directly costs a sixth of httpx's own transport, and loses no pool slot to
cancellation; our own costs half of that. HTTP/1.1 only; nothing is read from the environment; no cookies; no
redirects.
"""

import ssl
from itertools import count

import aiohttp
import anyio
import httpx
from httpx_aiohttp import AiohttpTransport

from integrations.clock import Clock
from integrations.deadlines import Deadlines
from integrations.execution.call import LineSpec
from integrations.execution.certificate import Certificate
from integrations.execution.cold import Stopwatch
from integrations.execution.connectors import (
    BORROWER,
    Opened,
    PooledRequest,
    TCPConnector,
    UnixConnector,
)
from integrations.execution.dialing import Dialer
from integrations.execution.direct import DirectPool
from integrations.execution.failure import translate
from integrations.execution.guard import Guard
from integrations.execution.idle import IdleConnections
from integrations.execution.names import Resolve, SystemNames
from integrations.execution.outcome import Phases
from integrations.execution.outgoing import correct_length, user_agent

_Route = tuple[str | None, str | None, str]
"""What sessions differ in: the file of authorities, the proxy, the unix socket."""


class Pools:
    """Opens pools; one SSLContext a CA file, because making one takes 20 ms and 650 KiB, and one more a
    client certificate. `idle` bounds the idle connections of them all, `resolve` finds addresses of names.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        idle: IdleConnections | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._clock = clock
        self._resolve = SystemNames() if resolve is None else resolve
        self._idle = IdleConnections(clock) if idle is None else idle
        self._deadlines = Deadlines()
        self._contexts: dict[str | None, ssl.SSLContext] = {}
        self._sessions: dict[_Route, Session] = {}
        self._dialers: dict[tuple[str | None, str, Guard | None], Dialer] = {}
        self._numbers = count(1)

    def open(self, spec: LineSpec) -> httpx.AsyncBaseTransport | DirectPool:
        """Return a pool for an integration, which lends as many connections as are asked for at once: over
        aiohttp through a proxy, else of our own.

        Raises:
            ValueError: when the proxy's URL cannot be used.
            OSError: when the CA file cannot be read.
        """
        if spec.network.proxy is None:
            dialer = self._dialer_for(spec)
            return DirectPool(dialer, idle=self._idle, clock=self._clock, deadlines=self._deadlines)
        return Pool(self._session_for(spec), number=next(self._numbers), clock=self._clock)

    def _dialer_for(self, spec: LineSpec) -> Dialer:
        """The shared dialer, or one of its own for a line that shows a certificate."""
        if spec.identity is not None:
            context = _new_context(spec.network.ca_file)
            spec.identity.load_into(context)
            return self._new_dialer(spec, context)
        route = spec.network.ca_file, spec.socket, spec.guard
        if route not in self._dialers:
            self._dialers[route] = self._new_dialer(spec, self.context(spec.network.ca_file))
        return self._dialers[route]

    def _new_dialer(self, spec: LineSpec, context: ssl.SSLContext) -> Dialer:
        return Dialer(
            context,
            path=spec.socket,
            now=self._clock.monotonic,
            guard=spec.guard,
            resolve=self._resolve,
        )

    def context(self, ca_file: str | None) -> ssl.SSLContext:
        """Return the TLS context that trusts the system's authorities and those in `ca_file`.

        Raises:
            OSError: when the file cannot be read or holds no certificate.
        """
        if ca_file not in self._contexts:
            self._contexts[ca_file] = _new_context(ca_file)
        return self._contexts[ca_file]

    def _session_for(self, spec: LineSpec) -> "Session":
        """The shared session, or one of its own for a line that shows a certificate."""
        network = spec.network
        if spec.identity is not None:
            context = _new_context(network.ca_file)
            spec.identity.load_into(context)
            return Session(context, proxy=_proxy(spec), socket=spec.socket, idle=self._idle)
        route = network.ca_file, network.proxy, spec.socket
        session = self._sessions.get(route)
        if session is None or session.is_closed:
            context = self.context(network.ca_file)
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
        stopwatch: Stopwatch | None = None,
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
        self._stopwatch = Stopwatch(clock.monotonic)
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


def _new_context(ca_file: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def _proxy(spec: LineSpec) -> httpx.Proxy | None:
    if spec.network.proxy is None:
        return None
    try:
        return httpx.Proxy(spec.network.proxy)
    except (ValueError, httpx.InvalidURL) as error:
        raise ValueError(f"{spec.integration}: network.proxy must be an http URL") from error
