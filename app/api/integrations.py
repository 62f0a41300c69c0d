"""/v2/integrations: which there are, how they are, and calls through them."""

from http import HTTPStatus
from typing import Annotated

from litestar import Response, Router, get, post
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, HeaderParameter, QueryParameter

from app.api.access import OPERATE, READ, CallerHeader, GivenParts, caller_of, find
from app.api.bodies import (
    ActionRequest,
    IntegrationDetail,
    IntegrationList,
    IntegrationStatusBody,
)
from app.api.outcomes import answer
from app.api.priority import PriorityHeader, priority_of
from app.api.problems import AnyRequest, InvalidValue, Problem, invalid, not_found
from app.api.reading import refuse_repeats, refuse_unknown
from app.api.responses import CALLING, ONE, problems
from app.api.served import trace_of_request
from app.api.summaries import summarize, summarize_actions
from app.parts import Parts, Registered
from integrations.errors import InvalidParams, UnknownAction
from integrations.execution.outcome import Outcome
from integrations.signals import Health
from monitors.debugging import IntegrationDebug
from monitors.report import IntegrationHealth, IntegrationMetrics

States = Annotated[
    list[Health] | None,
    QueryParameter(name="state", description="Only integrations in one of these states.", required=False),
]
VendorFilter = Annotated[
    str | None, QueryParameter(name="vendor", description="Only integrations of this vendor.", required=False)
]
TeamFilter = Annotated[
    str | None, QueryParameter(name="team", description="Only integrations of this team.", required=False)
]
KeyHeader = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        description="As idempotency_key in the body; one of the two.",
        max_length=255,
        examples=[Example(summary="a key", value="order-1042")],
    ),
]
ActionBody = Annotated[
    ActionRequest,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[
            Example(
                summary="List issues",
                value={"params": {"owner": "octo", "repo": "hello"}, "timeout": 5},
            )
        ],
    ),
]
Traced = Annotated[
    bool,
    QueryParameter(
        name="trace",
        required=False,
        description="true: all stages, waits, attempts and decisions on the way, in the outcome's `trace`.",
    ),
]
TraceHeader = Annotated[str, HeaderParameter(name="traceparent", description="W3C trace context.")]


@get(
    "/",
    operation_id="list_integrations",
    summary="List integrations with their health",
    guards=READ,
    responses=problems(400, 401, 403, 422),
    sync_to_thread=False,
)
def list_integrations(
    request: AnyRequest,
    *,
    parts: GivenParts,
    states: States = None,
    vendor: VendorFilter = None,
    team: TeamFilter = None,
) -> IntegrationList:
    """Every integration with its health and why, ordered by id."""
    refuse_unknown(request, ("state", "vendor", "team"))
    refuse_repeats(request, allowed=("state",))
    summaries = [summarize(parts, one) for one in parts.framework.integrations()]
    chosen = [
        one
        for one in summaries
        if (not states or one.state in states)
        and (vendor is None or one.vendor == vendor)
        and (team is None or one.labels.team == team)
    ]
    return IntegrationList(
        integrations=tuple(sorted(chosen, key=lambda one: one.id)),
        total=len(summaries),
        needing_attention=sum(one.needs_attention for one in summaries),
        open_incidents=len(parts.alerting.incidents.open()),
        receivers=len(parts.alerting.receivers.names),
    )


@get(
    "/{integration_id:str}",
    operation_id="get_integration",
    summary="Look at one integration",
    guards=READ,
    responses=ONE,
    sync_to_thread=False,
)
def get_integration(parts: GivenParts, integration_id: FromPath[str]) -> IntegrationDetail:
    """Its health, what it can do, and its limits now."""
    integration = find(parts, integration_id)
    state = parts.framework.get_integration_status(integration_id)
    return IntegrationDetail(
        integration=summarize(parts, integration),
        actions=summarize_actions(integration.manifest, state.missing_scopes),
        line=state.line,
        endings=state.endings,
        drift=state.drift,
        granted=state.granted,
    )


@get(
    "/{integration_id:str}/status",
    operation_id="get_integration_status",
    summary="Health and limits now",
    guards=READ,
    responses=ONE,
    sync_to_thread=False,
)
def get_integration_status(parts: GivenParts, integration_id: FromPath[str]) -> IntegrationStatusBody:
    """Health by capability, circuit breakers, quotas, calls in flight and waiting."""
    return status_body(parts, find(parts, integration_id))


def status_body(parts: Parts, integration: Registered) -> IntegrationStatusBody:
    """Return an integration's health and limits of now."""
    connection = integration.connection
    return IntegrationStatusBody(
        integration=connection.id,
        vendor=connection.vendor,
        health=parts.monitor.health(connection.id),
        line=parts.framework.get_integration_status(connection.id).line,
    )


@get(
    "/{integration_id:str}/metrics",
    operation_id="get_integration_metrics",
    summary="The last hour in numbers",
    guards=READ,
    responses=ONE,
    sync_to_thread=False,
)
def get_integration_metrics(parts: GivenParts, integration_id: FromPath[str]) -> IntegrationMetrics:
    """Calls, failures and latency of the last hour, minute by minute, from memory."""
    find(parts, integration_id)
    return parts.monitor.get_integration_metrics(integration_id)


@post(
    "/{integration_id:str}/check",
    operation_id="check_integration",
    summary="Check an integration now",
    description="Runs its checks now, waits for them, and answers with the verdict.",
    guards=OPERATE,
    responses=ONE,
    status_code=HTTPStatus.OK,
)
async def check_integration(parts: GivenParts, integration_id: FromPath[str]) -> IntegrationHealth:
    """Run all checks of the integration and return the verdict."""
    find(parts, integration_id)
    return await parts.monitor.check_integration_health(integration_id)


@post(
    "/{integration_id:str}/check/debug",
    operation_id="debug_integration_checks",
    summary="Check an integration now, and tell everything",
    description="Runs its checks now, each over a connection of its own, and answers with what was asked, "
    "what came back, how each condition was judged and what health made of it; without secrets. For the rest "
    "they are checks like any other: they count for health, and are published and kept.",
    guards=OPERATE,
    responses=ONE,
    status_code=HTTPStatus.OK,
)
async def debug_integration_checks(parts: GivenParts, integration_id: FromPath[str]) -> IntegrationDebug:
    """Run all checks of the integration and return everything about them."""
    find(parts, integration_id)
    return await parts.monitor.debug_integration_health(integration_id)


@post(
    "/{integration_id:str}/actions/{action:str}",
    operation_id="execute_action",
    summary="Call a third party",
    description="Runs one action of the vendor's and answers with its outcome. A client that leaves does not "
    "cancel the call. With trace=true the outcome holds `trace`: every stage, wait, attempt and decision.",
    guards=OPERATE,
    responses=CALLING,
    status_code=HTTPStatus.OK,
)
async def execute_action(
    request: AnyRequest,
    *,
    parts: GivenParts,
    integration_id: FromPath[str],
    action: FromPath[str],
    data: ActionBody,
    caller: CallerHeader = "",
    key: KeyHeader = "",
    traceparent: TraceHeader = "",
    priority: PriorityHeader = "",
    traced: Traced = False,
) -> Response[Outcome] | Response[Problem]:
    """Execute one action and tell its outcome in HTTP's words."""
    # The layer in front of all has read it; it stands here to be described.
    del traceparent
    find(parts, integration_id)
    trace = trace_of_request(request.scope)
    try:
        outcome = await parts.framework.execute_integration(
            integration_id,
            action,
            data.params,
            caller=caller_of(request, caller),
            timeout=data.timeout,
            idempotency_key=_idempotency_key(data.idempotency_key, key),
            trace_id=trace.trace_id,
            parent_span_id=trace.parent_of_calls,
            sampled=trace.sampled,
            trace_state=trace.state,
            priority=priority_of(priority),
            traced=traced,
        )
    except UnknownAction as error:
        raise not_found("unknown-action", error) from error
    except InvalidParams as error:
        raise invalid(str(error), *_wrong_params(error)) from error
    return answer(outcome, instance=request.url.path, trace_id=trace.trace_id)


def _wrong_params(error: InvalidParams) -> list[InvalidValue]:
    return [
        InvalidValue(message=text, source="body", key=f"params.{name}")
        for name, text in error.problems.items()
    ]


def _idempotency_key(body: str | None, header: str) -> str | None:
    if body and header and body != header:
        raise invalid(
            "The header Idempotency-Key and idempotency_key in the body differ; send one of them.",
            InvalidValue(message="differs from the body's", source="header", key="Idempotency-Key"),
        )
    return body or header or None


router = Router(
    path="/v2/integrations",
    tags=["Integrations"],
    route_handlers=[
        list_integrations,
        get_integration,
        get_integration_status,
        get_integration_metrics,
        check_integration,
        debug_integration_checks,
        execute_action,
    ],
)
