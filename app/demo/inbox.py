"""The demo's receiver of alerts: takes signed messages, proves them, and shows the last ones as text."""

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections import deque
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import NamedTuple

from litestar.enums import ScopeType
from litestar.types import HTTPScope, Receive, Scope, Send

from app.web.words import clock_time
from integrations.clock import Clock

KEPT = 50
MAX_BODY = 512 * 1024
PATH = "/alerts"

_PREFIX = "whsec_"


class Letter(NamedTuple):
    """A message that came: when, its `webhook-id`, type and status, and one line for each alert."""

    at: float
    id: str
    type: str
    status: str
    lines: tuple[str, ...]


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes them."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


class Inbox:
    """An ASGI application: POST /alerts takes a message, everything else shows the newest ones."""

    def __init__(self, secret: str, *, clock: Clock) -> None:
        self._key = base64.b64decode(secret.removeprefix(_PREFIX))
        self._clock = clock
        self.letters: deque[Letter] = deque(maxlen=KEPT)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != ScopeType.HTTP:
            return
        if (scope["method"], scope["path"]) == ("POST", PATH):
            status, text = await self._take(_headers(scope), receive)
        else:
            status, text = HTTPStatus.OK, "\n".join(self._shown()) + "\n"
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": text.encode(), "more_body": False})

    async def _take(self, headers: Mapping[str, str], receive: Receive) -> tuple[HTTPStatus, str]:
        body = await _body(receive)
        if body is None:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too large"
        if not self._is_genuine(headers, body):
            return HTTPStatus.UNAUTHORIZED, "the signature is wrong"
        self.letters.appendleft(self._read(headers["webhook-id"], body))
        return HTTPStatus.OK, "thank you"

    def _is_genuine(self, headers: Mapping[str, str], body: bytes) -> bool:
        signed = f"{headers.get('webhook-id', '')}.{headers.get('webhook-timestamp', '')}.".encode() + body
        expected = hmac.digest(self._key, signed, hashlib.sha256)
        found = (each.removeprefix("v1,") for each in headers.get("webhook-signature", "").split())
        return any(hmac.compare_digest(expected, _decoded(each)) for each in found)

    def _read(self, id_: str, body: bytes) -> Letter:
        event = json.loads(body)
        data = event["data"]
        lines = tuple(
            f"{alert['status']:<8}  {alert['labels'].get('alertname', '')}: "
            f"{alert['annotations'].get('summary', '')}"
            for alert in data["alerts"]
        )
        return Letter(self._clock.time(), id_, event["type"], data["status"], lines)

    def _shown(self) -> Iterator[str]:
        yield f"What Dialtone told this receiver, the newest first (the last {KEPT}):"
        for letter in self.letters:
            yield ""
            yield f"{clock_time(letter.at)} UTC  {letter.type}  {letter.id}"
            yield from (f"  {line}" for line in letter.lines)
        if not self.letters:
            yield ""
            yield "Nothing yet: the first fault comes within 20 s, and is told once three checks have failed."


def _headers(scope: HTTPScope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def _body(receive: Receive) -> bytes | None:
    """The body; None for one that is too large."""
    body = b""
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event["body"]
        if len(body) > MAX_BODY:
            return None
        if not event["more_body"]:
            return body


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except binascii.Error:
        return b""
