"""Reads facts out of a delivery: its type, its id, when the vendor sent it, its number."""

import datetime as dt
import math

import msgspec

from integrations.manifest import pointers
from integrations.manifest.inbound import WebhookField, WebhookMoment
from integrations.webhooks.payload import WebhookView

MAX_WORD = 200
_MILLISECONDS = 1000.0


def word(field: WebhookField, view: WebhookView) -> str:
    """The text that a field leads to, at most 200 characters; its default where there is none.

    Raises:
        msgspec.DecodeError: when the body must be read and cannot be.
    """
    if field.header:
        found = view.headers.get(field.header.lower(), "")
    elif field.joined:
        found = ":".join(filter(None, (_text(view, pointer) for pointer in field.joined)))
    else:
        places = (field.pointer,) if field.pointer else field.first
        found = next(filter(None, (_text(view, pointer) for pointer in places)), "")
    return _printable(found or field.default)


def sequence_of(field: WebhookField | None, view: WebhookView) -> int | None:
    """The delivery's number, where its vendor numbers them."""
    text = word(field, view) if field is not None else ""
    return int(text) if text.isascii() and text.isdigit() else None


def lag_of(
    moment: WebhookMoment | None, view: WebhookView, signed_at: float | None, *, now: float
) -> float | None:
    """How many seconds after the vendor's own time a delivery came; 0 where the vendor's clock is ahead."""
    sent_at = signed_at if moment is None else _moment(moment, view)
    return None if sent_at is None else max(0.0, now - sent_at)


def _moment(moment: WebhookMoment, view: WebhookView) -> float | None:
    text = view.headers.get(moment.header.lower(), "") if moment.header else _text(view, moment.pointer)
    if moment.unit == "iso":
        return _iso(text)
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return number / _MILLISECONDS if moment.unit == "milliseconds" else number


def _iso(text: str) -> float | None:
    try:
        moment = msgspec.convert(text, dt.datetime)
    except msgspec.ValidationError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _text(view: WebhookView, pointer: str) -> str:
    value = pointers.get(view.json(), pointer)
    is_text = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return str(value)[:MAX_WORD] if is_text else ""


def _printable(text: str) -> str:
    """As it may stand in a log line, a table and a page."""
    if text.isprintable():
        return text[:MAX_WORD]
    return "".join(one if one.isprintable() else "?" for one in text[:MAX_WORD])
