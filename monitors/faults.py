"""Faults that an operator injects on purpose: whatever is told of health meanwhile says so."""

from datetime import UTC, datetime
from typing import Protocol

from integrations.execution.injection import Injection


class Faults(Protocol):
    """Who knows which faults are injected now."""

    def current(self, integration: str, /) -> Injection | None:
        """Return what is injected into an integration now, or None."""
        ...


class NoFaults:
    """Nothing is injected, ever."""

    def current(self, integration: str) -> None:
        """Return None, whatever the integration."""


def marked(reason: str, fault: Injection | None) -> str:
    """Return a reason with who injects a fault and until when, or as it is."""
    if fault is None:
        return reason
    until = datetime.fromtimestamp(fault.expires_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"{reason} (fault injected by {fault.actor} until {until})"
