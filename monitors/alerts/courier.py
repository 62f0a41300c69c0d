"""One claimed delivery: hand it to its receiver's sender, and say what is to be stored of it."""

import random
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from integrations.clock import Clock
from integrations.execution.outcome import FailureKind
from integrations.signals import DeliveryAttempt
from monitors.alerts.condition import Conditions
from monitors.alerts.formats.drawing import Letter
from monitors.alerts.notification import Notification, Reason
from monitors.alerts.outbox import Condition, Delivery, DeliveryState, Message, copy_id
from monitors.alerts.receivers import Directory, Receiver
from monitors.alerts.schedule import Next, Sent, Step, step_after
from monitors.alerts.sending import Sender
from monitors.alerts.steady import SteadyClock

LONGEST_ERROR = 500

_UNTOLD = frozenset({Reason.FIRST, Reason.NEW_ALERTS})


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one delivery: its new state, the attempt that is told of (None when none was made), a
    receiver's changed condition, and a copy for the receiver that stands in.
    """

    delivery: Delivery
    attempt: DeliveryAttempt | None = None
    condition: Condition | None = None
    copy: Message | None = None


class Courier:
    """Delivers. `senders` gives the sender of a receiver."""

    def __init__(
        self,
        *,
        directory: Directory,
        conditions: Conditions,
        senders: Callable[[Receiver], Sender],
        clock: Clock,
        steady: SteadyClock,
        rng: random.Random,
    ) -> None:
        self._directory = directory
        self._conditions = conditions
        self._senders = senders
        self._clock = clock
        self._steady = steady
        self._rng = rng
        self.errors = 0

    async def deliver(self, delivery: Delivery) -> Result:
        """Try once. Never raises but for a cancellation."""
        receiver = self._directory.find(delivery.message.receiver)
        if receiver is None:
            return self._undeliverable(delivery, "no receiver of this name is configured any more")
        disabled = self._conditions.of(receiver.name)
        if disabled.disabled_at is not None:
            return self._undeliverable(delivery, f"the receiver is disabled: {disabled.reason}")
        try:
            notification = msgspec.json.decode(delivery.message.content, type=Notification)
        except msgspec.DecodeError:
            return self._undeliverable(delivery, "what was stored of it cannot be read")
        letter = Letter(
            message=delivery.message,
            notification=notification,
            at=self._clock.time(),
            attempt=delivery.attempts + 1,
            reference=delivery.vendor_reference,
        )
        return await self._deliver(delivery, letter, receiver)

    def copy_for_stand_in(self, delivery: Delivery) -> Message | None:
        """A paging message once more, for the receiver's fallback; None where it has none."""
        message = delivery.message
        receiver = self._directory.find(message.receiver)
        fallback = receiver.fallback if receiver is not None else ""
        if not message.is_paging or not fallback:
            return None
        return replace(
            message,
            id=copy_id(message, fallback),
            receiver=fallback,
            # The stand-in may be told of the group on its own account too.
            subject=f"{message.subject} for {message.receiver}",
            created_at=self._clock.time(),
            content=_readdressed(message.content, fallback),
        )

    async def _deliver(self, delivery: Delivery, letter: Letter, receiver: Receiver) -> Result:
        repeat: float | None = None
        try:
            sender = self._senders(receiver)
            sent = await sender.send(letter)
            repeat = sender.repeat_after(letter) if sent.kind is None else None
        except Exception as error:  # noqa: BLE001 - a format that raises must not stop the relay; it is counted
            self.errors += 1
            sent = Sent(kind=FailureKind.CLIENT_ERROR, detail=f"could not be sent: {type(error).__name__}")
        step = step_after(sent, attempt=letter.attempt, schedule=receiver.schedule, rng=self._rng)
        return self._result(delivery, letter, sent=sent, step=step, repeat=repeat)

    def _result(
        self, delivery: Delivery, letter: Letter, *, sent: Sent, step: Step, repeat: float | None
    ) -> Result:
        now = self._clock.time()
        condition = self._conditions.take(delivery.message.receiver, step, detail=sent.detail)
        is_off = condition is not None and condition.disabled_at is not None
        if step.next is Next.DONE:
            due = None if repeat is None else self._steady.now() + repeat
            settled = _delivered(delivery, sent, now=now, due=due)
        elif step.next is Next.RETRY and not is_off:
            settled = _failed(delivery, sent, now=now, due=self._steady.now() + step.wait, counts=step.counts)
        else:
            settled = _dead(delivery, step.reason or sent.detail, now=now, attempts=letter.attempt)
        return Result(
            delivery=settled,
            attempt=self._attempt(letter, sent, step, state=settled.state) if step.counts else None,
            condition=condition,
            copy=self.copy_for_stand_in(delivery) if settled.state is DeliveryState.DEAD else None,
        )

    def _undeliverable(self, delivery: Delivery, reason: str) -> Result:
        now = self._clock.time()
        return Result(
            delivery=_dead(delivery, reason, now=now, attempts=delivery.attempts),
            copy=self.copy_for_stand_in(delivery),
        )

    def _attempt(self, letter: Letter, sent: Sent, step: Step, *, state: DeliveryState) -> DeliveryAttempt:
        message, now = letter.message, self._clock.time()
        receiver = self._directory.find(message.receiver)
        results = {DeliveryState.DELIVERED: "delivered", DeliveryState.DEAD: "dead"}
        result = results.get(state, "delivered" if step.next is Next.DONE else "failed")
        return DeliveryAttempt(
            at=now,
            message=message.id,
            receiver=message.receiver,
            format=receiver.kind if receiver is not None else "",
            type=message.type,
            attempt=letter.attempt,
            result="disabled" if step.next is Next.DISABLE else result,
            status=sent.status,
            kind=sent.kind,
            detail=sent.detail[:LONGEST_ERROR],
            duration=sent.duration,
            lag=max(0.0, now - message.created_at),
            since_detection=_since_detection(letter.notification, now) if sent.kind is None else None,
        )


def _delivered(delivery: Delivery, sent: Sent, *, now: float, due: float | None) -> Delivery:
    first = delivery.delivered_at or now
    if due is not None:
        return replace(
            delivery, state=DeliveryState.QUEUED, attempts=0, due_at=due, delivered_at=first,
            first_failed_at=None, last_error="", vendor_reference=sent.reference,
        )  # fmt: skip
    return replace(
        delivery, state=DeliveryState.DELIVERED, attempts=delivery.attempts + 1, delivered_at=first,
        finished_at=now, last_error="", vendor_reference=sent.reference,
    )  # fmt: skip


def _failed(delivery: Delivery, sent: Sent, *, now: float, due: float, counts: bool) -> Delivery:
    return replace(
        delivery, state=DeliveryState.QUEUED, attempts=delivery.attempts + counts,
        due_at=due, first_failed_at=delivery.first_failed_at or now,
        last_error=(sent.detail or str(sent.kind))[:LONGEST_ERROR], vendor_reference="",
    )  # fmt: skip


def _dead(delivery: Delivery, reason: str, *, now: float, attempts: int) -> Delivery:
    return replace(
        delivery, state=DeliveryState.DEAD, attempts=attempts, finished_at=now,
        first_failed_at=delivery.first_failed_at or now, last_error=reason[:LONGEST_ERROR],
        vendor_reference="",
    )  # fmt: skip


def _since_detection(notification: Notification, now: float) -> float | None:
    """How long ago the newest alert began, for a notification that tells of it first."""
    if notification.reason not in _UNTOLD:
        return None
    begun = [alert.starts_at for alert in notification.alerts if alert.is_firing]
    return max(0.0, now - max(begun)) if begun else None


def _readdressed(content: bytes, receiver: str) -> bytes:
    try:
        notification = msgspec.json.decode(content, type=Notification)
    except msgspec.DecodeError:
        return content
    return msgspec.json.encode(replace(notification, receiver=receiver))
