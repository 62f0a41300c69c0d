"""What alerting made, or would have made, of what was recorded. Times are UTC seconds, durations seconds."""

from collections.abc import Mapping

import msgspec

from exporters.analytics.backtest.comparison import Change, Fidelity
from integrations.signals import Health


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """When a receiver was told, on which level of escalation."""

    at: float
    receiver: str
    level: int = 0


class NotedIncident(msgspec.Struct, frozen=True, kw_only=True):
    """An incident. `delay` is how long after the first failure it was opened; `told` says when each receiver
    was told of it first; empty: nobody was.
    """

    first_failure_at: float
    opened_at: float
    resolved_at: float | None
    state: Health
    reason: str
    delay: float
    told: tuple[Told, ...] = ()

    @property
    def told_at(self) -> float | None:
        """When somebody was told first."""
        return min((each.at for each in self.told), default=None)


class NotedAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that fired. `delay` is how long after the first failure; None for one that tells of no
    incident, but for an `objective`. `receivers` were told of it, the first at `told_at`.
    """

    name: str
    severity: str
    capability: str
    at: float
    ended_at: float | None
    delay: float | None
    told_at: float | None
    receivers: tuple[str, ...]
    objective: str = ""


class AlertSide(msgspec.Struct, frozen=True, kw_only=True):
    """What some rules make of what was recorded. `messages` counts them by receiver, `assumed` the checks
    that were never made, `left_out` incidents and alerts that were too many to tell.
    """

    incidents: tuple[NotedIncident, ...]
    alerts: tuple[NotedAlert, ...]
    messages: Mapping[str, int]
    open_seconds: float
    assumed: int = 0
    left_out: int = 0

    @property
    def untold(self) -> int:
        """How many incidents nobody was told of."""
        return sum(not each.told for each in self.incidents)


class AlertBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides, and how they differ: alerts that only today's rules raise (`saved`) and only the proposed
    ones (`added`), and today's incidents in whose time the proposed rules open none (`unnoticed`). `fidelity`
    tells how many recorded openings and ends of incidents today's rules give back, within a minute and a
    half.
    """

    changes: tuple[Change, ...]
    fidelity: Fidelity
    today: AlertSide
    proposed: AlertSide
    saved: tuple[NotedAlert, ...]
    added: tuple[NotedAlert, ...]
    unnoticed: tuple[NotedIncident, ...]
    notes: tuple[str, ...] = ()
