"""Where webhooks arrive: POST /v2/webhooks/{integration_id}, or with our key behind it; open to everybody.

A plain ASGI layer in front of the API: the body is raw bytes and may be anything, the proof is the vendor's
own, and a vendor calls it thousands of times a second. Our own failure is answered with 503, so that the
vendor sends the webhook again; a place that is not ours with 404, which names nobody.
"""

import re
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from typing import Protocol

import anyio
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from app.api.served import note, traceparent
from app.storage.errors import StorageError
from integrations.clock import Clock
from integrations.errors import UnknownIntegration
from integrations.webhooks.endpoint import Endpoint
from integrations.webhooks.payload import InboundWebhook, WebhookAnswer

READ_SECONDS = 10.0
"""How long a body may take to arrive."""

MAX_BYTES = 128 << 20
"""Bytes of bodies that are being received, on the whole."""

MAX_EACH = 256
"""Requests of one integration at once, so that a noisy vendor leaves room for the others."""

RETRY_SECONDS = "5"

ROUTE = "/v2/webhooks/{integration_id}"
_PLACE = re.compile(r"/v2/webhooks/([^/]+)(?:/([A-Za-z0-9_-]{43}))?")
_HEADERS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
_NO_BODY = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})

log = structlog.get_logger("dialtone.webhooks")


class Door(Protocol):
    """Takes webhooks; both raise LookupError for an id without a place for them."""

    def endpoint(self, integration_id: str, /) -> Endpoint:
        """Where an integration's webhooks come in."""
        ...

    async def take(self, integration_id: str, payload: InboundWebhook, /) -> WebhookAnswer:
        """Judge and store one, and say what to answer; what storage raises means that nothing was taken."""
        ...


class _RefusedError(Exception):
    """A request that is answered before it is read to its end."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class Arrivals:
    """An ASGI layer: answers webhooks, passes on everything else.

    `turned_away` counts requests that were answered before they were judged, by the reason.
    """

    def __init__(self, app: ASGIApp, *, door: Door, clock: Clock, turned_away: Counter[str]) -> None:
        self._app = app
        self._door = door
        self._clock = clock
        self._active: Counter[str] = Counter()
        self._bytes = 0
        self._turned_away = turned_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a webhook, or pass the request on."""
        place = _PLACE.fullmatch(scope["path"]) if scope["type"] == ScopeType.HTTP else None
        if place is None or scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._take(scope, receive, integration_id=place[1], key=place[2] or "")
        except _RefusedError as error:
            self._turned_away[error.reason] += 1
            retry = {"retry-after": RETRY_SECONDS} if error.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
            await _send(send, status=error.status, body=b"", headers=retry)
            return
        if answer is not None:
            is_head = scope["method"] == "HEAD"
            body = b"" if is_head else answer.body.encode()
            await _send(send, status=answer.status, body=body, headers=answer.headers)

    async def _take(
        self, scope: HTTPScope, receive: Receive, *, integration_id: str, key: str
    ) -> WebhookAnswer | None:
        scope["path_template"] = ROUTE
        try:
            endpoint = self._door.endpoint(integration_id)
        except UnknownIntegration as error:
            raise _RefusedError("unknown", HTTPStatus.NOT_FOUND) from error
        note(scope, "dialtone.integration", integration_id)
        if self._active[integration_id] >= MAX_EACH:
            raise _RefusedError("busy", HTTPStatus.SERVICE_UNAVAILABLE)
        if endpoint.is_closed(key):
            # Of whoever has not the URL's key nothing is read, so that no answer tells that there is one.
            return await self._judge(scope, integration_id, key=key, body=b"")
        self._active[integration_id] += 1
        reading = _Body(self, endpoint.webhooks.max_body)
        try:
            body = await reading.read(receive)
            return None if body is None else await self._judge(scope, integration_id, key=key, body=body)
        finally:
            self._bytes -= reading.size
            self._active[integration_id] -= 1
            if not self._active[integration_id]:
                del self._active[integration_id]

    async def _judge(self, scope: HTTPScope, integration_id: str, *, key: str, body: bytes) -> WebhookAnswer:
        payload = InboundWebhook(
            body=body,
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            method=scope["method"],
            url=_url(scope),
            received_at=self._clock.time(),
            key=key,
            traceparent=traceparent(scope),
        )
        try:
            answer = await self._door.take(integration_id, payload)
        except UnknownIntegration as error:
            raise _RefusedError("unknown", HTTPStatus.NOT_FOUND) from error
        except StorageError as error:
            raise _RefusedError("unstored", HTTPStatus.SERVICE_UNAVAILABLE) from error
        except Exception as error:
            log.exception("a webhook failed by our own fault", integration=integration_id)
            raise _RefusedError("failed", HTTPStatus.SERVICE_UNAVAILABLE) from error
        note(scope, "dialtone.webhook.verdict", answer.receipt.verdict)
        return answer

    def grow(self, size: int) -> bool:
        """Count bytes that were received; whether there is room for them."""
        self._bytes += size
        return self._bytes <= MAX_BYTES


class _Body:
    """One body on its way in, counted while it is read."""

    def __init__(self, arrivals: Arrivals, most: int) -> None:
        self._arrivals = arrivals
        self._most = most
        self.size = 0

    async def read(self, receive: Receive) -> bytes | None:
        """The whole body; None when the client has left."""
        pieces: list[bytes] = []
        with anyio.move_on_after(READ_SECONDS) as limit:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                piece = message.get("body", b"")
                self._add(len(piece))
                pieces.append(piece)
                if not message.get("more_body", False):
                    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if limit.cancelled_caught:
            raise _RefusedError("slow", HTTPStatus.REQUEST_TIMEOUT)
        return None

    def _add(self, size: int) -> None:
        self.size += size
        has_room = self._arrivals.grow(size)
        if self.size > self._most:
            raise _RefusedError("large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if not has_room:
            raise _RefusedError("busy", HTTPStatus.SERVICE_UNAVAILABLE)


def _url(scope: HTTPScope) -> str:
    """The address as it was asked for; a proxy in front may have been asked for another."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    query = scope["query_string"].decode("latin-1")
    return f"{scope['scheme']}://{host}{path}" + (f"?{query}" if query else "")


async def _send(send: Send, *, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    names = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    if body and not any(name == b"content-type" for name, _ in names):
        names.append((b"content-type", b"text/plain; charset=utf-8"))
    if status not in _NO_BODY:
        names.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": [*names, *_HEADERS]})
    await send(
        {"type": "http.response.body", "body": b"" if status in _NO_BODY else body, "more_body": False}
    )
