"""What is usual: an exponentially weighted mean of a figure, and a robust measure of how far it strays.

The spread is the weighted mean of absolute deviations, times 1.2533, which makes it the standard deviation of
what is normally distributed. Once warm, a value counts as at most three spreads away (Huber's way with
outliers), so that an outage hardly becomes usual; what lasts for days does.
"""

import msgspec

MEMORY = 1_440
"""Values that are remembered: a day of minutes."""

WARM = 60
"""Values before which nothing is said to be unusual."""

CLIP = 3.0
FAR = 4.0
"""Spreads above what is usual at which a value is unusual."""

_TO_SIGMA = 1.2533


class Baseline(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The usual `level` of a figure and its `spread`, from so many `samples`."""

    level: float = 0.0
    spread: float = 0.0
    samples: int = 0

    @property
    def is_warm(self) -> bool:
        """Whether it has seen enough to say what is unusual."""
        return self.samples >= WARM

    def learned(self, value: float, *, least_spread: float) -> "Baseline":
        """The baseline with one more value; `least_spread` keeps a figure that never moved from freezing."""
        if not self.samples:
            return Baseline(level=value, samples=1)
        count = min(self.samples + 1, MEMORY)
        away = value - self.level
        if self.is_warm:
            limit = CLIP * max(self.spread, least_spread)
            away = max(-limit, min(limit, away))
        return Baseline(
            level=self.level + away / count,
            spread=self.spread + (abs(away) * _TO_SIGMA - self.spread) / count,
            samples=count,
        )

    def limit(self, *, least_spread: float) -> float | None:
        """The value above which the figure is unusual; None while that cannot be said."""
        return self.level + FAR * max(self.spread, least_spread) if self.is_warm else None


class LiveBaselines(msgspec.Struct, frozen=True, kw_only=True):
    """What is usual for a capability's live calls: the share that fails, the logarithm of the 95th
    percentile.
    """

    errors: Baseline = Baseline()
    latency: Baseline = Baseline()
