"""/v2/analytics: named queries over everything that happened."""

from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from litestar import Response, Router, get
from litestar.params import FromPath, QueryParameter

from app.api.access import READ, CallerHeader, GivenParts, caller_of
from app.api.problems import AnyRequest, InvalidValue, ProblemError, invalid, not_found
from app.api.reading import refuse_repeats
from app.api.responses import GUARDED, problems
from app.parts import Analytics, Parts, Rows
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.settings import AnalyticsUnavailable, UnknownQuery

RETRY_SECONDS = "5"
_FORMAT = "format"
"""Of the answer; no named query has a parameter of this name."""

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
OriginFilter = Annotated[
    str | None,
    QueryParameter(name="origin", required=False, description="On whose behalf; traffic (default), or all."),
]
InjectedFilter = Annotated[
    str | None,
    QueryParameter(
        name="injected",
        required=False,
        description="Calls that an injected fault struck: without (default), with, or only.",
    ),
]
Format = Annotated[
    Literal["table", "records"],
    QueryParameter(
        name=_FORMAT,
        required=False,
        description="table (default): columns, and rows as arrays; records: an array of objects, for Grafana "
        "and the like, with the header dialtone-truncated.",
    ),
]


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
    description="Parameters go into the query string; GET /v2/analytics/queries names them.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 422, 503),
)
async def run_query(
    request: AnyRequest,
    *,
    parts: GivenParts,
    name: FromPath[str],
    shape: Format = "table",
    caller: CallerHeader = "",
) -> Response[object]:
    """The rows of a named query."""
    result = await _ask(parts, name, _params(request), caller=caller_of(request, caller))
    return _records(result) if shape == "records" else Response(msgspec.to_builtins(result))


@get(
    "/performance",
    operation_id="get_performance",
    summary="Calls, errors and latency over time",
    description="The named query performance: calls, errors, p50, p95, p99 by integration and bucket.",
    guards=READ,
    responses=problems(400, 401, 403, 422, 503),
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
    caller: CallerHeader = "",
) -> Response[object]:
    """Calls, error ratio and percentiles by integration and time bucket."""
    refuse_repeats(request)
    given = {
        "from": start,
        "to": end,
        "bucket": bucket,
        "integration": integration,
        "origin": origin,
        "injected": injected,
    }
    params = {name: value for name, value in given.items() if value is not None}
    result = await _ask(parts, "performance", params, caller=caller_of(request, caller))
    return Response(msgspec.to_builtins(result))


async def _ask(parts: Parts, name: str, params: dict[str, str], *, caller: str) -> Rows:
    analytics = analytics_of(parts)
    try:
        return await analytics.query(name, params, caller=caller)
    except UnknownQuery as error:
        raise not_found("unknown-query", error) from error
    except InvalidParams as error:
        wrong = InvalidValue(message=f"expected {error.expected}", key=error.parameter, source="query")
        raise invalid(str(error), wrong) from error
    except AnalyticsUnavailable as error:
        raise _unavailable(str(error)) from error


def _records(result: Rows) -> Response[object]:
    rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
    truncated = str(result.truncated).lower()
    return Response(msgspec.to_builtins(rows), headers={"dialtone-truncated": truncated})


def _params(request: AnyRequest) -> dict[str, str]:
    refuse_repeats(request)
    return {name: text for name, text in request.query_params.multi_items() if name != _FORMAT}


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
    path="/v2/analytics", tags=["Analytics"], route_handlers=[list_queries, run_query, get_performance]
)
