"""Whether a capability flaps: its scheduled results change too often to tell how it is.

Icinga's formula (lib/icinga/checkable-flapping.cpp): of the last 20 results each that differs from the one
before weighs 0.8 + 0.02 x its place, the oldest being 0; the sum, as a share of 20, above 30 % begins
flapping and at most 25 % ends it. A scheduled check and its repetitions are one result: the state that is
confirmed when they are through. So a failure that the next repetition takes back is none; that checks fail
now and then is another matter (monitors/results.py).

A capability that failed five scheduled times in a row does not flap, whatever was before: a pattern of such
rows changes with every fifth result, which is less than what ends flapping.
"""

from functools import lru_cache

import msgspec

RESULTS = 20
BEGINS = 30.0
ENDS = 25.0
STEADY = 5


class Flapping(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last 20 scheduled results: `changes` has a bit for each that differed from the one before (the
    newest is lowest), `failed` is how the last one went, `run` how many went so in a row. `since` is UTC
    seconds, and None while nothing flaps. `is_open`: a scheduled check was made whose result is not told yet.
    """

    changes: int = 0
    failed: bool | None = None
    run: int = 0
    since: float | None = None
    is_open: bool = False

    @property
    def is_on(self) -> bool:
        """Whether the capability flaps."""
        return self.since is not None

    @property
    def percent(self) -> float:
        """How much it changes."""
        weights = (0.8 + 0.02 * (RESULTS - 1 - bit) for bit in range(RESULTS) if self.changes >> bit & 1)
        return 100 * sum(weights) / RESULTS

    def opened(self) -> "Flapping":
        """A scheduled check was made."""
        if self.is_open:
            return self
        return _calm(self.run, is_open=True) if self._is_calm else msgspec.structs.replace(self, is_open=True)

    def taken(self, *, failed: bool, at: float) -> "Flapping":
        """With the result of the scheduled check that was made last."""
        is_change = self.failed is not None and failed is not self.failed
        run = 1 if is_change else self.run + 1
        if self._is_calm and not failed:
            return _calm(run, is_open=False)
        if failed and run >= STEADY:
            return Flapping(failed=failed, run=run)
        after = Flapping(
            changes=(self.changes << 1 | is_change) & ((1 << RESULTS) - 1), failed=failed, run=run
        )
        if after.percent > (ENDS if self.is_on else BEGINS):
            return msgspec.structs.replace(after, since=at if self.since is None else self.since)
        return after

    @property
    def _is_calm(self) -> bool:
        return self.failed is False and not self.changes and self.since is None


@lru_cache(maxsize=256)
def _calm(run: int, *, is_open: bool) -> Flapping:
    """What has never changed: one for all that succeeded as often."""
    return Flapping(failed=False, run=run, is_open=is_open)
