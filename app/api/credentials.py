"""/v2/credentials: what integrations authenticate with, when it ends, and renewing it now."""

from http import HTTPStatus
from typing import Annotated

from litestar import Router, get, post
from litestar.enums import RequestEncodingType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath

from app.api.access import OPERATE, READ, CallerHeader, GivenOperations, GivenParts, caller_of, find
from app.api.bodies import CredentialList, CredentialRefresh, ResumeRequest
from app.api.problems import AnyRequest
from app.api.responses import CHANGING, GUARDED
from app.operations import Order

RefreshBody = Annotated[
    ResumeRequest,
    BodyKwarg(
        media_type=RequestEncodingType.JSON,
        examples=[Example(summary="After a rotation", value={"reason": "new client secret"})],
    ),
]


@get(
    "/v2/credentials",
    operation_id="list_credentials",
    summary="What integrations authenticate with",
    guards=READ,
    responses=GUARDED,
    sync_to_thread=False,
)
def list_credentials(parts: GivenParts) -> CredentialList:
    """Every credential with its end, its last renewal and its scopes; nothing secret."""
    desk = parts.credentials
    return CredentialList(credentials=() if desk is None else tuple(desk.states(parts.clock.time())))


@post(
    "/v2/integrations/{integration_id:str}/credential/refresh",
    operation_id="refresh_credential",
    summary="Renew an integration's credential now",
    description="Buys a new access token, where the integration uses one, and reads secrets' files again.",
    guards=OPERATE,
    responses=CHANGING,
    status_code=HTTPStatus.OK,
)
async def refresh_credential(
    request: AnyRequest,
    *,
    parts: GivenParts,
    operations: GivenOperations,
    integration_id: FromPath[str],
    data: RefreshBody,
    caller: CallerHeader = "",
) -> CredentialRefresh:
    """Renew the credential and return how it stands; `ok` says whether there is a good one now."""
    find(parts, integration_id)
    desk = parts.credentials
    if desk is None:
        return CredentialRefresh(ok=False, detail="credentials are not kept here", credentials=())
    order = Order(actor=caller_of(request, caller), integration=integration_id, reason=data.reason)
    outcome = await operations.refresh_credential(order, desk.renew)
    states = tuple(desk.states_of(integration_id, parts.clock.time()))
    return CredentialRefresh(ok=outcome.ok, detail=outcome.detail, credentials=states)


router = Router(path="/", tags=["Credentials"], route_handlers=[list_credentials, refresh_credential])
