"""Connection pools, one an integration: those of our own (direct.py), and for lines with a proxy those over
aiohttp (proxied.py), which takes 7 MiB and is loaded with the first such line.

Measured: AiohttpTransport called directly costs a sixth of httpx's own transport, and loses no pool slot to
cancellation; our own costs half of that. HTTP/1.1 only; nothing is read from the environment; no cookies; no
redirects.
"""

import ssl
from collections.abc import Callable

import httpx

from integrations.clock import Clock
from integrations.deadlines import Deadlines
from integrations.execution.call import LineSpec
from integrations.execution.dialing import Dialer
from integrations.execution.direct import DirectPool
from integrations.execution.guard import Guard
from integrations.execution.idle import IdleConnections
from integrations.execution.names import Resolve, SystemNames


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
        self._open_proxied: Callable[[LineSpec], httpx.AsyncBaseTransport] | None = None
        self._dialers: dict[tuple[str | None, str, Guard | None], Dialer] = {}

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
        if self._open_proxied is None:
            from integrations.execution.proxied import ProxiedPools

            self._open_proxied = ProxiedPools(self._clock, idle=self._idle, context=self.context).open
        return self._open_proxied(spec)

    def _dialer_for(self, spec: LineSpec) -> Dialer:
        """The shared dialer, or one of its own for a line that shows a certificate."""
        if spec.identity is not None:
            context = new_context(spec.network.ca_file)
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
            self._contexts[ca_file] = new_context(ca_file)
        return self._contexts[ca_file]


def new_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a TLS context that trusts the system's authorities and those in the file.

    Raises:
        OSError: when the file cannot be read or holds no certificate.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context
