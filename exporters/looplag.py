"""How late the event loop runs: a timer that looks at the clock when it fires."""

from collections import deque
from collections.abc import Iterable

from integrations.clock import Clock
from integrations.samples import Sample

INTERVAL = 0.5
WINDOW = 30.0


class LoopLag:
    """Measures every `interval` seconds how much too late it was woken, and keeps the last `window` seconds.

    A stall shorter than the rest of an interval may pass unseen; the value is the largest that was seen.
    """

    def __init__(self, *, clock: Clock, interval: float = INTERVAL, window: float = WINDOW) -> None:
        self._clock = clock
        self._interval = interval
        self._lags: deque[float] = deque(maxlen=max(1, round(window / interval)))
        self._due: float | None = None

    async def run(self) -> None:
        """Measure until cancelled; its owner runs it in a task group."""
        while True:
            self._due = self._clock.monotonic() + self._interval
            await self._clock.sleep(self._interval)
            self._lags.append(self._overdue())

    def samples(self) -> Iterable[Sample]:
        """The longest delay of the window, counting a wake-up that is overdue now."""
        if self._due is not None:
            yield Sample("dialtone_event_loop_lag_seconds", (), max(self._overdue(), *self._lags, 0.0))

    def _overdue(self) -> float:
        return 0.0 if self._due is None else max(0.0, self._clock.monotonic() - self._due)
