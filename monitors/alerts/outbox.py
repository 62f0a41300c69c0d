"""The outbox: messages that must reach a receiver, kept until they did or nobody wants them any more.

A message enters in the same transaction as the decision to send it. The relay (relay.py) claims due
deliveries with a lease, sends, and records what came of it; a lease that ran out, or another process's, is
claimed again. At least once: after a crash a message may be sent twice, under the same id.

How many can wait is bounded by what lets them in: ten notifications a minute and receiver, each given up
after at most three days.
"""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from integrations.signals import DeliveryAttempt

FALL_BACK_SECONDS = 60.0
"""After so long a paging message that is not delivered goes to the fallback receiver too."""

LEASE_SECONDS = 45.0
"""For how long a relay may work on what it claimed: the longest timeout of a receiver, and 15 s."""

KEEP_DEAD_DAYS = 30.0
KEEP_DONE_DAYS = 7.0


class DeliveryState(StrEnum):
    """Where a delivery is. `superseded` is one that a newer message of its group made needless, `dead` one
    that was given up and can be replayed.
    """

    QUEUED = "queued"
    SENDING = "sending"
    DELIVERED = "delivered"
    SUPERSEDED = "superseded"
    DEAD = "dead"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be delivered to one receiver. `id` is the webhook-id (UUID version 7), the same for every
    attempt. `subject` orders: messages of one receiver and subject are delivered in the order of their
    `sequence`. `supersedes` says that it makes older queued ones of its subject needless, but for those
    that are the only ones to tell of an end (`tells_of_ends`). `type` is a documented event type
    (`integration.failed`); `content` is the stored Notification or event, as JSON.
    """

    id: str
    receiver: str
    type: str
    subject: str
    sequence: int
    created_at: float
    content: bytes
    supersedes: bool = False
    tells_of_ends: bool = False
    is_paging: bool = False


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way. `due_at` is when it may be tried next and `lease_until` until when the relay that
    claimed it may work on it, as SteadyClock counts; `delivered_at` is when it was first taken (it may be
    repeated then), `finished_at` when it came to its end, by the wall clock.
    """

    message: Message
    state: DeliveryState
    due_at: float
    attempts: int = 0
    first_failed_at: float | None = None
    lease_until: float | None = None
    last_error: str = ""
    vendor_reference: str = ""
    """What the receiver called it (a Slack `ts`, a Discord message id), so that later messages of the subject
    update it.
    """
    delivered_at: float | None = None
    finished_at: float | None = None


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """How a receiver does. `failing_since` is when the first of the present failures was, None after a
    success; `failures` counts them. A disabled one is sent nothing more until an operator enables it.
    """

    receiver: str
    failures: int = 0
    failing_since: float | None = None
    disabled_at: float | None = None
    reason: str = ""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """What came of deliveries by `at` (UTC seconds), stored as one: their new states, the attempts made, the
    receivers whose condition changed, further messages (copies for fallback receivers), and the ids of the
    messages that have been copied.
    """

    at: float
    deliveries: tuple[Delivery, ...] = ()
    attempts: tuple[DeliveryAttempt, ...] = ()
    conditions: tuple[Condition, ...] = ()
    messages: tuple[Message, ...] = ()
    copied: tuple[str, ...] = ()


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages wait for a receiver (those being sent included), since when the oldest of them, and
    how many are dead letters.
    """

    receiver: str
    waiting: int = 0
    oldest_at: float | None = None
    dead: int = 0


class Crowd(msgspec.Struct, frozen=True, kw_only=True):
    """How many may be on their way: `at_once` to one receiver, one to each of those that are `failing`, and
    of these no more than `failing_room` new ones together.
    """

    at_once: int
    failing: frozenset[str] = frozenset()
    failing_room: int = 0


class Outbox(Protocol):
    """Where messages wait; each call is one atomic unit, and returns after its commit."""

    async def claim(self, *, now: float, lease: float, limit: int, crowd: Crowd) -> Sequence[Delivery]:
        """Mark up to `limit` due deliveries as sending until `now + lease`, paging ones first, then the
        oldest, as many as `crowd` lets, counting those that are being sent, and of each (receiver, subject)
        only the first that is not done. Their `vendor_reference` is the subject's.
        """
        ...

    async def finish(self, finished: Finished) -> None:
        """Store what came of claimed deliveries. One that goes back into the queue, while a newer message
        supersedes it, ends.
        """
        ...

    async def next_due(self) -> float | None:
        """When the next delivery is due or a lease ends; None while nothing waits."""
        ...

    async def overdue(self, now: float, receivers: Collection[str]) -> Sequence[Delivery]:
        """Paging messages of these receivers that have waited for FALL_BACK_SECONDS and were not copied, or
        that were put in by a clock that was far ahead.
        """
        ...


class OutboxKeeping(Protocol):
    """What the relay keeps beside the messages."""

    async def rouse(self, now: float) -> Sequence[Condition]:
        """Make all that waits due at `now` or before, let no lease end later than a new one, and return how
        each receiver does: the clock may have been set back since.
        """
        ...

    async def backlog(self) -> Sequence[Backlog]:
        """What waits and what is dead, by receiver."""
        ...

    async def trim(self, *, done_before: float, dead_before: float) -> int:
        """Delete some of what ended before these moments (UTC seconds); return how many."""
        ...


class Replay(msgspec.Struct, frozen=True, kw_only=True):
    """Which messages are to be sent once more: named ones that are dead or delivered, or all dead ones that
    fit what is set (`since` and `until` are when they were given up, UTC seconds).
    """

    ids: tuple[str, ...] = ()
    receiver: str = ""
    since: float | None = None
    until: float | None = None


def new_message_id(at: float) -> str:
    """A UUID of version 7 for a moment (UTC seconds): RFC 9562, 5.7; ids of later milliseconds sort later."""
    return _uuid(at, secrets.randbits(74))


def copy_id(message: Message, receiver: str) -> str:
    """The id of a message's copy for another receiver: always the same, so that it is copied only once."""
    digest = hashlib.sha256(f"{message.id} {receiver}".encode()).digest()
    return _uuid(message.created_at, int.from_bytes(digest) & (1 << 74) - 1)


def _uuid(at: float, random: int) -> str:
    milliseconds = int(at * 1000) & 0xFFFF_FFFF_FFFF
    high = milliseconds << 80 | 0x7 << 76 | (random >> 62) << 64
    return str(uuid.UUID(int=high | 0b10 << 62 | random & (1 << 62) - 1))
