"""What an operator may declare as a service level objective."""

import functools
import hashlib
import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from monitors.alerts.matchers import parse_matcher
from monitors.burn import BURN_PAIRS, BurnPair

Counted = Literal["traffic", "checks", "both"]

MAX_NAME = 63
MAX_WINDOW_DAYS = 90

_PAIRS = ", ".join(pair.name for pair in BURN_PAIRS)


class SLOSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An objective: `objective` percent of all requests are good, over `window_days`.

    It covers the `integrations` named, or all whose labels meet `matchers` (integration, vendor, team,
    environment, tier, region); both empty: all. A request is good when it succeeds, and takes at most
    `latency_below` seconds where that is given. `counted` says whether live calls or checks count, or both.
    `burn_rates` are those at which the pairs of windows alert, the steepest first; empty: those that spend
    the same share of any window's budget.
    """

    name: str
    objective: float
    integrations: tuple[str, ...] = ()
    matchers: tuple[str, ...] = ()
    window_days: float = 30.0
    latency_below: float | None = None
    counted: Counted = "both"
    burn_rates: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an objective that leaves no budget, or cannot be measured.

        Raises:
            ValueError: with the key and what it must be.
        """
        if not 0 < len(self.name) <= MAX_NAME or not self.name.isprintable():
            raise ValueError(f"slos.name must have 1 to {MAX_NAME} characters")
        if not 50 <= self.objective < 100:
            raise ValueError("slos.objective must be from 50 to below 100 percent: 100 leaves no budget")
        if not 1 <= self.window_days <= MAX_WINDOW_DAYS:
            raise ValueError(f"slos.window_days must be from 1 to {MAX_WINDOW_DAYS}")
        if self.latency_below is not None and self.latency_below <= 0:
            raise ValueError("slos.latency_below must be above 0 seconds")
        _require_rates(self.burn_rates)
        if self.integrations and self.matchers:
            raise ValueError("slos take either integrations or matchers, not both")
        for matcher in self.matchers:
            parse_matcher(matcher)

    @property
    def ratio(self) -> float:
        """The objective as a ratio."""
        return self.objective / 100

    def burn_factors(self) -> Sequence[tuple[BurnPair, float]]:
        """The pairs of windows, each with the burn rate at which it alerts."""
        return _factors(self.window_days, self.burn_rates)

    @property
    def key(self) -> str:
        """What its counts are stored under: one that counts something else begins anew."""
        counted = f"{self.counted} {self.latency_below}"
        return f"{self.name} {hashlib.sha256(counted.encode()).hexdigest()[:8]}"


def _require_rates(rates: Sequence[float]) -> None:
    if rates and len(rates) != len(BURN_PAIRS):
        raise ValueError(f"slos.burn_rates must be {len(BURN_PAIRS)} numbers: one for {_PAIRS}")
    if not all(0 < rate < math.inf for rate in rates):
        raise ValueError("slos.burn_rates must be above 0")


@functools.lru_cache(maxsize=1_000)
def _factors(window_days: float, burn_rates: tuple[float, ...]) -> tuple[tuple[BurnPair, float], ...]:
    rates = burn_rates or tuple(pair.factor(window_days) for pair in BURN_PAIRS)
    return tuple(zip(BURN_PAIRS, rates, strict=True))
