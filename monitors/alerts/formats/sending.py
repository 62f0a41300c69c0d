"""What the requests of all formats share."""

import hashlib
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit, urlunsplit

import msgspec

from integrations.execution.transport import Reply
from monitors.alerts.formats.drawing import Drawn, Heard, Letter
from monitors.alerts.notification import Notification

JSON = "application/json"


class Once:
    """A format whose receiver says all by its status, and is told each thing once."""

    def read(self, reply: Reply) -> Heard:  # noqa: ARG002 - other formats look at it
        """Nothing beyond the status."""
        return Heard()

    def repeat_after(self, letter: Letter) -> float | None:  # noqa: ARG002 - other formats look at it
        """Never."""
        return None


def posted(
    url: str, body: object, *, headers: Mapping[str, str] | None = None, method: str = "POST"
) -> Drawn:
    """A request with a JSON body."""
    return Drawn(
        url=url,
        method=method,
        headers={"content-type": JSON, **(headers or {})},
        body=body if isinstance(body, bytes) else msgspec.json.encode(body),
    )


def below(url: str, path: str, *, query: str = "") -> str:
    """A URL with a path behind its own, and a query joined to its own; a path it ends with stays single."""
    parts = urlsplit(url)
    own = parts.path.rstrip("/")
    joined = own if own.endswith(path) else own + path
    return urlunsplit(parts._replace(path=joined, query="&".join(filter(None, (parts.query, query)))))


def dedup_key(notification: Notification) -> str:
    """What names the group at a vendor: sha256 of the group key, as Alertmanager does."""
    return hashlib.sha256(notification.group_key.encode()).hexdigest()


def is_taken(notification: Notification) -> bool:
    """Whether somebody has taken every incident that goes on, and there is one."""
    going_on = [incident for incident in notification.incidents if incident.is_open]
    return bool(going_on) and all(incident.acknowledgement is not None for incident in going_on)


def fitted(draw: Callable[[int], bytes], *, count: int, limit: int) -> bytes:
    """The body with the most parts told in full, of at most `limit` bytes: `draw(n)` tells n of `count`.

    What `draw(0)` gives is sent even if it is too long: there is nothing shorter to say.
    """
    told = count
    while told > 0:
        body = draw(told)
        if len(body) <= limit:
            return body
        told //= 2
    return draw(0)


def answered(reply: Reply) -> Mapping[str, object]:
    """The JSON object that was answered; empty for anything else."""
    try:
        found = reply.json()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
