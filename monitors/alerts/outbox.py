"""The outbox: messages that must reach a receiver, kept until they did or nobody wants them any more.

A message enters in the same transaction as the decision to send it. The relay (delivery.py) claims due
deliveries with a lease, sends, and records what came of it; a lease that ran out, or another process's, is
claimed again. At least once: after a crash a message may be sent twice, under the same id.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from integrations.signals import DeliveryAttempt


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
    `sequence`. `supersedes` says that it makes older queued ones of its subject needless. `type` is a
    documented event type (`integration.failed`); `content` is the stored Notification or event, as JSON.
    """

    id: str
    receiver: str
    type: str
    subject: str
    sequence: int
    created_at: float
    content: bytes
    supersedes: bool = False
    is_paging: bool = False


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way. `due_at` is when it may be tried next, `lease_until` until when the relay that
    claimed it may work on it; UTC seconds.
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


class Outbox(Protocol):
    """Where messages wait; each call is one atomic unit, and returns after its commit."""

    async def claim(self, *, now: float, lease: float, limit: int, at_once: int) -> Sequence[Delivery]:
        """Mark up to `limit` due deliveries as sending until `now + lease`, oldest first, at most `at_once`
        per receiver counting those that are being sent, and of each (receiver, subject) only the first that
        is not done.
        """
        ...

    async def finish(self, deliveries: Sequence[Delivery], attempts: Sequence[DeliveryAttempt]) -> None:
        """Store what became of claimed deliveries, and the attempts made."""
        ...

    async def next_due(self) -> float | None:
        """When the next delivery is due or a lease ends; None while nothing waits."""
        ...

    async def replay(self, message_ids: Sequence[str], *, now: float) -> int:
        """Queue dead or delivered messages again, under their own ids; return how many."""
        ...
