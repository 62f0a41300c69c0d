"""A message to a receiver at a person's wish: made, sent once, and shown with what was said on both sides."""

import msgspec

from integrations.clock import Clock
from monitors.alerts.alert import Alert
from monitors.alerts.event_types import event_type
from monitors.alerts.exchange import Exchange
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.outbox import Message, new_message_id
from monitors.alerts.receivers import Receiver
from monitors.alerts.schedule import Sent
from monitors.alerts.sending import Sender


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test: `sent` is the result, `exchanges` each request with its answer."""

    receiver: str
    message: str
    sent: Sent
    exchanges: tuple[Exchange, ...]


async def try_out(
    receiver: Receiver, sender: Sender, *, clock: Clock, external_url: str = "", actor: str = ""
) -> Trial:
    """Send a real message that says that it is a test. It takes no way through the outbox and is not tried
    again; the receiver's condition stays as it is.
    """
    now = clock.time()
    notification = trial_notification(receiver.name, at=now, external_url=external_url, actor=actor)
    message = Message(
        id=new_message_id(now),
        receiver=receiver.name,
        type=event_type(notification),
        subject=notification.group_key,
        sequence=1,
        created_at=now,
        content=msgspec.json.encode(notification),
    )
    letter = Letter(message=message, notification=notification, at=now)
    sent, exchanges = await sender.converse(letter)
    return Trial(receiver=receiver.name, message=message.id, sent=sent, exchanges=exchanges)


def trial_notification(receiver: str, *, at: float, external_url: str = "", actor: str = "") -> Notification:
    """What a test tells: an alert that nothing is wrong, by name and severity."""
    labels = {"alertname": "ReceiverTest", "severity": "info", "receiver": receiver}
    who = f" by {actor}" if actor else ""
    alert = Alert(
        labels=labels,
        annotations={
            "summary": "This is a test: nothing is wrong.",
            "description": f"Sent{who} to see whether {receiver} can be reached.",
        },
        starts_at=at,
        updated_at=at,
        link=external_url,
    )
    return Notification(
        group_key=f'{{}}:{{alertname="ReceiverTest", receiver="{receiver}"}}',
        receiver=receiver,
        reason=Reason.TEST,
        status="firing",
        sequence=1,
        at=at,
        alerts=(alert,),
        group_labels={"alertname": "ReceiverTest", "receiver": receiver},
        external_url=external_url,
    )
