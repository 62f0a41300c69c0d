"""What an operator may declare as a service level objective."""

import hashlib
from typing import Literal

import msgspec

from monitors.alerts.matchers import parse_matcher

Counted = Literal["traffic", "checks", "both"]

MAX_NAME = 63
MAX_WINDOW_DAYS = 90


class SLOSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An objective: `objective` percent of all requests are good, over `window_days`.

    It covers the `integrations` named, or all whose labels meet `matchers` (integration, vendor, team,
    environment, tier, region); both empty: all. A request is good when it succeeds, and takes at most
    `latency_below` seconds where that is given. `counted` says whether live calls or checks count, or both.
    """

    name: str
    objective: float
    integrations: tuple[str, ...] = ()
    matchers: tuple[str, ...] = ()
    window_days: float = 30.0
    latency_below: float | None = None
    counted: Counted = "both"

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
        if self.integrations and self.matchers:
            raise ValueError("slos take either integrations or matchers, not both")
        for matcher in self.matchers:
            parse_matcher(matcher)

    @property
    def ratio(self) -> float:
        """The objective as a ratio."""
        return self.objective / 100

    @property
    def key(self) -> str:
        """What its counts are stored under: one that counts something else begins anew."""
        counted = f"{self.counted} {self.latency_below}"
        return f"{self.name} {hashlib.sha256(counted.encode()).hexdigest()[:8]}"
