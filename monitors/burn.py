"""How fast an error budget is spent, and when that is worth an alert: the one table for Dialtone's own alerts
and for the Prometheus rules.

Multi-window, multi-burn-rate alerts of the Site Reliability Workbook, chapter 5, table 5-8, with its fourth
pair of windows: a pair fires while both windows are at or above the factor; the short one ends it soon.
"""

from typing import NamedTuple

FEWEST_EVENTS = 10
FEWEST_FAILURES = 2
"""What the short window must hold: with less, one failure is a burn, and confirmed health says more."""

COUNTED_SHARE = 0.5
"""How much of the long window must have been counted at all: what is young burns too easily."""

_DAY = 86_400


class BurnPair(NamedTuple):
    """Two windows in seconds. `budget` is the share of the whole budget that is spent when the burn lasts for
    the long window, `severity` that of the alert.
    """

    short: int
    long: int
    budget: float
    severity: str

    @property
    def name(self) -> str:
        """Both windows, as people write them: `5m/1h`."""
        return f"{window_name(self.short)}/{window_name(self.long)}"

    def factor(self, window_days: float = 30.0) -> float:
        """The burn rate at which it fires, for an objective over so many days; for 30 days 14.4, 6, 3, 1."""
        return self.budget * window_days * _DAY / self.long


BURN_PAIRS = (
    BurnPair(300, 3_600, 0.02, "critical"),
    BurnPair(1_800, 21_600, 0.05, "critical"),
    BurnPair(7_200, 86_400, 0.10, "warning"),
    BurnPair(21_600, 259_200, 0.10, "warning"),
)
"""The steepest first."""


class Tally(NamedTuple):
    """Events of one window: good ones and bad ones."""

    good: int = 0
    bad: int = 0

    @property
    def events(self) -> int:
        """All of them."""
        return self.good + self.bad

    @property
    def bad_ratio(self) -> float:
        """The share of bad ones; 0 without any events."""
        return self.bad / self.events if self.events else 0.0

    def burn(self, objective: float) -> float:
        """How many times as fast as allowed the budget is spent; `objective` is a ratio below 1."""
        return self.bad_ratio / (1.0 - objective)


def is_short_burning(short: Tally, *, factor: float, objective: float) -> bool:
    """Whether the short window of a pair holds enough to tell, and burns at the factor."""
    if short.events < FEWEST_EVENTS or short.bad < FEWEST_FAILURES:
        return False
    return short.burn(objective) >= factor


def fires(pair: BurnPair, *, short: Tally, long: Tally, age: float, objective: float, factor: float) -> bool:
    """Whether a pair of windows asks for an alert at a burn rate of `factor`; `age` is for how many seconds
    there are counts.
    """
    is_young = age < COUNTED_SHARE * pair.long
    if is_young or not is_short_burning(short, factor=factor, objective=objective):
        return False
    return long.burn(objective) >= factor


def budget_left(tally: Tally, objective: float) -> float:
    """The share of the budget that is left, 1 for all of it, below 0 when more was spent than there was."""
    return 1.0 - tally.burn(objective)


def window_name(seconds: int) -> str:
    """A window as people write it: `5m`, `6h`, `3d`."""
    for unit, length in (("d", _DAY), ("h", 3_600)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds // 60}m"
