"""/v2/integrations: which there are and how they are."""

from http import HTTPStatus
from typing import Annotated

from litestar import Router, get, post
from litestar.params import FromPath, QueryParameter

from app.api.access import OPERATE, READ, GivenParts, find
from app.api.actions import execute_action
from app.api.bodies import IntegrationDetail, IntegrationList, IntegrationStatusBody
from app.api.problems import AnyRequest
from app.api.reading import refuse_repeats, refuse_unknown
from app.api.responses import ONE, problems
from app.api.summaries import summarize, summarize_actions
from app.parts import Parts, Registered
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
