"""What a handler needs of its request: the parts, the caller, and the scope that its route asks for."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from litestar.di import Dependency
from litestar.handlers import BaseRouteHandler
from litestar.params import HeaderParameter, SkipValidationMarker
from litestar.types import Scope as RequestScope

from app.api.problems import AnyConnection, AnyRequest, ProblemError, not_found
from app.api.tokens import Caller, Scope
from app.operations import Operations
from app.parts import Parts, Registered

GivenParts = Annotated[Parts, Dependency(), SkipValidationMarker()]
GivenOperations = Annotated[Operations, Dependency(), SkipValidationMarker()]
CallerHeader = Annotated[
    str,
    HeaderParameter(
        name="Dialtone-Caller",
        description="Who asks, finer than the token's name; kept for analytics.",
        max_length=64,
    ),
]

_HOW = "`Authorization: Bearer TOKEN`, or as the password of HTTP Basic"
_NO_TOKEN = f"Send an API token: {_HOW}."
_UNKNOWN_TOKEN = (
    f"No known API token was sent: {_HOW}; its sha256 must stand in the configuration's `tokens`."
)

CHALLENGE = 'Bearer realm="dialtone", Basic realm="dialtone", charset="UTF-8"'


def requires(scope: Scope) -> Callable[[AnyConnection, BaseRouteHandler], Awaitable[None]]:
    """Return a guard that lets only callers with this scope, or a higher one, pass."""

    async def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        # Asynchronous though it waits for nothing: Litestar sends each other guard to a thread and back.
        require(connection.scope, scope)

    return guard


def require(request: RequestScope, scope: Scope) -> None:
    """Refuse a request (its ASGI scope) whose caller is unknown (401) or lacks the scope (403).

    Raises:
        ProblemError: the refusal.
    """
    caller = request.get("user")
    if not isinstance(caller, Caller):
        sent = any(name == b"authorization" for name, _ in request["headers"])
        raise ProblemError(
            "unauthorized",
            status=HTTPStatus.UNAUTHORIZED,
            detail=_UNKNOWN_TOKEN if sent else _NO_TOKEN,
            headers={"www-authenticate": CHALLENGE},
        )
    if caller.scope < scope:
        name = scope.name.lower()
        raise ProblemError(
            "missing-scope",
            status=HTTPStatus.FORBIDDEN,
            detail=f"The token {caller.name} lacks the scope {name}.",
            scope=name,
        )


READ = [requires(Scope.READ)]
OPERATE = [requires(Scope.OPERATE)]
ADMIN = [requires(Scope.ADMIN)]


def caller_of(request: AnyRequest, finer: str = "") -> str:
    """Return who asks: the token's name, and what the header Dialtone-Caller adds."""
    return caller_in(request.scope, finer)


def caller_in(scope: RequestScope, finer: str = "") -> str:
    """As `caller_of`, of a request that is its ASGI scope."""
    caller = scope.get("user")
    name = caller.name if isinstance(caller, Caller) else ""
    return f"{name}/{finer}" if finer else name


def find(parts: Parts, integration_id: str) -> Registered:
    """Return the integration.

    Raises:
        ProblemError: 404, naming the nearest id.
    """
    try:
        return parts.framework.integration(integration_id)
    except LookupError as error:
        raise not_found("unknown-integration", error) from error
