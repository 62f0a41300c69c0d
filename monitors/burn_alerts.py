"""The alerts of objectives: begun, changed and ended as budgets burn, and each change told of as a signal."""

from collections.abc import Callable
from typing import Protocol

from integrations.clock import Clock
from integrations.signals import ObjectiveChange
from monitors.alerts.alert import Alert
from monitors.objective import Labels, Objective
from monitors.slo_report import SLOStatus, alert_of, labels_of

KEEP_FIRING = 60.0


class AlertDesk(Protocol):
    """Who takes alerts that no rule makes."""

    def raise_alert(self, alert: Alert, /, *, keep: float) -> object:
        """Let an alert fire, or say something else of it; it fires on for `keep` seconds after its end."""
        ...

    def end_alert(self, labels: Labels, /) -> object:
        """End the alert with these labels; one that does not stand is none."""
        ...


class BurnAlerts:
    """Lets an objective's alert be the one that its severity asks for."""

    def __init__(
        self, *, clock: Clock, desk: AlertDesk | None, publish: Callable[[ObjectiveChange], object]
    ) -> None:
        self._clock = clock
        self._desk = desk
        self._publish = publish

    def settle(self, tracked: Objective, severity: str, status: Callable[[], SLOStatus]) -> None:
        """Take the severity of now, empty for none; `status` says how the objective stands, and is asked only
        where that changes anything.
        """
        labels = labels_of(tracked.slo, severity, tracked.shared) if severity else None
        if labels == tracked.told:
            return
        before, told, now = _severity(tracked), status(), self._clock.time()
        self._quieten(tracked)
        tracked.told = labels
        if labels is not None and self._desk is not None:
            tracked.since = now
            self._desk.raise_alert(alert_of(told, labels, since=now, now=now), keep=KEEP_FIRING)
        if before != severity:
            self._publish(_change(told, before, severity, at=now))

    def end(self, tracked: Objective) -> None:
        """The objective is watched no longer: its alert ends."""
        before = _severity(tracked)
        self._quieten(tracked)
        if before:
            self._publish(
                ObjectiveChange(at=self._clock.time(), objective=tracked.slo.name, before=before, after="")
            )

    def _quieten(self, tracked: Objective) -> None:
        if tracked.told is not None and self._desk is not None:
            self._desk.end_alert(tracked.told)
        tracked.told = None


def _severity(tracked: Objective) -> str:
    """That of the alert that fires, empty for none."""
    return tracked.told["severity"] if tracked.told is not None else ""


def _change(told: SLOStatus, before: str, after: str, *, at: float) -> ObjectiveChange:
    burn = next((each for each in told.burns if each.is_firing), None)
    return ObjectiveChange(
        at=at,
        objective=told.name,
        before=before,
        after=after,
        windows=burn.windows if burn is not None else "",
        burn=burn.long if burn is not None else None,
        budget_left=told.budget_left,
    )
