"""Where heartbeats arrive: /v2/heartbeats/{id}/{key}, with /start, /fail, /log or an exit status behind it;
open to everybody who knows the key.

A plain ASGI layer in front of the API: jobs call it with curl and wget, with any method and any body, and at
the full minute all at once. A place that is not there and a wrong key are answered alike.
"""

import re
from collections import Counter
from collections.abc import Collection
from http import HTTPStatus
from typing import NamedTuple, Protocol
from urllib.parse import parse_qs

import anyio
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from app.api.beat_paths import PLACE
from app.api.served import note
from monitors.heartbeat import Beat

READ_SECONDS = 10.0
"""How long a body may take to arrive."""

MAX_BODY = 100 * 1024
KEPT = 4 * 1024
"""Bytes of a body that are looked at; the rest is read and left."""

MAX_AT_ONCE = 1_000
METHODS = ("GET", "HEAD", "POST", "PUT")

_PLACE = re.compile(
    r"/v2/heartbeats/([a-z0-9-]{1,63})/([A-Za-z0-9_-]{43})(?:/(start|fail|log|success|[0-9]{1,3}))?"
)
_RUN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADERS = [
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
]


class Keys(Protocol):
    """Knows the keys of heartbeats' URLs."""

    def opens(self, heartbeat: str, given: str, /, *, known: Collection[str]) -> bool:
        """Whether a key is that of a heartbeat."""
        ...


class Watch(Protocol):
    """Takes beats."""

    @property
    def known(self) -> Collection[str]:
        """The ids of all heartbeats."""
        ...

    async def hear(
        self, heartbeat: str, beat: Beat, /, *, run: str, exit_status: int | None, text: str
    ) -> bool:
        """Take a beat; return whether it was stored in time."""
        ...


class _Place(NamedTuple):
    heartbeat: str
    beat: Beat
    exit_status: int | None


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.counted = "malformed" if status is HTTPStatus.BAD_REQUEST else reason


class Beats:
    """An ASGI layer: answers heartbeats, passes on everything else. `turned_away` counts refusals by their
    reason.
    """

    def __init__(self, app: ASGIApp, *, keys: Keys, watch: Watch, turned_away: Counter[str]) -> None:
        self._app = app
        self._keys = keys
        self._watch = watch
        self._active = 0
        self._turned_away = turned_away

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a heartbeat, or pass the request on."""
        found = _PLACE.fullmatch(scope["path"]) if scope["type"] == ScopeType.HTTP else None
        if found is None or scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        scope["path_template"] = _route(found)
        try:
            text = await self._take(scope, receive, found)
        except _RefusedError as error:
            self._turned_away[error.counted] += 1
            await _send(send, method=scope["method"], status=error.status, text=error.reason)
            return
        if text is not None:
            await _send(send, method=scope["method"], status=HTTPStatus.OK, text=text)

    async def _take(self, scope: HTTPScope, receive: Receive, found: re.Match[str]) -> str | None:
        """Take a beat, and return what to say; None when the job has left before its body was read."""
        if not self._keys.opens(found[1], found[2], known=self._watch.known):
            raise _RefusedError(HTTPStatus.NOT_FOUND, "unknown")
        note(scope, "dialtone.heartbeat", found[1])
        if scope["method"] not in METHODS:
            raise _RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "method")
        if self._active >= MAX_AT_ONCE:
            raise _RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "busy")
        place, run = _place(found), _run(scope["query_string"])
        self._active += 1
        try:
            body = await _read(receive)
            if body is None:
                return None
            text = body.decode("utf-8", "replace").strip()
            stored = await self._watch.hear(
                place.heartbeat, place.beat, run=run, exit_status=place.exit_status, text=text
            )
        except LookupError as error:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "unknown") from error
        finally:
            self._active -= 1
        return "OK" if stored else "OK, but not stored yet"


def _route(found: re.Match[str]) -> str:
    """The path without what is the job's own, its key above all."""
    said = found[3]
    if said is None:
        return PLACE
    return f"{PLACE}/{{exit_status}}" if said.isdigit() else f"{PLACE}/{said}"


def _place(found: re.Match[str]) -> _Place:
    said = found[3] or Beat.SUCCESS.value
    if not said.isdigit():
        return _Place(found[1], Beat(said), None)
    status = int(said)
    if status > 255:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "exit_status")
    return _Place(found[1], Beat.FAIL if status else Beat.SUCCESS, status)


def _run(query: bytes) -> str:
    """The run's id: `rid`, as other heartbeat services call it."""
    try:
        run = parse_qs(query.decode("latin-1"), max_num_fields=20).get("rid", [""])[-1]
    except ValueError as error:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "query") from error
    if run and not _RUN.fullmatch(run):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "rid")
    return run


async def _read(receive: Receive) -> bytes | None:
    """The beginning of the body; None when the client has left."""
    kept, size = b"", 0
    with anyio.move_on_after(READ_SECONDS):
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            piece = message.get("body", b"")
            size += len(piece)
            if size > MAX_BODY:
                raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "large")
            kept += piece[: max(0, KEPT - len(kept))]
            if not message.get("more_body", False):
                return kept
    raise _RefusedError(HTTPStatus.REQUEST_TIMEOUT, "slow")


_SAID = {
    "unknown": "There is no such heartbeat, or the key is wrong.",
    "method": "Use GET, HEAD, POST or PUT.",
    "busy": "Too many at once; come again.",
    "exit_status": "An exit status is at most 255.",
    "query": "The query cannot be read.",
    "rid": "rid has 1 to 64 letters, digits, hyphens and underscores.",
    "large": f"The body is over {MAX_BODY} bytes.",
    "slow": f"The body took over {READ_SECONDS:g} s.",
}


async def _send(send: Send, *, method: str, status: HTTPStatus, text: str) -> None:
    body = _SAID.get(text, text).encode() + b"\n"
    headers = [*_HEADERS, (b"content-length", str(len(body)).encode())]
    if status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", ", ".join(METHODS).encode()))
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append((b"retry-after", b"5"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    shown = b"" if method == "HEAD" else body
    await send({"type": "http.response.body", "body": shown, "more_body": False})
