"""What was said on both sides of one request to a receiver, for a person who tests it; secrets are masked."""

from collections.abc import Iterator, Mapping

import httpx
import msgspec

from integrations.credentials.secret import Secret
from integrations.execution.call import Answer
from integrations.execution.outcome import FailureKind
from monitors.alerts.formats.drawing import Drawn
from monitors.alerts.receivers import Receiver

MASK = "***"
SHOWN_BODY = 4096
SHOWN_ANSWER = 1024

_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key"})
_SHORTEST_MASKED = 4


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and its answer. `url` ends with the host, because a path may be a secret. `status` is None
    when no answer came; `kind` and `detail` say why it is no success.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: str
    status: int | None = None
    answer_headers: Mapping[str, str] = {}
    answer: str = ""
    kind: FailureKind | None = None
    detail: str = ""
    duration: float = 0.0


def exchange_of(drawn: Drawn, answer: Answer, receiver: Receiver) -> Exchange:
    """Show one request and what came of it."""
    mask = Masking(receiver, sent=drawn.headers)
    outcome, reply = answer.outcome, answer.reply
    return Exchange(
        method=drawn.method,
        url=place_of(drawn.url),
        headers=mask.headers(drawn.headers),
        body=mask.text(drawn.body.decode("utf-8", "replace"))[:SHOWN_BODY],
        status=outcome.status,
        answer_headers=mask.headers(reply.headers) if reply is not None else {},
        answer=mask.text(reply.text())[:SHOWN_ANSWER] if reply is not None else "",
        kind=outcome.kind,
        detail=outcome.detail,
        duration=outcome.duration,
    )


def place_of(url: str) -> str:
    """Where a URL leads, without what may be a secret: `https://hooks.example/…`."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return MASK
    port = f":{parsed.port}" if parsed.port is not None else ""
    return f"{parsed.scheme}://{parsed.host}{port}/…"


class Masking:
    """Puts `***` in the place of all secrets of a receiver, wherever they stand, and of the credentials that
    `sent` headers made of them.
    """

    def __init__(self, receiver: Receiver, *, sent: Mapping[str, str] = {}) -> None:
        secrets = (*_secrets(receiver), *_credentials(sent))
        values = {value for value in secrets if len(value) >= _SHORTEST_MASKED}
        self._values = sorted(values, key=len, reverse=True)

    def text(self, text: str) -> str:
        """A text without secrets."""
        for value in self._values:
            text = text.replace(value, MASK)
        return text

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Headers without secrets; those that carry credentials by their nature are masked whole."""
        return {
            name: MASK if name.lower() in _SECRET_HEADERS else self.text(value)
            for name, value in headers.items()
        }


def _secrets(receiver: Receiver) -> Iterator[str]:
    for name in receiver.__struct_fields__:
        yield from _revealed(getattr(receiver, name))


def _credentials(headers: Mapping[str, str]) -> Iterator[str]:
    """What follows the scheme in headers that carry credentials: whoever is sent them may send them back."""
    for name, value in headers.items():
        if name.lower() in _SECRET_HEADERS:
            yield value.rpartition(" ")[2]


def _revealed(value: object) -> Iterator[str]:
    if isinstance(value, Secret):
        yield value.reveal()
    elif isinstance(value, tuple):
        for item in value:
            yield from _revealed(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _revealed(item)
