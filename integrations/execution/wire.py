"""One connection of HTTP/1.1, over which one request goes after the other."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol

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

    __slots__ = ("_incoming", "_socket", "_transport", "hear", "keeper", "place", "should_close")

    def __init__(self) -> None:
        self.should_close = True
        self.hear: Callable[[], None] | None = None
        self.keeper: Keeper | None = None
        self.place: tuple[bool, str, int] | None = None
        self._incoming: Incoming | None = None
        # Without TLS both are the same. Only that of the socket knows what is not sent yet.
        self._socket: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def security(self) -> ssl.SSLObject | None:
        """The TLS of the connection, if it has any."""
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")

    def ask(self, request: bytes, incoming: Incoming) -> None:
        """Send a request; the answer goes to `incoming`."""
        self._incoming = incoming
        if self._transport is None:
            incoming.end(None)
        else:
            self._transport.write(request)

    def rest(self) -> None:
        """The answer is whole; whatever comes now was not asked for."""
        self._incoming = None
        if self._socket is not None and self._socket.get_write_buffer_size():
            # The server has answered before it had heard all, and the rest is still on its way out.
            self.close()

    def close(self) -> None:
        """Close it now. Closing the polite way, TLS waits half a minute for the other end."""
        self.should_close = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        if isinstance(transport, asyncio.Transport):
            self._socket = self._transport = transport
            self.should_close = False

    def secure(self, transport: asyncio.Transport) -> None:
        """It speaks TLS from now on, by `transport`; nothing was asked before."""
        if self._transport is not None:
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Hand on what came; when nothing was asked, nobody can tell what it answers."""
        if self.hear is not None:
            self.hear()
        if self._incoming is None:
            self.close()
        else:
            self._incoming.take(data)

    def eof_received(self) -> None:
        """The server says no more, and asyncio closes the connection: a request would be thrown away."""
        self.should_close = True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self.should_close, self._socket, self._transport = True, None, None
        if self._incoming is not None and not self._incoming.is_over:
            self._incoming.end(exc)
        if self.keeper is not None:
            self.keeper.forget(self)
