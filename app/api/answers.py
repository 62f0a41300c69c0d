"""Answers of analytics as responses: media types, names of files, the next page, what went wrong."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from litestar import Litestar
from litestar.openapi.spec import OpenAPIResponse, Operation

from app.api.leaving import ClientLeft
from app.api.problems import InvalidValue, ProblemError, invalid, not_found
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.running import QueryCancelled
from exporters.analytics.settings import AnswerTooLarge, QueryTimeout, UnknownQuery
from exporters.analytics.sql.desk import SQLFailed, SQLRefused
from exporters.analytics.sql.frames import Format

RETRY_SECONDS = "5"
MEDIA_TYPES: Mapping[Format, str] = {
    Format.JSON: "application/json",
    Format.RECORDS: "application/json",
    Format.NDJSON: "application/x-ndjson",
    Format.CSV: "text/csv",
    Format.ARROW: "application/vnd.apache.arrow.stream",
    Format.PARQUET: "application/vnd.apache.parquet",
}
_INLINE = frozenset({Format.JSON, Format.RECORDS})

_KINDS: Mapping[type[Exception], tuple[str, HTTPStatus]] = {
    SQLRefused: ("sql-refused", HTTPStatus.UNPROCESSABLE_ENTITY),
    SQLFailed: ("sql-failed", HTTPStatus.UNPROCESSABLE_ENTITY),
    AnswerTooLarge: ("answer-too-large", HTTPStatus.UNPROCESSABLE_ENTITY),
    QueryCancelled: ("query-cancelled", HTTPStatus.CONFLICT),
    ClientLeft: ("query-cancelled", HTTPStatus.CONFLICT),
    QueryTimeout: ("query-timeout", HTTPStatus.SERVICE_UNAVAILABLE),
}


def file_headers(name: str, shape: Format, *, at: float) -> dict[str, str]:
    """Return the header that names the file a browser keeps the answer in; JSON is shown instead. `at` is
    UTC seconds.
    """
    if shape in _INLINE:
        return {}
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    return {"content-disposition": f'attachment; filename="{name}-{stamp}.{shape}"'}


def iso(at: float) -> str:
    """Return a moment (UTC seconds) as the headers have it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def refusal(error: Exception) -> ProblemError:
    """Return the problem for what analytics did not answer."""
    if isinstance(error, UnknownQuery):
        return not_found("unknown-query", error)
    if isinstance(error, InvalidParams):
        wrong = InvalidValue(message=f"expected {error.expected}", key=error.parameter, source="query")
        return invalid(str(error), wrong)
    kind, status = _KINDS.get(type(error), ("analytics-unavailable", HTTPStatus.SERVICE_UNAVAILABLE))
    headers = {"retry-after": RETRY_SECONDS} if kind == "analytics-unavailable" else {}
    return ProblemError(kind, status=status, detail=str(error), headers=headers)


def describe_media_types(app: Litestar, *places: tuple[str, str]) -> None:
    """Say in the description that the answers of these paths and methods come in several media types, of
    which Litestar knows one.
    """
    for path, method in places:
        operation = getattr((app.openapi_schema.paths or {})[path], method)
        answer = (operation.responses or {})["200"] if isinstance(operation, Operation) else None
        if isinstance(answer, OpenAPIResponse) and answer.content:
            described = next(iter(answer.content.values()))
            answer.content = dict.fromkeys(MEDIA_TYPES.values(), described)
