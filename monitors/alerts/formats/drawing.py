"""The seam between the relay and the pipelines: a Letter goes in, requests come out, an answer is read.

A format is made with its receiver (`SlackFormat(receiver)`), holds no state, reads no clock and sends
nothing; table.py says which format a receiver has.
"""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from integrations.credentials.secret import Secret
from integrations.execution.outcome import FailureKind
from integrations.execution.transport import Reply
from monitors.alerts.notification import Notification
from monitors.alerts.outbox import Message


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one receiver, at one try. `at` is now (UTC seconds), for signatures; `attempt` counts
    from 1. `reference` is what the receiver called an earlier message of the same subject, empty for none.
    """

    message: Message
    notification: Notification
    at: float
    attempt: int = 1
    reference: str = ""


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """One request to make. `url` and `headers` may hold secrets, so it is never shown whole. `idempotency`
    is the key by which the receiver tells a repeated request, empty where it has none.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"
    idempotency: str = ""

    def __repr__(self) -> str:
        return f"Drawn({self.method}, {len(self.body)} bytes)"


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer means beyond its status. `reference` is what the receiver calls the message. `kind` and
    `failure` (one sentence, without secrets) tell why it was not taken though its status is 2xx.
    `retry_after` is in seconds. `is_gone`: this address will never take anything again.
    """

    reference: str = ""
    kind: FailureKind | None = None
    failure: str = ""
    retry_after: float | None = None
    is_gone: bool = False


class Format(Protocol):
    """How one receiver is written to."""

    def draw(self, letter: Letter) -> tuple[Drawn, ...]:
        """The requests to make, in order; the letter is delivered when all of them succeeded. None at all:
        there is nothing to tell this receiver, and the letter counts as delivered.
        """
        ...

    def read(self, reply: Reply) -> Heard:
        """What an answer means; called for every answer whatever its status, and never raises."""
        ...

    def repeat_after(self, letter: Letter) -> float | None:
        """After how many seconds a delivered letter is to be sent once more (Alertmanager wants alerts again
        and again); None: never. A newer message of the subject ends it.
        """
        ...


def revealed(headers: Mapping[str, Secret]) -> dict[str, str]:
    """A receiver's configured headers, for one request; names in lower case."""
    return {name.lower(): value.reveal() for name, value in headers.items()}
