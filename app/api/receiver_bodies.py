"""The bodies of /v2/receivers and /v2/deliveries."""

from typing import Annotated

import msgspec

from app.api.bodies import Reason
from app.desks.receivers import SeenReceiver
from app.storage.outbox_keeping import Numbered
from integrations.execution.outcome import FailureKind
from monitors.alerts.exchange import Exchange
from monitors.alerts.notification import Notification
from monitors.alerts.outbox import Delivery, DeliveryState
from monitors.alerts.trial import Trial

MOST_IDS = 1_000

MessageIDs = Annotated[
    list[str],
    msgspec.Meta(max_length=MOST_IDS, description="Messages by id, dead or delivered ones."),
]


class ReceiverBody(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver and how it does; nothing secret. `failing_since` is when the first of the present failures
    was; a disabled one is sent nothing until it is enabled.
    """

    name: str
    type: str
    fallback: str
    send_resolved: bool
    failures: int
    failing_since: float | None
    disabled_at: float | None
    reason: str
    waiting: int
    oldest_at: float | None
    dead: int


class ReceiverList(msgspec.Struct, frozen=True, kw_only=True):
    """Receivers, in the order of the configuration."""

    receivers: tuple[ReceiverBody, ...]


class TrialBody(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test: whether it arrived, or why not, and what was said on both sides. Secrets are
    masked.
    """

    receiver: str
    message: str
    ok: bool
    kind: FailureKind | None
    detail: str
    duration: float
    exchanges: tuple[Exchange, ...]


class DeliveryBody(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way to one receiver. `id` is what receivers get as `webhook-id`; `group` is the group
    of alerts that it tells of.
    """

    id: str
    receiver: str
    type: str
    group: str
    sequence: int
    state: DeliveryState
    created_at: float
    due_at: float
    attempts: int
    first_failed_at: float | None
    delivered_at: float | None
    finished_at: float | None
    last_error: str
    paging: bool


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries, the newest first; `next` is the `before` of the next page, or null."""

    deliveries: tuple[DeliveryBody, ...]
    next: int | None = None


class DeliveryDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery with the notification as it was decided on; null when what was stored cannot be read."""

    delivery: DeliveryBody
    notification: Notification | None


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent again, and why: the messages named, else all dead letters of a receiver (without: of all)
    that were given up in a time (UTC seconds).
    """

    reason: Reason
    ids: MessageIDs = []
    receiver: str = ""
    since: float | None = None
    until: float | None = None


class ReplayBody(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages are sent again; at most 5,000 at once."""

    replayed: int


class EnableRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Why a receiver is sent to again."""

    reason: Reason


def receiver_body(seen: SeenReceiver) -> ReceiverBody:
    """A receiver as it is shown."""
    return ReceiverBody(
        name=seen.receiver.name,
        type=seen.receiver.kind,
        fallback=seen.receiver.fallback,
        send_resolved=seen.receiver.send_resolved,
        failures=seen.condition.failures,
        failing_since=seen.condition.failing_since,
        disabled_at=seen.condition.disabled_at,
        reason=seen.condition.reason,
        waiting=seen.backlog.waiting,
        oldest_at=seen.backlog.oldest_at,
        dead=seen.backlog.dead,
    )


def trial_body(trial: Trial) -> TrialBody:
    """A test as it is shown."""
    return TrialBody(
        receiver=trial.receiver,
        message=trial.message,
        ok=trial.sent.kind is None,
        kind=trial.sent.kind,
        detail=trial.sent.detail,
        duration=trial.sent.duration,
        exchanges=trial.exchanges,
    )


def delivery_list(found: list[Numbered], *, limit: int) -> DeliveryList:
    """A page of deliveries."""
    bodies = tuple(delivery_body(one.delivery) for one in found)
    return DeliveryList(deliveries=bodies, next=found[-1].number if len(found) == limit else None)


def delivery_detail(delivery: Delivery) -> DeliveryDetail:
    """A delivery with what it says."""
    try:
        told = msgspec.json.decode(delivery.message.content, type=Notification)
    except msgspec.DecodeError:
        told = None
    return DeliveryDetail(delivery=delivery_body(delivery), notification=told)


def delivery_body(delivery: Delivery) -> DeliveryBody:
    """A delivery as it is shown."""
    message = delivery.message
    return DeliveryBody(
        id=message.id,
        receiver=message.receiver,
        type=message.type,
        group=message.subject,
        sequence=message.sequence,
        state=delivery.state,
        created_at=message.created_at,
        due_at=delivery.due_at,
        attempts=delivery.attempts,
        first_failed_at=delivery.first_failed_at,
        delivered_at=delivery.delivered_at,
        finished_at=delivery.finished_at,
        last_error=delivery.last_error,
        paging=message.is_paging,
    )
