"""The TLS of one connection, in little memory.

asyncio's keeps a buffer of 256 KiB for each connection as long as it stands: measured, an integration that is
asked over https took 306 KB, and takes 38 so, of which OpenSSL has 21.
"""

import ssl
from collections.abc import Iterator

SLICE = 16 * 1024
"""Bytes that are put in at once: what OpenSSL keeps them in grows, and never shrinks."""


class Ciphering:
    """Enciphers what goes out and deciphers what comes in, for a client that asks for `host`. It moves no
    byte itself: whoever has the connection passes on what `outgoing` gives after each step.
    """

    __slots__ = ("_come", "_going", "_unsaid", "connection")

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._come, self._going = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.connection = context.wrap_bio(self._come, self._going, server_hostname=host)
        self._unsaid: memoryview | None = None

    def greet(self) -> bool:
        """Go on with the handshake, as far as it goes; return whether it is over.

        Raises:
            ssl.SSLError: when there can be no connection; what is outgoing tells the server why.
        """
        try:
            self.connection.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def take(self, data: bytes) -> Iterator[bytes]:
        """Take what came over the connection, as the result is gone through: the text in it, in pieces. An
        empty piece is the server's word that no more will come.

        Raises:
            ssl.SSLError: when it is broken.
        """
        view = memoryview(data)
        for start in range(0, len(data), SLICE):
            self._come.write(view[start : start + SLICE])
            yield from self._deciphered()

    def put(self, data: bytes) -> None:
        """Put in what came over the connection, for `greet`."""
        self._come.write(data)

    def rest(self) -> Iterator[bytes]:
        """The text that came with the end of the handshake, if there is any."""
        return self._deciphered()

    def encipher(self, data: bytes) -> Iterator[bytes]:
        """What is to be sent for a text, in pieces. What cannot be said now, because the server wants other
        keys first, is said by `outgoing`.

        Raises:
            ssl.SSLError: when it is broken.
        """
        self._unsaid = memoryview(data)
        return self.outgoing()

    def outgoing(self) -> Iterator[bytes]:
        """What is to be sent now.

        Raises:
            ssl.SSLError: when it is broken.
        """
        while (unsaid := self._unsaid) is not None:
            try:
                said = self.connection.write(unsaid[:SLICE])
            except ssl.SSLWantReadError:
                break
            self._unsaid = unsaid[said:] if said < len(unsaid) else None
            yield self._going.read()
        if self._going.pending:
            yield self._going.read()

    @property
    def is_all_said(self) -> bool:
        """Whether nothing waits to be enciphered."""
        return self._unsaid is None

    def _deciphered(self) -> Iterator[bytes]:
        # Looked at first, for to hear from OpenSSL that it wants more takes an exception, 4 µs an answer.
        while self._come.pending or self.connection.pending():
            try:
                text = self.connection.read(SLICE)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:
                text = b""
            yield text
            if not text:
                return
