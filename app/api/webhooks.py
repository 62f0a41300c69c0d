"""/v2/webhooks: what came in by webhook, for operators to look at and replay, and for developers to read."""

from http import HTTPStatus
from typing import Annotated, Literal

from litestar import Router, get, post
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, QueryParameter

from app.api.access import ADMIN, OPERATE, READ, CallerHeader, GivenParts, caller_of, find
from app.api.problems import AnyRequest, ProblemError
from app.api.reading import refuse_repeats, refuse_unknown
from app.api.responses import CHANGING, problems
from app.api.tokens import Caller, Scope
from app.api.webhook_bodies import (
    Replayed,
    WebhookDetail,
    WebhookEvents,
    WebhookList,
    WebhookOrder,
    WebhookURL,
    event_of,
    text_of,
)
from app.parts import Parts
from app.storage.stored_webhook import Wanted
from app.webhooks import WebhookDesk
from integrations.errors import UnknownIntegration
from integrations.signals import OperatorAction
from integrations.webhooks.endpoint import Endpoint

VERDICTS = Literal[
    "accepted", "duplicate", "handshake", "bad_signature", "stale", "malformed", "unverifiable"
]
STATES = Literal["none", "kept", "waiting", "handled", "dead"]

MAX_ID = 2**53 - 1
"""The largest whole number that every JSON reader keeps exact."""

_ONE = problems(400, 401, 403, 404, 422, 503)
_FEW = problems(400, 401, 403, 422, 503)


Integration = Annotated[
    str | None, QueryParameter(name="integration", required=False, description="Only this integration.")
]
VerdictFilter = Annotated[
    VERDICTS | None, QueryParameter(name="verdict", required=False, description="Only this verdict.")
]
TypeFilter = Annotated[
    str | None, QueryParameter(name="type", required=False, description="Only this event type.")
]
StateFilter = Annotated[
    STATES | None,
    QueryParameter(name="state", required=False, description="Only this state; `dead` are dead letters."),
]
Since = Annotated[
    float | None, QueryParameter(name="since", required=False, description="From this time on, UTC seconds.")
]
Before = Annotated[
    int | None,
    QueryParameter(
        name="before", required=False, description="Only ids below: the last page's `next`.", ge=1, le=MAX_ID
    ),
]
OrderBody = Annotated[
    WebhookOrder,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[Example(summary="After a repair", value={"reason": "the handler is mended"})],
    ),
]
Limit = Annotated[int, QueryParameter(name="limit", description="At most so many.", ge=1, le=1000)]
After = Annotated[
    int,
    QueryParameter(name="after", description="Only ids above: the last answer's `next`.", ge=0, le=MAX_ID),
]
Wait = Annotated[
    float,
    QueryParameter(
        name="wait", description="Seconds to wait for the first, when there is none.", ge=0, le=30
    ),
]


@get(
    "/",
    operation_id="list_webhooks",
    summary="What came in by webhook",
    description="Newest first, without bodies. What a stranger sends is stored ten times a second at most; "
    "metrics count all of it.",
    guards=READ,
    responses=_FEW,
)
async def list_webhooks(
    request: AnyRequest,
    *,
    parts: GivenParts,
    integration: Integration = None,
    verdict: VerdictFilter = None,
    event_type: TypeFilter = None,
    webhook_state: StateFilter = None,
    since: Since = None,
    before: Before = None,
    limit: Limit = 100,
) -> WebhookList:
    """Webhooks that fit all that is asked for."""
    refuse_unknown(request, ("integration", "verdict", "type", "state", "since", "before", "limit"))
    refuse_repeats(request)
    wanted = Wanted(
        integration=integration or "",
        verdict=verdict or "",
        event_type=event_type or "",
        state=webhook_state or "",
        since=since,
        before=before,
        limit=limit,
    )
    found = tuple(await _desk(parts).webhooks(wanted))
    return WebhookList(webhooks=found, next=found[-1].id if len(found) == limit else None)


@get(
    "/{integration_id:str}/receipts/{number:int}",
    operation_id="get_webhook",
    summary="One webhook",
    description="With the headers that are kept, and for the scope admin with its body.",
    guards=READ,
    responses=_ONE,
)
async def get_webhook(
    request: AnyRequest, *, parts: GivenParts, integration_id: FromPath[str], number: FromPath[int]
) -> WebhookDetail:
    """What is kept of it."""
    found = await _desk(parts).webhook(integration_id, number) if number < MAX_ID else None
    if found is None:
        raise _no_such(integration_id, number)
    webhook, body = found
    caller = request.scope.get("user")
    if not isinstance(caller, Caller) or caller.scope < Scope.ADMIN or body is None:
        return WebhookDetail(webhook=webhook)
    text, encoding = text_of(body)
    return WebhookDetail(webhook=webhook, body=text, encoding=encoding)


@get(
    "/{integration_id:str}/events",
    operation_id="read_webhook_events",
    summary="Verified deliveries, by a cursor",
    description="Oldest first, with bodies. Ask again with `after` set to the answer's `next`; with `wait` "
    "the answer comes as soon as there is something. An answer holds about 8 MiB of bodies at most.",
    guards=OPERATE,
    responses=_ONE,
)
async def read_webhook_events(
    request: AnyRequest,
    *,
    parts: GivenParts,
    integration_id: FromPath[str],
    after: After = 0,
    limit: Limit = 100,
    wait: Wait = 0.0,
) -> WebhookEvents:
    """What came after the cursor."""
    refuse_unknown(request, ("after", "limit", "wait"))
    _endpoint(parts, integration_id)
    found = await _desk(parts).events(integration_id, after=after, limit=limit, wait=wait)
    events = tuple(event_of(webhook, body) for webhook, body in found)
    return WebhookEvents(events=events, next=events[-1].id if events else after)


@post(
    "/{integration_id:str}/receipts/{number:int}/replay",
    operation_id="replay_webhook",
    summary="Hand a delivery to its handler again",
    guards=OPERATE,
    responses=CHANGING | problems(409, 503),
    status_code=HTTPStatus.OK,
)
async def replay_webhook(
    request: AnyRequest,
    *,
    parts: GivenParts,
    integration_id: FromPath[str],
    number: FromPath[int],
    data: OrderBody,
    caller: CallerHeader = "",
) -> Replayed:
    """Begin anew with its first attempt."""
    _require_handler(parts, integration_id)
    replayed = await _desk(parts).replay(integration_id, [number]) if number < MAX_ID else 0
    if not replayed:
        raise _no_such(integration_id, number)
    await _record(
        parts, integration_id, "webhook_replay", actor=caller_of(request, caller), reason=data.reason
    )
    return Replayed(replayed=replayed)


@post(
    "/{integration_id:str}/dead/replay",
    operation_id="replay_dead_webhooks",
    summary="Hand all dead letters to their handler again",
    description="At most 1,000 at once, the newest first. GET /v2/webhooks?state=dead lists them.",
    guards=OPERATE,
    responses=CHANGING | problems(409, 503),
    status_code=HTTPStatus.OK,
)
async def replay_dead_webhooks(
    request: AnyRequest,
    *,
    parts: GivenParts,
    integration_id: FromPath[str],
    data: OrderBody,
    caller: CallerHeader = "",
) -> Replayed:
    """Begin anew with their first attempt."""
    _require_handler(parts, integration_id)
    replayed = await _desk(parts).replay_dead(integration_id)
    await _record(
        parts, integration_id, "webhook_replay", actor=caller_of(request, caller), reason=data.reason
    )
    return Replayed(replayed=replayed)


@get(
    "/{integration_id:str}/url",
    operation_id="get_webhook_url",
    summary="The URL to enter at the vendor",
    description="Where the scheme is `key` it holds a random key, made at the first asking; treat it as a "
    "secret.",
    guards=ADMIN,
    responses=_ONE,
)
async def get_webhook_url(
    request: AnyRequest, *, parts: GivenParts, integration_id: FromPath[str]
) -> WebhookURL:
    """Where the vendor is to send its webhooks."""
    return await _url(request, parts, integration_id, rotate=False)


@post(
    "/{integration_id:str}/url/rotate",
    operation_id="rotate_webhook_url",
    summary="Make another key for the URL",
    description="The URL before still works for a day. Only for the scheme `key`.",
    guards=ADMIN,
    responses=CHANGING | problems(409, 503),
    status_code=HTTPStatus.OK,
)
async def rotate_webhook_url(
    request: AnyRequest,
    *,
    parts: GivenParts,
    integration_id: FromPath[str],
    data: OrderBody,
    caller: CallerHeader = "",
) -> WebhookURL:
    """The new URL."""
    if (kind := _endpoint(parts, integration_id).scheme.kind) != "key":
        raise _conflict(f"{integration_id} verifies by {kind}, so its URL holds no key.")
    url = await _url(request, parts, integration_id, rotate=True)
    actor = caller_of(request, caller)
    await _record(parts, integration_id, "webhook_url_rotate", actor=actor, reason=data.reason)
    return url


async def _url(request: AnyRequest, parts: Parts, integration_id: str, *, rotate: bool) -> WebhookURL:
    endpoint = _endpoint(parts, integration_id)
    url = endpoint.integration.connection.webhooks.url
    url = url or f"{request.url.scheme}://{request.url.netloc}/v2/webhooks/{integration_id}"
    if endpoint.scheme.kind == "key":
        key = await _desk(parts).inbound.url_key(integration_id, rotate=rotate)
        url = f"{url.rstrip('/')}/{key.reveal()}"
    return WebhookURL(url=url, scheme=endpoint.scheme_name, secret=endpoint.scheme.secret)


async def _record(parts: Parts, integration_id: str, action: str, *, actor: str, reason: str) -> None:
    done = OperatorAction(
        at=parts.clock.time(), actor=actor, action=action, integration=integration_id, reason=reason
    )
    await parts.operators.record(done)
    parts.publish(done)


def _desk(parts: Parts) -> WebhookDesk:
    if parts.webhooks is None:
        raise ProblemError(
            "unavailable",
            status=HTTPStatus.SERVICE_UNAVAILABLE,
            detail="This Dialtone takes no webhooks.",
            headers={"retry-after": "5"},
        )
    return parts.webhooks


def _endpoint(parts: Parts, integration_id: str) -> Endpoint:
    try:
        return _desk(parts).inbound.endpoint(integration_id)
    except UnknownIntegration as error:
        manifest = find(parts, integration_id).manifest
        why = manifest.absent.get("webhooks", f"none of {manifest.vendor.name} are read here")
        raise ProblemError(
            "no-webhooks",
            status=HTTPStatus.NOT_FOUND,
            detail=f"{integration_id} takes no webhooks: {why}.",
        ) from error


def _require_handler(parts: Parts, integration_id: str) -> None:
    _endpoint(parts, integration_id)
    if not _desk(parts).inbound.is_handled(integration_id):
        raise _conflict(
            f"Nobody handles the webhooks of {integration_id}; "
            f"/v2/webhooks/{integration_id}/events gives them."
        )


def _conflict(detail: str) -> ProblemError:
    return ProblemError("conflict", status=HTTPStatus.CONFLICT, detail=detail)


def _no_such(integration_id: str, number: int) -> ProblemError:
    return ProblemError(
        "unknown-webhook",
        status=HTTPStatus.NOT_FOUND,
        detail=f"{integration_id} has no webhook {number}, or it is not kept any more.",
    )


router = Router(
    path="/v2/webhooks",
    tags=["Webhooks"],
    route_handlers=[
        list_webhooks,
        get_webhook,
        read_webhook_events,
        replay_webhook,
        replay_dead_webhooks,
        get_webhook_url,
        rotate_webhook_url,
    ],
)
