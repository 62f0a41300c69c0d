"""/v2/analytics/sql: free SQL over everything that happened, answered by processes that can only read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

import anyio
import msgspec
from litestar import Litestar, Response, Router, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIResponse
from litestar.params import FromPath
from litestar.types import Receive

from app.api.access import READ, CallerHeader, GivenParts, caller_of, require
from app.api.analytics import RETRY_SECONDS, analytics_of
from app.api.examples import example
from app.api.options import telling_methods
from app.api.problems import AnyRequest, ProblemError, not_found
from app.api.reading import refuse_unknown
from app.api.responses import problems
from app.api.tokens import Scope
from app.free_sql import FreeSQL
from exporters.analytics.settings import AnalyticsUnavailable, QueryTimeout
from exporters.analytics.sql.desk import (
    AnswerTooLarge,
    QueryCancelled,
    RunningQuery,
    SQLAnswer,
    SQLFailed,
    SQLRefused,
    SQLRequest,
)
from exporters.analytics.sql.frames import Format
from exporters.analytics.sql.gate import LONGEST

PATH = "/v2/analytics/sql"
MEDIA_TYPES: Mapping[Format, str] = {
    Format.JSON: "application/json",
    Format.RECORDS: "application/json",
    Format.NDJSON: "application/x-ndjson",
    Format.CSV: "text/csv",
    Format.ARROW: "application/vnd.apache.arrow.stream",
    Format.PARQUET: "application/vnd.apache.parquet",
}


Statement = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST, description="One SELECT.")]
Shape = Annotated[
    Format,
    msgspec.Meta(
        description="json: columns, and rows as arrays; records: an array of objects, for Grafana and such; "
        "ndjson, csv (RFC 4180), arrow (an IPC stream) and parquet."
    ),
]
MostRows = Annotated[int, msgspec.Meta(ge=1, description="Most rows; analytics.sql_rows bounds it.")]
MostSeconds = Annotated[
    float, msgspec.Meta(ge=0.1, le=86_400, description="Most time; analytics.sql_seconds bounds it.")
]
QueryID = Annotated[
    str, msgspec.Meta(pattern="^[A-Za-z0-9_-]{0,64}$", description="A name to end it by; else it gets one.")
]


class SQLBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A statement, and how it is to be answered."""

    sql: Statement
    format: Shape = Format.JSON
    rows: MostRows | None = None
    seconds: MostSeconds | None = None
    id: QueryID = ""


class RunningList(msgspec.Struct, frozen=True, kw_only=True):
    """Free SQL that runs or waits; `sql` is cut to 2,000 characters."""

    queries: tuple[RunningQuery, ...]


Asked = Annotated[
    SQLBody,
    example("Calls by integration", sql="SELECT integration, count(*) AS calls FROM calls GROUP BY ALL"),
]
_ANSWERED = ResponseSpec(
    data_container=object,
    description="The answer in the format asked for. dialtone-truncated says whether there was more, "
    "dialtone-as-of how old the data is; dialtone-rows, dialtone-cpu-seconds and dialtone-query (its id) "
    "tell what it cost.",
    generate_examples=False,
)


@post(
    PATH,
    operation_id="ask_sql",
    summary="Ask in SQL",
    description="One SELECT over the tables of docs/analytics.md, from a snapshot that is at most 10 s old "
    "(older for a large file). A client that leaves ends its query.",
    guards=READ,
    status_code=HTTPStatus.OK,
    responses=problems(400, 401, 403, 409, 413, 415, 422, 503) | {200: _ANSWERED},
)
async def ask_sql(
    request: AnyRequest, data: Asked, *, parts: GivenParts, caller: CallerHeader = ""
) -> Response[bytes]:
    """The rows of a SELECT."""
    refuse_unknown(request, ())
    asked = SQLRequest(sql=data.sql, format=data.format, rows=data.rows, seconds=data.seconds, id=data.id)
    answer = await _ask_while_there(
        request.receive, analytics_of(parts).sql, asked, caller=caller_of(request, caller)
    )
    return Response(answer.body, media_type=MEDIA_TYPES[data.format], headers=_headers(answer))


@get(
    PATH,
    operation_id="list_sql",
    summary="Free SQL that runs or waits",
    guards=READ,
    responses=problems(400, 401, 403, 422, 503),
    sync_to_thread=False,
)
def list_sql(request: AnyRequest, *, parts: GivenParts) -> RunningList:
    """The statements with their ids and callers, the oldest first."""
    refuse_unknown(request, ())
    return RunningList(queries=tuple(analytics_of(parts).sql.running()))


@delete(
    f"{PATH}/{{query_id:str}}",
    operation_id="cancel_sql",
    summary="End a query",
    description="One's own with the scope read, another's with operate.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 503),
    sync_to_thread=False,
)
def cancel_sql(request: AnyRequest, *, parts: GivenParts, query_id: FromPath[str]) -> None:
    """End it at once; who waits for it is told."""
    desk = analytics_of(parts).sql
    owner = next((one.caller for one in desk.running() if one.id == query_id), None)
    if owner is not None and owner.partition("/")[0] != caller_of(request):
        require(request.scope, Scope.OPERATE)
    try:
        desk.cancel(query_id)
    except LookupError as error:
        raise not_found("unknown-query", error) from error


async def _ask_while_there(receive: Receive, desk: FreeSQL, asked: SQLRequest, *, caller: str) -> SQLAnswer:
    """Ask; when the client leaves, the query is cancelled, and nobody reads what is answered then."""
    found: SQLAnswer | ProblemError = _refusal(QueryCancelled("the client has left"))
    async with anyio.create_task_group() as group:
        group.start_soon(_until_left, receive, group.cancel_scope)
        found = await _asked(desk, asked, caller)
        group.cancel_scope.cancel()
    if isinstance(found, ProblemError):
        raise found
    return found


async def _asked(desk: FreeSQL, asked: SQLRequest, caller: str) -> SQLAnswer | ProblemError:
    try:
        return await desk.ask(asked, caller=caller)
    except (SQLRefused, SQLFailed, AnswerTooLarge, QueryCancelled, AnalyticsUnavailable) as error:
        return _refusal(error)


async def _until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


_KINDS: Mapping[type[Exception], tuple[str, HTTPStatus]] = {
    SQLRefused: ("sql-refused", HTTPStatus.UNPROCESSABLE_ENTITY),
    SQLFailed: ("sql-failed", HTTPStatus.UNPROCESSABLE_ENTITY),
    AnswerTooLarge: ("answer-too-large", HTTPStatus.UNPROCESSABLE_ENTITY),
    QueryCancelled: ("query-cancelled", HTTPStatus.CONFLICT),
    QueryTimeout: ("query-timeout", HTTPStatus.SERVICE_UNAVAILABLE),
}


def _refusal(error: Exception) -> ProblemError:
    kind, status = _KINDS.get(type(error), ("analytics-unavailable", HTTPStatus.SERVICE_UNAVAILABLE))
    is_passing = kind == "analytics-unavailable"
    headers = {"retry-after": RETRY_SECONDS} if is_passing else {}
    return ProblemError(kind, status=status, detail=str(error), headers=headers)


def _headers(answer: SQLAnswer) -> dict[str, str]:
    return {
        "dialtone-query": answer.id,
        "dialtone-rows": str(answer.rows),
        "dialtone-truncated": str(answer.truncated).lower(),
        "dialtone-cpu-seconds": f"{answer.cpu:.3f}",
        "dialtone-as-of": datetime.fromtimestamp(answer.as_of, UTC).isoformat(timespec="milliseconds"),
    }


def describe_formats(app: Litestar) -> None:
    """Say in the description that the answer comes in several media types, of which Litestar knows one."""
    path = (app.openapi_schema.paths or {})[PATH]
    answer = (path.post.responses or {})["200"] if path.post else None
    if isinstance(answer, OpenAPIResponse) and answer.content:
        described = next(iter(answer.content.values()))
        answer.content = dict.fromkeys(MEDIA_TYPES.values(), described)


router = Router(
    path="/",
    tags=["Analytics"],
    route_handlers=[telling_methods(PATH, "GET", "POST"), ask_sql, list_sql, cancel_sql],
)
