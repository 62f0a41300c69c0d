"""An inbound webhook as it came, how its body is read, and what is answered."""

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal
from urllib.parse import parse_qsl

import msgspec

from integrations.manifest.evaluate import UNREADABLE
from integrations.signals import WebhookReceipt
from integrations.webhooks.xml_bodies import read_xml

MAX_FIELDS = 1000
"""Fields a form may have, so that reading one takes no time to speak of."""

_FORM = "application/x-www-form-urlencoded"
_XML = ("text/xml", "application/xml")
JSON_FIELD = "payload"
"""The field of a form that may hold JSON."""


class InboundWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery, raw: `headers` in any case, `url` as the vendor called it, `received_at` in UTC
    seconds, `key` the last part of a URL that holds one, `traceparent` our own span of it, if there is one.
    """

    body: bytes
    headers: Mapping[str, str]
    method: str
    url: str
    received_at: float
    key: str = ""
    traceparent: str = ""

    def __repr__(self) -> str:
        """Show nothing of what came."""
        return f"InboundWebhook({self.method}, {len(self.body)} bytes)"


class WebhookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What to answer, and the receipt that was published. `body` is text."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    receipt: WebhookReceipt


class WebhookView:
    """A delivery as a condition sees an answer: its body and headers; it has no status of its own."""

    status = 200
    duration = 0.0
    certificate_days_left: float | None = None

    def __init__(self, payload: InboundWebhook) -> None:
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in payload.headers.items()}
        self.body = payload.body
        self._value: object = msgspec.UNSET

    @cached_property
    def kind(self) -> Literal["json", "form", "xml"]:
        """How the body is read: what its content type says, or JSON."""
        told = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if told in _XML or told.endswith("+xml"):
            return "xml"
        return "form" if told == _FORM else "json"

    def json(self) -> object:
        """The body as a value: JSON, a form's fields, or XML's elements (see xml_bodies.py); read once.

        Raises:
            msgspec.DecodeError: when it is none of them.
        """
        if self._value is msgspec.UNSET:
            self._value = _READERS[self.kind](self.body)
        return self._value

    def text(self) -> str:
        """The body as text."""
        return self.body.decode(errors="replace")


def form_fields(body: bytes) -> list[tuple[str, str]]:
    """A form's fields in their order.

    Raises:
        msgspec.DecodeError: when it has more than anybody sends.
    """
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise msgspec.DecodeError("the body is no form") from error


def _form(body: bytes) -> dict[str, object]:
    fields: dict[str, object] = dict(form_fields(body))
    text = fields.get(JSON_FIELD)
    if isinstance(text, str) and text.startswith("{"):
        try:
            fields[JSON_FIELD] = msgspec.json.decode(text)
        except UNREADABLE:
            return fields
    return fields


_READERS: Mapping[str, Callable[[bytes], object]] = {
    "json": msgspec.json.decode,
    "form": _form,
    "xml": read_xml,
}
