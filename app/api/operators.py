"""What operators do: circuit breakers, pause and resume, and the record of it all."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from litestar import Router, get, post
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, QueryParameter

from app.api.access import OPERATE, READ, CallerHeader, GivenOperations, GivenParts, caller_of, find
from app.api.bodies import (
    BreakerRequest,
    IntegrationStatusBody,
    OperationList,
    PauseRequest,
    ResumeRequest,
)
from app.api.integrations import status_body
from app.api.problems import AnyRequest, InvalidValue, ProblemError, invalid
from app.api.responses import CHANGING, GUARDED
from app.operations import BreakerOperation, Order
from app.parts import Parts, Registered

Limit = Annotated[int, QueryParameter(name="limit", description="At most so many.", ge=1, le=1000)]


BreakerBody = Annotated[
    BreakerRequest,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[
            Example(
                summary="For 15 minutes",
                value={"reason": "vendor maintenance", "capability": "read", "expires_in": 900},
            )
        ],
    ),
]
PauseBody = Annotated[
    PauseRequest,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[Example(summary="For an hour", value={"reason": "vendor maintenance", "expires_in": 3600})],
    ),
]
ResumeBody = Annotated[
    ResumeRequest,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[Example(summary="Early", value={"reason": "maintenance ended early"})],
    ),
]


@post(
    "/v2/integrations/{integration_id:str}/breaker/{operation:str}",
    operation_id="operate_breaker",
    summary="Operate circuit breakers",
    description="force_open refuses all calls, disable lets all through and counts nothing, shadow counts "
    "and refuses nothing, reset closes the breaker and gives it back to its own rules.",
    guards=OPERATE,
    responses=CHANGING,
    status_code=HTTPStatus.OK,
)
async def operate_breaker(
    request: AnyRequest,
    *,
    parts: GivenParts,
    operations: GivenOperations,
    integration_id: FromPath[str],
    operation: FromPath[BreakerOperation],
    data: BreakerBody,
    caller: CallerHeader = "",
) -> IntegrationStatusBody:
    """Operate the breaker of one capability, or of all, and return the limits that hold now."""
    integration = find(parts, integration_id)
    _require_capability(integration, data.capability)
    if operation is BreakerOperation.RESET and data.expires_in is not None:
        raise invalid(
            "reset undoes an operation for good, so it takes no expires_in.",
            InvalidValue(message="not with reset", source="body", key="expires_in"),
        )
    order = Order(
        actor=caller_of(request, caller),
        integration=integration_id,
        capability=data.capability or "",
        reason=data.reason,
        expires_in=data.expires_in,
    )
    await operations.operate_breaker(operation, order)
    return status_body(parts, integration)


@post(
    "/v2/integrations/{integration_id:str}/pause",
    operation_id="pause_integration",
    summary="Pause an integration's checks",
    guards=OPERATE,
    responses=CHANGING,
    status_code=HTTPStatus.OK,
)
async def pause_integration(
    request: AnyRequest,
    *,
    parts: GivenParts,
    operations: GivenOperations,
    integration_id: FromPath[str],
    data: PauseBody,
    caller: CallerHeader = "",
) -> IntegrationStatusBody:
    """Stop checking; calls are not affected."""
    order = Order(
        actor=caller_of(request, caller),
        integration=integration_id,
        reason=data.reason,
        expires_in=data.expires_in,
    )
    return await _carry_out(parts, operations.pause, order)


@post(
    "/v2/integrations/{integration_id:str}/resume",
    operation_id="resume_integration",
    summary="Resume an integration's checks",
    guards=OPERATE,
    responses=CHANGING,
    status_code=HTTPStatus.OK,
)
async def resume_integration(
    request: AnyRequest,
    *,
    parts: GivenParts,
    operations: GivenOperations,
    integration_id: FromPath[str],
    data: ResumeBody,
    caller: CallerHeader = "",
) -> IntegrationStatusBody:
    """Check again, beginning soon."""
    order = Order(actor=caller_of(request, caller), integration=integration_id, reason=data.reason)
    return await _carry_out(parts, operations.resume, order)


@get(
    "/v2/operations",
    operation_id="list_operations",
    summary="What operators did",
    guards=READ,
    responses=GUARDED,
)
async def list_operations(parts: GivenParts, limit: Limit = 100) -> OperationList:
    """Operators' actions with actor, reason and expiry, the newest first."""
    return OperationList(operations=tuple(await parts.operators.recent(limit)))


async def _carry_out(
    parts: Parts, operation: Callable[[Order], Awaitable[None]], order: Order
) -> IntegrationStatusBody:
    integration = find(parts, order.integration)
    await operation(order)
    return status_body(parts, integration)


def _require_capability(integration: Registered, capability: str | None) -> None:
    known = integration.manifest.capabilities
    if capability is not None and capability not in known:
        raise ProblemError(
            "unknown-capability",
            status=HTTPStatus.NOT_FOUND,
            detail=f"{integration.connection.id} has no capability {capability}; it has {', '.join(known)}.",
        )


router = Router(
    path="/",
    tags=["Operations"],
    route_handlers=[operate_breaker, pause_integration, resume_integration, list_operations],
)
