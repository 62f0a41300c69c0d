"""What a breaker knows of the recent past: a time window of counts, and how long calls usually take."""

from math import frexp

_PERIOD = 300.0
_OFFSET = 160
_SIZE = 320
_ENOUGH = 20.0


class CallWindow:
    """Counts of the last `seconds` seconds, in one-second buckets; adding and evicting are O(1).

    The second that runs, until `ends`, is counted in the sums alone, and gets its bucket when it is over: so
    who counts a call that was neither bad nor slow does so by hand, in two lines. The buckets are made then
    too: most integrations have only checks, which never come here.
    """

    __slots__ = ("_before", "_buckets", "_second", "_size", "calls", "ends", "failures", "slow")

    def __init__(self, seconds: int) -> None:
        self._size = seconds
        self._second = 0
        self._buckets: _Buckets | None = None
        self._before = (0, 0, 0)
        self.ends = 1
        self.calls = 0
        self.failures = 0
        self.slow = 0

    def add(self, now: float, failed: int, slow: int) -> None:
        """Count one call that ended at `now` (monotonic seconds); `failed` and `slow` are 0 or 1."""
        if now >= self.ends:
            self.move_to(now)
        self.calls += 1
        self.failures += failed
        self.slow += slow

    def move_to(self, now: float) -> None:
        """Evict what is too old at `now`; a time that goes back evicts nothing."""
        second = int(now)
        if second <= self._second:
            return
        if self.calls:
            buckets = self._buckets = self._buckets or _Buckets(self._size)
            self._fill(buckets, self._second % self._size)
            for passed in range(self._second + 1, min(second, self._second + self._size) + 1):
                self._evict(buckets, passed % self._size)
        self._before = (self.calls, self.failures, self.slow)
        self._second, self.ends = second, second + 1

    def _fill(self, buckets: "_Buckets", place: int) -> None:
        """Put what the second that is over has added into its bucket."""
        calls, failures, slow = self._before
        buckets.calls[place] = self.calls - calls
        buckets.failures[place] = self.failures - failures
        buckets.slow[place] = self.slow - slow

    def _evict(self, buckets: "_Buckets", place: int) -> None:
        self.calls -= buckets.calls[place]
        self.failures -= buckets.failures[place]
        self.slow -= buckets.slow[place]
        buckets.calls[place] = buckets.failures[place] = buckets.slow[place] = 0


class _Buckets:
    """A count of each kind for each second of a window."""

    __slots__ = ("calls", "failures", "slow")

    def __init__(self, seconds: int) -> None:
        self.calls, self.failures, self.slow = ([0] * seconds for _ in range(3))


class _Periods:
    """The buckets of durations: what counts, what counts with the next rotation, and what is gathered."""

    __slots__ = ("fresh", "ripening", "settled")

    def __init__(self) -> None:
        self.settled = [0.0] * _SIZE
        self.ripening, self.fresh = [0] * _SIZE, [0] * _SIZE


class UsualDuration:
    """The rolling p95 of successful calls, from buckets that are four to an octave, about ±10 %.

    A period of five minutes counts only from the second rotation after it on, and then halves with each: so
    calls that just became slow do not move the line they are measured against before the breaker has seen
    them.
    """

    __slots__ = ("_periods", "_rotates_at", "p95")

    def __init__(self) -> None:
        self._periods: _Periods | None = None
        self._rotates_at = 0.0
        self.p95: float | None = None

    def add(self, now: float, seconds: float) -> bool:
        """Count one success that ended at `now` (monotonic seconds); return whether p95 may have changed."""
        periods = self._periods or self._begin()
        fraction, exponent = frexp(seconds)
        periods.fresh[_OFFSET + 4 * exponent + int(8 * fraction)] += 1
        if now < self._rotates_at:
            return False
        self._rotate(periods, now)
        return True

    def _begin(self) -> _Periods:
        self._periods = _Periods()
        return self._periods

    def _rotate(self, periods: _Periods, now: float) -> None:
        if self._rotates_at:
            pairs = zip(periods.settled, periods.ripening, strict=True)
            periods.settled = [settled / 2 + ripe for settled, ripe in pairs]
            periods.ripening, periods.fresh = periods.fresh, [0] * _SIZE
            self.p95 = _percentile(periods.settled, 0.95)
        self._rotates_at = now + _PERIOD


def _percentile(settled: list[float], share: float) -> float | None:
    total = sum(settled)
    if total < _ENOUGH:
        return None
    below = 0.0
    for place, count in enumerate(settled):
        below += count
        if below >= share * total:
            exponent, step = divmod(place - _OFFSET - 4, 4)
            return float(2.0**exponent * (step + 4.5) / 8)
    return None
