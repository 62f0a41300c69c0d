"""CloudEvents 1.0 over HTTP: the data of Standard Webhooks in CNCF's envelope, structured (JSON) or binary
(headers), signed in the same way (cloudevents/spec, spec.md and bindings/http-protocol-binding.md).

Its id is the webhook-id, so that a receiver tells a repeated event; its subject is the group's key.
"""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from monitors.alerts.formats.drawing import Drawn, Letter, revealed
from monitors.alerts.formats.moments import rfc3339
from monitors.alerts.formats.sending import JSON, Once
from monitors.alerts.formats.standard_webhooks import body_of
from monitors.alerts.receivers import CloudEventsReceiver
from monitors.alerts.signing import Signer

PREFIX = "dev.dialtone."
STRUCTURED = "application/cloudevents+json; charset=utf-8"
_VISIBLE = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")
"""What a header's value keeps as it is: printable ASCII without space, double quote and percent sign."""


class _Body(msgspec.Struct, frozen=True):
    data: msgspec.Raw


class CloudEventsFormat(Once):
    """One receiver of CloudEvents."""

    def __init__(self, receiver: CloudEventsReceiver) -> None:
        self._receiver = receiver
        self._signer = Signer(receiver.signing_secrets)

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """One signed request."""
        context = self._context(letter)
        data = msgspec.json.decode(body_of(letter), type=_Body).data
        if self._receiver.mode == "structured":
            body = msgspec.json.encode({**context, "data": data})
            headers = {"content-type": STRUCTURED}
        else:
            body = bytes(data)
            headers = {"content-type": JSON, **_as_headers(context)}
        signed = self._signer.headers(letter.message.id, letter.at, body)
        headers |= {**revealed(self._receiver.headers), **signed}
        return (
            Drawn(url=self._receiver.url.reveal(), headers=headers, body=body, idempotency=letter.message.id),
        )

    def _context(self, letter: Letter) -> dict[str, str]:
        return {
            "specversion": "1.0",
            "id": letter.message.id,
            "source": self._receiver.source,
            "type": PREFIX + letter.message.type,
            "subject": letter.notification.group_key,
            "time": rfc3339(letter.notification.at),
            "datacontenttype": JSON,
        }


def _as_headers(context: Mapping[str, str]) -> dict[str, str]:
    """The context as `ce-` headers, percent-encoded; the content's type is the request's own header."""
    return {
        f"ce-{name}": quote(value, safe=_VISIBLE)
        for name, value in context.items()
        if name != "datacontenttype"
    }
