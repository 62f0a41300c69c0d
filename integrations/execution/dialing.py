"""Opening a connection: the name, the addresses one after the other, TLS."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import NamedTuple

from aiohappyeyeballs import AddrInfoType, start_connection

from integrations.execution.carrier import Carrier
from integrations.execution.cold import Stopwatch
from integrations.execution.connecting import connect
from integrations.execution.failure import unconnected
from integrations.execution.guard import Guard
from integrations.execution.guarded import guarded_sockets, host_and_port, refuse
from integrations.execution.names import Resolve, SystemNames
from integrations.execution.wire import Wire

NAMES_KEPT = 10.0
"""Seconds for which a name's addresses are used again."""

MOST_NAMES = 1_000
EYEBALLS = 0.25
"""Seconds after which the next address is tried beside the one before (RFC 8305, 5)."""


class Place(NamedTuple):
    """Where a request goes; `host` as it stands in the URL, punycode where need be."""

    is_secure: bool
    host: str
    port: int


class Dialer:
    """Opens connections of one TLS context, over TCP or to a unix socket. `now` is monotonic time.

    Under a `guard` a name is resolved for each connection, refused if any of its addresses is denied, and
    each address is judged once more when its socket is made.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        path: str,
        now: Callable[[], float],
        guard: Guard | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._context = context
        self._path = path
        self._now = now
        self._guard = guard
        self._lookup = SystemNames() if resolve is None else resolve
        self._sockets = None if guard is None else guarded_sockets(guard)
        self._names: dict[tuple[str, int], tuple[float, Sequence[AddrInfoType]]] = {}

    async def dial(self, place: Place, *, stopwatch: Stopwatch | None = None) -> Wire:
        """Open a connection; a `stopwatch` has the name resolved anew, and times each phase.

        Raises:
            TransportFailure: when there is none; no byte of a request was sent.
        """
        if stopwatch is not None:
            stopwatch.begin()
        try:
            wire = await (self._to_socket() if self._path else self._over_tcp(place, stopwatch))
        except (OSError, ValueError) as error:
            # Its frames hold it: with them it would stay until the collector comes by.
            failure = unconnected(error.with_traceback(None))
        else:
            if stopwatch is not None:
                stopwatch.make_ready(is_secure=wire.security is not None)
            return wire
        raise failure

    async def _to_socket(self) -> Wire:
        _, wire = await asyncio.get_running_loop().create_unix_connection(Wire, self._path)
        return wire

    async def _over_tcp(self, place: Place, stopwatch: Stopwatch | None) -> Wire:
        addresses = await self._resolve(place, stopwatch)
        loop = asyncio.get_running_loop()
        if len(addresses) == 1:
            connected = await connect(addresses[0], self._sockets, loop=loop)
        else:
            connected = await start_connection(
                addresses, happy_eyeballs_delay=EYEBALLS, interleave=1, socket_factory=self._sockets
            )
        if stopwatch is not None:
            stopwatch.connected = self._now()
        wire = Wire()
        try:
            wire.carry(Carrier(connected, wire, loop=loop))
        except BaseException:
            connected.close()
            raise
        if place.is_secure:
            # A name is asked for without the dot at its end.
            await wire.secure(self._context, place.host.rstrip("."))
        return wire

    async def _resolve(self, place: Place, stopwatch: Stopwatch | None) -> Sequence[AddrInfoType]:
        if literal := _literal(place):
            return self._let(literal)
        name, now = (place.host, place.port), self._now()
        kept = self._names.get(name)
        if kept is not None and stopwatch is None and self._guard is None and kept[0] > now:
            return kept[1]
        found = self._let(await self._lookup(*name))
        if len(self._names) >= MOST_NAMES:
            self._names.clear()
        self._names[name] = self._now() + NAMES_KEPT, found
        if stopwatch is not None:
            stopwatch.resolved = self._now()
        return found

    def _let(self, addresses: Sequence[AddrInfoType]) -> Sequence[AddrInfoType]:
        """The addresses, if all may be connected to: a name with two faces is trusted with neither."""
        if self._guard is not None:
            for address in addresses:
                refuse(self._guard, *host_and_port(address[-1]))
        return addresses


def _literal(place: Place) -> Sequence[AddrInfoType]:
    """The address that the host is, if it is one: nobody has to be asked."""
    for family, size in ((socket.AF_INET, 2), (socket.AF_INET6, 4)):
        try:
            socket.inet_pton(family, place.host)
        except OSError:
            continue
        address = (place.host, place.port, 0, 0)[:size]
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]
    return []
