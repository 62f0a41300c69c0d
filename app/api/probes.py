"""/healthz, /readyz and /metrics: what orchestrators and Prometheus ask."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from litestar import Response, Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import SecurityRequirement
from litestar.params import QueryParameter

from app.api.access import GivenParts, require
from app.api.bodies import Alive, Readiness
from app.api.problems import AnyRequest
from app.api.responses import problems
from app.api.sending import Pieces
from app.api.tokens import Scope

MOST_NAMES = 500
Names = Annotated[
    Sequence[str],
    QueryParameter(
        name="name[]",
        required=False,
        max_items=MOST_NAMES,
        description="A metric, or a series of a histogram, that is wanted; may be repeated. Without: all.",
    ),
]
OPEN: list[SecurityRequirement] = [{}]


@get(
    "/healthz",
    operation_id="get_liveness",
    summary="Whether Dialtone is alive",
    security=OPEN,
    sync_to_thread=False,
)
def healthz() -> Alive:
    """Answers as long as the event loop does; open to everyone."""
    return Alive()


@get(
    "/readyz",
    operation_id="get_readiness",
    summary="Whether Dialtone can do its work",
    security=OPEN,
    responses={
        503: ResponseSpec(
            data_container=Readiness, description="It cannot; the body says why.", generate_examples=False
        )
    },
    sync_to_thread=False,
)
def readyz(parts: GivenParts) -> Response[Readiness]:
    """503 while what must be kept cannot be kept; open to everyone, and names nobody."""
    stored = parts.storage.healthy() is None
    status = HTTPStatus.OK if stored else HTTPStatus.SERVICE_UNAVAILABLE
    readiness = Readiness(
        status="ready" if stored else "not ready",
        storage="ok" if stored else "cannot commit",
        analytics=_analytics(parts),
    )
    return Response(readiness, status_code=status)


def _analytics(parts: GivenParts) -> str:
    if parts.analytics is None:
        return "off"
    return "ok" if getattr(parts.analytics.status(), "ok", False) else "stopped"


@get(
    "/metrics",
    operation_id="get_metrics",
    summary="Metrics for Prometheus",
    responses=problems(400, 401, 403, 503)
    | {
        200: ResponseSpec(
            data_container=str,
            description="All of them, or those that were named.",
            media_type="text/plain",
            generate_examples=False,
        )
    },
)
async def metrics(request: AnyRequest, parts: GivenParts, names: Names = ()) -> Pieces:
    """Text 0.0.4, OpenMetrics 1.0 or, with native histograms, protobuf, as the Accept header asks; all
    metrics, or those that `name[]` names.
    """
    if not parts.public_metrics():
        require(request.scope, Scope.READ)
    scrape = await parts.metrics.scrape(
        accept=request.headers.get("accept", ""),
        accept_encoding=request.headers.get("accept-encoding", ""),
        names=names,
    )
    headers = {"vary": "Accept, Accept-Encoding", "content-type": scrape.content_type}
    if scrape.content_encoding is not None:
        headers["content-encoding"] = scrape.content_encoding
    return Pieces(scrape.pieces, headers)


router = Router(path="/", tags=["Running"], route_handlers=[healthz, readyz, metrics])
