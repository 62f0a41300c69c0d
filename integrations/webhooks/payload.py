"""An inbound webhook as it came, how its body is read, and what is answered."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

import msgspec

from integrations.manifest.evaluate import UNREADABLE
from integrations.signals import WebhookReceipt

MAX_FIELDS = 1000
"""Fields a form may have, so that reading one takes no time to speak of."""

_FORM = "application/x-www-form-urlencoded"
_JSON_FIELD = "payload"


class InboundWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery, raw: `headers` in any case, `url` as the vendor called it, `received_at` in UTC
    seconds, `key` the last part of a URL that holds one.
    """

    body: bytes
    headers: Mapping[str, str]
    method: str
    url: str
    received_at: float
    key: str = ""

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

    def json(self) -> object:
        """The body as a value: JSON, or a form's fields; read once.

        Raises:
            msgspec.DecodeError: when it is neither.
        """
        if self._value is msgspec.UNSET:
            kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
            self._value = _form(self.body) if kind == _FORM else msgspec.json.decode(self.body)
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
    text = fields.get(_JSON_FIELD)
    if isinstance(text, str) and text.startswith("{"):
        try:
            fields[_JSON_FIELD] = msgspec.json.decode(text)
        except UNREADABLE:
            return fields
    return fields
