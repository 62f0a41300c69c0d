"""/v2/signals/stream: the signals as they happen, as server-sent events (WHATWG HTML §9.2)."""

from collections.abc import Collection, Iterable
from http import HTTPStatus
from typing import Annotated

import anyio
from litestar import Router, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.params import HeaderParameter, QueryParameter
from litestar.response.base import ASGIResponse
from litestar.types import Receive, Scope, Send

from app.api.access import READ, GivenParts
from app.api.problems import AnyRequest, InvalidValue, ProblemError
from app.api.responses import problems
from app.live.selection import KINDS, Selection
from app.live.view import LiveView, Reader, TooManyReadersError, ViewClosedError
from app.parts import Parts
from integrations.execution.outcome import Origin
from integrations.manifest.source import nearest

MEDIA_TYPE = "text/event-stream"
SEND_SECONDS = 10.0
_RETRY_SECONDS = "5"
_FLAGS = {"true": True, "false": False}


def _filter(name: str, description: str, values: Iterable[str] = ()) -> QueryParameter:
    """Values are checked by hand, because the answer shall name the nearest; here they are only described."""
    described = {"items": Schema(type=OpenAPIType.STRING, enum=sorted(values))} if values else None
    return QueryParameter(
        name=name, required=False, description=f"{description}; may be repeated.", schema_extra=described
    )


Kinds = Annotated[list[str] | None, _filter("kind", "Only signals of this kind", KINDS)]
Integrations = Annotated[list[str] | None, _filter("integration", "Only this integration")]
Vendors = Annotated[list[str] | None, _filter("vendor", "Only this vendor")]
Capabilities = Annotated[list[str] | None, _filter("capability", "Only this capability")]
Origins = Annotated[list[str] | None, _filter("origin", "Only calls made on whose behalf", Origin)]
Failed = Annotated[
    str | None,
    QueryParameter(
        name="failed",
        required=False,
        description="true: only what went wrong.",
        schema_extra={"enum": list(_FLAGS)},
    ),
]
After = Annotated[
    str | None,
    QueryParameter(
        name="after",
        required=False,
        description="Resume behind this id; the header goes before it.",
        pattern="^[0-9a-f]{1,16}-[0-9]{1,20}$",
    ),
]
LastEventID = Annotated[
    str, HeaderParameter(name="Last-Event-ID", description="Resume behind this id; browsers send it.")
]


_EVENTS = ResponseSpec(
    data_container=str, media_type=MEDIA_TYPE, description="Events, without an end.", generate_examples=False
)


class EventStream(ASGIResponse):
    """Sends what a reader reads until either side ends it; a client that takes nothing for 10 s is cut."""

    _should_set_content_length = False

    def __init__(self, reader: Reader) -> None:
        super().__init__(media_type=MEDIA_TYPE, headers={"x-accel-buffering": "no"})
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, and give the reader's place back whatever happens."""
        with self._reader:
            await super().__call__(scope, receive, send)

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Send events until the stream ends or the client has left."""
        async with anyio.create_task_group() as group:
            group.start_soon(_until_left, receive, group.cancel_scope)
            await self._send_events(send)
            group.cancel_scope.cancel()

    async def _send_events(self, send: Send) -> None:
        while chunk := await self._reader.read():
            with anyio.move_on_after(SEND_SECONDS) as limit:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if limit.cancelled_caught:
                self._reader.give_up()
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_left(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


@get(
    "/stream",
    operation_id="stream_signals",
    summary="The signals as they happen",
    description="Server-sent events: `event` is the signal's kind, `data` the signal as JSON, `id` what to "
    "resume by. `gap`, `dropped` and `bye` tell of the stream itself. Filters must all hold.",
    guards=READ,
    media_type=MEDIA_TYPE,
    responses=problems(400, 401, 403, 503) | {200: _EVENTS},
)
async def stream_signals(
    request: AnyRequest,
    *,
    parts: GivenParts,
    kind: Kinds = None,
    integration: Integrations = None,
    vendor: Vendors = None,
    capability: Capabilities = None,
    origin: Origins = None,
    failed: Failed = None,
    after: After = None,
    last_event_id: LastEventID = "",
) -> ASGIResponse:
    """The signals from now on, or from behind an id."""
    live = _live(parts)
    known = _known(parts)
    _check("parameter", request.query_params, [*known, "failed", "after"])
    given = {
        "kind": kind,
        "integration": integration,
        "vendor": vendor,
        "capability": capability,
        "origin": origin,
    }
    for name, values in given.items():
        _check(name, values or (), known[name])
    _check("failed", (failed or "false",), _FLAGS)
    selection = Selection(
        kinds=frozenset(kind or ()),
        integrations=frozenset(integration or ()),
        vendors=frozenset(vendor or ()),
        capabilities=frozenset(capability or ()),
        origins=frozenset(origin or ()),
        failed=_FLAGS[failed or "false"],
    )
    return EventStream(_open(live, selection, after=last_event_id or after or ""))


def _live(parts: Parts) -> LiveView:
    if parts.live is None:
        raise _unavailable("no-live-view", "This Dialtone has no live view.")
    return parts.live


def _open(live: LiveView, selection: Selection, *, after: str) -> Reader:
    try:
        return live.open(selection, after=after)
    except TooManyReadersError as error:
        raise _unavailable("too-many-readers", str(error)) from error
    except ViewClosedError as error:
        raise _unavailable("stopping", str(error)) from error


def _unavailable(kind: str, detail: str) -> ProblemError:
    return ProblemError(
        kind,
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        detail=detail,
        headers={"retry-after": _RETRY_SECONDS},
    )


def _known(parts: Parts) -> dict[str, Collection[str]]:
    """Return the values that each filter takes."""
    registered = parts.framework.integrations()
    return {
        "kind": KINDS,
        "integration": [one.connection.id for one in registered],
        "vendor": {one.connection.vendor for one in registered} | set(parts.catalog.vendors()),
        "capability": {name for one in registered for name in one.manifest.capabilities},
        "origin": [origin.value for origin in Origin],
    }


def _check(name: str, values: Collection[str], known: Collection[str]) -> None:
    """Refuse a value that would let nothing pass for ever, naming the nearest that would."""
    for value in values:
        if value not in known:
            near = nearest(value, known)
            there = ", ".join(sorted(known)) or "none"
            hint = f"did you mean {near}?" if near else f"there are {there}"
            raise ProblemError(
                "bad-request",
                status=HTTPStatus.BAD_REQUEST,
                title="Bad Request",
                detail=f"There is no {name} {value[:80]!r}; {hint}",
                errors=(InvalidValue(message=hint, key=name, source="query"),),
            )


router = Router(path="/v2/signals", tags=["Signals"], route_handlers=[stream_signals])
