"""/v2/analytics: named queries over everything that happened, page by page in the format asked for."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
from litestar import Response, Router, delete, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from app.api.access import READ, CallerHeader, GivenParts, caller_of, require
from app.api.answers import MEDIA_TYPES, RETRY_SECONDS, file_headers, iso, refusal
from app.api.leaving import ClientLeft, while_there
from app.api.problems import AnyRequest, ProblemError, not_found
from app.api.reading import refuse_repeats, refuse_unknown
from app.api.responses import GUARDED, problems
from app.api.tokens import Scope
from app.parts import Analytics, Parts
from exporters.analytics.paging import RESERVED, Page, PageRequest
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.running import QueryCancelled, RunningQuery
from exporters.analytics.settings import AnalyticsUnavailable, AnswerTooLarge, UnknownQuery
from exporters.analytics.sql.frames import Format

PATH = "/v2/analytics"
_TABLE = "table"
"""What the format json was called once."""

Start = Annotated[
    str | None,
    QueryParameter(name="from", required=False, description="Start: a time, or such as -24h (default)."),
]
End = Annotated[
    str | None, QueryParameter(name="to", required=False, description="End: a time, or now (default).")
]
Bucket = Annotated[
    str | None,
    QueryParameter(name="bucket", required=False, description="A row's width, such as 1h (default)."),
]
IntegrationFilter = Annotated[
    str | None, QueryParameter(name="integration", required=False, description="Only this integration.")
]
VendorFilter = Annotated[
    str | None, QueryParameter(name="vendor", required=False, description="Only integrations of this vendor.")
]
OriginFilter = Annotated[
    str | None,
    QueryParameter(name="origin", required=False, description="On whose behalf; traffic (default), or all."),
]
TimeZone = Annotated[
    str | None,
    QueryParameter(
        name="tz",
        required=False,
        description="Time zone of the buckets, such as Europe/Berlin; UTC (default).",
    ),
]
InjectedFilter = Annotated[
    str | None,
    QueryParameter(
        name="injected",
        required=False,
        description="Calls that an injected fault struck: without (default), with, or only.",
    ),
]
AsFormat = Annotated[
    Literal["json", "records", "ndjson", "csv", "arrow", "parquet", "table"],
    QueryParameter(
        name="format",
        required=False,
        description="json (default): columns, and rows as arrays; records: an array of objects, for Grafana "
        "and the like; ndjson, csv (RFC 4180), arrow (an IPC stream) and parquet. table is json.",
    ),
]
MostRows = Annotated[
    int | None,
    QueryParameter(
        name="rows", required=False, ge=1, description="Rows of a page; analytics.query_rows bounds it."
    ),
]
Cursor = Annotated[
    str,
    QueryParameter(
        name="cursor",
        required=False,
        max_length=400,
        description="Where the page begins: `next` of the page before, with the same parameters.",
    ),
]
QueryID = Annotated[
    str,
    QueryParameter(
        name="id",
        required=False,
        pattern="^[A-Za-z0-9_-]{0,64}$",
        description="A name to end the query by; else it gets one.",
    ),
]
_ANSWERED = ResponseSpec(
    data_container=object,
    description="A page in the format asked for. dialtone-truncated says whether there are more rows; then "
    "Link (rel=next), dialtone-next and, in json, `next` lead to them. dialtone-rows counts the page's rows, "
    "dialtone-query is its id, and relative times count from dialtone-as-of.",
    generate_examples=False,
)


class RunningList(msgspec.Struct, frozen=True, kw_only=True):
    """Queries that run or wait; `sql` is cut to 2,000 characters."""

    queries: tuple[RunningQuery, ...]


@get(
    "/queries",
    operation_id="list_queries",
    summary="The named queries",
    guards=READ,
    responses=GUARDED | problems(503),
    sync_to_thread=False,
)
def list_queries(parts: GivenParts) -> Response[object]:
    """Every query with what it tells and the parameters it takes."""
    return Response(msgspec.to_builtins({"queries": list(analytics_of(parts).queries())}))


@get(
    "/queries/{name:str}",
    operation_id="run_query",
    summary="Run a named query",
    description="Parameters go into the query string; GET /v2/analytics/queries names them. A client that "
    "leaves ends its query.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 409, 422, 503) | {200: _ANSWERED},
)
async def run_query(
    request: AnyRequest,
    *,
    parts: GivenParts,
    name: FromPath[str],
    shape: AsFormat = "json",
    rows: MostRows = None,
    cursor: Cursor = "",
    query_id: QueryID = "",
    caller: CallerHeader = "",
) -> Response[bytes]:
    """A page of a named query's rows."""
    refuse_repeats(request)
    given = {key: text for key, text in request.query_params.multi_items() if key not in RESERVED}
    asked = PageRequest(name=name, params=given, format=_format(shape), rows=rows, cursor=cursor, id=query_id)
    return await _answer(request, parts=parts, asked=asked, caller=caller)


@get(
    "/performance",
    operation_id="get_performance",
    summary="Calls, errors and latency over time",
    description="The named query performance: calls, errors, p50, p95, p99 by integration and bucket.",
    guards=READ,
    responses=problems(400, 401, 403, 409, 422, 503) | {200: _ANSWERED},
)
async def get_performance(
    request: AnyRequest,
    *,
    parts: GivenParts,
    start: Start = None,
    end: End = None,
    bucket: Bucket = None,
    integration: IntegrationFilter = None,
    origin: OriginFilter = None,
    injected: InjectedFilter = None,
    tz: TimeZone = None,
    shape: AsFormat = "json",
    rows: MostRows = None,
    cursor: Cursor = "",
    query_id: QueryID = "",
    caller: CallerHeader = "",
) -> Response[bytes]:
    """Calls, error ratio and percentiles by integration and time bucket."""
    given = _given(
        request,
        {
            "from": start,
            "to": end,
            "bucket": bucket,
            "integration": integration,
            "origin": origin,
            "injected": injected,
            "tz": tz,
        },
    )
    asked = PageRequest(
        name="performance", params=given, format=_format(shape), rows=rows, cursor=cursor, id=query_id
    )
    return await _answer(request, parts=parts, asked=asked, caller=caller)


@get(
    "/integrations",
    operation_id="get_integration_usage",
    summary="Each integration's use and quality",
    description="The named query integrations: callers, runs, calls, errors, latency, checks and the last "
    "verdict of each integration.",
    guards=READ,
    responses=problems(400, 401, 403, 409, 422, 503) | {200: _ANSWERED},
)
async def get_integration_usage(
    request: AnyRequest,
    *,
    parts: GivenParts,
    start: Start = None,
    end: End = None,
    integration: IntegrationFilter = None,
    vendor: VendorFilter = None,
    shape: AsFormat = "json",
    rows: MostRows = None,
    cursor: Cursor = "",
    query_id: QueryID = "",
    caller: CallerHeader = "",
) -> Response[bytes]:
    """What each integration was used for and how well it worked."""
    given = _given(request, {"from": start, "to": end, "integration": integration, "vendor": vendor})
    asked = PageRequest(
        name="integrations", params=given, format=_format(shape), rows=rows, cursor=cursor, id=query_id
    )
    return await _answer(request, parts=parts, asked=asked, caller=caller)


@get(
    "/running",
    operation_id="list_running_queries",
    summary="Queries that run or wait",
    guards=READ,
    responses=problems(400, 401, 403, 422, 503),
    sync_to_thread=False,
)
def list_running_queries(request: AnyRequest, *, parts: GivenParts) -> RunningList:
    """Named queries and SQL with their ids and callers, the oldest first."""
    refuse_unknown(request, ())
    return RunningList(queries=tuple(analytics_of(parts).running()))


@delete(
    "/running/{query_id:str}",
    operation_id="cancel_query",
    summary="End a query, named or SQL",
    description="One's own with the scope read, another's with operate.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 503),
    sync_to_thread=False,
)
def cancel_query(request: AnyRequest, *, parts: GivenParts, query_id: FromPath[str]) -> None:
    """End it at once; who waits for it is told."""
    analytics = analytics_of(parts)
    owner = next((one.caller for one in analytics.running() if one.id == query_id), None)
    if owner is not None and owner.partition("/")[0] != caller_of(request):
        require(request.scope, Scope.OPERATE)
    try:
        analytics.cancel(query_id)
    except LookupError as error:
        raise not_found("unknown-query", error) from error


def _given(request: AnyRequest, params: Mapping[str, str | None]) -> Mapping[str, str]:
    refuse_repeats(request)
    refuse_unknown(request, (*params, *sorted(RESERVED)))
    return {name: text for name, text in params.items() if text is not None}


def _format(shape: str) -> Format:
    return Format.JSON if shape == _TABLE else Format(shape)


async def _answer(request: AnyRequest, *, parts: Parts, asked: PageRequest, caller: str) -> Response[bytes]:
    ask = partial(analytics_of(parts).page, asked, caller=caller_of(request, caller))
    try:
        page = await while_there(request.receive, ask)
    except (
        UnknownQuery,
        InvalidParams,
        AnswerTooLarge,
        QueryCancelled,
        ClientLeft,
        AnalyticsUnavailable,
    ) as error:
        raise refusal(error) from error
    body = _told(page) if asked.format is Format.JSON else page.body
    headers = _headers(page, asked.format) | _next(request, page)
    return Response(body, media_type=MEDIA_TYPES[asked.format], headers=headers)


def _told(page: Page) -> bytes:
    """Put what is known of the page beside its columns and rows."""
    head = b'{"name":' + msgspec.json.encode(page.name) + b","
    tail = {"duration": page.duration, "next": page.next or None}
    return head + page.body[1:-1] + b"," + msgspec.json.encode(tail)[1:]


def _headers(page: Page, shape: Format) -> dict[str, str]:
    return {
        "dialtone-query": page.id,
        "dialtone-rows": str(page.rows),
        "dialtone-truncated": str(bool(page.next)).lower(),
        "dialtone-as-of": iso(page.as_of),
    } | file_headers(page.name, shape, at=page.as_of)


def _next(request: AnyRequest, page: Page) -> dict[str, str]:
    """Return the links to the page behind it (RFC 8288), relative so that they hold behind any proxy."""
    if not page.next:
        return {}
    given = [(key, text) for key, text in request.query_params.multi_items() if key not in {"cursor", "id"}]
    query = urlencode([*given, ("cursor", page.next)])
    return {"dialtone-next": page.next, "link": f'<?{query}>; rel="next"'}


def analytics_of(parts: Parts) -> Analytics:
    """Return analytics.

    Raises:
        ProblemError: 503, when there is none.
    """
    if parts.analytics is None:
        raise _unavailable("Analytics is off: set analytics.enabled in the configuration.")
    return parts.analytics


def _unavailable(reason: str) -> ProblemError:
    return ProblemError(
        "analytics-unavailable",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        detail=reason,
        headers={"retry-after": RETRY_SECONDS},
    )


router = Router(
    path=PATH,
    tags=["Analytics"],
    route_handlers=[
        list_queries,
        run_query,
        get_performance,
        get_integration_usage,
        list_running_queries,
        cancel_query,
    ],
)
