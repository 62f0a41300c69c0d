"""How receivers do: who fails, since when, and who is sent nothing more; with the alert about each.

A receiver that failed FAILING_AFTER times in a row is told of through another one. It is disabled when it
says that it is gone, or after DISABLED_AFTER of nothing but failures; an operator enables it again.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

from integrations.clock import Clock
from monitors.alerts.alert import Alert
from monitors.alerts.outbox import Condition
from monitors.alerts.schedule import Next, Step

FAILING_AFTER = 4
DISABLED_AFTER = 120 * 3600.0
ALERT_NAME = "ReceiverFailing"


class Reports(Protocol):
    """Who is told that a receiver fails; it sees to it that the alert goes elsewhere."""

    def raise_alert(self, alert: Alert, /) -> None:
        """Let an alert fire."""
        ...

    def end_alert(self, labels: Mapping[str, str], /) -> None:
        """End it."""
        ...


class Conditions:
    """The condition of every receiver that ever failed, and not succeeded since."""

    def __init__(self, *, clock: Clock, reports: Reports | None = None) -> None:
        self._clock = clock
        self._reports = reports
        self._conditions: dict[str, Condition] = {}

    def load(self, stored: Iterable[Condition]) -> None:
        """Take up what survived, and tell of it again."""
        for condition in stored:
            self._conditions[condition.receiver] = condition
            if _is_told(condition):
                self._tell(condition)

    def settle(self, firing: Iterable[Alert]) -> None:
        """Take up alerts that fire since before a restart: those about receivers that do well now, or are
        none any more, end.
        """
        for alert in firing:
            receiver = alert.labels.get("receiver", "")
            if alert.labels.get("alertname") == ALERT_NAME and not _is_told(self.of(receiver)):
                self._end(receiver)

    def of(self, receiver: str) -> Condition:
        """How a receiver does."""
        return self._conditions.get(receiver) or Condition(receiver=receiver)

    def all(self) -> tuple[Condition, ...]:
        """Those that fail or are disabled."""
        return tuple(self._conditions.values())

    def failing(self, *, times: int = 1) -> frozenset[str]:
        """The receivers of which the last tries failed, this many at least, and the disabled ones."""
        return frozenset(
            name
            for name, condition in self._conditions.items()
            if condition.failures >= times or condition.disabled_at is not None
        )

    def take(self, receiver: str, step: Step, *, detail: str) -> Condition | None:
        """Note what came of a try; return the condition when it must be stored."""
        before = self._conditions.get(receiver)
        if not step.counts or (before is not None and before.disabled_at is not None):
            return None
        if step.next is Next.DONE:
            return self._recover(receiver)
        return self._fail(before or Condition(receiver=receiver), step, detail)

    def enable(self, receiver: str) -> Condition:
        """Let a disabled receiver be sent to again; return what must be stored."""
        self._conditions.pop(receiver, None)
        self._end(receiver)
        return Condition(receiver=receiver)

    def forget(self, receivers: Iterable[str]) -> tuple[Condition, ...]:
        """Receivers are no longer configured: nothing is said of them any more. Returns what must be stored,
        so that one that comes back begins anew.
        """
        gone = [receiver for receiver in receivers if self._conditions.pop(receiver, None) is not None]
        for receiver in gone:
            self._end(receiver)
        return tuple(Condition(receiver=receiver) for receiver in gone)

    def _recover(self, receiver: str) -> Condition | None:
        before = self._conditions.pop(receiver, None)
        if before is None:
            return None
        if before.failures >= FAILING_AFTER:
            self._end(receiver)
        return Condition(receiver=receiver)

    def _fail(self, before: Condition, step: Step, detail: str) -> Condition:
        now = self._clock.time()
        since = now if before.failing_since is None else before.failing_since
        is_over = step.next is Next.DISABLE or now - since >= DISABLED_AFTER
        long = "nothing but failures for five days"
        after = Condition(
            receiver=before.receiver,
            failures=before.failures + 1,
            failing_since=since,
            disabled_at=now if is_over else None,
            reason=(step.reason if step.next is Next.DISABLE else long) if is_over else detail,
        )
        self._conditions[before.receiver] = after
        if is_over or after.failures == FAILING_AFTER:
            self._tell(after)
        return after

    def _tell(self, condition: Condition) -> None:
        if self._reports is not None:
            self._reports.raise_alert(alert_about(condition))

    def _end(self, receiver: str) -> None:
        if self._reports is not None:
            self._reports.end_alert(_labels(receiver))


def _is_told(condition: Condition) -> bool:
    return condition.failures >= FAILING_AFTER or condition.disabled_at is not None


def alert_about(condition: Condition) -> Alert:
    """The alert that tells of a receiver."""
    name = condition.receiver
    if condition.disabled_at is not None:
        summary = f"Receiver {name} is disabled: {condition.reason}"
        to_do = f"Mend it, then: dialtone receivers enable {name}; its dead letters can be replayed."
    else:
        summary = f"Receiver {name} has not taken the last {condition.failures} messages: {condition.reason}"
        to_do = f"dialtone receivers test {name} shows what it answers."
    return Alert(
        labels=_labels(name),
        annotations={"summary": summary, "what_to_do": to_do},
        starts_at=condition.failing_since or condition.disabled_at or 0.0,
    )


def _labels(receiver: str) -> dict[str, str]:
    return {"alertname": ALERT_NAME, "severity": "critical", "receiver": receiver}
