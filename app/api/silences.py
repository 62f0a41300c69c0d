"""/v2/silences and /v2/maintenance: what nobody is to be notified of for a while."""

from http import HTTPStatus
from typing import Annotated

from litestar import Router, get, post
from litestar.params import FromPath, QueryParameter

from app.api.access import OPERATE, READ, CallerHeader, GivenParts, caller_of
from app.api.alert_bodies import (
    AlertList,
    ExpireRequest,
    MaintenanceList,
    PreviewRequest,
    SilenceBody,
    SilenceList,
    SilenceRequest,
    alert_body,
    maintenance_body,
    silence_body,
)
from app.api.examples import example
from app.api.matching import matchers_of
from app.api.options import telling_methods
from app.api.problems import AnyRequest, InvalidValue, ProblemError, invalid
from app.api.reading import refuse_repeats, refuse_unknown
from app.api.responses import CHANGING, ONE, problems
from app.parts import Parts
from monitors.alerts.matchers import all_match
from monitors.alerts.silences import DEFAULT_SECONDS, Silence, SilenceError, SilenceState

State = Annotated[
    SilenceState | None, QueryParameter(name="state", required=False, description="Only of this state.")
]
New = Annotated[
    SilenceRequest,
    example("For half an hour", matchers=['vendor="github"'], reason="their maintenance", expires_in=1800),
]
Ended = Annotated[ExpireRequest, example("Early", reason="it is over already")]
Previewed = Annotated[PreviewRequest, example("All of a vendor", matchers=['vendor="github"'])]


@get(
    "/v2/silences",
    operation_id="list_silences",
    summary="Silences",
    description="Those that hold, those to come, and those that ended in the last five days.",
    guards=READ,
    responses=problems(400, 401, 403, 422),
    sync_to_thread=False,
)
def list_silences(request: AnyRequest, *, parts: GivenParts, silence_state: State = None) -> SilenceList:
    """Silences of a state, or all."""
    refuse_unknown(request, ("state",))
    refuse_repeats(request)
    desk = parts.alerting.silences
    found = [one for one in desk.all() if silence_state in {None, desk.state(one)}]
    return SilenceList(silences=tuple(silence_body(desk, one) for one in found))


@get(
    "/v2/silences/{silence_id:str}",
    operation_id="get_silence",
    summary="One silence",
    guards=READ,
    responses=ONE,
    sync_to_thread=False,
)
def get_silence(parts: GivenParts, silence_id: FromPath[str]) -> SilenceBody:
    """As it stands."""
    return silence_body(parts.alerting.silences, _find(parts, silence_id))


@post(
    "/v2/silences",
    operation_id="create_silence",
    summary="Silence alerts for a while",
    description="Checks go on, incidents are kept, and whoever was told of a failure is told of its end. "
    "At most 30 days.",
    guards=OPERATE,
    responses=problems(400, 401, 403, 413, 415, 422, 503),
)
async def create_silence(
    request: AnyRequest, *, parts: GivenParts, data: New, caller: CallerHeader = ""
) -> SilenceBody:
    """Begin it; it holds once this is answered."""
    desk = parts.alerting.silences
    start = parts.clock.time() if data.starts_at is None else max(data.starts_at, parts.clock.time())
    try:
        made = await desk.create(
            matchers_of(data.matchers, source="body"),
            actor=caller_of(request, caller),
            comment=data.reason,
            starts_at=start,
            ends_at=start + (DEFAULT_SECONDS if data.expires_in is None else data.expires_in),
            is_maintenance=data.kind == "maintenance",
        )
    except SilenceError as error:
        raise invalid(f"{error}.", InvalidValue(message=str(error), source="body")) from error
    return silence_body(desk, made)


@post(
    "/v2/silences/preview",
    operation_id="preview_silence",
    summary="Which alerts a silence would hold for now",
    guards=READ,
    responses=problems(400, 401, 403, 413, 415, 422),
    status_code=HTTPStatus.OK,
    sync_to_thread=False,
)
def preview_silence(parts: GivenParts, data: Previewed) -> AlertList:
    """The alerts that fire and meet all matchers."""
    wanted = matchers_of(data.matchers, source="body")
    found = [
        one for one in parts.alerting.alerts.alerts() if one.fires and all_match(wanted, one.alert.labels)
    ]
    return AlertList(alerts=tuple(map(alert_body, found)))


@post(
    "/v2/silences/{silence_id:str}/expire",
    operation_id="expire_silence",
    summary="End a silence now",
    description="What it held back and still fires is told within seconds.",
    guards=OPERATE,
    responses=CHANGING | problems(409, 503),
    status_code=HTTPStatus.OK,
)
async def expire_silence(
    request: AnyRequest,
    *,
    parts: GivenParts,
    silence_id: FromPath[str],
    data: Ended,
    caller: CallerHeader = "",
) -> SilenceBody:
    """End it, and return it as it is now."""
    desk = parts.alerting.silences
    _find(parts, silence_id)
    try:
        ended = await desk.expire(silence_id, actor=caller_of(request, caller), reason=data.reason)
    except SilenceError as error:
        raise ProblemError(
            "conflict", status=HTTPStatus.CONFLICT, title="Conflict", detail=f"{error}."
        ) from error
    return silence_body(desk, ended)


@get(
    "/v2/maintenance",
    operation_id="list_maintenance",
    summary="Maintenance that is planned",
    guards=READ,
    responses=problems(400, 401, 403),
    sync_to_thread=False,
)
def list_maintenance(parts: GivenParts) -> MaintenanceList:
    """What the configuration plans, and silences made for planned work that are not over."""
    desk = parts.alerting.silences
    silences = [
        one for one in desk.all() if one.is_maintenance and desk.state(one) is not SilenceState.EXPIRED
    ]
    return MaintenanceList(
        planned=tuple(map(maintenance_body, desk.planned())),
        silences=tuple(silence_body(desk, one) for one in silences),
    )


def _find(parts: Parts, silence: str) -> Silence:
    found = parts.alerting.silences.get(silence)
    if found is None:
        raise ProblemError(
            "unknown-silence",
            status=HTTPStatus.NOT_FOUND,
            detail=f"There is no silence {silence[:80]!r}; `dialtone silence list` shows them.",
        )
    return found


router = Router(
    path="/",
    tags=["Alerts"],
    route_handlers=[
        telling_methods("/v2/silences", "GET", "POST"),
        list_silences,
        create_silence,
        preview_silence,
        get_silence,
        expire_silence,
        list_maintenance,
    ],
)
