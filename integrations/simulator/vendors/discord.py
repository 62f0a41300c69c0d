"""Discord's double: messages that can be got, changed and deleted, numbered errors, a bucket for each route.

Shapes: Discord's OpenAPI description; limits and errors: docs.discord.com/developers/topics/rate-limits.
"""

from collections.abc import Callable, Mapping

from integrations.execution.outcome import FailureKind
from integrations.simulator.accounts import Account, Quota
from integrations.simulator.messages import Response, json_response
from integrations.simulator.operations import Operation
from integrations.simulator.vendors.generic import Exchange, GenericVendor, Refusal, sample

_EPOCH = 1_420_070_400
_CONTENT = ("content", "embeds", "components")
_SEEDED = "162701077035089920"
_CHANNEL = "41771983423143937"

_ERRORS: Mapping[FailureKind, tuple[int, int, str]] = {
    FailureKind.UNAUTHORIZED: (401, 0, "401: Unauthorized"),
    FailureKind.FORBIDDEN: (403, 50013, "Missing Permissions"),
    FailureKind.NOT_FOUND: (404, 0, "404: Not Found"),
    FailureKind.CLIENT_ERROR: (400, 50035, "Invalid Form Body"),
    FailureKind.SERVER_ERROR: (503, 0, "503: Service Unavailable"),
    FailureKind.VENDOR_ERROR: (500, 0, "500: Internal Server Error"),
}


class Discord(GenericVendor):
    """Discord, for a bot or a webhook."""

    limits: Mapping[str, tuple[int, float]] = {"default": (6_000, 120.0)}

    def settle(self, account: Account) -> None:
        """Put a first message where the examples look for one."""
        for place in (_CHANNEL, "webhook"):
            account.keep(place, self._message(_SEEDED, _CHANNEL, "Welcome"))

    def refuse(self, refusal: Refusal) -> Response:
        """Say no with Discord's `code` and `message`; throttling says how long in body and header."""
        if refusal.kind is FailureKind.THROTTLED:
            wait = max(refusal.retry_after, 1.0)
            body = {"message": "You are being rate limited.", "retry_after": wait, "global": False}
            headers = {"retry-after": f"{wait:.0f}", "x-ratelimit-scope": "user"}
            return json_response(body, status=429, headers=headers)
        status, code, message = _ERRORS[refusal.kind]
        faults = [{"code": "BASE_TYPE_REQUIRED", "message": one.field} for one in refusal.problems]
        errors = {"errors": {"_errors": faults}} if faults else {}
        return json_response({"message": message, "code": code, **errors}, status=refusal.status or status)

    def headers(self, operation: Operation | None, quota: Quota) -> Mapping[str, str]:
        """Return the x-ratelimit headers; Discord's own names of buckets say nothing."""
        bucket = operation.action.bucket if operation is not None else ""
        return {
            "x-ratelimit-limit": str(quota.limit),
            "x-ratelimit-remaining": str(quota.remaining),
            "x-ratelimit-reset": f"{quota.reset_at:.3f}",
            "x-ratelimit-reset-after": f"{max(quota.reset_at - quota.now, 0.0):.3f}",
            "x-ratelimit-bucket": bucket.encode().hex() or "00",
        }

    def answer(self, exchange: Exchange) -> Response:
        """Answer as the operation does; one without an answer of its own is answered by its shape."""
        build = _ANSWERS.get(exchange.operation.name)
        return build(self, exchange) if build else super().answer(exchange)

    def bucket(self, operation: Operation | None) -> str:
        """Return the one bucket: that of the account."""
        del operation
        return "default"

    def post(self, exchange: Exchange) -> Response:
        """Keep a message, once for each nonce."""
        has_file = exchange.request.content_type == "multipart/form-data"
        if not has_file and not any(exchange.values.get(name) for name in _CONTENT):
            return _no(400, 50006, "Cannot send an empty message")
        place, nonce = _place(exchange), exchange.values.get("nonce")
        for one in exchange.account.kept(place):
            if nonce is not None and one.get("nonce") == nonce:
                return json_response(one)
        number = f"{int((exchange.now - _EPOCH) * 1000) << 22 | exchange.account.number('message')}"
        channel = _CHANNEL if place == "webhook" else place
        message = self._message(number, channel, exchange.text("content"))
        if nonce is not None:
            message["nonce"] = nonce
        return json_response(exchange.account.keep(place, message))

    def one(self, exchange: Exchange) -> Response:
        """Give one message."""
        message = _found(exchange)
        return _unknown() if message is None else json_response(message)

    def update(self, exchange: Exchange) -> Response:
        """Change what a message says."""
        message = _found(exchange)
        if message is None:
            return _unknown()
        message["content"] = exchange.text("content", str(message["content"]))
        return json_response(message)

    def delete(self, exchange: Exchange) -> Response:
        """Take a message away."""
        message = _found(exchange)
        if message is None:
            return _unknown()
        exchange.account.kept(_place(exchange)).remove(message)
        return Response(status=204)

    def react(self, exchange: Exchange) -> Response:
        """Say that a reaction, pin or the like was taken, where there is such a message."""
        return _unknown() if _found(exchange) is None else Response(status=204)

    def page(self, exchange: Exchange) -> Response:
        """Give messages, newest first, from before the one that is named."""
        newest = list(reversed(exchange.account.kept(_place(exchange))))
        before = exchange.integer("before", 0)
        older = [one for one in newest if not before or int(str(one["id"])) < before]
        return json_response(older[: exchange.integer("limit", 50)])

    def _message(self, number: str, channel: str, text: str) -> dict[str, object]:
        fact = self.lock.operations.get("api:create_message")
        shape = sample(fact.answer) if fact is not None and fact.answer is not None else {}
        base = shape if isinstance(shape, dict) else {}
        return {**base, "id": number, "channel_id": channel, "content": text, "type": 0}


def _place(exchange: Exchange) -> str:
    return exchange.text("channel") or "webhook"


def _found(exchange: Exchange) -> dict[str, object] | None:
    wanted = exchange.text("message")
    return next((one for one in exchange.account.kept(_place(exchange)) if one["id"] == wanted), None)


def _unknown() -> Response:
    return _no(404, 10008, "Unknown Message")


def _no(status: int, code: int, message: str) -> Response:
    return json_response({"message": message, "code": code}, status=status)


def _webhook(_: Discord, exchange: Exchange) -> Response:
    secrets = exchange.account.secrets
    return json_response(
        {
            "id": secrets["webhook_id"], "type": 1, "token": secrets["webhook_token"],
            "channel_id": _CHANNEL, "guild_id": "197038439483310086", "name": "dialtone", "avatar": None,
            "application_id": None,
        }
    )  # fmt: skip


_ANSWERS: Mapping[str, Callable[[Discord, Exchange], Response]] = {
    "messages.list": Discord.page,
    "messages.get": Discord.one,
    "messages.post": Discord.post,
    "messages.upload": Discord.post,
    "messages.update": Discord.update,
    "messages.delete": Discord.delete,
    "reactions.add": Discord.react,
    "reactions.remove": Discord.react,
    "pins.add": Discord.react,
    "webhook.get": _webhook,
    "webhook.post": Discord.post,
    "webhook.message": Discord.one,
    "webhook.update": Discord.update,
    "webhook.delete": Discord.delete,
}
