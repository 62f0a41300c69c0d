"""What a breaker knows of the recent past: a time window of counts, and how long calls usually take."""

from math import frexp

_PERIOD = 300.0
_OFFSET = 160
_SIZE = 320
_ENOUGH = 20.0


class CallWindow:
    """Counts of the last `seconds` seconds, in one-second buckets; adding and evicting are O(1).

    The buckets are made with the first call: most integrations have only checks, which never come here.
    """

    def __init__(self, seconds: int) -> None:
        self._size = seconds
        self._second = 0
        self._calls: list[int] = []
        self._failures: list[int] = []
        self._slow: list[int] = []
        self.calls = 0
        self.failures = 0
        self.slow = 0

    def add(self, now: float, failed: int, slow: int) -> None:
        """Count one call that ended at `now` (monotonic seconds); `failed` and `slow` are 0 or 1."""
        second = int(now)
        if second != self._second:
            self.move_to(second)
            second = self._second
        if not self._calls:
            self._calls, self._failures, self._slow = ([0] * self._size for _ in range(3))
        place = second % self._size
        self._calls[place] += 1
        self.calls += 1
        if failed:
            self._failures[place] += 1
            self.failures += 1
        if slow:
            self._slow[place] += 1
            self.slow += 1

    def move_to(self, second: int) -> None:
        """Evict what is too old at `second`; a time that goes back evicts nothing."""
        if self.calls:
            for passed in range(self._second + 1, min(second, self._second + self._size) + 1):
                self._evict(passed % self._size)
        self._second = max(second, self._second)

    def _evict(self, place: int) -> None:
        self.calls -= self._calls[place]
        self.failures -= self._failures[place]
        self.slow -= self._slow[place]
        self._calls[place] = self._failures[place] = self._slow[place] = 0


class UsualDuration:
    """The rolling p95 of successful calls, from buckets that are four to an octave, about ±10 %.

    A period of five minutes counts only from the second rotation after it on, and then halves with each: so
    calls that just became slow do not move the line they are measured against before the breaker has seen
    them.
    """

    def __init__(self) -> None:
        self._settled: list[float] = []
        self._ripening: list[int] = []
        self._fresh: list[int] = []
        self._rotates_at = 0.0
        self.p95: float | None = None

    def add(self, now: float, seconds: float) -> bool:
        """Count one success that ended at `now` (monotonic seconds); return whether p95 may have changed."""
        if not self._fresh:
            self._settled, self._ripening, self._fresh = [0.0] * _SIZE, [0] * _SIZE, [0] * _SIZE
        fraction, exponent = frexp(seconds)
        self._fresh[_OFFSET + 4 * exponent + int(8 * fraction)] += 1
        if now < self._rotates_at:
            return False
        self._rotate(now)
        return True

    def _rotate(self, now: float) -> None:
        if self._rotates_at:
            pairs = zip(self._settled, self._ripening, strict=True)
            self._settled = [settled / 2 + ripe for settled, ripe in pairs]
            self._ripening, self._fresh = self._fresh, [0] * _SIZE
            self.p95 = self._percentile(0.95)
        self._rotates_at = now + _PERIOD

    def _percentile(self, share: float) -> float | None:
        total = sum(self._settled)
        if total < _ENOUGH:
            return None
        below = 0.0
        for place, count in enumerate(self._settled):
            below += count
            if below >= share * total:
                exponent, step = divmod(place - _OFFSET - 4, 4)
                return float(2.0**exponent * (step + 4.5) / 8)
        return None
