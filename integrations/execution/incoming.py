"""One answer as it comes: parsed by llhttp, unpacked and capped piece by piece."""

import asyncio
import zlib
from collections.abc import Callable
from functools import lru_cache

import httptools

from integrations.execution.failure import OutOfTime, TransportFailure, translate
from integrations.execution.inflate import Inflater
from integrations.execution.outcome import FailureKind

FRAMES = 64 * 1024
"""What may come that is no body, at once: a head with those before it, or the frames of a chunked body. It is
also by how much a compressed body may be longer than the cap.
"""

FIELD = 32
"""What each field of a head counts beside its name and value (RFC 9113, 6.5.2): many short ones cost more."""

FRAME_RATIO = 16
"""Bytes on the wire for a byte of body; one in chunks of a byte each takes six."""

_SWITCHING = 101
_MOST_CACHED = 64


class Incoming:
    """The answer to one request. `over` is done when it is whole, or will never be: then `failure` says why.

    `headers` have lower-case names, repeated ones joined by ", ". `heard` is told the status once the head is
    there. Answers before the answer (100 to 199) are passed over. `has_begun`: a byte of it has come.
    `is_reusable`: its connection may carry the next one.
    """

    __slots__ = (
        "_body",
        "_came",
        "_cap",
        "_frames",
        "_head",
        "_heard",
        "_inflater",
        "_is_head",
        "_is_interim",
        "_parser",
        "failure",
        "has_begun",
        "headers",
        "is_over",
        "is_reusable",
        "over",
        "status",
        "version",
    )

    def __init__(
        self, *, max_body: int, is_head: bool, heard: Callable[[int], None] | None, over: asyncio.Future[None]
    ) -> None:
        self.over = over
        self.failure: TransportFailure | None = None
        self.headers: dict[str, str] = {}
        self.status = 0
        self.version = ""
        self.has_begun = self.is_over = self.is_reusable = False
        self._is_head = is_head
        self._is_interim = False
        self._heard = heard
        self._inflater: Inflater | None = None
        self._cap = max_body
        self._came = self._frames = self._head = 0
        # Not a list of pieces: one of two bytes takes forty.
        self._body: bytes | bytearray = b""
        self._parser: httptools.HttpResponseParser | None = _parser(self)

    def body(self) -> bytes:
        """What came, decoded."""
        return bytes(self._body)

    def take(self, data: bytes) -> None:
        """Take what came over the connection."""
        self.has_begun = True
        parser = self._parser
        if parser is None:
            self.is_reusable = False
            return
        self._frames += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.is_reusable = False
        except httptools.HttpParserError as error:
            self.is_reusable = False
            # What it gives for its reason is one of a few sentences, with nothing of the answer in them.
            self._fail(_no_http(str(error)))
        if self._frames > FRAMES:
            self._fail(_no_http(f"more than {FRAMES} bytes of it are no body"))

    def end(self, error: Exception | None) -> None:
        """The connection is gone, which is how some answers end."""
        if self._ends_with_its_connection() and error is None:
            self._complete()
        else:
            self._fail(translate(error if error is not None else EOFError()))

    def cancel(self) -> None:
        """Wait for it no longer."""
        self._fail(OutOfTime())

    # What llhttp calls.

    def on_message_begin(self) -> None:
        """Something begins; behind the end it was never asked for."""
        if self.is_over:
            self.is_reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; trailers are of no use to anybody."""
        if self.status or self.is_over:
            return
        self._head += len(name) + len(value) + FIELD
        if self._head > FRAMES:
            self._fail(_no_http(f"its head is over {FRAMES} bytes"))
            return
        # The longest names are those of nobody's answers but one, and would be held for ever.
        named = _lower(name) if len(name) <= _MOST_CACHED else _lower.__wrapped__(name)
        text, headers = value.decode("latin-1"), self.headers
        headers[named] = f"{headers[named]}, {text}" if named in headers else text

    def on_headers_complete(self) -> None:
        """Take the head."""
        parser = self._parser
        if parser is None:
            # It has failed already.
            return
        status = parser.get_status_code()
        if 100 <= status < 200 and status != _SWITCHING:
            self._is_interim, self.headers = True, {}
            return
        if status < 100:
            self._fail(_no_http(f"there is no status {status}"))
            return
        self.status, self.version = status, f"HTTP/{parser.get_http_version()}"
        self._frames = 0
        if self._heard is not None:
            self._heard(status)
        coding = self.headers.get("content-encoding", "").strip().lower()
        self._inflater = None if coding in {"", "identity"} else Inflater(coding)
        if self._is_head:
            self._complete()

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body; the cap holds while unpacking, so that no gzip bomb is unpacked whole."""
        if self.is_over:
            self.is_reusable = False
            return
        if self._is_interim:
            self._fail(_no_http("a body comes before the answer"))
            return
        self._frames = max(self._frames - len(data) * FRAME_RATIO, -FRAMES)
        if self._inflater is None:
            self._has_room_for(data)
        else:
            self._unpack(self._inflater, data)

    def on_message_complete(self) -> None:
        """It is whole, or was one of those before it."""
        if self._is_interim:
            self._is_interim = False
        else:
            self._complete()

    def _unpack(self, inflater: Inflater, data: bytes) -> None:
        self._came += len(data)
        if self._came > self._cap + FRAMES:
            # What unpacks to nothing would come for ever.
            self._overflow()
            return
        try:
            for piece in inflater.pieces(data):
                if not self._has_room_for(piece):
                    break
        except zlib.error as error:
            self._fail(translate(error))

    def _has_room_for(self, piece: bytes) -> bool:
        """Take a piece, if the cap allows it."""
        body = self._body
        if len(body) + len(piece) > self._cap:
            self._overflow()
            return False
        if not body:
            self._body = piece
        elif isinstance(body, bytearray):
            body += piece
        else:
            self._body = bytearray(body) + piece
        return True

    def _overflow(self) -> None:
        detail = f"the body is over {self._cap} bytes"
        failure = TransportFailure(FailureKind.TOO_LARGE, sent=True, detail=detail)
        failure.status = self.status
        self._fail(failure)

    def _ends_with_its_connection(self) -> bool:
        """RFC 9112, 6.3: a body of no stated length lasts until the connection is closed."""
        headers = self.headers
        coding = headers.get("transfer-encoding", "identity").strip().lower()
        return bool(self.status) and "content-length" not in headers and coding == "identity"

    def _complete(self) -> None:
        if self.is_over:
            return
        if self._inflater is not None and not self._inflater.is_whole:
            self._fail(translate(zlib.error("the compressed body ends early")))
            return
        self.is_reusable = self._parser is not None and self._parser.should_keep_alive()
        self._settle()

    def _fail(self, failure: TransportFailure) -> None:
        if not self.is_over:
            self.failure = failure
            self._settle()

    def _settle(self) -> None:
        # The parser holds this answer, and this answer the parser: let go, or the collector has to.
        self.is_over, self._parser = True, None
        if not self.over.done():
            self.over.set_result(None)


def _parser(incoming: Incoming) -> httptools.HttpResponseParser:
    """A parser that forgives what browsers forgive, as aiohttp's does."""
    parser = httptools.HttpResponseParser(incoming)
    parser.set_dangerous_leniencies(
        lenient_headers=True,
        lenient_optional_cr_before_lf=True,
        lenient_spaces_after_chunk_size=True,
    )
    return parser


def _no_http(why: str) -> TransportFailure:
    return TransportFailure(FailureKind.MALFORMED, sent=True, detail=f"the answer is not valid HTTP: {why}")


@lru_cache(maxsize=1024)
def _lower(name: bytes) -> str:
    # llhttp forgives a space before the colon, and takes the field for what it is without.
    return name.decode("latin-1").strip().lower()
