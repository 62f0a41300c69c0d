"""/v2/heartbeats: the jobs and events that must be heard of, and the URLs they are to call."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import Router, get, post
from litestar.params import FromPath

from app.api.access import ADMIN, READ, CallerHeader, GivenParts, caller_of
from app.api.examples import example
from app.api.problems import AnyRequest, not_found
from app.api.responses import CHANGING, GUARDED, ONE, problems
from app.api.tokens import Caller, Scope
from app.desks.watching import WatchingDesk
from app.parts import Parts
from integrations.connection import Labels
from integrations.manifest.source import nearest
from integrations.signals import Health
from monitors.heartbeat import Beat
from monitors.heartbeats import HeartbeatStatus


class HeartbeatBody(msgspec.Struct, frozen=True, kw_only=True):
    """One heartbeat. `period` or `cron` and `zone` say when it is expected, `grace` how much later it may
    come, `longest` how long a run may take. `running` are starts without an end. `text` is what came with the
    last beat, for the scope operate.
    """

    id: str
    name: str
    labels: Labels
    period: float | None
    cron: str
    zone: str
    grace: float
    longest: float | None
    health: Health
    since: float
    reason: str
    is_late: bool
    expected_at: float
    last_beat: Beat | None
    last_beat_at: float | None
    last_success_at: float | None
    exit_status: int | None
    duration: float | None
    running: int
    text: str


class HeartbeatList(msgspec.Struct, frozen=True, kw_only=True):
    """All heartbeats."""

    heartbeats: tuple[HeartbeatBody, ...]


class HeartbeatURL(msgspec.Struct, frozen=True, kw_only=True):
    """Where the job is to report; it holds the key, so treat it as a secret. Append `/start`, `/fail`, `/log`
    or the exit status.
    """

    url: str


class HeartbeatOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why it is done."""

    reason: str


Order = Annotated[HeartbeatOrder, example("After a leak", reason="the URL stood in a log")]


@get(
    "/",
    operation_id="list_heartbeats",
    summary="All heartbeats",
    guards=READ,
    responses=GUARDED | problems(503),
    sync_to_thread=False,
)
def list_heartbeats(request: AnyRequest, parts: GivenParts) -> HeartbeatList:
    """How they are."""
    told = _sees_texts(request)
    found = (_body(one, told=told) for one in _desk(parts).heartbeats())
    return HeartbeatList(heartbeats=tuple(found))


@get(
    "/{heartbeat_id:str}",
    operation_id="get_heartbeat",
    summary="One heartbeat",
    guards=READ,
    responses=ONE | problems(503),
    sync_to_thread=False,
)
def get_heartbeat(request: AnyRequest, parts: GivenParts, heartbeat_id: FromPath[str]) -> HeartbeatBody:
    """How it is."""
    return _body(_find(parts, heartbeat_id), told=_sees_texts(request))


@get(
    "/{heartbeat_id:str}/url",
    operation_id="get_heartbeat_url",
    summary="The URL the job is to call",
    description="It holds a random key, made at the first asking; treat it as a secret.",
    guards=ADMIN,
    responses=ONE | problems(503),
)
async def get_heartbeat_url(
    request: AnyRequest, parts: GivenParts, heartbeat_id: FromPath[str]
) -> HeartbeatURL:
    """Where it is to report."""
    _find(parts, heartbeat_id)
    return _url(request, heartbeat_id, (await _desk(parts).key(heartbeat_id)).reveal())


@post(
    "/{heartbeat_id:str}/url/rotate",
    operation_id="rotate_heartbeat_url",
    summary="Make another key for the URL",
    description="The URL before still works for a day.",
    guards=ADMIN,
    responses=CHANGING | problems(503),
    status_code=HTTPStatus.OK,
)
async def rotate_heartbeat_url(
    request: AnyRequest,
    *,
    parts: GivenParts,
    heartbeat_id: FromPath[str],
    data: Order,
    caller: CallerHeader = "",
) -> HeartbeatURL:
    """The new URL."""
    _find(parts, heartbeat_id)
    actor = caller_of(request, caller)
    key = await _desk(parts).rotate(heartbeat_id, actor=actor, reason=data.reason)
    return _url(request, heartbeat_id, key.reveal())


def _url(request: AnyRequest, heartbeat_id: str, key: str) -> HeartbeatURL:
    base = f"{request.url.scheme}://{request.url.netloc}"
    return HeartbeatURL(url=f"{base}/v2/heartbeats/{heartbeat_id}/{key}")


def _desk(parts: Parts) -> WatchingDesk:
    return parts.alerting.watching


def _find(parts: Parts, heartbeat_id: str) -> HeartbeatStatus:
    desk = _desk(parts)
    try:
        return desk.heartbeat(heartbeat_id)
    except LookupError as error:
        near = nearest(heartbeat_id, desk.beats.known)
        hint = f"; did you mean {near}?" if near else ""
        missing = LookupError(f"There is no heartbeat {heartbeat_id!r}{hint}")
        raise not_found("unknown-heartbeat", missing) from error


def _sees_texts(request: AnyRequest) -> bool:
    caller = request.scope.get("user")
    return isinstance(caller, Caller) and caller.scope >= Scope.OPERATE


def _body(one: HeartbeatStatus, *, told: bool) -> HeartbeatBody:
    settings, state = one.settings, one.state
    return HeartbeatBody(
        id=settings.id,
        name=settings.name or settings.id,
        labels=settings.labels,
        period=settings.period,
        cron=settings.cron,
        zone=settings.zone,
        grace=settings.grace,
        longest=settings.longest,
        health=state.health,
        since=state.since,
        reason=state.reason,
        is_late=one.is_late,
        expected_at=one.expected_at,
        last_beat=state.last_beat,
        last_beat_at=state.last_beat_at,
        last_success_at=state.last_success_at,
        exit_status=state.exit_status,
        duration=state.duration,
        running=len(state.runs),
        text=state.text if told else "",
    )


router = Router(
    path="/v2/heartbeats",
    tags=["Heartbeats"],
    route_handlers=[list_heartbeats, get_heartbeat, get_heartbeat_url, rotate_heartbeat_url],
)
