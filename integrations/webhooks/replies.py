"""Answers handshakes: requests by which a vendor makes sure that we own the URL."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from integrations.manifest import pointers
from integrations.manifest.evaluate import UNREADABLE
from integrations.manifest.inbound import Handshake, Reply
from integrations.manifest.templates import fits_header
from integrations.webhooks.fetching import Fetch
from integrations.webhooks.payload import WebhookView

MAX_ECHO = 1024
MAX_HEADER = 255


class Shaken(NamedTuple):
    """The answer to a handshake; `problem` says why there is no good one."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = {}
    problem: str = ""


def body_of(reply: Reply) -> tuple[str, Mapping[str, str]]:
    """A fixed answer's body and headers."""
    if reply.json is None:
        return reply.text, reply.headers
    return msgspec.json.encode(reply.json).decode(), {"content-type": "application/json", **reply.headers}


async def shake(handshake: Handshake, view: WebhookView, *, fetch: Fetch) -> Shaken:
    """Answer a handshake, and call the URL it asks for where the manifest says so.

    Raises:
        BadSignatureError: when that URL is not one of the vendor's.
        KeysUnavailableError: when it gives no good answer.
    """
    body, headers = body_of(handshake.reply)
    headers = {**headers, **_echoed(handshake, view)}
    try:
        if handshake.fetch:
            await fetch(str(pointers.get(view.json(), handshake.fetch)), step="confirmation")
        if not handshake.echo:
            return Shaken(handshake.reply.status, body, headers)
        echo = pointers.get(view.json(), handshake.echo)
    except UNREADABLE:
        return Shaken(400, problem="the body cannot be read as its content type says")
    if not isinstance(echo, str):
        return Shaken(400, problem="the handshake lacks what is to be answered")
    return Shaken(handshake.reply.status, echo[:MAX_ECHO], headers)


def _echoed(handshake: Handshake, view: WebhookView) -> dict[str, str]:
    found = {name: view.headers.get(asked.lower(), "") for name, asked in handshake.echo_headers.items()}
    return {
        name: text for name, text in found.items() if text and len(text) <= MAX_HEADER and fits_header(text)
    }
