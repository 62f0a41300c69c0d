"""An inbound webhook as it came, and what is answered."""

from collections.abc import Mapping

import msgspec

from integrations.signals import WebhookReceipt


class InboundWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery, raw: `headers` in any case, `url` as the vendor called it, `received_at` in UTC
    seconds.
    """

    body: bytes
    headers: Mapping[str, str]
    method: str
    url: str
    received_at: float


class WebhookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What to answer, and the receipt that was published. `body` is text."""

    status: int
    body: str = ""
    receipt: WebhookReceipt


class WebhookView:
    """A delivery as a condition sees an answer: its body and headers; it has no status of its own."""

    status = 200
    duration = 0.0
    certificate_days_left: float | None = None

    def __init__(self, payload: InboundWebhook) -> None:
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in payload.headers.items()}
        self._body = payload.body

    def json(self) -> object:
        """The body as a JSON value; raises msgspec.DecodeError."""
        return msgspec.json.decode(self._body)

    def text(self) -> str:
        """The body as text."""
        return self._body.decode(errors="replace")
