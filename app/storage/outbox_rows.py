"""One row of the outbox: from a message, and to a delivery."""

import sqlalchemy as sa

from monitors.alerts.outbox import FALL_BACK_SECONDS, Delivery, DeliveryState, Message

BEHIND = "behind"
"""The state of a row whose subject has an older one that is not done."""


def row_of(message: Message) -> dict[str, object]:
    """The columns of a new message, which is due at once whatever the clock says; whether it must wait for
    others is found when it is inserted.
    """
    return {
        "id": message.id,
        "receiver": message.receiver,
        "type": message.type,
        "subject": message.subject,
        "sequence": message.sequence,
        "created_at": message.created_at,
        "supersedes": message.supersedes,
        "tells_of_ends": message.tells_of_ends,
        "is_paging": message.is_paging,
        "due_at": 0.0,
        "attempts": 0,
        "first_failed_at": None,
        "lease_until": None,
        "lease_owner": "",
        "last_error": "",
        "delivered_at": None,
        "finished_at": None,
        "fall_back_at": message.created_at + FALL_BACK_SECONDS if message.is_paging else None,
        "content": message.content,
    }


def delivery_of(row: sa.Row[tuple[object, ...]]) -> Delivery:
    """The delivery that a row holds; `reference` is its subject's where the query asked for it."""
    return Delivery(
        message=Message(
            id=row.id,
            receiver=row.receiver,
            type=row.type,
            subject=row.subject,
            sequence=row.sequence,
            created_at=row.created_at,
            content=row.content,
            supersedes=row.supersedes,
            tells_of_ends=row.tells_of_ends,
            is_paging=row.is_paging,
        ),
        state=DeliveryState.QUEUED if row.state == BEHIND else DeliveryState(row.state),
        due_at=row.due_at,
        attempts=row.attempts,
        first_failed_at=row.first_failed_at,
        lease_until=row.lease_until,
        last_error=row.last_error,
        vendor_reference=getattr(row, "reference", None) or "",
        delivered_at=row.delivered_at,
        finished_at=row.finished_at,
    )
