"""Follows the server's live view: reads its events, and comes back by itself when the connection is lost."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import NamedTuple

import httpx

from app.commands.exits import CommandError, NoServerError
from app.commands.server import Reply, Server

PATH = "/v2/signals/stream"
LONGEST_WAIT = 30.0


class ServerEvent(NamedTuple):
    """A server-sent event; one without data only moves the id on."""

    id: str
    kind: str
    data: bytes


class RefusedError(Exception):
    """The server refuses the stream; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


class Follower:
    """Yields what happens, for ever. After the first connection no failure ends it: it tries again at once,
    then after 1 s, 2 s … 30 s, and resumes behind the last event it saw.

    `wait` sleeps, `tell` says to a person what is going on. `last_id` is the last event's that was read.
    """

    def __init__(
        self,
        server: Server,
        params: Sequence[tuple[str, str]],
        *,
        wait: Callable[[float], None],
        tell: Callable[[str], None],
    ) -> None:
        self._server = server
        self._params = params
        self._wait = wait
        self._tell = tell
        self.last_id = ""
        self._has_connected = False
        self._failures = 0

    def events(self) -> Iterator[ServerEvent]:
        """Yield events with data.

        Raises:
            NoServerError, CommandError, RefusedError: the stream is not to be had, or no more.
        """
        while True:
            yield from self._connection()
            wait = min(LONGEST_WAIT, 2.0 ** (self._failures - 1)) if self._failures else 0.0
            self._failures += 1
            again = f"in {wait:.0f} s" if wait else "now"
            self._tell(f"The connection to Dialtone is lost; trying again {again}.")
            self._wait(wait)

    def _connection(self) -> Iterator[ServerEvent]:
        try:
            with self._server.stream(PATH, self._params, last_id=self.last_id) as stream:
                if isinstance(stream, Reply):
                    self._refuse(stream)
                    return
                self._greet()
                yield from self._read(stream)
        except NoServerError:
            if not self._has_connected:
                raise
        except httpx.TransportError as error:
            if not self._has_connected:
                raise CommandError(
                    f"The server did not answer as it should ({type(error).__name__}); "
                    "look at its log, then try again."
                ) from error

    def _read(self, stream: Iterable[bytes]) -> Iterator[ServerEvent]:
        for event in parse(stream):
            self.last_id = event.id or self.last_id
            if event.data:
                self._failures = 0 if event.kind != "bye" else self._failures
                yield event

    def _refuse(self, reply: Reply) -> None:
        """A server that has no place just now may have one later, for who had one before."""
        if not self._has_connected or reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RefusedError(reply)

    def _greet(self) -> None:
        if self._has_connected:
            self._tell("Connected again.")
        self._has_connected = True


def parse(chunks: Iterable[bytes]) -> Iterator[ServerEvent]:
    """Read an event stream (WHATWG HTML §9.2.6), however it is cut into chunks.

    Only a line feed ends a line in ours, because JSON holds other line breaks as they are.
    """
    rest = b""
    fields: dict[bytes, bytes] = {}
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            name, _, value = line.partition(b":")
            if line:
                fields[name] = value.removeprefix(b" ")
            elif fields:
                yield _event(fields)
                fields = {}


def _event(fields: dict[bytes, bytes]) -> ServerEvent:
    identity, kind = fields.get(b"id", b""), fields.get(b"event", b"message")
    return ServerEvent(identity.decode(), kind.decode(), fields.get(b"data", b""))
