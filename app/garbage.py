"""Keeps the interpreter from stopping the loop: its garbage collector, and the turns of its threads.

What is long-lived is set aside (gc.freeze), so that no full collection walks it: with ten thousand
integrations one took 0.6 s, and all of them a fifth of the CPU. It is set aside once all is open, and again
after each full collection that took longer than 10 ms, for what has survived that is long-lived too. What is
set aside is still freed when nothing refers to it; only rings of references stay. So once a thousand
integrations were closed all is looked at again.

In the first seconds, when each integration is checked for the first time, nearly all that is made stays: with
ten thousand, looking at it took an eighth of the CPU until the last first result, and found nothing. So it is
looked at only if it becomes very much, and set aside at their end.

While another thread computes, such as the one that renders a scrape, the loop gets the interpreter back
within SWITCH each time it has let go of it, which it does at each read and write.
"""

import gc
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from integrations.clock import Clock

LONG = 0.01
CLOSED = 1_000
THRESHOLDS = 1_000, 5, 1_000
"""CPython's are 700, 10, 10. With ten thousand checks a minute, where most that is young stays, a look at
5,000 young objects was measured to take 15 ms, and one at 50,000 of the next age 90 ms; the loop waits. Full
collections are seldom, for hardly anything becomes a ring after it has grown old: at 100 there was one a
minute, which took a hundredth of a core and stopped the loop for 0.1 to 0.3 s, and one in each scrape.
"""

FIRST = 15.0
"""Seconds; the first rounds of checks take about ten."""

FIRST_THRESHOLDS = 1_000_000, *THRESHOLDS[1:]
"""Ten thousand integrations make about 600,000 objects until each has been checked once."""

SWITCH = 0.0001
"""Seconds; the loop's longest stall during scrapes of ten thousand integrations was 44 to 62 ms with
CPython's 0.005, though they are written in turns of 2 ms; it was 9 ms with 0.0005 and 8 ms with this one, and
6 to 8 ms without scrapes.
"""

_FULL = 2


@contextmanager
def uncollected() -> Iterator[None]:
    """Collect nothing while much is made that stays: opening ten thousand integrations takes half the time
    so, and reading their configuration four fifths. What was made is old at once, or set aside where
    more is, so that the next look at what is young does not walk it all.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            is_set_aside = gc.get_freeze_count() > 0
            gc.freeze()
            if not is_set_aside:
                # Taken back, everything is among the oldest, and nobody had to look at it.
                gc.unfreeze()
            gc.enable()


class GarbageCollection:
    """The process's garbage collector, and how its threads take turns, tamed between `start` and `stop`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._before = gc.get_threshold()
        self._switch_before = sys.getswitchinterval()
        self._began = 0.0
        self._closed = 0

    def start(self) -> None:
        """Set aside what is there, and watch from now on; `run` comes next. To collect first would take 0.8 s
        with ten thousand integrations, and free a megabyte.
        """
        self._before, self._switch_before = gc.get_threshold(), sys.getswitchinterval()
        sys.setswitchinterval(SWITCH)
        gc.set_threshold(*FIRST_THRESHOLDS)
        gc.callbacks.append(self._heed)
        gc.freeze()

    async def run(self) -> None:
        """Let the first seconds pass, and from then on look often at what is young."""
        await self._clock.sleep(FIRST)
        if self._heed in gc.callbacks:
            gc.freeze()
            gc.set_threshold(*THRESHOLDS)

    def stop(self) -> None:
        """Leave the collector as it was found, if it was started."""
        if self._heed not in gc.callbacks:
            return
        gc.callbacks.remove(self._heed)
        gc.set_threshold(*self._before)
        sys.setswitchinterval(self._switch_before)
        gc.unfreeze()

    def integrations_closed(self, count: int) -> None:
        """So many integrations are gone, and with them rings of references."""
        self._closed += count
        if self._closed >= CLOSED:
            self._closed = 0
            gc.unfreeze()

    def _heed(self, phase: str, info: Mapping[str, int]) -> None:
        if info["generation"] != _FULL:
            return
        if phase == "start":
            self._began = self._clock.monotonic()
        elif self._clock.monotonic() - self._began > LONG:
            gc.freeze()
