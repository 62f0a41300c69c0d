"""/v2/analytics/sql: free SQL over everything that happened, answered by processes that can only read."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import Litestar, Response, Router, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from app.api.access import READ, CallerHeader, GivenParts, caller_of, require
from app.api.analytics import PATH as ANALYTICS
from app.api.analytics import RunningList, analytics_of
from app.api.answers import MEDIA_TYPES, describe_media_types, file_headers, iso, refusal
from app.api.examples import example
from app.api.leaving import ClientLeft, while_there
from app.api.options import telling_methods
from app.api.problems import AnyRequest, not_found
from app.api.reading import refuse_unknown
from app.api.responses import problems
from app.api.tokens import Scope
from exporters.analytics.running import QueryCancelled
from exporters.analytics.settings import AnalyticsUnavailable, AnswerTooLarge
from exporters.analytics.sql.desk import SQLAnswer, SQLFailed, SQLRefused, SQLRequest
from exporters.analytics.sql.frames import Format
from exporters.analytics.sql.gate import LONGEST

PATH = "/v2/analytics/sql"
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
    ask = partial(analytics_of(parts).sql.ask, asked, caller=caller_of(request, caller))
    try:
        answer = await while_there(request.receive, ask)
    except (SQLRefused, SQLFailed, AnswerTooLarge, QueryCancelled, ClientLeft, AnalyticsUnavailable) as error:
        raise refusal(error) from error
    return Response(answer.body, media_type=MEDIA_TYPES[data.format], headers=_headers(answer, data.format))


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


def _headers(answer: SQLAnswer, shape: Format) -> dict[str, str]:
    return {
        "dialtone-query": answer.id,
        "dialtone-rows": str(answer.rows),
        "dialtone-truncated": str(answer.truncated).lower(),
        "dialtone-cpu-seconds": f"{answer.cpu:.3f}",
        "dialtone-as-of": iso(answer.as_of),
    } | file_headers("sql", shape, at=answer.as_of)


def describe_formats(app: Litestar) -> None:
    """Say in the description that answers of analytics come in several media types."""
    named = (f"{ANALYTICS}/{path}" for path in ("queries/{name}", "performance", "integrations"))
    describe_media_types(app, (PATH, "post"), *((path, "get") for path in named))


router = Router(
    path="/",
    tags=["Analytics"],
    route_handlers=[telling_methods(PATH, "GET", "POST"), ask_sql, list_sql, cancel_sql],
)
