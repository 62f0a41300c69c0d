"""How faults are carried out: refusals in the vendor's form, and what is done to the connection itself.

A connection is dropped without an answer like this. Under `server.py` the protocol puts a function into the
ASGI scope's state that resets the transport; the app calls it and waits for the disconnect. In process, over
httpx.ASGITransport, there is no connection: Dropped is raised, an httpx.ReadError, as a real transport would.
Under any other server Dropped is raised too, which such a server turns into a 500.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import httpx

from integrations.clock import Clock
from integrations.execution.outcome import FailureKind
from integrations.simulator.faults import Fault, FaultKind
from integrations.simulator.messages import Receive, Response, Scope, Send, send_response, start_response
from integrations.simulator.vendors.generic import Refusal

CUT = "simulator.cut"
"""The key in the ASGI scope's state under which a server offers to end its connection."""

_CHUNK = b" " * 65_536
_PIECES = 10


class Cut(Protocol):
    """Ends the connection of a request: with a reset, or after what was written is sent."""

    def __call__(self, *, reset: bool) -> None:
        """End it now."""
        ...


class Dropped(httpx.ReadError):
    """The simulated vendor dropped the connection without an answer."""


_REFUSALS: Mapping[FaultKind, Callable[[Fault], Refusal]] = {
    FaultKind.UNAUTHORIZED: lambda _: Refusal(kind=FailureKind.UNAUTHORIZED),
    FaultKind.TOKEN_EXPIRED: lambda _: Refusal(kind=FailureKind.UNAUTHORIZED, code="token_expired"),
    FaultKind.FORBIDDEN: lambda _: Refusal(kind=FailureKind.FORBIDDEN),
    FaultKind.THROTTLED: lambda f: Refusal(kind=FailureKind.THROTTLED, retry_after=f.retry_after),
    FaultKind.SERVER_ERROR: lambda f: Refusal(kind=FailureKind.SERVER_ERROR, status=f.status),
    FaultKind.VENDOR_ERROR: lambda f: Refusal(kind=FailureKind.VENDOR_ERROR, code=f.code),
}


def first(faults: Sequence[Fault], *kinds: FaultKind) -> Fault | None:
    """Return the first fault of one of the kinds."""
    return next((fault for fault in faults if fault.kind in kinds), None)


def refusal_of(faults: Sequence[Fault]) -> Refusal | None:
    """Return the refusal that the faults ask for, the first in their order."""
    fault = first(faults, *_REFUSALS)
    return None if fault is None else _REFUSALS[fault.kind](fault)


class Line:
    """One request's way back: answers as it should, or worse."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, clock: Clock) -> None:
        self._cut: Cut | None = scope.get("state", {}).get(CUT)
        self._receive = receive
        self._send = send
        self._clock = clock

    async def delay(self, faults: Sequence[Fault]) -> None:
        """Wait as long as all latencies say."""
        seconds = sum(fault.seconds for fault in faults if fault.kind is FaultKind.LATENCY)
        if seconds:
            await self._clock.sleep(seconds)

    async def drop(self, fault: Fault) -> None:
        """End the connection without an answer; a hang does so after its time.

        Raises:
            Dropped: where there is no connection to end.
        """
        if fault.kind is FaultKind.HANG:
            await self._clock.sleep(fault.seconds)
        await self._end(reset=True)

    async def answer(self, response: Response, faults: Sequence[Fault]) -> None:
        """Send an answer, damaged as the faults say."""
        fault = first(faults, *_DAMAGES)
        if fault is None:
            await send_response(self._send, response)
        else:
            await _DAMAGES[fault.kind](self, response, fault)

    async def _malform(self, response: Response, fault: Fault) -> None:
        del fault
        await send_response(self._send, Response(headers=response.headers, body=b'{"ok": tru<html>'))

    async def _send_slowly(self, response: Response, fault: Fault) -> None:
        await start_response(self._send, response)
        size = len(response.body) // _PIECES + 1
        for at in range(_PIECES):
            await self._clock.sleep(fault.seconds / _PIECES)
            piece = response.body[at * size : (at + 1) * size]
            await self._send({"type": "http.response.body", "body": piece, "more_body": at < _PIECES - 1})

    async def _truncate(self, response: Response, fault: Fault) -> None:
        del fault
        await start_response(self._send, response)
        half = response.body[: len(response.body) // 2]
        await self._send({"type": "http.response.body", "body": half, "more_body": self._cut is not None})
        if self._cut is not None:
            await self._end(reset=False)

    async def _swell(self, response: Response, fault: Fault) -> None:
        await start_response(self._send, response, length=fault.size)
        for left in range(fault.size, 0, -len(_CHUNK)):
            piece = _CHUNK[:left]
            await self._send(
                {"type": "http.response.body", "body": piece, "more_body": left > len(_CHUNK)},
            )

    async def _end(self, *, reset: bool) -> None:
        if self._cut is None:
            raise Dropped("the simulated vendor dropped the connection")
        self._cut(reset=reset)
        # The server logs an app that ends without an answer, unless it has seen the connection go.
        while (await self._receive())["type"] != "http.disconnect":
            pass


_DAMAGES = {
    FaultKind.SLOW_BODY: Line._send_slowly,  # noqa: SLF001 - a table of the class's own methods
    FaultKind.TRUNCATED: Line._truncate,  # noqa: SLF001 - the same
    FaultKind.MALFORMED: Line._malform,  # noqa: SLF001 - the same
    FaultKind.HUGE_BODY: Line._swell,  # noqa: SLF001 - the same
}
