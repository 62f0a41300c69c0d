"""How many a second: a token bucket that holds two seconds' worth."""

from integrations.clock import Clock

BURST_SECONDS = 2.0


class Pace:
    """Lets `rate` a second pass on the whole, and at once as many as two seconds bring."""

    def __init__(self, rate: float, *, clock: Clock) -> None:
        self._rate = rate
        self._clock = clock
        self._most = max(1.0, rate * BURST_SECONDS)
        self._left = self._most
        self._at = clock.monotonic()

    def wait(self) -> float:
        """Take one and return 0, or return the seconds after which there is one."""
        now = self._clock.monotonic()
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1.0:
            return (1.0 - self._left) / self._rate
        self._left -= 1.0
        return 0.0
