"""/v2/incidents: what is wrong, since when and why, and what people do about it."""

from http import HTTPStatus
from typing import Annotated

from litestar import Router, get, post
from litestar.params import FromPath, QueryParameter

from app.api.access import OPERATE, READ, CallerHeader, GivenParts, caller_of
from app.api.examples import example
from app.api.incident_bodies import (
    AcknowledgeRequest,
    IncidentDetail,
    IncidentList,
    IncidentOrder,
    NoteRequest,
    detail_of,
    summary_of,
)
from app.api.problems import AnyRequest, ProblemError, invalid, not_found
from app.api.reading import refuse_repeats, refuse_unknown
from app.api.responses import CHANGING, problems
from app.desks.incidents import IncidentState
from app.parts import Parts
from monitors.incident import Incident
from monitors.incidents import UnknownIncidentError

State = Annotated[
    IncidentState | None,
    QueryParameter(name="state", required=False, description="Only those that go on, or that are over."),
]
Integration = Annotated[
    str | None, QueryParameter(name="integration", required=False, description="Only of this integration.")
]
Before = Annotated[
    float | None,
    QueryParameter(
        name="before", required=False, description="Only those opened earlier: the last page's `next`."
    ),
]
Limit = Annotated[int, QueryParameter(name="limit", description="At most so many.", ge=1, le=1000)]


Acknowledged = Annotated[AcknowledgeRequest, example("For two hours", reason="on it", expires_in=7200)]
Ordered = Annotated[IncidentOrder, example("Given up", reason="handed over to the network team")]
Noted = Annotated[NoteRequest, example("A finding", text="rolled back the proxy")]


@get(
    "/v2/incidents",
    operation_id="list_incidents",
    summary="Incidents, the newest first",
    description="From the confirmed bad state of an integration until its confirmed recovery. Without "
    "timelines.",
    guards=READ,
    responses=problems(400, 401, 403, 422, 503),
)
async def list_incidents(
    request: AnyRequest,
    *,
    parts: GivenParts,
    incident_state: State = None,
    integration: Integration = None,
    before: Before = None,
    limit: Limit = 100,
) -> IncidentList:
    """Incidents that fit all that is asked for."""
    refuse_unknown(request, ("state", "integration", "before", "limit"))
    refuse_repeats(request)
    desk = parts.alerting.incidents
    rows, following = await desk.page(
        state=incident_state, integration=integration, before=before, limit=limit
    )
    return IncidentList(incidents=tuple(map(summary_of, rows)), open=len(desk.open()), next=following)


@get(
    "/v2/incidents/{incident_id:str}",
    operation_id="get_incident",
    summary="One incident, with its timeline and why who was told",
    guards=READ,
    responses=problems(400, 401, 403, 404, 503),
)
async def get_incident(parts: GivenParts, incident_id: FromPath[str]) -> IncidentDetail:
    """All that is known of it."""
    return await _detail(parts, await find_incident(parts, incident_id))


@post(
    "/v2/incidents/{incident_id:str}/acknowledge",
    operation_id="acknowledge_incident",
    summary="Say that somebody works on it",
    description="Nobody is reminded of it then, and it does not escalate. Its end is told as ever.",
    guards=OPERATE,
    responses=CHANGING | problems(409, 503),
    status_code=HTTPStatus.OK,
)
async def acknowledge_incident(
    request: AnyRequest,
    *,
    parts: GivenParts,
    incident_id: FromPath[str],
    data: Acknowledged,
    caller: CallerHeader = "",
) -> IncidentDetail:
    """Acknowledge, and return it as it is now."""
    await find_incident(parts, incident_id)
    try:
        changed = await parts.alerting.incidents.acknowledge(
            incident_id, actor=caller_of(request, caller), reason=data.reason, expires_in=data.expires_in
        )
    except ValueError as error:
        raise _conflict(error) from error
    return await _detail(parts, changed)


@post(
    "/v2/incidents/{incident_id:str}/unacknowledge",
    operation_id="unacknowledge_incident",
    summary="Take an acknowledgement back",
    guards=OPERATE,
    responses=CHANGING | problems(409, 503),
    status_code=HTTPStatus.OK,
)
async def unacknowledge_incident(
    request: AnyRequest,
    *,
    parts: GivenParts,
    incident_id: FromPath[str],
    data: Ordered,
    caller: CallerHeader = "",
) -> IncidentDetail:
    """Let it be told of again; one that is not acknowledged stays as it is."""
    await find_incident(parts, incident_id)
    try:
        changed = await parts.alerting.incidents.unacknowledge(
            incident_id, actor=caller_of(request, caller), reason=data.reason
        )
    except UnknownIncidentError as error:
        raise _conflict(error) from error
    return await _detail(parts, changed)


@post(
    "/v2/incidents/{incident_id:str}/notes",
    operation_id="note_incident",
    summary="Write into its timeline",
    guards=OPERATE,
    responses=CHANGING | problems(409, 503),
    status_code=HTTPStatus.OK,
)
async def note_incident(
    request: AnyRequest,
    *,
    parts: GivenParts,
    incident_id: FromPath[str],
    data: Noted,
    caller: CallerHeader = "",
) -> IncidentDetail:
    """Add a note or a link, also after its end."""
    await find_incident(parts, incident_id)
    if not data.text.strip() and data.link is None:
        raise invalid("A note needs a text, or a link.")
    try:
        changed = await parts.alerting.incidents.note(
            incident_id, actor=caller_of(request, caller), text=data.text, link=data.link or ""
        )
    except UnknownIncidentError as error:
        raise _conflict(error) from error
    return await _detail(parts, changed)


@post(
    "/v2/incidents/{incident_id:str}/resolve",
    operation_id="resolve_incident",
    summary="End an incident by hand",
    description="The next confirmed bad state opens another one.",
    guards=OPERATE,
    responses=CHANGING | problems(409, 503),
    status_code=HTTPStatus.OK,
)
async def resolve_incident(
    request: AnyRequest,
    *,
    parts: GivenParts,
    incident_id: FromPath[str],
    data: Ordered,
    caller: CallerHeader = "",
) -> IncidentDetail:
    """Resolve it, and return it as it is now."""
    await find_incident(parts, incident_id)
    try:
        changed = await parts.alerting.incidents.resolve(
            incident_id, actor=caller_of(request, caller), reason=data.reason
        )
    except (UnknownIncidentError, ValueError) as error:
        raise _conflict(error) from error
    return await _detail(parts, changed)


async def find_incident(parts: Parts, incident: str) -> Incident:
    """Return the incident.

    Raises:
        ProblemError: 404.
    """
    try:
        return await parts.alerting.incidents.one(incident)
    except UnknownIncidentError as error:
        raise not_found("unknown-incident", error) from error


async def _detail(parts: Parts, incident: Incident) -> IncidentDetail:
    return await detail_of(parts.alerting.incidents, incident)


def _conflict(error: Exception) -> ProblemError:
    """It is there, and it does not go with how it is: resolved, or too old to be changed."""
    return ProblemError("conflict", status=HTTPStatus.CONFLICT, title="Conflict", detail=str(error.args[0]))


router = Router(
    path="/",
    tags=["Incidents"],
    route_handlers=[
        list_incidents,
        get_incident,
        acknowledge_incident,
        unacknowledge_incident,
        note_incident,
        resolve_incident,
    ],
)
