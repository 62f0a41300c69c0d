"""UTC seconds that never jump: what due times, silences and repeats are measured in.

A wall clock that is set an hour ahead must neither end a silence nor repeat every notification.
"""

from collections import OrderedDict

import structlog

from integrations.clock import Clock

LARGEST_STEP = 60.0
"""Seconds that the wall clock may differ from what passed before it is said to have jumped."""

MOST_DEADLINES = 10_000

log = structlog.get_logger("dialtone.alerts")


class SteadyClock:
    """The wall clock as it was at the start, moved on by the monotonic clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.time() - clock.monotonic()
        self._told = 0.0
        self._deadlines: OrderedDict[float, float] = OrderedDict()

    def now(self) -> float:
        """The present moment; says in the log when the wall clock jumped."""
        now = self._clock.monotonic() + self._offset
        jump = self._clock.time() - now
        if abs(jump - self._told) > LARGEST_STEP:
            log.warning("the wall clock jumped; nothing expires early for it", seconds=round(jump, 1))
            self._told = jump
        return now

    def wall(self, moment: float) -> float:
        """A moment of `now` as the wall clock tells it at present."""
        return moment + self._clock.time() - self._clock.monotonic() - self._offset

    def deadline(self, stamp: float) -> float:
        """When a wall clock's stamp is reached, in seconds of `now`: as the wall clock stood when this stamp
        was asked for first.
        """
        known = self._deadlines.get(stamp)
        if known is None:
            known = self._deadlines[stamp] = self.now() + stamp - self._clock.time()
            if len(self._deadlines) > MOST_DEADLINES:
                self._deadlines.popitem(last=False)
        return known
