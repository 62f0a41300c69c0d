"""The connections of one integration, without aiohttp: requests as bytes, answers by llhttp.

Measured: a complete check took 430 µs of CPU over aiohttp behind httpx's interface, and takes 240 so. What
goes through a proxy takes the way over aiohttp (pool.py).
"""

from collections.abc import Callable, Coroutine, Mapping
from sys import intern
from types import MappingProxyType

import anyio
import httpx
import msgspec

from integrations.clock import Clock
from integrations.deadlines import Deadlines
from integrations.ending import Awaited, Ending
from integrations.execution.bodiless import Bodiless
from integrations.execution.certificate import Certificate, read_certificate
from integrations.execution.cold import COLD, Stopwatch
from integrations.execution.dialing import Dialer, Place
from integrations.execution.failure import OutOfTime, TransportFailure
from integrations.execution.idle import IdleConnections
from integrations.execution.incoming import Incoming
from integrations.execution.opening import OPENING
from integrations.execution.outcome import FailureKind
from integrations.execution.outgoing import body_of, written
from integrations.execution.patience import PATIENCE, Patience
from integrations.execution.transport import Reply
from integrations.execution.wire import Wire

_PORTS = {"http": 80, "https": 443}
_NO_CERTIFICATES: Mapping[str, Certificate] = MappingProxyType({})


class _Errand(msgspec.Struct, frozen=True, kw_only=True):
    """A request for a connection of its own, and how long that and the answer may take."""

    place: Place
    data: bytes
    connect: float
    read: float | None


class DirectPool:
    """Lends as many connections as are asked for at once, keeps those that may be used again, and is used by
    no other integration. `taken` are lent out now, those being opened included.
    """

    __slots__ = ("_deadlines", "_dialer", "_idle", "_kept", "_now", "certificates", "is_closed", "taken")

    def __init__(
        self, dialer: Dialer, *, idle: IdleConnections, clock: Clock, deadlines: Deadlines | None = None
    ) -> None:
        self.taken = 0
        self.is_closed = False
        # Replaced as a whole, so that the many without TLS share what is empty.
        self.certificates: Mapping[str, Certificate] = _NO_CERTIFICATES
        self._dialer = dialer
        self._idle = idle
        self._deadlines = Deadlines() if deadlines is None else deadlines
        self._now = clock.monotonic
        # For all places: nearly all pools have one place, and one connection. A list takes half more.
        self._kept: tuple[Wire, ...] = ()

    async def exchange(
        self,
        request: httpx.Request,
        *,
        connect: float,
        read: float | None,
        max_body: int,
        heard: Callable[[int], None] | None,
    ) -> Reply:
        """Send a request and read the answer whole; `connect` and `read` are seconds, None for no limit. The
        request's extension PATIENCE says how long all of it may take.

        Raises:
            TransportFailure: when there is no usable answer.
            OutOfTime: when the patience came to its end.
            TimeoutError: when it did not come within `read`.
        """
        body = request.content if type(request) is Bodiless else await body_of(request)
        data, place, extensions = written(request, body), _place(request.url), request.extensions
        patience, is_cold = extensions.get(PATIENCE), COLD in extensions
        incoming = Incoming(
            max_body=max_body,
            is_head=request.method == "HEAD",
            heard=heard,
            over=self._deadlines.loop.create_future(),
        )
        self.taken += 1
        try:
            wire = None if is_cold else self._take(place, request.method)
            if wire is not None:
                return await self._exchange(wire, data, incoming, patience=patience, read=read)
            errand = _Errand(place=place, data=data, connect=connect, read=read)
            exchange = self._exchange_cold if is_cold else self._exchange_anew
            return await self._in_time(patience, exchange(errand, incoming))
        finally:
            self.taken -= 1
            if not incoming.is_over:
                # It and its parser hold each other until it is.
                incoming.cancel()

    def certificate(self, host: str) -> Certificate | None:
        """Return the certificate that the host showed last; None before the first TLS connection to it."""
        return self.certificates.get(host)

    async def aclose(self) -> None:
        """Close what is idle; what is lent is closed when it comes back."""
        self.is_closed = True
        for wire in self._kept:
            wire.close()

    async def _exchange_anew(self, errand: _Errand, incoming: Incoming) -> Reply:
        began = self._now()
        wire = await self._open(errand)
        reply = await self._exchange(wire, errand.data, incoming, read=errand.read, is_new=True)
        reply.duration = self._now() - began
        return reply

    async def _exchange(
        self,
        wire: Wire,
        data: bytes,
        incoming: Incoming,
        *,
        read: float | None,
        patience: Patience | None = None,
        is_new: bool = False,
    ) -> Reply:
        """Ask over a connection that stands, and keep it. Under a `patience` nothing is waited for but the
        answer, and to end that needs nothing around it.
        """
        began = self._now()
        try:
            wire.ask(data, incoming)
            if patience is None:
                await _heard(incoming, read)
            else:
                self._deadlines.set(incoming, patience.seconds)
                patience.under_way[incoming] = patience.owner
                try:
                    await incoming.over
                finally:
                    del patience.under_way[incoming]
                    self._deadlines.drop(incoming)
        except BaseException:
            wire.close()
            raise
        if (failure := incoming.failure) is not None:
            # The server had closed a connection that lay idle: nobody has heard the request.
            failure.stale = not is_new and not incoming.has_begun and failure.kind is FailureKind.CONNECTION
            wire.close()
            raise failure
        self._give_back(wire, incoming)
        return _reply(incoming, self._now() - began)

    async def _exchange_cold(self, errand: _Errand, incoming: Incoming) -> Reply:
        stopwatch = Stopwatch(self._now)
        wire = await self._open(errand, stopwatch=stopwatch)
        wire.hear = stopwatch.hear
        try:
            wire.ask(errand.data, incoming)
            await _heard(incoming, errand.read)
        finally:
            wire.close()
        if incoming.failure is not None:
            raise incoming.failure
        stopwatch.end()
        phases = stopwatch.phases()
        # As on a connection that stood already, so that no condition on latency fails every tenth time.
        reply = _reply(incoming, (phases.first_byte or 0.0) + (phases.transfer or 0.0))
        reply.phases = phases
        return reply

    async def _open(self, errand: _Errand, *, stopwatch: Stopwatch | None = None) -> Wire:
        if (hear := OPENING.get()) is not None:
            hear()
        dialing = Ending(self._dialer.dial(errand.place, stopwatch=stopwatch))
        try:
            wire = await self._deadlines.within(errand.connect, dialing)
        except TimeoutError:
            detail = "no connection in time"
            raise TransportFailure(FailureKind.TIMEOUT, sent=False, detail=detail) from None
        # Kept as long as the connection, by the text that the integration has of its host anyway.
        wire.place = errand.place._replace(host=intern(errand.place.host))
        try:
            self._note_certificate(wire, errand.place.host)
        except BaseException:
            # Some can be verified, and not be read.
            wire.close()
            raise
        return wire

    def _note_certificate(self, wire: Wire, host: str) -> None:
        security = wire.security
        if security is not None and (certificate := read_certificate(security, host)) is not None:
            self.certificates = {**self.certificates, host: certificate}

    def _take(self, place: Place, method: str) -> Wire | None:
        """The connection that was idle for the shortest time, if it is fit for a request."""
        for number in range(len(self._kept) - 1, -1, -1):
            wire = self._kept[number]
            if wire.place != place:
                continue
            self._kept = (*self._kept[:number], *self._kept[number + 1 :])
            if self._idle.lend(wire, method):
                wire.keeper = None
                return wire
            wire.close()
        return None

    def _give_back(self, wire: Wire, incoming: Incoming) -> None:
        wire.rest()
        if not incoming.is_reusable or wire.should_close or self.is_closed:
            wire.close()
            return
        self._kept = (*self._kept, wire)
        wire.keeper = self
        self._idle.keep(wire)

    async def _in_time(self, patience: Patience | None, exchange: Coroutine[Awaited, None, Reply]) -> Reply:
        """The reply, if it comes within the patience."""
        if patience is None:
            return await exchange
        ending = Ending(exchange)
        patience.under_way[ending] = patience.owner
        try:
            return await self._deadlines.within(patience.seconds, ending)
        except (TimeoutError, TransportFailure):
            # A cancellation that was turned into an error on its way is still a cancellation.
            if not ending.is_ended:
                raise
        finally:
            del patience.under_way[ending]
        raise OutOfTime

    def forget(self, wire: Wire) -> None:
        """An idle connection has ended."""
        self._idle.take(wire)
        self._kept = tuple([kept for kept in self._kept if kept is not wire])


async def _heard(incoming: Incoming, read: float | None) -> None:
    if read is None:
        await incoming.over
    else:
        with anyio.fail_after(read):
            await incoming.over


def _reply(incoming: Incoming, duration: float) -> Reply:
    return Reply(
        status=incoming.status,
        headers=incoming.headers,
        body=incoming.body(),
        duration=duration,
        http_version=incoming.version,
    )


def _place(url: httpx.URL) -> Place:
    scheme = url.scheme
    if scheme not in _PORTS or not url.raw_host:
        detail = "no request can be made for this address"
        raise TransportFailure(FailureKind.CLIENT_ERROR, sent=False, detail=detail)
    port = _PORTS[scheme] if url.port is None else url.port
    return Place(scheme == "https", url.raw_host.decode("ascii"), port)
