"""Reads facts out of a delivery: its type, its id, when the vendor sent it, its number."""

import datetime as dt
import hashlib
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
    return _printable((_found(field, view) or field.default)[:MAX_WORD])


def mark(field: WebhookField, view: WebhookView) -> str:
    """The id that a field leads to. One of over 200 characters ends in the hash of all of it, so that two
    that only begin alike are two.

    Raises:
        msgspec.DecodeError: when the body must be read and cannot be.
    """
    found = _found(field, view) or field.default
    if len(found) <= MAX_WORD:
        return _printable(found)
    end = hashlib.sha256(found.encode(errors="surrogatepass")).hexdigest()
    return f"{_printable(found[: MAX_WORD - len(end) - 1])}:{end}"


def _found(field: WebhookField, view: WebhookView) -> str:
    if field.header:
        return view.headers.get(field.header.lower(), "")
    value = view.json() if field.pointer or field.first or field.joined else None
    if field.list:
        found = pointers.get(value, field.list)
        items = found if isinstance(found, list) else [found]
        return ":".join(filter(None, (_text(item, field.pointer) for item in items)))
    if field.joined:
        return ":".join(filter(None, (_text(value, pointer) for pointer in field.joined)))
    places = (field.pointer,) if field.pointer else field.first
    return next(filter(None, (_text(value, pointer) for pointer in places)), "")


def sequence_of(field: WebhookField | None, view: WebhookView) -> int | None:
    """The delivery's number, where its vendor numbers them."""
    text = word(field, view) if field is not None else ""
    return int(text) if text.isascii() and text.isdigit() else None


def lag_of(
    moment: WebhookMoment | None, view: WebhookView, signed_at: float | None, *, now: float
) -> float | None:
    """How many seconds after the vendor's own time a delivery came, or after the signed one where it holds no
    such time; 0 where the vendor's clock is ahead.
    """
    own = None if moment is None else _moment(moment, view)
    sent_at = signed_at if own is None else own
    return None if sent_at is None else max(0.0, now - sent_at)


def _moment(moment: WebhookMoment, view: WebhookView) -> float | None:
    place = WebhookField(header=moment.header, pointer=moment.pointer)
    text = _found(place, view)[:MAX_WORD]
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


def _text(within: object, pointer: str) -> str:
    value = pointers.get(within, pointer)
    is_text = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return str(value) if is_text else ""


def _printable(text: str) -> str:
    """As it may stand in a log line, a table and a page."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else "?" for one in text)
