"""How long clients may take, and how many there may be: nobody holds a connection by saying little or no end.

uvicorn itself limits only the pause between two requests.
"""

import asyncio
from http import HTTPStatus

import anyio
import msgspec
from litestar.enums import ScopeType
from litestar.types import (
    ASGIApp,
    HTTPReceiveMessage,
    HTTPScope,
    Message,
    Receive,
    Scope,
    Send,
    WebSocketReceiveMessage,
)
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.api.problems import MEDIA_TYPE, ProblemError

HEAD_SECONDS = 10.0
BODY_SECONDS = 20.0
MAX_CONNECTIONS = 500


class Bodies:
    """An ASGI layer outside all others: a body arrives whole within 20 s, or is answered 408.

    A request that is answered before its body has arrived ends its connection, so that the rest is not read.
    """

    def __init__(self, app: ASGIApp, *, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what has a body to wait for under watch, and all else as it is."""
        if scope["type"] != ScopeType.HTTP or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        body = _Body(receive, send, self._seconds)
        try:
            await self._app(scope, body.receive, body.send)
        except _TooSlowError as error:
            await body.refuse(error, scope["path"])


class _TooSlowError(ProblemError):
    """A body did not come in time."""


class _Body:
    def __init__(self, receive: Receive, send: Send, seconds: float) -> None:
        self._receive, self._send = receive, send
        self._seconds = seconds
        self._end = anyio.current_time() + seconds
        self._is_whole = self._is_answered = False

    async def receive(self) -> HTTPReceiveMessage | WebSocketReceiveMessage:
        """The next message; what comes after the body is waited for as long as it takes."""
        if self._is_whole:
            return await self._receive()
        message: HTTPReceiveMessage | WebSocketReceiveMessage | None = None
        with anyio.move_on_after(self._end - anyio.current_time()):
            message = await self._receive()
        if message is None:
            raise _TooSlowError(
                "slow-body",
                status=HTTPStatus.REQUEST_TIMEOUT,
                title="Request Timeout",
                detail=f"The body did not arrive within {self._seconds:g} s.",
            )
        self._is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Pass on; an answer that comes before the whole body is the connection's last."""
        if message["type"] == "http.response.start":
            self._is_answered = True
            if not self._is_whole:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
        await self._send(message)

    async def refuse(self, error: ProblemError, path: str) -> None:
        """Answer in place of an application that has not."""
        if self._is_answered:
            return
        body = msgspec.json.encode(error.problem(path))
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body, "more_body": False})


def _has_body(scope: HTTPScope) -> bool:
    headers = dict(scope["headers"])
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


class PatientProtocol(H11Protocol):
    """uvicorn's protocol, which closes a connection that takes longer than 10 s to say what it wants, and any
    that is one too many.
    """

    head_seconds = HEAD_SECONDS
    max_connections = MAX_CONNECTIONS

    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # As uvicorn's.
        """Take the connection, if there is room."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._forget()
        super().connection_lost(exc)

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
