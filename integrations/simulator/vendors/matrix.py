"""Matrix' double, in the ways of Synapse: one room with events that can be got, changed and taken back.

Shapes and error words: the Matrix specification, client-server API.
"""

from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account
from integrations.simulator.messages import Response, json_response
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

_ROOM = "!636q39766251:example.org"
_FIRST = "$asfDuShaf7Gafaw:matrix.org"
_USER = "@dialtone:example.org"

_ERRORS: Mapping[FailureKind, tuple[int, str, str]] = {
    FailureKind.UNAUTHORIZED: (401, "M_UNKNOWN_TOKEN", "Invalid access token passed."),
    FailureKind.FORBIDDEN: (403, "M_FORBIDDEN", "You don't have permission to post that to the room."),
    FailureKind.NOT_FOUND: (404, "M_UNRECOGNIZED", "Unrecognized request"),
    FailureKind.CLIENT_ERROR: (400, "M_BAD_JSON", "The request is not what was expected."),
    FailureKind.SERVER_ERROR: (503, "M_UNKNOWN", "Internal server error"),
    FailureKind.VENDOR_ERROR: (500, "M_UNKNOWN", "Internal server error"),
}


class Matrix(GenericVendor):
    """A homeserver with one account in one room."""

    limits: Mapping[str, tuple[int, float]] = {"default": (1_200, 60.0)}

    def settle(self, account: Account) -> None:
        """Put a first message into the room."""
        account.keep(_ROOM, _event(_FIRST, {"msgtype": "m.text", "body": "Welcome"}, 1_700_000_000.0))

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with `errcode` and `error`; throttling says how long in body and header."""
        if refusal.kind is FailureKind.THROTTLED:
            wait = max(refusal.retry_after, 1.0)
            body: dict[str, object] = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests"}
            body["retry_after_ms"] = int(wait * 1000)
            return json_response(body, status=429, headers={"retry-after": f"{wait:.0f}"})
        status, word, text = _ERRORS[refusal.kind]
        fields = ", ".join(problem.field for problem in refusal.problems)
        return _no(refusal.status or status, word, f"{text} {fields}".strip())

    def answer(self, exchange: Exchange) -> Response:
        """Answer as the operation does; one without an answer of its own is answered by its shape."""
        build = _ANSWERS.get(exchange.operation.name)
        return build(exchange) if build else super().answer(exchange)


def _event(number: str, content: object, now: float, *, kind: str = "m.room.message") -> dict[str, object]:
    return {
        "event_id": number, "room_id": _ROOM, "sender": _USER, "type": kind, "content": content,
        "origin_server_ts": int(now * 1000),
    }  # fmt: skip


def _no(status: int, word: str, text: str) -> Response:
    return json_response({"errcode": word, "error": text}, status=status)


def _found(exchange: Exchange) -> dict[str, object] | None:
    wanted = exchange.text("event")
    return next((one for one in exchange.account.kept(_ROOM) if one["event_id"] == wanted), None)


def _whoami(exchange: Exchange) -> Response:
    del exchange
    return json_response({"user_id": _USER, "device_id": "SIMULATED", "is_guest": False})


def _rooms(exchange: Exchange) -> Response:
    del exchange
    return json_response({"joined_rooms": [_ROOM]})


def _send(exchange: Exchange) -> Response:
    """Keep an event, once for each transaction."""
    if exchange.text("room") != _ROOM:
        return _no(403, "M_FORBIDDEN", f"User {_USER} not in room {exchange.text('room')}")
    done = exchange.account.kept("transactions")
    for one in done:
        if one["id"] == exchange.request.path:
            return json_response({"event_id": one["event_id"]})
    number = f"$simulated{exchange.account.number('event')}"
    content = {name: value for name, value in exchange.values.items() if name not in _IN_PATH}
    exchange.account.keep(_ROOM, _event(number, content, exchange.now, kind=exchange.text("type")))
    exchange.account.keep("transactions", {"id": exchange.request.path, "event_id": number})
    return json_response({"event_id": number})


_IN_PATH = frozenset({"room", "type", "transaction", "event"})


def _redact(exchange: Exchange) -> Response:
    event = _found(exchange)
    if event is None:
        return _no(404, "M_NOT_FOUND", "Could not find event.")
    event["content"] = {}
    return json_response({"event_id": f"$simulated{exchange.account.number('event')}"})


def _one(exchange: Exchange) -> Response:
    event = _found(exchange)
    return _no(404, "M_NOT_FOUND", "Event not found.") if event is None else json_response(event)


def _page(exchange: Exchange) -> Response:
    """Events, newest first; a place in them is how many lie before it."""
    events = list(reversed(exchange.account.kept(_ROOM)))
    begin, size = exchange.integer("from", 0), exchange.integer("limit", 10)
    page: dict[str, object] = {"start": str(begin), "chunk": events[begin : begin + size]}
    return json_response(page | ({"end": str(begin + size)} if begin + size < len(events) else {}))


def _upload(exchange: Exchange) -> Response:
    number = exchange.account.number("file")
    return json_response({"content_uri": f"mxc://example.org/simulated{number}"})


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "account.whoami": _whoami,
    "rooms.list": _rooms,
    "messages.list": _page,
    "messages.get": _one,
    "messages.send": _send,
    "messages.reply": _send,
    "messages.update": _send,
    "reactions.add": _send,
    "messages.delete": _redact,
    "media.upload": _upload,
}
