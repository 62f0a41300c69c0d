"""POST /v2/integrations/{integration_id}/actions/{action}: one call through an integration."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.enums import RequestEncodingType, ScopeType
from litestar.openapi.spec import Example
from litestar.params import BodyKwarg, FromPath, HeaderParameter, QueryParameter
from litestar.serialization import encode_json
from litestar.types import (
    ASGIApp,
    HTTPReceiveMessage,
    HTTPScope,
    Receive,
    Scope,
    Send,
    WebSocketReceiveMessage,
)

from app.api.access import OPERATE, CallerHeader, GivenParts, caller_in, find, require
from app.api.bodies import ActionRequest
from app.api.outcomes import answer, source_headers
from app.api.priority import HEADER as PRIORITY
from app.api.priority import PriorityHeader, priority_of
from app.api.problems import AnyRequest, InvalidValue, Problem, invalid, not_found
from app.api.responses import CALLING
from app.api.served import trace_of_request
from app.api.tokens import Scope as TokenScope
from app.parts import Parts
from integrations.errors import InvalidParams, UnknownAction
from integrations.execution.outcome import Outcome

MAX_KEY = 255
_MOST_TOLD = 64 * 1024
"""Bytes of a body that is read by one who does not know of limits."""

_CALLER, _KEY, _PRIORITY = b"dialtone-caller", b"idempotency-key", PRIORITY.lower().encode()
_TOLD = frozenset({_CALLER, _KEY, _PRIORITY})
_DECODER = msgspec.json.Decoder(ActionRequest)
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError)

KeyHeader = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        description="As idempotency_key in the body; one of the two.",
        max_length=MAX_KEY,
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


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says in its headers; each is empty where it says nothing."""

    caller: str = ""
    key: str = ""
    priority: str = ""


class Shortcut:
    """Answers a request that is written as nearly all are, without what Litestar does for any request, which
    takes as long as half of the call. What has a query, and what cannot be read at once, goes on to the
    handler, which also says what is wrong with it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._handler = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the handler answer."""
        if scope["type"] != ScopeType.HTTP or scope["query_string"] or (told := _told(scope)) is None:
            await self._handler(scope, receive, send)
            return
        require(scope, TokenScope.OPERATE)
        message = await receive()
        wanted = _wanted(message)
        if wanted is None:
            await self._handler(scope, _Again(message, receive), send)
        else:
            await _answer(scope, receive, send, wanted=wanted, told=told)


Received = HTTPReceiveMessage | WebSocketReceiveMessage


class _Again:
    """A message that was looked at, and those that come after it."""

    def __init__(self, message: Received, receive: Receive) -> None:
        self._message: Received | None = message
        self._receive = receive

    async def __call__(self) -> Received:
        message, self._message = self._message, None
        return await self._receive() if message is None else message


def _told(scope: HTTPScope) -> Told | None:
    """What the headers say; None when one is given twice or is too long."""
    found = [(name, value.decode("latin-1")) for name, value in scope["headers"] if name in _TOLD]
    if not found:
        return _NOTHING
    texts = dict(found)
    told = Told(caller=texts.get(_CALLER, ""), key=texts.get(_KEY, ""), priority=texts.get(_PRIORITY, ""))
    return told if len(texts) == len(found) and len(told.key) <= MAX_KEY else None


_NOTHING = Told()


def _wanted(message: Received) -> ActionRequest | None:
    """What the body asks for; None when it is not whole, or does not say it as it should."""
    if message["type"] != "http.request" or message.get("more_body") or len(message["body"]) > _MOST_TOLD:
        return None
    try:
        return _DECODER.decode(message["body"])
    except _UNREADABLE:
        return None


async def _answer(
    scope: HTTPScope, receive: Receive, send: Send, *, wanted: ActionRequest, told: Told
) -> None:
    app = scope["litestar_app"]
    ids = scope["path_params"]
    outcome = await _perform(
        app.state["parts"],
        scope=scope,
        integration_id=str(ids["integration_id"]),
        action=str(ids["action"]),
        wanted=wanted,
        told=told,
    )
    if outcome.kind is not None:
        request = app.request_class(scope=scope, receive=receive, send=send)
        problem = answer(outcome, instance=request.url.path, trace_id=trace_of_request(scope).trace_id)
        await problem.to_asgi_response(app=None, request=request)(scope, receive, send)
        return
    body = encode_json(outcome)
    headers = [(name.encode(), value.encode()) for name, value in source_headers(outcome).items()]
    headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _perform(
    parts: Parts,
    *,
    scope: HTTPScope,
    integration_id: str,
    action: str,
    wanted: ActionRequest,
    told: Told,
    traced: bool = False,
) -> Outcome:
    find(parts, integration_id)
    trace = trace_of_request(scope)
    try:
        return await parts.framework.execute_integration(
            integration_id,
            action,
            wanted.params,
            caller=caller_in(scope, told.caller),
            timeout=wanted.timeout,
            idempotency_key=_idempotency_key(wanted.idempotency_key, told.key),
            run_id=trace.run_id,
            trace_id=trace.trace_id,
            parent_span_id=trace.parent_of_calls,
            sampled=trace.sampled,
            trace_state=trace.state,
            priority=priority_of(told.priority),
            traced=traced,
        )
    except UnknownAction as error:
        raise not_found("unknown-action", error) from error
    except InvalidParams as error:
        raise invalid(str(error), *_wrong_params(error)) from error


@post(
    "/{integration_id:str}/actions/{action:str}",
    operation_id="execute_action",
    summary="Call a third party",
    description="Runs one action of the vendor's and answers with its outcome. A client that leaves does not "
    "cancel the call. With trace=true the outcome holds `trace`: every stage, wait, attempt and decision.",
    guards=OPERATE,
    middleware=[Shortcut],
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
    scope = request.scope
    outcome = await _perform(
        parts,
        scope=scope,
        integration_id=integration_id,
        action=action,
        wanted=data,
        told=Told(caller=caller, key=key, priority=priority),
        traced=traced,
    )
    return answer(outcome, instance=request.url.path, trace_id=trace_of_request(scope).trace_id)


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
