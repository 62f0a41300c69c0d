"""Good and bad events: by the minute for three days, by the hour for as long as an objective looks back."""

import math
from collections.abc import Iterable, Mapping

import msgspec

from monitors.burn import BURN_PAIRS, Tally

MINUTE = 60
HOUR = 3_600
MINUTES_KEPT = max(pair.long for pair in BURN_PAIRS) + 2 * HOUR
"""Seconds for which minutes are kept apart."""


class SavedHour(msgspec.Struct, frozen=True, kw_only=True):
    """One hour of one objective, as it is stored: `hour` counts since 1970, `minutes` are minutes of the hour
    with their good and bad events, and empty for an hour long past.
    """

    key: str
    hour: int
    good: int
    bad: int
    minutes: Mapping[int, tuple[int, int]] = {}


class _Hour:
    __slots__ = ("bad", "good", "minutes")

    def __init__(self) -> None:
        self.good = 0
        self.bad = 0
        self.minutes: dict[int, list[int]] = {}


class Counts:
    """The events of one objective. Times are UTC seconds."""

    def __init__(self, key: str) -> None:
        self.key = key
        self._hours: dict[int, _Hour] = {}
        self._unsaved: set[int] = set()
        self._first = math.inf

    def age(self, now: float) -> float:
        """Seconds since the first event that was counted; below 0 when there was none."""
        return now - self._first

    def add(self, at: float, *, good: bool, times: int = 1) -> None:
        """Count one event, or so many alike."""
        self._first = min(self._first, at)
        number, second = divmod(int(at), HOUR)
        hour = self._hours.get(number)
        if hour is None:
            hour = self._hours[number] = _Hour()
        minute = hour.minutes.setdefault(second // MINUTE, [0, 0])
        if good:
            hour.good += times
            minute[0] += times
        else:
            hour.bad += times
            minute[1] += times
        self._unsaved.add(number)

    def tally(self, now: float, seconds: float) -> Tally:
        """What the window of `seconds` up to now holds, to the minute; beyond three days to the hour."""
        last = int(now) // MINUTE
        first = last - int(seconds) // MINUTE + 1
        first_hour, last_hour = first * MINUTE // HOUR, last * MINUTE // HOUR
        good = bad = 0
        for number in range(first_hour, last_hour + 1):
            hour = self._hours.get(number)
            if hour is None:
                continue
            is_whole = first <= number * 60 and number * 60 + 59 <= last
            if is_whole or not hour.minutes:
                good, bad = good + hour.good, bad + hour.bad
                continue
            for minute, (its_good, its_bad) in hour.minutes.items():
                if first <= number * 60 + minute <= last:
                    good, bad = good + its_good, bad + its_bad
        return Tally(good, bad)

    def forget(self, now: float, *, seconds: float) -> None:
        """Keep no minutes that no burn looks at, and no hours beyond `seconds`."""
        oldest, detailed = int(now - seconds) // HOUR, int(now - MINUTES_KEPT) // HOUR
        for number in [number for number in self._hours if number < oldest]:
            del self._hours[number]
            self._unsaved.discard(number)
        for number, hour in self._hours.items():
            if number < detailed and hour.minutes:
                hour.minutes = {}
                self._unsaved.add(number)

    def take_unsaved(self) -> list[SavedHour]:
        """The hours that have changed since they were taken last."""
        numbers, self._unsaved = sorted(self._unsaved), set()
        return [self._saved(number, self._hours[number]) for number in numbers if number in self._hours]

    def put_back(self, hours: Iterable[SavedHour]) -> None:
        """Take hours again that could not be stored."""
        self._unsaved.update(hour.hour for hour in hours)

    def restore(self, saved: SavedHour) -> None:
        """Go on with what is stored."""
        hour = self._hours[saved.hour] = _Hour()
        hour.good, hour.bad = saved.good, saved.bad
        hour.minutes = {minute: list(pair) for minute, pair in saved.minutes.items()}
        self._first = min(self._first, saved.hour * HOUR + min(saved.minutes, default=0) * MINUTE)

    def _saved(self, number: int, hour: _Hour) -> SavedHour:
        minutes = {minute: (good, bad) for minute, (good, bad) in hour.minutes.items()}
        return SavedHour(key=self.key, hour=number, good=hour.good, bad=hour.bad, minutes=minutes)
