"""The last results of a capability's checks: how many failed alone, and how often one fails by chance.

A failure that a success follows before it is confirmed stands alone; those that became a verdict are no
chance, and are not counted. A capability that fails by chance now and then needs more failures in a row: as
many as are as unlikely there as `fail_after` are where one result of `CLEAN` fails.
"""

from functools import lru_cache
from math import ceil, log

import msgspec

MOST = 60
"""Results that are kept one by one."""

CLEAN = 0.004
"""The share of results that fails by chance where all is well: one in 250."""

MEMORY = 500
_PRIOR = 25
"""Results that the assumption of `CLEAN` is worth at first."""

_LONGEST = 3
"""At most so many times `fail_after`, and one more."""


class Share(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """So many failures `of` so many results."""

    failed: int
    of: int


class Results(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The last results: `bits` of the `count` newest (1 failed, the newest is lowest), and the `share` that
    fails by chance, from `learned` results.
    """

    bits: int = 0
    count: int = 0
    share: float = CLEAN
    learned: int = _PRIOR

    def taken(self, *, failed: int) -> "Results":
        """With a success that `failed` failures in a row came before."""
        if not failed:
            return _succeeded(self)
        after = self
        for is_failure in (*[True] * min(failed, MOST), False):
            after = after._with(is_failure=is_failure)
        return after

    def without_failures(self) -> "Results":
        """With nothing but how often it fails by chance: a recovery begins anew."""
        return msgspec.structs.replace(self, bits=0, count=0)

    def among(self, newest: int, *, running: int = 0) -> Share:
        """How many of the newest results failed, with `running` failures in a row that no success ended."""
        older = max(0, min(newest - running, self.count))
        failed = (self.bits & ((1 << older) - 1)).bit_count()
        return Share(failed=failed + min(running, newest), of=older + min(running, newest))

    def patience(self, fail_after: int) -> int:
        """How many failures in a row are no chance here."""
        if self.share <= CLEAN:
            return fail_after
        wanted = ceil(fail_after * log(CLEAN) / log(min(self.share, 0.9)))
        return min(wanted, _LONGEST * fail_after + 1)

    def _with(self, *, is_failure: bool) -> "Results":
        count = min(self.learned + 1, MEMORY)
        return Results(
            bits=((self.bits << 1) | is_failure) & ((1 << MOST) - 1),
            count=min(self.count + 1, MOST),
            share=self.share + (is_failure - self.share) / count,
            learned=count,
        )


@lru_cache(maxsize=1024)
def _succeeded(before: Results) -> Results:
    """With one more success. Most have succeeded equally often and failed never, and share what is equal."""
    return before._with(is_failure=False)  # noqa: SLF001 - of its own class
