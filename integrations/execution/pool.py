"""Connection pools: one aiohttp session an integration, behind httpx's transport interface.

Measured: AiohttpTransport called directly costs a sixth of httpx's own transport, and loses no pool slot to
cancellation. HTTP/1.1 only; nothing is read from the environment; no cookies; no redirects.
"""

import ssl
from collections.abc import MutableMapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import aiohttp
import anyio
import httpx
from httpx_aiohttp import AiohttpTransport

from integrations.clock import Clock
from integrations.execution.call import LineSpec
from integrations.execution.certificate import Certificate
from integrations.execution.cold import Stopwatch
from integrations.execution.connectors import Opened, TCPConnector, UnixConnector
from integrations.execution.failure import translate
from integrations.execution.outcome import Phases

_SPARE = 4


class Pools:
    """Opens pools; one SSLContext a CA file, because making one takes 20 ms and 650 KiB, and one more a
    client certificate.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._contexts: dict[str | None, ssl.SSLContext] = {}

    def open(self, spec: LineSpec) -> httpx.AsyncBaseTransport:
        """Return a pool for an integration: a few more connections than its concurrency, so it never queues.

        Raises:
            ValueError: when the proxy's URL cannot be used.
            OSError: when the CA file cannot be read.
        """
        return Pool(spec, self._context_for(spec), clock=self._clock)

    def context(self, ca_file: str | None) -> ssl.SSLContext:
        """Return the TLS context that trusts the system's authorities and those in `ca_file`.

        Raises:
            OSError: when the file cannot be read or holds no certificate.
        """
        if ca_file not in self._contexts:
            self._contexts[ca_file] = _new_context(ca_file)
        return self._contexts[ca_file]

    def _context_for(self, spec: LineSpec) -> ssl.SSLContext:
        """The shared context, or one of its own for a line that shows a certificate."""
        if spec.identity is None:
            return self.context(spec.network.ca_file)
        context = _new_context(spec.network.ca_file)
        spec.identity.load_into(context)
        return context


class Pool(httpx.AsyncBaseTransport):
    """The pool of one integration. The session opens with the first request, which runs in the event loop."""

    def __init__(self, spec: LineSpec, context: ssl.SSLContext, *, clock: Clock) -> None:
        self._spec = spec
        self._clock = clock
        self._size = spec.policy.concurrency + _SPARE
        self._context = context
        self._opened = Opened({})
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

    def certificate(self, host: str) -> Certificate | None:
        """Return the certificate that the host showed last; None before the first TLS connection to it."""
        return self._opened.certificates.get(host)

    def open_cold(self) -> "ColdPool":
        """Return a pool for one request over a connection of its own."""
        return ColdPool(self._spec, self._context, clock=self._clock, certificates=self._opened.certificates)

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
            trace_configs=self._traces(),
        )

    def _traces(self) -> list[aiohttp.TraceConfig] | None:
        stopwatch = self._opened.stopwatch
        return [stopwatch.trace()] if stopwatch is not None else None

    def _open_connector(self) -> aiohttp.BaseConnector:
        if self._spec.socket:
            return UnixConnector(self._opened, limit=self._size, path=self._spec.socket)
        return TCPConnector(self._opened, limit=self._size, context=self._context)

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


class ColdPool(Pool):
    """Makes one request over a connection that is opened and closed for it alone, and times its phases.

    What it sees of the server's certificate goes into `certificates`.
    """

    def __init__(
        self,
        spec: LineSpec,
        context: ssl.SSLContext,
        *,
        clock: Clock,
        certificates: MutableMapping[str, Certificate],
    ) -> None:
        super().__init__(spec, context, clock=clock)
        self._size = 1
        self._stopwatch = Stopwatch(clock.monotonic)
        self._opened = Opened(certificates, self._stopwatch)

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


@cache
def _version() -> str:
    try:
        return version("dialtone")
    except PackageNotFoundError:
        return "0"
