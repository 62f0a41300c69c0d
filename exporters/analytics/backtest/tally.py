"""What became of calls under one policy, counted."""

from enum import StrEnum

import msgspec


class End(StrEnum):
    """How a call ended. `spared`: refused, and it would have failed; `lost`: refused, and it would have
    succeeded; `refused`: refused, and nothing tells what would have been; `unknown`: let through where it
    once was refused, and no check of that time tells the rest; `other`: cancelled, or refused by another
    limit than the breaker.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"
    SPARED = "spared"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    OTHER = "other"


REFUSALS = frozenset({End.LOST, End.SPARED, End.REFUSED})


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Calls by their end, and what they took.

    `rejected` is the sum of `lost` (would have succeeded), `spared` (would have failed) and `refused` (cannot
    be told). `assumed` calls ended as checks of their time say, because nothing else tells. `attempts` were
    made at the vendor, `waited` is how many seconds calls that failed took.
    """

    calls: int = 0
    succeeded: int = 0
    failed: int = 0
    rejected: int = 0
    lost: int = 0
    spared: int = 0
    refused: int = 0
    unknown: int = 0
    other: int = 0
    assumed: int = 0
    attempts: int = 0
    waited: float = 0.0


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """Calls by their end in one stretch of time from `start` (UTC seconds) on."""

    start: float
    calls: int = 0
    failed: int = 0
    rejected: int = 0


class Counter:
    """Counts calls that begin from `start` to `end`, in all and in `buckets` stretches of equal length."""

    def __init__(self, *, start: float, end: float, buckets: int) -> None:
        self._start, self._end = start, end
        self._width = (end - start) / buckets
        self._ends = dict.fromkeys(End, 0)
        self._buckets = [[0, 0, 0] for _ in range(buckets)]
        self._assumed = self._attempts = 0
        self._waited = 0.0

    def add(self, end: End, *, began: float, seconds: float, attempts: int, is_assumed: bool) -> None:
        """Count a call that took `seconds`."""
        if not self._start <= began < self._end:
            return
        self._ends[end] += 1
        self._attempts += attempts
        self._assumed += is_assumed
        self._waited += seconds if end is End.FAILED else 0.0
        place = min(int((began - self._start) / self._width), len(self._buckets) - 1)
        bucket = self._buckets[place]
        bucket[0] += 1
        bucket[1] += end is End.FAILED
        bucket[2] += end in REFUSALS

    def tally(self) -> Tally:
        """All in one."""
        return Tally(
            calls=sum(self._ends.values()),
            rejected=sum(self._ends[each] for each in REFUSALS),
            assumed=self._assumed,
            attempts=self._attempts,
            waited=self._waited,
            **{end.value: count for end, count in self._ends.items()},
        )

    def buckets(self) -> tuple[Bucket, ...]:
        """One stretch after another."""
        starts = (self._start + place * self._width for place in range(len(self._buckets)))
        return tuple(
            Bucket(start=start, calls=calls, failed=failed, rejected=rejected)
            for start, (calls, failed, rejected) in zip(starts, self._buckets, strict=True)
        )
