"""One HTTP connection: how long a client may take to say what it wants, how much it may say, and how many
there may be.

uvicorn's protocol over httptools (llhttp) limits only the pause between two requests: a head may grow for
ever, and so may trailers and the extensions of chunks.
"""

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
HEAD_BYTES = 64 * 1024
"""What may come that is no body, at once: a head, or the frames of a chunked body."""

FRAME_RATIO = 16
"""Bytes on the wire for a byte of body; one in chunks of a byte each takes six."""

MAX_CONNECTIONS = 500
MAX_PIPELINE = 32
"""Requests that may wait on one connection for those before them."""

WHOLE = "is_whole"
"""In the state of a request's scope, once all of the request has arrived."""

_INVALID = "This is no HTTP request."
_TOO_LARGE = "The head, or what frames the body, is larger than 64 KiB."
_NO_HOST = "A request in HTTP/1.1 names its host in one field Host."
_TOO_MANY = "Too many requests at once over one connection."
_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class _RefusedError(Exception):
    """This client has said more than it may, or nothing that can be answered."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection that takes longer than 10 s to say what it wants, and any
    that is one too many. What breaks the rules of HTTP, or is no end of a head, is answered 400 and closed.
    """

    head_seconds = HEAD_SECONDS
    max_connections = MAX_CONNECTIONS

    _head: asyncio.TimerHandle | None = None
    _is_in_head = True
    _is_repeating = False
    _unread = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # As uvicorn's.
        """Take the connection, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        self._unset_keepalive_if_required()
        try:
            self._unread += len(data)
            self._feed(data)
        except httptools.HttpParserError as error:
            # What a callback raises is the context of what the parser raises.
            self._refuse(error.__context__)
        else:
            self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._forget()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request."""
        if not self._is_repeating:
            super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take the target."""
        if not self._is_repeating:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; trailers are of no use to anybody."""
        if self._is_in_head and not self._is_repeating:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        self._is_in_head = False
        if self._is_repeating:
            self._is_repeating = False
            return
        if len(self.pipeline) >= MAX_PIPELINE:
            raise _RefusedError(_TOO_MANY)
        self._require_a_head()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._unread = max(self._unread - len(body) * FRAME_RATIO, -HEAD_BYTES)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, but not where the parser takes what follows for another protocol: it is the body."""
        if not self.parser.should_upgrade():
            self._is_in_head, self._unread = True, 0
            self.scope["state"][WHOLE] = True
            super().on_message_complete()

    def _settle(self) -> None:
        if self._unread > HEAD_BYTES:
            self._refuse(_RefusedError(_TOO_LARGE))
        else:
            self._watch()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as error:
            self._decline_upgrade(data[error.args[0] :])

    def _decline_upgrade(self, rest: bytes) -> None:
        """Go on in HTTP/1.1, as RFC 9110, 7.8 allows; clients that offer h2c with each request expect it.

        llhttp has stopped behind the head, so another parser is told of the body's frames and reads on.
        """
        fields = [name + b": " + value + b"\r\n" for name, value in self.headers if name in _FRAMING]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._is_repeating = True
        self.parser.feed_data(b"POST / HTTP/1.1\r\n" + b"".join(fields) + b"\r\n")
        self._feed(rest)

    def _require_a_head(self) -> None:
        """Refuse a head that is too large, or does not name one host (RFC 9112, 3.2)."""
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > HEAD_BYTES:
            raise _RefusedError(_TOO_LARGE)
        if self.parser.get_http_version() == "1.1" and sum(name == b"host" for name, _ in self.headers) != 1:
            raise _RefusedError(_NO_HOST)
        self._unread = 0

    def _refuse(self, reason: BaseException | None) -> None:
        if self._is_answering() and (self.pipeline or not self._is_in_body()):
            # A 400 would be taken for the answer to the request before it, which is still to come.
            self.cycle.keep_alive = False
            self.flow.pause_reading()
        else:
            self.send_400_response(str(reason) if isinstance(reason, _RefusedError) else _INVALID)

    def _is_in_body(self) -> bool:
        return self.cycle.more_body and not self.cycle.response_started

    def _watch(self) -> None:
        if self._is_answering():
            self._forget()
        elif self._head is None:
            self._head = self.loop.call_later(self.head_seconds, self._close)

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _forget(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _close(self) -> None:
        self._head = None
        if not self._is_answering():
            self.transport.abort()


def protocol(*, head_seconds: float, max_connections: int) -> type[PatientProtocol]:
    """A protocol with other limits."""
    limits = {"head_seconds": head_seconds, "max_connections": max_connections}
    return type("Patient", (PatientProtocol,), limits)
