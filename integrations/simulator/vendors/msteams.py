"""Teams' double: Microsoft Graph, the Bot Connector and a webhook of Workflows, with messages that are kept.

Shapes: Graph's metadata and the Bot Connector's description; errors: learn.microsoft.com/graph/errors.
"""

import datetime as dt
from collections.abc import Callable, Mapping

import msgspec

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account
from integrations.simulator.messages import Request, Response, json_response
from integrations.simulator.operations import Operation
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

_HOOKS = "/hooks/"
_TEAM = "57fb72d0-d811-46f4-8947-305e6072eaa5"
_CHANNEL = "19:4b6bed8d24574f6a9e436813cb2617d8@thread.tacv2"
_FIRST = "1616991463150"
_PAGE = 20

_ERRORS: Mapping[FailureKind, tuple[int, str, str]] = {
    FailureKind.UNAUTHORIZED: (401, "InvalidAuthenticationToken", "Access token is empty or not valid."),
    FailureKind.FORBIDDEN: (403, "Forbidden", "Missing scope permissions on the request."),
    FailureKind.NOT_FOUND: (404, "NotFound", "The resource could not be found."),
    FailureKind.CLIENT_ERROR: (400, "BadRequest", "The request is malformed or incorrect."),
    FailureKind.THROTTLED: (429, "TooManyRequests", "Too many requests."),
    FailureKind.SERVER_ERROR: (503, "ServiceNotAvailable", "The service is not available."),
    FailureKind.VENDOR_ERROR: (500, "UnknownError", "Something went wrong."),
}


class MSTeams(GenericVendor):
    """Teams, for an organization with one team and one channel."""

    limits: Mapping[str, tuple[int, float]] = {"default": (1_800, 60.0)}

    def settle(self, account: Account) -> None:
        """Put a first message into the channel."""
        account.keep(
            _CHANNEL, _message(_FIRST, {"content": "Welcome", "contentType": "text"}, 1_616_991_463.0)
        )

    def operation(self, request: Request) -> Operation | None:
        """Return which action a request means; that of a webhook has no path of its own."""
        is_hook = request.path.startswith(_HOOKS)
        meant = msgspec.structs.replace(request, path="", encoded="") if is_hook else request
        return super().operation(meant)

    def refuse(self, refusal: Refusal) -> Response:
        """Say no as all three do: `error` with `code` and `message`."""
        status, code, text = _ERRORS[refusal.kind]
        headers = {}
        if refusal.kind is FailureKind.THROTTLED:
            headers["retry-after"] = f"{max(refusal.retry_after, 1.0):.0f}"
        fields = ", ".join(problem.field for problem in refusal.problems)
        return _no(refusal.status or status, code, f"{text} {fields}".strip(), headers=headers)

    def answer(self, exchange: Exchange) -> Response:
        """Answer as the operation does; one without an answer of its own is answered by its shape."""
        build = _ANSWERS.get(exchange.operation.name)
        return build(exchange) if build else super().answer(exchange)


def _no(status: int, code: str, text: str, *, headers: Mapping[str, str] | None = None) -> Response:
    return json_response({"error": {"code": code, "message": text}}, status=status, headers=headers)


def _message(number: str, body: object, now: float, *, answers: str | None = None) -> dict[str, object]:
    stamp = dt.datetime.fromtimestamp(now, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "id": number, "replyToId": answers, "messageType": "message", "createdDateTime": stamp,
        "lastModifiedDateTime": stamp, "deletedDateTime": None, "importance": "normal", "locale": "en-us",
        "body": body, "attachments": [], "mentions": [], "reactions": [],
        "channelIdentity": {"teamId": _TEAM, "channelId": _CHANNEL},
    }  # fmt: skip


def _place(exchange: Exchange) -> str:
    return next((text for name in ("channel", "chat", "conversation") if (text := exchange.text(name))), "")


def _found(exchange: Exchange) -> dict[str, object] | None:
    wanted = exchange.text("message") or exchange.text("activity")
    return next((one for one in exchange.account.kept(_place(exchange)) if one["id"] == wanted), None)


def _unknown() -> Response:
    return _no(404, "NotFound", "The message could not be found.")


def _number(exchange: Exchange) -> str:
    return f"{int(exchange.now * 1000) + exchange.account.number('message')}"


def _organization(exchange: Exchange) -> Response:
    del exchange
    one = {"id": "84841066-274d-4ec0-a5c1-276be684bdd3", "displayName": "Simulated", "verifiedDomains": []}
    return json_response({"value": [one]})


def _list(exchange: Exchange) -> Response:
    """Messages, newest first, with a link to the next page; a place in them is how many lie before it."""
    answers = exchange.text("message") or None
    kept = [one for one in exchange.account.kept(_place(exchange)) if one["replyToId"] == answers]
    begin, size = exchange.integer("$skiptoken", 0), exchange.integer("$top", _PAGE)
    page: dict[str, object] = {"value": list(reversed(kept))[begin : begin + size]}
    if begin + size < len(kept):
        path = f"{exchange.request.path}?$top={size}&$skiptoken={begin + size}"
        page["@odata.nextLink"] = exchange.request.url(path)
    return json_response(page)


def _one(exchange: Exchange) -> Response:
    message = _found(exchange)
    return _unknown() if message is None else json_response(message)


def _post(exchange: Exchange) -> Response:
    number, answers = _number(exchange), exchange.text("message") or None
    message = _message(number, exchange.values.get("body"), exchange.now, answers=answers)
    return json_response(exchange.account.keep(_place(exchange), message), status=201)


def _change(exchange: Exchange) -> Response:
    message = _found(exchange)
    if message is None:
        return _unknown()
    message["body"] = exchange.values.get("body") or message["body"]
    return Response(status=204)


def _delete(exchange: Exchange) -> Response:
    message = _found(exchange)
    if message is None:
        return _unknown()
    message["deletedDateTime"], message["body"] = message["createdDateTime"], {"content": ""}
    return Response(status=204)


def _react(exchange: Exchange) -> Response:
    return _unknown() if _found(exchange) is None else Response(status=204)


def _say(exchange: Exchange) -> Response:
    """Keep an activity of the bot's."""
    message = _message(_number(exchange), {"content": exchange.text("text")}, exchange.now)
    exchange.account.keep(_place(exchange), message)
    return json_response({"id": message["id"]}, status=201)


def _say_again(exchange: Exchange) -> Response:
    message = _found(exchange)
    if message is None:
        return _no(404, "ActivityNotFoundInConversation", "The activity is not in the conversation.")
    message["body"] = {"content": exchange.text("text")}
    return json_response({"id": message["id"]})


def _unsay(exchange: Exchange) -> Response:
    kept = exchange.account.kept(_place(exchange))
    kept[:] = [one for one in kept if one["id"] != exchange.text("activity")]
    return Response(status=200)


def _members(exchange: Exchange) -> Response:
    del exchange
    mona = {"id": "29:1bSnHZ7Js2STWrgk6ScEErLk1Lp2zQuD5H2qQ", "name": "Mona"}
    return json_response({"members": [mona]})


def _channels(exchange: Exchange) -> Response:
    del exchange
    return json_response({"conversations": [{"id": _CHANNEL}]})


def _hook(exchange: Exchange) -> Response:
    """Take a card; what the flow makes of it nobody is told."""
    del exchange
    return Response(status=202)


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "organization.get": _organization,
    "messages.list": _list,
    "messages.replies": _list,
    "messages.get": _one,
    "messages.post": _post,
    "messages.reply": _post,
    "messages.update": _change,
    "messages.delete": _delete,
    "reactions.add": _react,
    "reactions.remove": _react,
    "chats.messages": _list,
    "chats.post": _post,
    "bot.members": _members,
    "bot.channels": _channels,
    "bot.post": _say,
    "bot.reply": _say,
    "bot.update": _say_again,
    "bot.delete": _unsay,
    "webhook.post": _hook,
}
