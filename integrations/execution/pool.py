"""Connection pools: one aiohttp session an integration, behind httpx's transport interface.

Measured: AiohttpTransport called directly costs a sixth of httpx's own transport, and loses no pool slot to
cancellation. HTTP/1.1 only; nothing is read from the environment; no cookies; no redirects.
"""

import ssl
from importlib.metadata import PackageNotFoundError, version
from weakref import WeakSet

import aiohttp
import httpx
from aiohttp import client_reqrep, tracing
from httpx_aiohttp import AiohttpTransport

from integrations.clock import Clock
from integrations.execution.call import LineSpec
from integrations.execution.cold import certificate_days_left
from integrations.execution.failure import translate

_KEEPALIVE = 20.0
_SPARE = 4


class Pools:
    """Opens pools; one SSLContext a CA file, because making one takes 20 ms and 650 KiB."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    def open(self, spec: LineSpec) -> httpx.AsyncBaseTransport:
        """Return a pool for an integration: a few more connections than its concurrency, so it never queues.

        Raises:
            ValueError: when the proxy's URL cannot be used.
            OSError: when the CA file cannot be read.
        """
        return Pool(spec, self.context(spec.network.ca_file), self._clock)

    def context(self, ca_file: str | None) -> ssl.SSLContext:
        """Return the TLS context that trusts the system's authorities and those in `ca_file`.

        Raises:
            OSError: when the file cannot be read or holds no certificate.
        """
        if ca_file not in self._contexts:
            context = ssl.create_default_context()
            context.set_alpn_protocols(["http/1.1"])
            if ca_file is not None:
                context.load_verify_locations(cafile=ca_file)
            self._contexts[ca_file] = context
        return self._contexts[ca_file]


class Pool(httpx.AsyncBaseTransport):
    """The pool of one integration. The session opens with the first request, which runs in the event loop."""

    def __init__(self, spec: LineSpec, context: ssl.SSLContext, clock: Clock) -> None:
        self._clock = clock
        self._size = spec.policy.concurrency + _SPARE
        self._socket = spec.socket
        self._context = context
        self._fresh: WeakSet[client_reqrep.ClientRequest] = WeakSet()
        self._connector: aiohttp.BaseConnector | None = None
        self._transport = AiohttpTransport(
            verify=context, trust_env=False, proxy=_proxy(spec), client=self._open_session
        )

    @property
    def taken(self) -> int:
        """Connections that are lent out now, those being opened included."""
        return len(self._connector._acquired) if self._connector is not None else 0  # noqa: SLF001 - a leak can only be seen inside

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raises what httpx and aiohttp raise, or a TransportFailure."""
        response: httpx.Response = await self._transport.handle_async_request(request)
        return response

    async def certificate_days_left(self, url: httpx.URL, *, within: float) -> float | None:
        """Return the days until the certificate of `url` expires, by a connection of its own."""
        return await certificate_days_left(url, context=self._context, within=within, clock=self._clock)

    async def aclose(self) -> None:
        """Close the session with its connections."""
        await self._transport.aclose()

    def _open_session(self) -> aiohttp.ClientSession:
        self._connector = self._open_connector()
        return aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"dialtone/{_version()}", "Accept-Encoding": "gzip, deflate"},
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            trust_env=False,
            middlewares=(self._translated,),
        )

    def _open_connector(self) -> aiohttp.BaseConnector:
        if self._socket:
            return _UnixConnector(
                fresh=self._fresh, path=self._socket, limit=self._size, keepalive_timeout=_KEEPALIVE
            )
        return _TCPConnector(
            fresh=self._fresh, limit=self._size, keepalive_timeout=_KEEPALIVE, ssl=self._context
        )

    async def _translated(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Judge an error before aiohttp can: it would send some requests again, unseen and uncounted."""
        try:
            return await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            failure = translate(error)
            failure.stale = failure.sent and request not in self._fresh
        raise failure


class _TCPConnector(aiohttp.TCPConnector):
    """Remembers which requests got a new connection."""

    def __init__(
        self,
        *,
        fresh: WeakSet[client_reqrep.ClientRequest],
        limit: int,
        keepalive_timeout: float,
        ssl: ssl.SSLContext,
    ) -> None:
        super().__init__(limit=limit, keepalive_timeout=keepalive_timeout, ssl=ssl)
        self._dialtone_fresh = fresh

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[tracing.Trace], limits: aiohttp.ClientTimeout
    ) -> aiohttp.client_proto.ResponseHandler:
        self._dialtone_fresh.add(req)
        return await super()._create_connection(req, traces, limits)


class _UnixConnector(aiohttp.UnixConnector):
    """The same over a unix socket."""

    def __init__(
        self,
        *,
        fresh: WeakSet[client_reqrep.ClientRequest],
        path: str,
        limit: int,
        keepalive_timeout: float,
    ) -> None:
        super().__init__(path, limit=limit, keepalive_timeout=keepalive_timeout)
        self._dialtone_fresh = fresh

    async def _create_connection(
        self, req: aiohttp.ClientRequest, traces: list[tracing.Trace], limits: aiohttp.ClientTimeout
    ) -> aiohttp.client_proto.ResponseHandler:
        self._dialtone_fresh.add(req)
        return await super()._create_connection(req, traces, limits)


def _proxy(spec: LineSpec) -> httpx.Proxy | None:
    if spec.network.proxy is None:
        return None
    try:
        return httpx.Proxy(spec.network.proxy)
    except (ValueError, httpx.InvalidURL) as error:
        raise ValueError(f"{spec.integration}: network.proxy must be an http URL") from error


def _version() -> str:
    try:
        return version("dialtone")
    except PackageNotFoundError:
        return "0"
