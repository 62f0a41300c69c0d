"""What an objective or a heartbeat would have told of. Times are UTC seconds, durations seconds."""

from typing import Literal

import msgspec

from exporters.analytics.backtest.alerts.outcome import AlertBacktest


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What an objective counted between start and end; `budget_left` is the share of its budget that was left
    at the end, below 0 when it was overspent.
    """

    good: int
    bad: int
    budget_left: float


class WatchedBacktest(msgspec.Struct, frozen=True, kw_only=True):
    """What an objective or a heartbeat, `name`, would have done between `start` and `end`.

    `heard` is how much was recorded of it: requests that an objective may count, reports to a heartbeat.
    `today` and `proposed` are what an objective counted on each side; None for a heartbeat, and where that
    side has no such objective. `truncated`: there was more than is read, and `end` is where reading stopped.
    What became of it stands in `alerts`, whose `fidelity` tells how many recorded changes of an objective's
    alert, or openings and ends of a heartbeat's incidents, today's settings give back.
    """

    kind: Literal["objective", "heartbeat"]
    name: str
    start: float
    end: float
    heard: int
    alerts: AlertBacktest
    today: Spent | None = None
    proposed: Spent | None = None
    truncated: bool = False
