"""Counts of an objective that answer for any window at once, for replays that ask hundreds of thousands of
times.
"""

from bisect import bisect_left, bisect_right

from monitors.burn import Tally
from monitors.slo_counts import HOUR, MINUTE, MINUTES_KEPT, Counts, SavedHour

_MINUTES = HOUR // MINUTE


class SummedCounts(Counts):
    """The same counts, with the sums up to each minute that has events. Events come in the order of time,
    after all that is restored.
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self._at: list[int] = []
        self._good = [0]
        self._bad = [0]

    def add(self, at: float, *, good: bool, times: int = 1) -> None:
        """Count one event, or so many alike."""
        super().add(at, good=good, times=times)
        self._sum(int(at) // MINUTE, good=times if good else 0, bad=0 if good else times)

    def restore(self, saved: SavedHour) -> None:
        """Go on with an hour that was stored; one whose minutes are not known any more lies in its last."""
        super().restore(saved)
        minutes = saved.minutes or {_MINUTES - 1: (saved.good, saved.bad)}
        for minute, (good, bad) in sorted(minutes.items()):
            self._sum(saved.hour * _MINUTES + minute, good=good, bad=bad)

    def tally(self, now: float, seconds: float) -> Tally:
        """What the window of `seconds` up to now holds, to the minute; beyond three days to the hour."""
        if seconds > MINUTES_KEPT:
            return super().tally(now, seconds)
        last = int(now) // MINUTE
        end = len(self._at) if not self._at or self._at[-1] <= last else bisect_right(self._at, last)
        begin = bisect_left(self._at, last - int(seconds) // MINUTE + 1, 0, end)
        return Tally(self._good[end] - self._good[begin], self._bad[end] - self._bad[begin])

    def forget(self, now: float, *, seconds: float) -> None:
        """Keep no minutes that no burn looks at, and no hours beyond `seconds`."""
        super().forget(now, seconds=seconds)
        over = bisect_left(self._at, int(now - MINUTES_KEPT) // MINUTE)
        del self._at[:over], self._good[:over], self._bad[:over]

    def _sum(self, minute: int, *, good: int, bad: int) -> None:
        if not self._at or minute > self._at[-1]:
            self._at.append(minute)
            self._good.append(self._good[-1])
            self._bad.append(self._bad[-1])
        self._good[-1] += good
        self._bad[-1] += bad
