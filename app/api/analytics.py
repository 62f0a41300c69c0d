"""/v2/analytics: named queries over everything that happened."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import Response, Router, get
from litestar.params import FromPath, QueryParameter

from app.api.access import READ, CallerHeader, GivenParts, caller_of
from app.api.problems import AnyRequest, InvalidValue, ProblemError, invalid, not_found
from app.api.reading import refuse_repeats
from app.api.responses import GUARDED, problems
from app.parts import Analytics, Parts
from exporters.analytics.parameters import InvalidParams
from exporters.analytics.settings import AnalyticsUnavailable, UnknownQuery

_RETRY_SECONDS = "5"

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
    return Response(msgspec.to_builtins({"queries": list(_analytics(parts).queries())}))


@get(
    "/queries/{name:str}",
    operation_id="run_query",
    summary="Run a named query",
    description="Parameters go into the query string; GET /v2/analytics/queries names them.",
    guards=READ,
    responses=problems(400, 401, 403, 404, 422, 503),
)
async def run_query(
    request: AnyRequest, *, parts: GivenParts, name: FromPath[str], caller: CallerHeader = ""
) -> Response[object]:
    """The rows of a named query."""
    return await _run(parts, name, _params(request), caller=caller_of(request, caller))


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
    return await _run(parts, "performance", params, caller=caller_of(request, caller))


async def _run(parts: Parts, name: str, params: dict[str, str], *, caller: str) -> Response[object]:
    analytics = _analytics(parts)
    try:
        result = await analytics.query(name, params, caller=caller)
    except UnknownQuery as error:
        raise not_found("unknown-query", error) from error
    except InvalidParams as error:
        wrong = InvalidValue(message=f"expected {error.expected}", key=error.parameter, source="query")
        raise invalid(str(error), wrong) from error
    except AnalyticsUnavailable as error:
        raise _unavailable(str(error)) from error
    return Response(msgspec.to_builtins(result))


def _params(request: AnyRequest) -> dict[str, str]:
    refuse_repeats(request)
    return dict(request.query_params.multi_items())


def _analytics(parts: Parts) -> Analytics:
    if parts.analytics is None:
        raise _unavailable("Analytics is off: set analytics.enabled in the configuration.")
    return parts.analytics


def _unavailable(reason: str) -> ProblemError:
    return ProblemError(
        "analytics-unavailable",
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        detail=reason,
        headers={"retry-after": _RETRY_SECONDS},
    )


router = Router(
    path="/v2/analytics", tags=["Analytics"], route_handlers=[list_queries, run_query, get_performance]
)
