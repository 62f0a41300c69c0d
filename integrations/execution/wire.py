"""One connection of HTTP/1.1, over which one request goes after the other."""

import asyncio
import errno
import os
import ssl
from collections.abc import Callable, Iterable
from typing import Protocol

from integrations.execution.carrier import Carrier
from integrations.execution.ciphering import Ciphering
from integrations.execution.incoming import Incoming


class Keeper(Protocol):
    """Who keeps a connection that is idle."""

    def forget(self, wire: "Wire", /) -> None:
        """It is gone."""
        ...


class Wire(asyncio.Protocol):
    """A connection that stands. `should_close`: no further request may go over it. The `keeper` is told once
    when it is gone; `place` is where it leads: whether by TLS, host and port.
    """

    __slots__ = (
        "_ciphering", "_greeted", "_incoming", "_transport", "hear", "keeper", "place", "should_close",
    )  # fmt: skip

    def __init__(self) -> None:
        self.should_close = True
        self.hear: Callable[[], None] | None = None
        self.keeper: Keeper | None = None
        self.place: tuple[bool, str, int] | None = None
        self._incoming: Incoming | None = None
        self._transport: Carrier | asyncio.Transport | None = None
        self._ciphering: Ciphering | None = None
        self._greeted: asyncio.Future[None] | None = None

    @property
    def security(self) -> ssl.SSLObject | None:
        """The TLS of the connection, if it has any."""
        return None if self._ciphering is None else self._ciphering.connection

    async def secure(self, context: ssl.SSLContext, host: str) -> None:
        """Have it speak TLS from now on; nothing was asked before.

        Raises:
            OSError: when it cannot, and is closed; ssl.SSLError says what of TLS was wrong.
            ValueError: when the host is no name.
        """
        self._greeted = asyncio.get_running_loop().create_future()
        try:
            self._ciphering = Ciphering(context, host)
            if self._transport is None:
                self._greeted.set_exception(_reset())
            else:
                self._greet(self._ciphering, self._greeted)
            await self._greeted
        except BaseException:
            self.close()
            raise
        finally:
            self._greeted = None

    def ask(self, request: bytes, incoming: Incoming) -> None:
        """Send a request; the answer goes to `incoming`."""
        self._incoming = incoming
        if self._transport is None:
            incoming.end(None)
        elif self._ciphering is None:
            self._transport.write(request)
        else:
            try:
                self._send(self._ciphering.encipher(request))
            except ssl.SSLError as error:
                self._break(error)

    def rest(self) -> None:
        """The answer is whole; whatever comes now was not asked for."""
        self._incoming = None
        is_all_said = self._ciphering is None or self._ciphering.is_all_said
        if self._transport is not None and (self._transport.get_write_buffer_size() or not is_all_said):
            # The server has answered before it had heard all, and the rest is still on its way out.
            self.close()

    def close(self) -> None:
        """Close it now, without the words that TLS has for it."""
        self.should_close = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        if isinstance(transport, asyncio.Transport):
            self.carry(transport)

    def carry(self, carrier: Carrier | asyncio.Transport) -> None:
        """It stands, and goes over this."""
        self._transport = carrier
        self.should_close = False

    def data_received(self, data: bytes) -> None:
        """Hand on what came."""
        if self._ciphering is None:
            self._hand_on(data)
            return
        try:
            self._decipher(self._ciphering, data)
        except ssl.SSLError as error:
            self._break(error)

    def eof_received(self) -> None:
        """The server says no more, and what carries this closes: a request would be thrown away."""
        self.should_close = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.should_close, self._transport = True, None
        if self._greeted is not None and not self._greeted.done():
            self._greeted.set_exception(exc or _reset())
        self._end(exc)
        if self.keeper is not None:
            self.keeper.forget(self)

    def _greet(self, ciphering: Ciphering, greeted: "asyncio.Future[None]") -> None:
        """Go on with the handshake."""
        try:
            if ciphering.greet():
                greeted.set_result(None)
        except ssl.SSLError as error:
            greeted.set_exception(error)
        self._send(ciphering.outgoing())

    def _decipher(self, ciphering: Ciphering, data: bytes) -> None:
        if self._greeted is not None and not self._greeted.done():
            ciphering.put(data)
            self._greet(ciphering, self._greeted)
            if not self._greeted.done() or self._greeted.exception() is not None:
                return
            texts = ciphering.rest()
        else:
            texts = ciphering.take(data)
        for text in texts:
            if not text:
                # The server says no more, and a request would be thrown away.
                self.close()
                break
            self._hand_on(text)
        self._send(ciphering.outgoing())

    def _send(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            if self._transport is not None:
                self._transport.write(piece)

    def _hand_on(self, text: bytes) -> None:
        """Let the answer take it; when nothing was asked, nobody can tell what it answers."""
        if self.hear is not None:
            self.hear()
        if self._incoming is None:
            self.close()
        else:
            self._incoming.take(text)

    def _break(self, error: ssl.SSLError) -> None:
        """TLS is broken."""
        self._end(error.with_traceback(None))
        self.close()

    def _end(self, error: Exception | None) -> None:
        if self._incoming is not None and not self._incoming.is_over:
            self._incoming.end(error)


def _reset() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
