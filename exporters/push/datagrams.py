"""Sends lines as datagrams to a socket of this machine or network: UDP, or a Unix socket.

A thread of its own writes them, because a thousand of them would hold the event loop up. It never waits for
longer than a few seconds: what the socket has not taken by then is given up.
"""

import os
import socket
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import anyio
import anyio.to_thread

from exporters.push.batchfile import Batch
from exporters.push.compression import decompressed
from exporters.push.exporter import Address, Reply
from integrations.clock import Clock

UDP_BYTES, UNIX_BYTES = 1_432, 8_192
"""The best size of a datagram over UDP, within one Ethernet frame, and over a Unix socket, by Datadog."""
PATIENCE = 3.0
"""Seconds for all datagrams of a batch."""
STALLED = 1.0
"""Seconds for one."""


class DatagramSender:
    """Sends the batches of one exporter to `udp://host:port` or `unix:///path`."""

    def __init__(self, url: str, *, clock: Clock, stalled: float = STALLED) -> None:
        self._url = url
        self._stalled = stalled
        self._clock = clock
        self._threads = anyio.CapacityLimiter(1)
        parts = urlsplit(url)
        self._target: str | tuple[str, int] = (
            parts.path if parts.scheme == "unix" else (parts.hostname or "", parts.port or 0)
        )
        self._most = UNIX_BYTES if parts.scheme == "unix" else UDP_BYTES

    async def send(self, _: Address, batch: Batch) -> Reply:
        """Send all lines of a batch; whatever the socket does is a value. A reply with a status tells in its
        body how many lines were not sent, if any; without a status, none was.
        """
        return await anyio.to_thread.run_sync(
            self._send, batch, limiter=self._threads, abandon_on_cancel=True
        )

    def _send(self, batch: Batch) -> Reply:
        lines = decompressed(batch.body, batch.headers["content-encoding"]).split(b"\n")
        sent, trouble = self._write(lines)
        failure = f"DogStatsD at {self._url}: {trouble}" if trouble else ""
        if not sent and trouble:
            return Reply(None, failure=failure)
        lost = len(lines) - sent
        return Reply(202, body=str(lost).encode() if lost else b"", failure=failure)

    def _write(self, lines: Iterable[bytes]) -> tuple[int, str]:
        """How many lines were sent, and what stopped the rest."""
        until = self._clock.monotonic() + PATIENCE
        sent = last = 0
        try:
            with self._connected() as connection:
                for datagram in datagrams(lines, most=self._most):
                    if self._clock.monotonic() > until:
                        return sent, f"it takes longer than {PATIENCE:g} s; the rest is given up"
                    connection.send(datagram)
                    last = datagram.count(b"\n") + 1
                    sent += last
                if refused := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    return sent - last, os.strerror(refused)
        except TimeoutError:
            return sent, f"it took nothing for {self._stalled:g} s"
        except OSError as error:
            return sent, error.strerror or str(error)
        return sent, ""

    def _connected(self) -> socket.socket:
        if isinstance(self._target, str):
            return _opened(socket.AF_UNIX, self._target, patience=self._stalled)
        host, port = self._target
        (family, *_, address), *_ = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        return _opened(family, address, patience=self._stalled)


def datagrams(lines: Iterable[bytes], *, most: int) -> Iterator[bytes]:
    """Lines, joined to as few datagrams as hold them in order; a line that is longer goes alone."""
    parts: list[bytes] = []
    size = 0
    for line in lines:
        if parts and size + len(line) + 1 > most:
            yield b"\n".join(parts)
            parts, size = [], 0
        size += len(line) + bool(parts)
        parts.append(line)
    if parts:
        yield b"\n".join(parts)


def _opened(family: int, address: object, *, patience: float) -> socket.socket:
    """A connected socket, which tells at once when nobody listens.

    Raises:
        OSError: nobody does.
    """
    connection = socket.socket(family, socket.SOCK_DGRAM)
    try:
        connection.settimeout(patience)
        connection.connect(address)  # type: ignore[arg-type]  # The address is of this family.
    except OSError:
        connection.close()
        raise
    return connection
