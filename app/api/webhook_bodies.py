"""The bodies of /v2/webhooks."""

import base64
from typing import Literal

import msgspec

from app.api.bodies import Reason
from app.storage.stored_webhook import StoredWebhook

Encoding = Literal["text", "base64"]


class WebhookList(msgspec.Struct, frozen=True, kw_only=True):
    """Webhooks, newest first; `next` is the `before` of the next page, or null."""

    webhooks: tuple[StoredWebhook, ...]
    next: int | None


class WebhookDetail(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook. `body` needs the scope admin, and is null when it is not shown or not kept any more; one
    that is no UTF-8 is in base64, and `encoding` says so.
    """

    webhook: StoredWebhook
    body: str | None = None
    encoding: Encoding = "text"


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A verified delivery as it came; `id` rises, and two with the same one are the same."""

    id: int
    at: float
    event_type: str
    webhook_id: str
    headers: dict[str, str]
    body: str | None
    encoding: Encoding = "text"


class WebhookEvents(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries, oldest first; `next` is the `after` to go on from."""

    events: tuple[WebhookEvent, ...]
    next: int


class WebhookURL(msgspec.Struct, frozen=True, kw_only=True):
    """What to enter at the vendor: the URL (a secret where the scheme is `key`), how deliveries are verified,
    and which secret of the configuration that needs.
    """

    url: str
    scheme: str
    secret: str


class WebhookOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why."""

    reason: Reason


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """How many deliveries go to their handler again."""

    replayed: int


def event_of(webhook: StoredWebhook, body: bytes | None) -> WebhookEvent:
    """A delivery as a developer reads it."""
    text, encoding = text_of(body or b"")
    return WebhookEvent(
        id=webhook.id,
        at=webhook.at,
        event_type=webhook.event_type,
        webhook_id=webhook.webhook_id,
        headers=dict(webhook.headers),
        body=None if body is None else text,
        encoding=encoding,
    )


def text_of(body: bytes) -> tuple[str, Encoding]:
    """A body as JSON can hold it."""
    try:
        return body.decode(), "text"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
