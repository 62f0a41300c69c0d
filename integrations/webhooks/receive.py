"""Takes one inbound webhook: size, proof, handshake, type, id, replay; and says what to answer."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from integrations.credentials.secret import Secret
from integrations.manifest import pointers
from integrations.manifest.evaluate import UNREADABLE, holds
from integrations.manifest.inbound import Handshake, WebhookField, Webhooks
from integrations.webhooks.payload import InboundWebhook, WebhookView
from integrations.webhooks.replay import ReplayWindow
from integrations.webhooks.verify import BadSignatureError, StaleError, verify

_MAX_WORD = 200


class Verdict(NamedTuple):
    """What a delivery is: `verdict` is a word of WebhookReceipt, `status` and `body` are the answer."""

    verdict: str
    status: int
    body: str = ""
    detail: str = ""
    event_type: str = ""
    webhook_id: str = ""


def secrets_of(webhooks: Webhooks, secrets: Mapping[str, Secret]) -> list[Secret]:
    """The current secret, and the previous one while a rotation lasts."""
    name = webhooks.verify.secret
    return [secrets[key] for key in (name, f"{name}_previous") if key in secrets]


def receive(
    webhooks: Webhooks,
    payload: InboundWebhook,
    *,
    integration: str,
    secrets: Sequence[Secret],
    replay: ReplayWindow,
) -> Verdict:
    """Judge a delivery. A duplicate is answered like a new one, so that the vendor stops sending it."""
    if len(payload.body) > webhooks.max_body:
        return Verdict("malformed", 413, detail=f"the body is over {webhooks.max_body} bytes")
    view = WebhookView(payload)
    handshake = next((one for one in webhooks.handshakes if holds(one.when, view)), None)
    if handshake is not None and not handshake.verified:
        return _shake(handshake, view)
    try:
        verify(webhooks.verify, payload, secrets)
    except BadSignatureError as error:
        return Verdict("bad_signature", 401, detail=str(error))
    except StaleError as error:
        return Verdict("stale", 401, detail=str(error))
    if handshake is not None:
        return _shake(handshake, view)
    return _accept(webhooks, payload, view, integration=integration, replay=replay)


def _accept(
    webhooks: Webhooks, payload: InboundWebhook, view: WebhookView, *, integration: str, replay: ReplayWindow
) -> Verdict:
    try:
        event_type, webhook_id = _word(webhooks.type, view), _word(webhooks.id, view)
    except UNREADABLE:
        return Verdict("malformed", 400, detail="the body is not JSON")
    if not webhook_id:
        return Verdict("malformed", 400, detail="the delivery has no id", event_type=event_type)
    seen = replay.seen(integration, webhook_id, now=payload.received_at, window=webhooks.window)
    verdict = "duplicate" if seen else "accepted"
    return Verdict(verdict, 202, event_type=event_type, webhook_id=webhook_id)


def _shake(handshake: Handshake, view: WebhookView) -> Verdict:
    if not handshake.reply:
        return Verdict("handshake", handshake.status)
    try:
        reply = pointers.get(view.json(), handshake.reply)
    except UNREADABLE:
        return Verdict("malformed", 400, detail="the body is not JSON")
    if not isinstance(reply, str):
        return Verdict("malformed", 400, detail="the handshake lacks what is to be answered")
    return Verdict("handshake", handshake.status, body=reply[:1024])


def _word(field: WebhookField, view: WebhookView) -> str:
    if field.header:
        return view.headers.get(field.header.lower(), "")[:_MAX_WORD]
    value = pointers.get(view.json(), field.pointer)
    return str(value)[:_MAX_WORD] if isinstance(value, (str, int)) else ""
