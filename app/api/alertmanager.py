"""/api/v2: Alertmanager's API, as far as amtool and others read alerts and read and write silences.

Errors are plain JSON texts here, as its clients expect them.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import MediaType, Response, Router, delete, get, post
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from app.api.access import OPERATE, READ, GivenParts, caller_of
from app.api.alertmanager_bodies import (
    AlertGroup,
    AMConfig,
    AMStatus,
    ClusterStatus,
    GettableAlert,
    GettableSilence,
    PostableSilence,
    ReceiverName,
    SilenceMade,
    VersionInfo,
    alert_of,
    group_of,
    matcher_of,
    moment,
    silence_of,
)
from app.api.alertmanager_config import alertmanager_config
from app.api.examples import example
from app.api.options import telling_methods
from app.api.problems import AnyRequest, ProblemError
from app.desks.alerts import SeenAlert
from app.parts import Parts
from app.storage.errors import StorageUnavailableError
from monitors.alerts.matchers import (
    Matcher,
    MatcherError,
    Pattern,
    all_match,
    compile_pattern,
    parse_matcher,
)
from monitors.alerts.silences import Silence, SilenceError, SilenceState

API_VERSION = "0.25.0"
"""Of the Alertmanager whose API this is (https://github.com/prometheus/alertmanager)."""

_ORDER = (SilenceState.ACTIVE, SilenceState.PENDING, SilenceState.EXPIRED)

Active = Annotated[bool, QueryParameter(name="active", description="Also those that nothing suppresses.")]
Silenced = Annotated[bool, QueryParameter(name="silenced", description="Also silenced ones.")]
Inhibited = Annotated[bool, QueryParameter(name="inhibited", description="Also inhibited ones.")]
Muted = Annotated[bool, QueryParameter(name="muted", description="Also groups that are suppressed whole.")]
Pending = Annotated[bool, QueryParameter(name="pending", description="Also those to come.")]
Expired = Annotated[bool, QueryParameter(name="expired", description="Also those that are over.")]
Filters = Annotated[
    list[str] | None,
    QueryParameter(name="filter", required=False, description="A matcher; may be repeated."),
]
OfReceiver = Annotated[
    str | None,
    QueryParameter(name="receiver", required=False, description="A regular expression for receivers."),
]
NewSilence = Annotated[
    PostableSilence,
    example(
        "For an hour",
        matchers=[{"name": "vendor", "value": "github", "isRegex": False, "isEqual": True}],
        startsAt="2030-01-01T00:00:00Z",
        endsAt="2030-01-01T01:00:00Z",
        createdBy="ada",
        comment="their maintenance",
    ),
]


def _errors(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    return {
        int(status): ResponseSpec(
            data_container=str, description=status.description or status.phrase, generate_examples=False
        )
        for status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, *statuses)
    }


@get("/status", operation_id="am_get_status", summary="What answers", guards=READ, responses=_errors())
async def get_status(parts: GivenParts) -> AMStatus:
    """Version, uptime, and the routing tree as Alertmanager would write it."""
    return AMStatus(
        cluster=ClusterStatus(),
        version_info=VersionInfo(
            version=API_VERSION,
            revision=f"dialtone {parts.version}",
            branch="",
            build_user="",
            build_date="",
            go_version="",
        ),
        config=AMConfig(original=alertmanager_config(parts.alerting.alerts.settings)),
        uptime=moment(parts.alerting.began_at),
    )


@get("/receivers", operation_id="am_get_receivers", summary="Receivers", guards=READ, responses=_errors())
async def get_receivers(parts: GivenParts) -> list[ReceiverName]:
    """Their names."""
    return [ReceiverName(name=one.name) for one in parts.alerting.alerts.settings.receivers]


@get("/alerts", operation_id="am_get_alerts", summary="Alerts that fire", guards=READ, responses=_errors())
async def get_alerts(
    *,
    parts: GivenParts,
    filters: Filters = None,
    receiver: OfReceiver = None,
    active: Active = True,
    silenced: Silenced = True,
    inhibited: Inhibited = True,
) -> list[GettableAlert]:
    """Those that pass all filters."""
    wanted, named = _matchers(filters), _pattern(receiver)
    shown = _Shown(active=active, silenced=silenced, inhibited=inhibited)
    now = parts.clock.time()
    return [
        alert_of(one, now=now)
        for one in sorted(parts.alerting.alerts.alerts(), key=lambda each: each.alert.fingerprint)
        if one.fires
        and shown.passes(one)
        and all_match(wanted, one.alert.labels)
        and (named is None or any(named.fullmatch(name) for name in one.receivers))
    ]


@post(
    "/alerts",
    operation_id="am_post_alerts",
    summary="Refuses alerts from elsewhere",
    description="Dialtone makes its alerts itself. To route others too, let it post to an Alertmanager.",
    guards=OPERATE,
    responses=_errors(),
    status_code=HTTPStatus.OK,
)
async def post_alerts() -> None:
    """Say that alerts from elsewhere are not taken."""
    raise _bad("Dialtone makes its alerts itself and takes none from elsewhere")


@get(
    "/alerts/groups",
    operation_id="am_get_alert_groups",
    summary="Groups of alerts that fire",
    guards=READ,
    responses=_errors(),
)
async def get_alert_groups(
    *,
    parts: GivenParts,
    filters: Filters = None,
    receiver: OfReceiver = None,
    active: Active = True,
    silenced: Silenced = True,
    inhibited: Inhibited = True,
    muted: Muted = True,
) -> list[AlertGroup]:
    """By receiver and labels, with the alerts that pass all filters."""
    wanted, named = _matchers(filters), _pattern(receiver)
    shown = _Shown(active=active, silenced=silenced, inhibited=inhibited)
    now = parts.clock.time()
    found = []
    for group in parts.alerting.alerts.groups():
        if named is not None and not named.fullmatch(group.group.receiver):
            continue
        alerts = tuple(
            one for one in group.alerts if shown.passes(one) and all_match(wanted, one.alert.labels)
        )
        body = group_of(group.only(alerts), now=now)
        if alerts and (muted or any(one.status.state == "active" for one in body.alerts)):
            found.append(body)
    return found


@get("/silences", operation_id="am_get_silences", summary="Silences", guards=READ, responses=_errors())
async def get_silences(
    *,
    parts: GivenParts,
    filters: Filters = None,
    active: Active = True,
    pending: Pending = True,
    expired: Expired = True,
) -> list[GettableSilence]:
    """Those whose own matchers meet the filter, active ones first."""
    wanted = _matchers(filters)
    desk = parts.alerting.silences
    chosen = dict(zip(_ORDER, (active, pending, expired), strict=True))
    found = [
        one
        for one in desk.all()
        if chosen[desk.state(one)] and all_match(wanted, {each.name: each.value for each in one.matchers})
    ]
    found.sort(key=lambda one: (_ORDER.index(desk.state(one)), one.ends_at))
    return [_gettable(parts, one) for one in found]


@post(
    "/silences",
    operation_id="am_post_silences",
    summary="Make or change a silence",
    description="As POST /v2/silences, which says what may be silenced and for how long.",
    guards=OPERATE,
    responses=_errors(
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
    status_code=HTTPStatus.OK,
)
async def post_silences(request: AnyRequest, *, parts: GivenParts, data: NewSilence) -> SilenceMade:
    """Return the id under which it holds."""
    try:
        made = await _put(parts, data, operator=caller_of(request))
    except (SilenceError, MatcherError) as error:
        raise _bad(str(error)) from error
    return SilenceMade(silence_id=made.id)


@get(
    "/silence/{silence_id:str}",
    operation_id="am_get_silence",
    summary="One silence",
    guards=READ,
    responses=_errors(HTTPStatus.NOT_FOUND),
)
async def get_silence(parts: GivenParts, silence_id: FromPath[str]) -> GettableSilence:
    """As it stands."""
    return _gettable(parts, _find(parts, silence_id))


@delete(
    "/silence/{silence_id:str}",
    operation_id="am_delete_silence",
    summary="End a silence now",
    guards=OPERATE,
    responses=_errors(HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE),
    status_code=HTTPStatus.OK,
)
async def delete_silence(request: AnyRequest, *, parts: GivenParts, silence_id: FromPath[str]) -> None:
    """End it; one that is over stays so."""
    found = _find(parts, silence_id)
    if parts.alerting.silences.state(found) is not SilenceState.EXPIRED:
        await parts.alerting.silences.expire(silence_id, actor=caller_of(request))


class _Shown:
    """Which alerts a reader wants, by what suppresses them, as Alertmanager decides it."""

    def __init__(self, *, active: bool, silenced: bool, inhibited: bool) -> None:
        self._active, self._silenced, self._inhibited = active, silenced, inhibited

    def passes(self, seen: SeenAlert) -> bool:
        status = seen.status
        return (
            (self._active or status.is_suppressed)
            and (self._silenced or not status.silenced_by)
            and (self._inhibited or not status.inhibited_by)
        )


async def _put(parts: Parts, data: PostableSilence, *, operator: str) -> Silence:
    desk = parts.alerting.silences
    wanted = Silence(
        id=data.id or "",
        matchers=tuple(_checked(matcher_of(one)) for one in data.matchers),
        starts_at=data.starts_at.timestamp(),
        ends_at=data.ends_at.timestamp(),
        actor=data.created_by,
        comment=data.comment,
        updated_at=parts.clock.time(),
    )
    if not data.id:
        return await desk.create(
            wanted.matchers,
            actor=wanted.actor,
            comment=wanted.comment,
            starts_at=wanted.starts_at,
            ends_at=wanted.ends_at,
            operator=operator,
        )
    _find(parts, data.id)
    return await desk.replace(data.id, wanted, operator=operator)


def _checked(matcher: Matcher) -> Matcher:
    """A matcher whose name is one and whose pattern can be compiled; raises MatcherError."""
    if not matcher.name:
        raise MatcherError("a matcher needs the name of a label")
    if matcher.operator in {"=~", "!~"}:
        compile_pattern(matcher.value)
    return matcher


def _gettable(parts: Parts, silence: Silence) -> GettableSilence:
    return silence_of(silence, state=parts.alerting.silences.state(silence).value)


def _find(parts: Parts, silence: str) -> Silence:
    found = parts.alerting.silences.get(silence)
    if found is None:
        raise ProblemError("not-found", status=HTTPStatus.NOT_FOUND, detail=f"silence {silence} not found")
    return found


def _matchers(texts: Iterable[str] | None) -> tuple[Matcher, ...]:
    try:
        return tuple(map(parse_matcher, texts or ()))
    except MatcherError as error:
        raise _bad(str(error)) from error


def _pattern(text: str | None) -> Pattern | None:
    try:
        return None if text is None else compile_pattern(text)
    except MatcherError as error:
        raise _bad(str(error)) from error


def _bad(detail: str) -> ProblemError:
    return ProblemError("bad-request", status=HTTPStatus.BAD_REQUEST, detail=detail)


def _on_problem(_: AnyRequest, error: ProblemError) -> Response[bytes]:
    return _text(str(error), error.status, error.headers)


def _on_http_error(_: AnyRequest, error: HTTPException) -> Response[bytes]:
    return _text(error.detail, error.status_code, error.headers or {})


def _on_unavailable(_: AnyRequest, error: StorageUnavailableError) -> Response[bytes]:
    return _text(str(error), HTTPStatus.SERVICE_UNAVAILABLE, {"retry-after": "5"})


def _text(detail: str, status: int, headers: Mapping[str, str]) -> Response[bytes]:
    # A text that Litestar is given goes out as it is, without the quotes that make it JSON.
    body = msgspec.json.encode(detail)
    return Response(body, status_code=status, media_type=MediaType.JSON, headers=dict(headers))


router = Router(
    path="/api/v2",
    tags=["Alertmanager"],
    route_handlers=[
        telling_methods("/alerts", "GET", "POST"),
        telling_methods("/silences", "GET", "POST"),
        telling_methods("/silence/{silence_id:str}", "GET", "DELETE"),
        get_status,
        get_receivers,
        get_alerts,
        post_alerts,
        get_alert_groups,
        get_silences,
        post_silences,
        get_silence,
        delete_silence,
    ],
    exception_handlers={
        ProblemError: _on_problem,
        HTTPException: _on_http_error,
        StorageUnavailableError: _on_unavailable,
    },
)
