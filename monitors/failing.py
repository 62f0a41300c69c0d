"""The board of what fails now: raw evidence as it comes, before it is confirmed."""

from collections.abc import Mapping

from integrations.signals import (
    BreakerState,
    BreakerTransition,
    CheckResult,
    Health,
    HealthChange,
    Signal,
)

FAILING = frozenset({Health.DOWN, Health.UNAUTHORIZED})
"""What one cause may explain: a vendor that throttles us, or answers slowly, was reached."""

_OF_BREAKER = {BreakerState.OPEN: Health.DOWN, BreakerState.CLOSED: Health.UP}
Seen = tuple[str, str, Health]
"""Integration, capability, and what the evidence says of it."""


class FailingBoard:
    """Which integrations fail, since when their failing lasts, and when each was heard of last.

    Times are the clock's monotonic ones. An integration fails while the newest evidence of any of its
    capabilities is bad. Cheap: constant work a signal.
    """

    def __init__(self) -> None:
        self._bad: dict[str, dict[str, Health]] = {}
        self._began: dict[str, float] = {}
        self._heard: dict[str, float] = {}

    def take(self, signal: Signal, *, now: float) -> str | None:
        """Take evidence; return the integration when it says anything."""
        if type(signal) is HealthChange and signal.after is Health.PAUSED:
            self.forget(signal.integration)
            return None
        seen = _read(signal)
        if seen is None:
            return None
        integration, capability, health = seen
        self._heard[integration] = now
        if health in FAILING:
            self._bad.setdefault(integration, {})[capability] = health
            self._began.setdefault(integration, now)
        else:
            self._recover(integration, capability)
        return integration

    def forget(self, integration: str) -> None:
        """Know nothing of an integration any more."""
        for each in (self._bad, self._began, self._heard):
            each.pop(integration, None)

    def fails(self, integration: str) -> bool:
        """Whether it fails."""
        return integration in self._bad

    def is_down(self, integration: str) -> bool:
        """Whether it fails in a way that says the vendor was not reached, or answered with a fault."""
        return Health.DOWN in self._bad.get(integration, {}).values()

    def began(self, integration: str) -> float | None:
        """When its failing began; None while it does not fail."""
        return self._began.get(integration)

    def since(self, moment: float) -> list[str]:
        """Those whose failing began at a moment or later, first failed first."""
        found = []
        for integration, began in reversed(self._began.items()):
            if began < moment:
                break
            found.append(integration)
        return found[::-1]

    def was_heard(self, integration: str, since: float) -> bool:
        """Whether there is evidence from a moment on."""
        return self._heard.get(integration, -1.0) >= since

    def forget_others(self, known: Mapping[str, object]) -> None:
        """Know nothing any more of integrations but these."""
        for integration in self._heard.keys() - known.keys():
            self.forget(integration)

    def _recover(self, integration: str, capability: str) -> None:
        bad = self._bad.get(integration)
        if bad is None:
            return
        bad.pop(capability, None)
        if not bad:
            del self._bad[integration], self._began[integration]


def _read(signal: Signal) -> Seen | None:
    if type(signal) is CheckResult:
        return (signal.integration, signal.capability, signal.evidence_health) if signal.ran else None
    if type(signal) is BreakerTransition and signal.after in _OF_BREAKER and not signal.actor:
        return signal.integration, signal.capability, _OF_BREAKER[signal.after]
    if type(signal) is HealthChange and signal.capability:
        return signal.integration, signal.capability, signal.after
    return None
