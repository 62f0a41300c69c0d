"""Errors as problem details (RFC 9457): every error that leaves the API has this shape."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap

from app.api.served import trace_of_request
from app.storage.errors import StorageUnavailableError
from exporters.prometheus.scrape import ScrapeTimeoutError
from integrations.errors import UnknownIntegration
from integrations.execution.outcome import Outcome

MEDIA_TYPE = "application/problem+json"

_SENTENCES = {
    HTTPStatus.NOT_FOUND: "Nothing is served at this path; /docs lists what is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path does not take this method; /docs lists what does.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "A body may have at most 1 MiB.",
}
_BODY = "data"
"""What Litestar calls the body as a whole, a word that no client knows."""

log = structlog.get_logger("dialtone.api")


class InvalidValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One value that was not accepted: where it came from, its name, and what is wrong with it.

    `file` and `line` say where it stands, when it is the configuration's.
    """

    message: str
    key: str = ""
    source: str = ""
    file: str = ""
    line: int = 0


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong (RFC 9457). `type` is a URN that programs may compare; `detail` is for people.

    `instance` is the path that was asked for. `errors` lists values that were not accepted, `outcome` is the
    failed call, `scope` the scope that a token lacks. By `trace_id` the request is found again in traces,
    logs and analytics.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: tuple[InvalidValue, ...] = ()
    outcome: Outcome | None = None
    scope: str = ""
    trace_id: str = ""


class ProblemError(Exception):
    """Raised by a handler to answer with a problem; `kind` ends the type's URN (`unknown-integration`)."""

    def __init__(
        self,
        kind: str,
        *,
        status: int,
        detail: str,
        title: str = "",
        errors: tuple[InvalidValue, ...] = (),
        scope: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.status = status
        self.title = title or kind.replace("-", " ").capitalize()
        self.errors = errors
        self.scope = scope
        self.headers = headers or {}

    def problem(self, instance: str, *, trace_id: str = "") -> Problem:
        """Return the body for the path that was asked for, and the request's trace."""
        return Problem(
            type=urn(self.kind),
            title=self.title,
            status=self.status,
            detail=str(self),
            instance=instance,
            errors=self.errors,
            scope=self.scope,
            trace_id=trace_id,
        )


def urn(kind: str) -> str:
    """Return the problem type of a kind."""
    return f"urn:dialtone:problem:{kind}"


def not_found(kind: str, error: Exception) -> ProblemError:
    """Return the problem for something that is not there; the error's text names the nearest."""
    text = str(error.args[0]) if error.args else str(error)
    return ProblemError(kind, status=HTTPStatus.NOT_FOUND, detail=text)


def invalid(detail: str, *errors: InvalidValue) -> ProblemError:
    """Return the problem for values that are well-formed and still not accepted."""
    return ProblemError(
        "invalid-value", status=HTTPStatus.UNPROCESSABLE_ENTITY, detail=detail, errors=tuple(errors)
    )


AnyRequest = Request[object, object, State]
AnyConnection = ASGIConnection[object, object, object, State]


def _answer(problem: Problem, headers: Mapping[str, str]) -> Response[Problem]:
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers=dict(headers))


def _trace_id(request: AnyRequest) -> str:
    return trace_of_request(request.scope).trace_id


def _on_problem(request: AnyRequest, error: ProblemError) -> Response[Problem]:
    return _answer(error.problem(request.url.path, trace_id=_trace_id(request)), error.headers)


def _on_http_error(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    status = HTTPStatus(error.status_code)
    problem = Problem(
        type=urn(status.phrase.lower().replace(" ", "-").replace("'", "")),
        title=status.phrase,
        status=status,
        detail=_sentence(error, status),
        instance=request.url.path,
        errors=_invalid_values(request, error.extra),
        trace_id=_trace_id(request),
    )
    return _answer(problem, error.headers or {})


def _sentence(error: HTTPException, status: HTTPStatus) -> str:
    """Litestar's validation message holds the whole URL with its query, so it is not passed on."""
    if status == HTTPStatus.BAD_REQUEST and error.extra:
        return "The request holds values that are not accepted; see errors."
    return _SENTENCES.get(status) or error.detail or status.description


def _invalid_values(request: AnyRequest, extra: object) -> tuple[InvalidValue, ...]:
    if not isinstance(extra, list):
        return ()
    return tuple(
        _invalid_value(
            request, one.get("key", ""), message=one.get("message", ""), source=one.get("source", "")
        )
        for one in extra
        if isinstance(one, dict)
    )


def _invalid_value(request: AnyRequest, key: object, *, message: object, source: object) -> InvalidValue:
    origin = str(getattr(source, "value", source))
    if (key, origin) == (_BODY, "body"):
        # Of a body that is missing Litestar says only the repr of this name.
        missing = message == repr(_BODY)
        return InvalidValue(message="a JSON object is required" if missing else str(message), source=origin)
    return InvalidValue(message=str(message), key=_wire_name(request, str(key)), source=origin)


def _wire_name(request: AnyRequest, key: str) -> str:
    """Litestar names the handler's parameter; the client knows it by the name it sent."""
    field = request.route_handler.parsed_fn_signature.parameters.get(key)
    return getattr(field and field.kwarg_definition, "name", None) or key


def _on_gone(request: AnyRequest, error: UnknownIntegration) -> Response[Problem]:
    """A reload has removed the integration while the request was under way."""
    return _on_problem(request, not_found("unknown-integration", error))


def _on_bug(request: AnyRequest, error: Exception) -> Response[Problem]:
    log.error("a request failed by our own fault", route=request.scope.get("path_template"), exc_info=error)
    problem = Problem(
        type=urn("internal-server-error"),
        title="Internal Server Error",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="Dialtone failed to answer; its log says why.",
        instance=request.url.path,
        trace_id=_trace_id(request),
    )
    return _answer(problem, {})


def _on_unavailable(request: AnyRequest, error: Exception) -> Response[Problem]:
    problem = Problem(
        type=urn("unavailable"),
        title="A part of Dialtone is not available",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        detail=str(error),
        instance=request.url.path,
        trace_id=_trace_id(request),
    )
    return _answer(problem, {"retry-after": "5"})


HANDLERS: ExceptionHandlersMap = {
    ProblemError: _on_problem,
    UnknownIntegration: _on_gone,
    StorageUnavailableError: _on_unavailable,
    ScrapeTimeoutError: _on_unavailable,
    HTTPException: _on_http_error,
    Exception: _on_bug,
}
