"""The gate that every request passes before it is routed: who is it, may it come from there, how long did it
take.
"""

import ipaddress
from collections.abc import Callable, Mapping
from functools import lru_cache
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from app.api.problems import MEDIA_TYPE, ProblemError
from app.api.served import trace_of_request
from app.api.tokens import Caller, TokenTable
from integrations.clock import Clock
from integrations.signals import APIRequest, Signal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN_PATHS = frozenset({"/healthz", "/readyz"})
KNOWN_METHODS = SAFE_METHODS | {"POST", "PUT", "PATCH", "DELETE"}
MAX_CALLER = 64

SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_RAW_SECURITY_HEADERS = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_NO_STORE = (b"cache-control", b"no-store")


class Gate:
    """An ASGI layer around the whole application, so that refusals and unknown paths pass it too.

    Sets `scope["user"]` to the Caller, or None. Publishes one APIRequest for each request.
    """

    def __init__(
        self, app: ASGIApp, *, tokens: TokenTable, clock: Clock, publish: Callable[[Signal], None]
    ) -> None:
        self._app = app
        self._tokens = tokens
        self._clock = clock
        self._publish = publish

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check, pass on, and tell what became of it."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        started = self._clock.monotonic()
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _with_security(message["headers"])
            await send(message)

        try:
            await self._enter(scope, receive, watched)
        finally:
            self._publish(self._request(scope, status=status, started=started))

    async def _enter(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        try:
            self._check(scope, headers)
        except ProblemError as error:
            scope["user"] = None
            await _refuse(error, scope, send)
            return
        scope["user"] = self._tokens.caller(headers.get("authorization", ""))
        await self._app(scope, receive, send)

    def _check(self, scope: HTTPScope, headers: Mapping[str, str]) -> None:
        if self._tokens.is_open and scope["path"] not in OPEN_PATHS:
            _require_loopback(headers.get("host", ""), scope.get("client"))
        if scope["method"] not in SAFE_METHODS:
            _require_same_site(headers)
            _require_json(headers)
        if len(headers.get("dialtone-caller", "")) > MAX_CALLER:
            raise ProblemError(
                "invalid-header",
                status=HTTPStatus.BAD_REQUEST,
                detail=f"The header Dialtone-Caller may have at most {MAX_CALLER} characters.",
            )

    def _request(self, scope: HTTPScope, *, status: int, started: float) -> APIRequest:
        caller = scope.get("user")
        method = scope["method"]
        return APIRequest(
            at=self._clock.time(),
            method=method if method in KNOWN_METHODS else "other",
            route=scope.get("path_template", "") or "unknown",
            status=status,
            duration=self._clock.monotonic() - started,
            caller=caller.name if isinstance(caller, Caller) else "",
        )


def _headers(scope: HTTPScope) -> dict[str, str]:
    """The fields of its head; of one that comes twice the first counts."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
    return headers


def _with_security(headers: object) -> list[tuple[bytes, bytes]]:
    raw = list(headers) if isinstance(headers, list | tuple) else []
    cached = any(name.lower() == b"cache-control" for name, _ in raw)
    return [*raw, *_RAW_SECURITY_HEADERS] if cached else [*raw, *_RAW_SECURITY_HEADERS, _NO_STORE]


async def _refuse(error: ProblemError, scope: HTTPScope, send: Send) -> None:
    trace_id = trace_of_request(scope).trace_id
    body = msgspec.json.encode(error.problem(scope["path"], trace_id=trace_id))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.encode(), value.encode()) for name, value in error.headers.items()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _require_loopback(host: str, client: tuple[str, int] | None) -> None:
    """Without tokens only this machine may ask, by a name no foreign page can take (DNS rebinding)."""
    if _is_here(_host_name(host)) and (client is None or not _is_elsewhere(client[0])):
        return
    raise ProblemError(
        "not-local",
        status=HTTPStatus.FORBIDDEN,
        detail="Without API tokens Dialtone answers only requests to localhost from this machine; "
        "`dialtone token` makes a token for the configuration file.",
    )


@lru_cache(maxsize=64)
def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


@lru_cache(maxsize=64)
def _is_here(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


@lru_cache(maxsize=64)
def _is_elsewhere(peer: str) -> bool:
    """A peer without an IP address speaks through a socket of this machine."""
    address = _address(peer)
    return address is not None and not address.is_loopback


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _require_same_site(headers: Mapping[str, str]) -> None:
    """A page of another site must not operate Dialtone with the credentials the browser remembers."""
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin")
    if site is not None:
        allowed = site in {"same-origin", "none"}
    else:
        allowed = origin is None or origin.partition("://")[2] == headers.get("host", "")
    if not allowed:
        raise ProblemError(
            "cross-site-request",
            status=HTTPStatus.FORBIDDEN,
            detail="This request comes from a page of another site, and such pages may change nothing.",
        )


def _require_json(headers: Mapping[str, str]) -> None:
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type not in {"", "application/json"} or (
        not content_type and headers.get("content-length", "0") != "0"
    ):
        raise ProblemError(
            "unsupported-media-type",
            status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            detail="A body must be JSON, with Content-Type: application/json.",
        )
