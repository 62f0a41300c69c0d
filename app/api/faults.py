"""Fault injection for game days: make an integration misbehave for a while, end it, see what is injected."""

import difflib
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Annotated

from litestar import Response, Router, delete, get, post, route
from litestar.enums import HttpMethod, RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, QueryParameter

from app.api.access import OPERATE, READ, CallerHeader, GivenParts, caller_of, find
from app.api.bodies import FaultBody, FaultList, FaultRequest
from app.api.problems import AnyRequest, InvalidValue, ProblemError, invalid, not_found
from app.api.responses import CHANGING, GUARDED, ONE
from app.fault_desk import FaultDesk
from app.faults import FaultsForbiddenError
from app.parts import Parts, Registered
from integrations.execution.injection import Fault

_FORBIDDEN = (
    "The configuration of this Dialtone does not allow faults; `faults: {allowed: true}` in its file does, "
    "from the next reload on."
)

FaultRequestBody = Annotated[
    FaultRequest,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[
            Example(
                summary="Slow and sometimes broken, for 15 minutes",
                value={
                    "reason": "game day",
                    "expires_in": 900,
                    "faults": [
                        {"kind": "latency", "seconds": 2, "jitter": 0.5, "share": 0.3},
                        {"kind": "error", "status": 503, "share": 0.1, "target": "calls"},
                    ],
                },
            )
        ],
    ),
]
EndReason = Annotated[
    str,
    QueryParameter(name="reason", description="Why it ends now, for the record.", max_length=500),
]


@route(
    "/v2/integrations/{integration_id:str}/faults",
    http_method=[HttpMethod.OPTIONS],
    include_in_schema=False,
    sync_to_thread=False,
)
def tell_methods(integration_id: FromPath[str]) -> Response[None]:
    """Tell what the path takes, whatever the integration: Litestar itself names only its first method."""
    del integration_id
    return Response(None, status_code=HTTPStatus.NO_CONTENT, headers={"allow": "DELETE, GET, OPTIONS, POST"})


@post(
    "/v2/integrations/{integration_id:str}/faults",
    operation_id="inject_faults",
    summary="Inject faults",
    description="Strikes requests of the integration before they leave: latency waits first; error answers "
    "5xx, throttle 429, and cut breaks the connection, all without the vendor. Everything above reacts as in "
    "earnest. What was injected before ends; so does all of it after `expires_in`, with the integration, and "
    "when Dialtone stops. The configuration must allow it (`faults.allowed`).",
    guards=OPERATE,
    responses=CHANGING,
    status_code=HTTPStatus.OK,
)
async def inject_faults(
    request: AnyRequest,
    *,
    parts: GivenParts,
    integration_id: FromPath[str],
    data: FaultRequestBody,
    caller: CallerHeader = "",
) -> FaultBody:
    """Put it on record, then inject."""
    integration = find(parts, integration_id)
    desk = _desk(parts)
    _refuse_unknown(integration, data.faults)
    actor = caller_of(request, caller)
    try:
        await desk.begin(
            integration_id, data.faults, actor=actor, reason=data.reason, seconds=data.expires_in
        )
    except FaultsForbiddenError as error:
        raise _forbidden() from error
    except LookupError as error:
        raise not_found("unknown-integration", error) from error
    return _body(desk, integration_id)


@delete(
    "/v2/integrations/{integration_id:str}/faults",
    operation_id="end_faults",
    summary="End injected faults",
    description="Inject nothing any longer, at once. Where nothing is injected nothing happens.",
    guards=OPERATE,
    responses=ONE,
    status_code=HTTPStatus.OK,
)
async def end_faults(
    request: AnyRequest,
    *,
    parts: GivenParts,
    integration_id: FromPath[str],
    reason: EndReason = "",
    caller: CallerHeader = "",
) -> FaultBody:
    """End it, then put it on record."""
    find(parts, integration_id)
    if parts.faults is not None:
        ended_by = caller_of(request, caller)
        await parts.faults.end(integration_id, actor=ended_by, reason=reason or "ended early")
    return FaultBody(integration=integration_id)


@get(
    "/v2/integrations/{integration_id:str}/faults",
    operation_id="get_faults",
    summary="What is injected into an integration",
    guards=READ,
    responses=ONE,
    sync_to_thread=False,
)
def get_faults(parts: GivenParts, integration_id: FromPath[str]) -> FaultBody:
    """Who injects which faults now, why, and until when."""
    find(parts, integration_id)
    if parts.faults is None:
        return FaultBody(integration=integration_id)
    return _body(parts.faults, integration_id)


@get(
    "/v2/faults",
    operation_id="list_faults",
    summary="What is injected anywhere",
    guards=READ,
    responses=GUARDED,
    sync_to_thread=False,
)
def list_faults(parts: GivenParts) -> FaultList:
    """All integrations that faults are injected into now, ordered by id."""
    desk = parts.faults
    if desk is None:
        return FaultList(allowed=False, faults=())
    standing = desk.standing().items()
    return FaultList(
        allowed=desk.is_allowed,
        faults=tuple(FaultBody(integration=name, fault=fault) for name, fault in standing),
    )


def _desk(parts: Parts) -> FaultDesk:
    if parts.faults is None or not parts.faults.is_allowed:
        raise _forbidden()
    return parts.faults


def _forbidden() -> ProblemError:
    return ProblemError("faults-forbidden", status=HTTPStatus.FORBIDDEN, detail=_FORBIDDEN)


def _body(desk: FaultDesk, integration: str) -> FaultBody:
    return FaultBody(integration=integration, fault=desk.standing().get(integration))


def _refuse_unknown(integration: Registered, faults: Iterable[Fault]) -> None:
    """Refuse a capability or an action that the vendor has not: such a fault would strike nothing.

    Raises:
        ProblemError: 422, naming each and the nearest.
    """
    manifest = integration.manifest
    wrong = [
        error
        for number, fault in enumerate(faults)
        for error in (
            *_unknown(fault.capabilities, manifest.capabilities, key=f"faults[{number}].capabilities"),
            *_unknown(fault.actions, manifest.actions, key=f"faults[{number}].actions"),
        )
    ]
    if wrong:
        name = integration.connection.id
        raise invalid(f"{name} has no such capability or action; the fault would strike nothing.", *wrong)


def _unknown(names: Iterable[str], known: Mapping[str, object], *, key: str) -> Iterable[InvalidValue]:
    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}"
            yield InvalidValue(message=f"{name[:100]!r} is unknown; {hint}", source="body", key=key)


router = Router(
    path="/",
    tags=["Operations"],
    route_handlers=[tell_methods, inject_faults, end_faults, get_faults, list_faults],
)
