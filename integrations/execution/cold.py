"""A connection of its own for one request, timed phase by phase.

Phase        from                                to
dns          the name is asked for               it is resolved (None: an address, or a unix socket)
connect      resolved                            the connection stands
tls          the connection stands               the handshake is done (None: without TLS)
first_byte   the connection is ready             the first byte of the answer
transfer     the first byte                      the last one

Through a proxy, dns and connect are those of the way to the proxy, and connect also holds the time that the
proxy takes to open its tunnel; how long the proxy needs to resolve and to reach the vendor cannot be told
apart. tls, first_byte and transfer are the vendor's own there too.
"""

from collections.abc import Callable

from integrations.execution.outcome import Phases

COLD = "dialtone_cold"
"""The extension of an httpx.Request that asks for a connection of its own."""


class Stopwatch:
    """When what happened to one request on a new connection; `now` is the clock's monotonic time.

    A mark that is set again counts the last time: a name is tried at one address after the other, and a
    tunnel through a proxy has a connection within a connection.
    """

    __slots__ = (
        "_now",
        "answered",
        "began",
        "connected",
        "ended",
        "is_secure",
        "ready",
        "resolved",
    )

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.is_secure = False
        self.began = self.resolved = self.connected = self.ready = self.answered = self.ended = 0.0

    def begin(self) -> None:
        """The connection is wanted."""
        self.began = self._now()

    def make_ready(self, *, is_secure: bool) -> None:
        """The connection is ready for the request; bytes that came before were a proxy's."""
        self.ready = self._now()
        self.is_secure = is_secure
        self.answered = 0.0

    def hear(self) -> None:
        """Bytes have come."""
        if not self.answered:
            self.answered = self._now()

    def end(self) -> None:
        """The last byte was read."""
        self.ended = self._now()

    def phases(self) -> Phases:
        """The phases of an exchange that has ended."""
        asked = self.resolved or self.began
        return Phases(
            dns=self.resolved - self.began if self.resolved else None,
            connect=(self.connected if self.is_secure else self.ready) - asked,
            tls=self.ready - self.connected if self.is_secure else None,
            first_byte=self.answered - self.ready,
            transfer=self.ended - self.answered,
        )
