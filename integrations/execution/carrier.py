"""A connection over TCP, in little memory: a transport of asyncio takes 0.9 KB more."""

import asyncio
import socket
from typing import Protocol

AT_ONCE = 64 * 1024
"""Bytes that are read at once, before the event loop gets its turn."""


class Carried(Protocol):
    """Who talks over a connection, as an asyncio.Protocol does."""

    def data_received(self, data: bytes, /) -> None:
        """Take what came."""
        ...

    def eof_received(self) -> None:
        """Hear that no more will come."""
        ...

    def connection_lost(self, exc: Exception | None, /) -> None:
        """Hear that it is gone, once, and why if it broke."""
        ...


class Carrier:
    """Carries bytes over a connected socket that does not block, and closes it. It has what is used of
    asyncio.Transport, with its meaning.
    """

    __slots__ = ("_broken", "_carried", "_is_closed", "_loop", "_socket", "_unsent")

    def __init__(
        self, connected: socket.socket, carried: Carried, *, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._loop = loop
        self._socket = connected
        self._carried = carried
        self._is_closed = False
        self._broken: OSError | None = None
        self._unsent: bytearray | None = None
        # What is written goes out at once: it is whole.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(connected.fileno(), self._read)

    def write(self, data: bytes, /) -> None:
        """Send as much as there is room for, and the rest when there is."""
        if self._is_closed or self._broken is not None:
            return
        if self._unsent:
            self._unsent += data
            return
        sent = self._send(data)
        if sent < len(data) and not self._is_closed:
            self._unsent = bytearray(memoryview(data)[sent:])
            if self._broken is None:
                self._loop.add_writer(self._socket.fileno(), self._write)

    def get_write_buffer_size(self) -> int:
        """Bytes that there was no room for yet."""
        return len(self._unsent or b"")

    def abort(self) -> None:
        """Close it now; what is not sent yet never will be. Who talks over it is told in the next turn of
        the loop.
        """
        self._close(None)

    def _read(self) -> None:
        try:
            data = self._socket.recv(AT_ONCE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._close(error)
            return
        if data:
            self._hand_on(data)
        else:
            self._carried.eof_received()
            self._close(self._broken)

    def _hand_on(self, data: bytes) -> None:
        try:
            self._carried.data_received(data)
        except Exception as error:
            # The loop tells of it; who waits for an answer over this connection must not wait for ever.
            self._close(error)
            raise

    def _write(self) -> None:
        if self._unsent:
            del self._unsent[: self._send(self._unsent)]
        if not self._unsent and not self._is_closed:
            self._unsent = None
            self._loop.remove_writer(self._socket.fileno())

    def _send(self, data: bytes | bytearray) -> int:
        """How many bytes of it were sent."""
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except (BrokenPipeError, ConnectionResetError) as error:
            # The server hears no more, and what it said before may not be read yet.
            self._broken = error
            if self._unsent is not None:
                self._loop.remove_writer(self._socket.fileno())
            return 0
        except OSError as error:
            self._close(error)
            return 0

    def _close(self, error: Exception | None) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self._socket.fileno())
        if self._unsent is not None:
            self._loop.remove_writer(self._socket.fileno())
        self._loop.call_soon(self._end, error)

    def _end(self, error: Exception | None) -> None:
        self._unsent = None
        try:
            self._carried.connection_lost(None if error is None else error.with_traceback(None))
        finally:
            self._socket.close()
