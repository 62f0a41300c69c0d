"""/v2/receivers and /v2/deliveries: who is told, whether it arrives, and sending again."""

from http import HTTPStatus
from typing import Annotated

from litestar import Router, get, post
from litestar.params import FromPath, QueryParameter

from app.api.access import OPERATE, READ, CallerHeader, GivenParts, caller_of
from app.api.examples import example
from app.api.problems import AnyRequest, ProblemError
from app.api.reading import refuse_repeats, refuse_unknown
from app.api.receiver_bodies import (
    DeliveryDetail,
    DeliveryList,
    EnableRequest,
    ReceiverBody,
    ReceiverList,
    ReplayBody,
    ReplayRequest,
    TrialBody,
    delivery_detail,
    delivery_list,
    receiver_body,
    trial_body,
)
from app.api.responses import CHANGING, problems
from app.parts import Parts
from app.storage.outbox_keeping import Wanted
from integrations.manifest.source import nearest
from monitors.alerts.outbox import DeliveryState, Replay
from monitors.alerts.receivers import Receiver

MAX_ID = 2**53 - 1

OfReceiver = Annotated[
    str | None, QueryParameter(name="receiver", required=False, description="Only to this receiver.")
]
State = Annotated[
    DeliveryState | None,
    QueryParameter(name="state", required=False, description="Only this state; `dead` are dead letters."),
]
OfGroup = Annotated[
    str | None, QueryParameter(name="group", required=False, description="Only about this group of alerts.")
]
Before = Annotated[
    int | None,
    QueryParameter(
        name="before", required=False, description="Only older ones: the last page's `next`.", ge=1, le=MAX_ID
    ),
]
Limit = Annotated[int, QueryParameter(name="limit", description="At most so many.", ge=1, le=1000)]
Replayed = Annotated[
    ReplayRequest, example("All of one receiver", receiver="oncall", reason="its firewall is mended")
]
Enabled = Annotated[EnableRequest, example("It is back", reason="a new URL is configured")]


@get(
    "/v2/receivers",
    operation_id="list_receivers",
    summary="Receivers and how they do",
    guards=READ,
    responses=problems(400, 401, 403, 503),
)
async def list_receivers(parts: GivenParts) -> ReceiverList:
    """All that are configured."""
    found = await parts.alerting.receivers.all()
    return ReceiverList(receivers=tuple(map(receiver_body, found)))


@post(
    "/v2/receivers/{name:str}/test",
    operation_id="test_receiver",
    summary="Send a real message to a receiver",
    description="At once, once, and past the outbox. The answer shows what was said on both sides; secrets "
    "are masked.",
    guards=OPERATE,
    responses=problems(400, 401, 403, 404, 503),
    status_code=HTTPStatus.OK,
)
async def try_receiver(
    request: AnyRequest, *, parts: GivenParts, name: FromPath[str], caller: CallerHeader = ""
) -> TrialBody:
    """Send it, and return what came of it."""
    receiver = _find(parts, name)
    return trial_body(await parts.alerting.receivers.test(receiver, actor=caller_of(request, caller)))


@post(
    "/v2/receivers/{name:str}/enable",
    operation_id="enable_receiver",
    summary="Send to a disabled receiver again",
    guards=OPERATE,
    responses=CHANGING | problems(503),
    status_code=HTTPStatus.OK,
)
async def enable_receiver(
    request: AnyRequest,
    *,
    parts: GivenParts,
    name: FromPath[str],
    data: Enabled,
    caller: CallerHeader = "",
) -> ReceiverBody:
    """Enable it, and return how it does; its dead letters stay until they are replayed."""
    receiver = _find(parts, name)
    seen = await parts.alerting.receivers.enable(
        receiver, actor=caller_of(request, caller), reason=data.reason
    )
    return receiver_body(seen)


@get(
    "/v2/deliveries",
    operation_id="list_deliveries",
    summary="Messages on their way to receivers",
    description="Newest first. Delivered ones are kept for some days, dead letters for 30.",
    guards=READ,
    responses=problems(400, 401, 403, 422, 503),
)
async def list_deliveries(
    request: AnyRequest,
    *,
    parts: GivenParts,
    receiver: OfReceiver = None,
    delivery_state: State = None,
    group: OfGroup = None,
    before: Before = None,
    limit: Limit = 100,
) -> DeliveryList:
    """Deliveries that fit all that is asked for."""
    refuse_unknown(request, ("receiver", "state", "group", "before", "limit"))
    refuse_repeats(request)
    wanted = Wanted(
        receiver=receiver or "", state=delivery_state, subject=group or "", before=before, limit=limit
    )
    if not (wanted.receiver + wanted.subject).isprintable():
        return DeliveryList(deliveries=())
    return delivery_list(list(await parts.alerting.receivers.deliveries(wanted)), limit=limit)


@get(
    "/v2/deliveries/{message_id:str}",
    operation_id="get_delivery",
    summary="One message with what it says",
    guards=READ,
    responses=problems(400, 401, 403, 404, 503),
)
async def get_delivery(parts: GivenParts, message_id: FromPath[str]) -> DeliveryDetail:
    """As it stands."""
    found = await parts.alerting.receivers.delivery(message_id) if message_id.isprintable() else None
    if found is None:
        raise ProblemError(
            "unknown-delivery",
            status=HTTPStatus.NOT_FOUND,
            detail=f"There is no message {message_id[:80]!r}; `dialtone deliveries list` shows them.",
        )
    return delivery_detail(found)


@post(
    "/v2/deliveries/replay",
    operation_id="replay_deliveries",
    summary="Send messages again",
    description="Under their own ids, so that a receiver that has one already can tell. Without `ids` all "
    "dead letters that fit; asked twice, it is done once.",
    guards=OPERATE,
    responses=problems(400, 401, 403, 413, 415, 503),
    status_code=HTTPStatus.OK,
)
async def replay_deliveries(
    request: AnyRequest, *, parts: GivenParts, data: Replayed, caller: CallerHeader = ""
) -> ReplayBody:
    """Queue them again; return how many."""
    if not all(text.isprintable() for text in (data.receiver, *data.ids)):
        return ReplayBody(replayed=0)
    order = Replay(ids=tuple(data.ids), receiver=data.receiver, since=data.since, until=data.until)
    count = await parts.alerting.receivers.replay(order, actor=caller_of(request, caller), reason=data.reason)
    return ReplayBody(replayed=count)


def _find(parts: Parts, name: str) -> Receiver:
    found = parts.alerting.receivers.find(name)
    if found is None:
        near = nearest(name, parts.alerting.receivers.names)
        hint = f"; did you mean {near}?" if near else "; `dialtone receivers` lists them."
        raise ProblemError(
            "unknown-receiver",
            status=HTTPStatus.NOT_FOUND,
            detail=f"There is no receiver {name[:80]!r}{hint}",
        )
    return found


router = Router(
    path="/",
    tags=["Receivers"],
    route_handlers=[
        list_receivers,
        try_receiver,
        enable_receiver,
        list_deliveries,
        get_delivery,
        replay_deliveries,
    ],
)
