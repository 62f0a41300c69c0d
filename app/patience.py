"""How long a body may take: nobody holds a request by saying little or no end."""

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

from app.api.problems import MEDIA_TYPE, ProblemError
from app.connection import WHOLE

BODY_SECONDS = 20.0


class Bodies:
    """An ASGI layer outside all others: a body arrives whole within 20 s, or is answered 408.

    A request that is answered before its body has arrived ends its connection, so that the rest is not read.
    """

    def __init__(self, app: ASGIApp, *, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what has a body to wait for under watch, and all else as it is."""
        if scope["type"] != ScopeType.HTTP or WHOLE in scope.get("state", {}) or not _has_body(scope):
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
