"""Slack's double: Web API methods that say no with HTTP 200 and `ok: false`, cursors, 429 with Retry-After.

Shapes: the examples of Slack's archived OpenAPI description; errors and limits: api.slack.com/web and
api.slack.com/apis/rate-limits.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Request, Response, json_response, text_response
from integrations.simulator.operations import Operation
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal

_CHANNELS = {
    "C0ALERTS01": "alerts",
    "C0DEPLOY01": "deploys",
    "C0GENERAL1": "general",
    "C0SUPPORT1": "support",
}
_WELCOME = {"type": "message", "user": "U0MONA0001", "text": "Welcome", "ts": "1700000000.000100"}
_MEMBERS = {"U0MONA0001": "mona", "U0RIVKA001": "rivka", "U0DIALTONE": "dialtone"}
_TEAM = {"id": "T0SIMULATE", "name": "Simulated Workspace", "domain": "simulated", "email_domain": ""}

_UPLOADS = "/upload/v1/"

_WORDS: Mapping[FailureKind, str] = {
    FailureKind.UNAUTHORIZED: "invalid_auth",
    FailureKind.FORBIDDEN: "missing_scope",
    FailureKind.NOT_FOUND: "unknown_method",
    FailureKind.CLIENT_ERROR: "invalid_arguments",
    FailureKind.VENDOR_ERROR: "internal_error",
}


class Slack(GenericVendor):
    """Slack: what goes wrong in a method is a 200 with `ok: false` and an error word."""

    limits: Mapping[str, tuple[int, float]] = {"default": (1_200, 60.0)}

    def settle(self, account: Account) -> None:
        """Put a first message into #general."""
        account.keep("C0GENERAL1", dict(_WELCOME))

    def account(self, request: Request, accounts: Sequence[Account]) -> Account | None:
        """Return whose token this is; `api.test` asks for none."""
        known = super().account(request, accounts)
        return known or (accounts[0] if request.path.endswith("/api.test") and accounts else None)

    def refuse(self, refusal: Refusal) -> Response:
        """Say no as Slack does: throttling is 429, a broken server 5xx, all else 200 with `ok: false`."""
        if refusal.kind is FailureKind.SERVER_ERROR:
            return text_response("upstream error", status=refusal.status or 503)
        if refusal.kind is FailureKind.THROTTLED:
            headers = {"retry-after": f"{max(refusal.retry_after, 1):.0f}"}
            return json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        return _no(_word(refusal), _details(refusal))

    def unknown(self, request: Request) -> Response:
        """Take a file at the address that was named for it; else answer `unknown_method`."""
        if request.path.startswith(_UPLOADS) and request.method == "POST":
            return text_response(f"OK - {len(request.body)}")
        return _no("unknown_method", {"req_method": request.path.strip("/")})

    def answer(self, exchange: Exchange) -> Response:
        """Answer as the method does; one without an answer of its own says only `ok: true`."""
        build = _ANSWERS.get(exchange.operation.action.path.rpartition("/")[2])
        return build(exchange) if build else _yes({})

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return Slack's scopes; its quota stands in no header."""
        del operation, quota
        return {"x-oauth-scopes": "chat:write,channels:read,channels:history,users:read"}


def _word(refusal: Refusal) -> str:
    missing = [problem.field for problem in refusal.problems if problem.reason == "missing"]
    known = {"channel": "channel_not_found", "text": "no_text", "user": "user_not_found"}
    return refusal.code or next((known[name] for name in missing if name in known), _WORDS[refusal.kind])


def _details(refusal: Refusal) -> Mapping[str, object]:
    if refusal.kind is FailureKind.FORBIDDEN:
        return {"needed": "chat:write", "provided": "identify"}
    messages = [f"[ERROR] {problem.reason} field: {problem.field}" for problem in refusal.problems]
    return {"response_metadata": {"messages": messages}} if messages else {}


def _yes(data: Mapping[str, object]) -> Response:
    return json_response({"ok": True, **data})


def _no(word: str, details: Mapping[str, object] | None = None) -> Response:
    return json_response({"ok": False, "error": word, **(details or {})})


def _auth_test(exchange: Exchange) -> Response:
    del exchange
    return _yes(
        {
            "url": "https://simulated.slack.example/",
            "team": _TEAM["name"],
            "team_id": _TEAM["id"],
            "user": "dialtone",
            "user_id": "U0DIALTONE",
            "bot_id": "B0DIALTONE",
        }
    )


def _post_message(exchange: Exchange) -> Response:
    channel = _channel(exchange.text("channel"))
    if channel is None:
        return _no("channel_not_found")
    if not any(exchange.text(name) for name in ("text", "blocks", "attachments")):
        return _no("no_text")
    stamp = f"{exchange.now:.0f}.{exchange.account.number('message'):06d}"
    message: dict[str, object] = {
        "type": "message",
        "subtype": "bot_message",
        "text": exchange.text("text"),
        "ts": stamp,
        "bot_id": "B0DIALTONE",
        "username": "dialtone",
    }
    if exchange.text("thread_ts"):
        message["thread_ts"] = exchange.text("thread_ts")
    exchange.account.keep(channel, message)
    return _yes({"channel": channel, "ts": stamp, "message": message})


def _update(exchange: Exchange) -> Response:
    message = _message(exchange, exchange.text("ts"))
    if message is None:
        return _no("message_not_found")
    message["text"] = exchange.text("text", str(message["text"]))
    return _yes(
        {
            "channel": exchange.text("channel"),
            "ts": message["ts"],
            "text": message["text"],
            "message": message,
        }
    )


def _delete(exchange: Exchange) -> Response:
    message = _message(exchange, exchange.text("ts"))
    if message is None:
        return _no("message_not_found")
    exchange.account.kept(exchange.text("channel")).remove(message)
    return _yes({"channel": exchange.text("channel"), "ts": message["ts"]})


def _react(exchange: Exchange) -> Response:
    return _yes({}) if _message(exchange, exchange.text("timestamp")) else _no("message_not_found")


def _history(exchange: Exchange) -> Response:
    channel = _channel(exchange.text("channel"))
    if channel is None:
        return _no("channel_not_found")
    newest_first = list(reversed(exchange.account.kept(channel)))
    more = {"pin_count": 0, "channel_actions_count": 0, "channel_actions_ts": None}
    return _page(exchange, "messages", newest_first, more=more)


def _channels(exchange: Exchange) -> Response:
    return _page(exchange, "channels", [_conversation(key) for key in _CHANNELS])


def _channel_info(exchange: Exchange) -> Response:
    channel = _channel(exchange.text("channel"))
    return _yes({"channel": _conversation(channel)}) if channel else _no("channel_not_found")


def _replies(exchange: Exchange) -> Response:
    thread = exchange.text("ts")
    parent = _message(exchange, thread)
    if parent is None:
        return _no("thread_not_found")
    channel = _channel(exchange.text("channel")) or ""
    replies = [m for m in exchange.account.kept(channel) if m.get("thread_ts") == thread]
    return _page(exchange, "messages", [parent, *replies])


def _channel_members(exchange: Exchange) -> Response:
    if _channel(exchange.text("channel")) is None:
        return _no("channel_not_found")
    return _page(exchange, "members", list(_MEMBERS))


def _user_by_email(exchange: Exchange) -> Response:
    name, _, host = exchange.text("email").partition("@")
    key = next((key for key, known in _MEMBERS.items() if known == name and host == "example.com"), None)
    return _yes({"user": _member(key)}) if key else _no("users_not_found")


def _users(exchange: Exchange) -> Response:
    return _page(
        exchange, "members", [_member(key) for key in _MEMBERS], more={"cache_ts": int(exchange.now)}
    )


def _user(exchange: Exchange) -> Response:
    key = exchange.text("user")
    return _yes({"user": _member(key)}) if key in _MEMBERS else _no("user_not_found")


def _team(exchange: Exchange) -> Response:
    del exchange
    return _yes({"team": _TEAM})


def _api_test(exchange: Exchange) -> Response:
    return _yes({"args": dict(exchange.request.query)})


def _channel(text: str) -> str | None:
    names = {name: key for key, name in _CHANNELS.items()}
    return text if text in _CHANNELS else names.get(text.removeprefix("#"))


def _message(exchange: Exchange, stamp: str) -> dict[str, object] | None:
    channel = _channel(exchange.text("channel")) or ""
    return next((m for m in exchange.account.kept(channel) if m["ts"] == stamp), None)


def _conversation(key: str) -> dict[str, object]:
    note = {"value": "", "creator": "", "last_set": 0}
    return {
        "id": key,
        "name": _CHANNELS[key],
        "name_normalized": _CHANNELS[key],
        "created": 1_449_252_889,
        "creator": "U0MONA0001",
        "is_general": _CHANNELS[key] == "general",
        **dict.fromkeys(("is_channel", "is_member"), True),
        **dict.fromkeys(("is_group", "is_im", "is_mpim", "is_private", "is_archived"), False),
        **dict.fromkeys(("is_shared", "is_org_shared", "is_ext_shared", "is_pending_ext_shared"), False),
        "unlinked": 0,
        "pending_shared": [],
        "previous_names": [],
        "num_members": len(_MEMBERS),
        "topic": note,
        "purpose": note,
    }


def _member(key: str) -> dict[str, object]:
    name = _MEMBERS[key]
    return {
        "id": key,
        "team_id": _TEAM["id"],
        "name": name,
        "real_name": name.title(),
        "deleted": False,
        "is_bot": name == "dialtone",
        "tz": "Europe/Amsterdam",
        "updated": 1_502_138_686,
        "profile": {"display_name": name, "real_name": name.title(), "team": _TEAM["id"]},
    }


def _page(
    exchange: Exchange,
    name: str,
    things: Sequence[object],
    *,
    more: Mapping[str, object] | None = None,
) -> Response:
    """Return one page and the cursor of the next; an unreadable cursor is `invalid_cursor`."""
    size = min(max(exchange.integer("limit", 100), 1), 1_000)
    start = _offset(exchange.text("cursor"))
    if start is None:
        return _no("invalid_cursor")
    following = start + size
    cursor = base64.b64encode(f"at:{following}".encode()).decode() if following < len(things) else ""
    return _yes(
        {
            name: things[start:following],
            "has_more": bool(cursor),
            "response_metadata": {"next_cursor": cursor},
            **(more or {}),
        }
    )


def _offset(cursor: str) -> int | None:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("at:"))
    except (binascii.Error, ValueError):
        return None


def _upload_address(exchange: Exchange) -> Response:
    """Name an address, which takes the file (see `unknown`)."""
    number = exchange.account.number("file")
    file_id = f"F0SIMULATE{number}"
    name = exchange.text("filename")
    exchange.account.keep("files", {"id": file_id, "name": name, "title": name})
    return _yes({"upload_url": exchange.request.url(f"{_UPLOADS}{file_id}"), "file_id": file_id})


def _complete_upload(exchange: Exchange) -> Response:
    named = exchange.values.get("files")
    wanted = (
        {str(one.get("id")): one for one in named if isinstance(one, dict)} if isinstance(named, list) else {}
    )
    files = [one for one in exchange.account.kept("files") if one["id"] in wanted]
    for file in files:
        file["title"] = wanted[str(file["id"])].get("title") or file["name"]
    if "F044GKUHN9Z" in wanted:
        files.append({"id": "F044GKUHN9Z", "name": "log.txt", "title": "log"})
    return _yes({"files": files}) if files else _no("file_not_found")


def _file(exchange: Exchange) -> Response:
    wanted = exchange.text("file")
    found = next((one for one in exchange.account.kept("files") if one["id"] == wanted), None)
    if found is None and wanted != "F044GKUHN9Z":
        return _no("file_not_found")
    comments: dict[str, object] = {"comments": [], "content_html": None, "editor": None}
    return _yes({"file": found or {"id": wanted, "name": "log.txt", "title": "log"}, **comments})


def _delete_file(exchange: Exchange) -> Response:
    kept = exchange.account.kept("files")
    kept[:] = [one for one in kept if one["id"] != exchange.text("file")]
    return _yes({})


_ANSWERS: Mapping[str, Callable[[Exchange], Response]] = {
    "api.test": _api_test,
    "auth.test": _auth_test,
    "chat.postMessage": _post_message,
    "chat.update": _update,
    "chat.delete": _delete,
    "conversations.history": _history,
    "conversations.info": _channel_info,
    "conversations.list": _channels,
    "conversations.members": _channel_members,
    "conversations.replies": _replies,
    "files.completeUploadExternal": _complete_upload,
    "files.delete": _delete_file,
    "files.getUploadURLExternal": _upload_address,
    "files.info": _file,
    "reactions.add": _react,
    "reactions.remove": _react,
    "team.info": _team,
    "users.info": _user,
    "users.list": _users,
    "users.lookupByEmail": _user_by_email,
}
