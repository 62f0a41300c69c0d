"""The answer of a backtest. Times are UTC seconds, durations seconds."""

import msgspec

from exporters.analytics.backtest.alerts.outcome import AlertBacktest
from exporters.analytics.backtest.comparison import Change, Fidelity
from exporters.analytics.backtest.tally import Bucket, Tally
from integrations.signals import BreakerState


class Spell(msgspec.Struct, frozen=True, kw_only=True):
    """A time in which a breaker stood between calls and the vendor, from its opening until it closed.
    `seconds` is None where it had not closed at the end.
    """

    capability: str
    state: BreakerState
    start: float
    seconds: float | None
    reason: str


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one policy makes of the recorded calls. `openings` counts closed breakers that opened,
    `guarded_seconds` is how long breakers were not closed, in sum.
    """

    tally: Tally
    openings: int
    transitions: int
    guarded_seconds: float
    spells: tuple[Spell, ...]
    buckets: tuple[Bucket, ...]


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """What another policy would have done for one integration between `start` and `end`.

    `today` is today's policy replayed, `proposed` the other one; `calls` and `checks` say how much was
    recorded. `truncated`: there was more than is read, and `end` is where reading stopped. `notes` are
    sentences on what the answer rests on. `alerts` is what alerting makes of it.
    """

    integration: str
    start: float
    end: float
    changes: tuple[Change, ...]
    calls: int
    checks: int
    fidelity: Fidelity
    today: Side
    proposed: Side
    truncated: bool = False
    notes: tuple[str, ...] = ()
    alerts: AlertBacktest | None = None
