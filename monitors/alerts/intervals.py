"""Named stretches of time in which routes are muted or active, and maintenance windows: Alertmanager's
time_intervals, with IANA zones (docs/configuration.md of prometheus/alertmanager).
"""

import calendar
import datetime as dt
import re
from collections.abc import Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

_WEEKDAYS = {name.lower(): number for number, name in enumerate(calendar.day_name)}
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
_DAY_MINUTES = 1440


class TimeRange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From `start_time`, inclusive, to `end_time`, exclusive: `HH:MM`, 24:00 is the end of the day."""

    start_time: str
    end_time: str


class TimeInterval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stretch of time: all parts that are given must hold. Ranges are inclusive and written `from:to`;
    those of weekdays may reach into the next week.

    `weekdays` are names (`monday:friday`), `days_of_month` count from 1, or from -1 at the month's end,
    `months` are names or numbers. `location` is an IANA zone; without one times are UTC.
    """

    times: tuple[TimeRange, ...] = ()
    weekdays: tuple[str, ...] = ()
    days_of_month: tuple[str, ...] = ()
    months: tuple[str, ...] = ()
    years: tuple[str, ...] = ()
    location: str = "UTC"


class IntervalError(ValueError):
    """A time interval cannot be read; the message names the part and says what is expected."""


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    zone: ZoneInfo
    minutes: tuple[tuple[int, int], ...]
    weekdays: tuple[tuple[int, int], ...]
    days: tuple[tuple[int, int], ...]
    months: tuple[tuple[int, int], ...]
    years: tuple[tuple[int, int], ...]


class Calendar:
    """Time intervals by name, read once.

    Raises:
        IntervalError: naming the interval and its part.
    """

    def __init__(self, intervals: dict[str, tuple[TimeInterval, ...]]) -> None:
        self._intervals: dict[str, tuple[_Read, ...]] = {}
        for name, parts in intervals.items():
            try:
                self._intervals[name] = tuple(map(_read, parts))
            except IntervalError as error:
                raise IntervalError(f"time interval {name}: {error}") from error

    @property
    def names(self) -> Sequence[str]:
        """Of all intervals."""
        return tuple(self._intervals)

    def holds(self, name: str, at: float) -> bool:
        """Whether a moment (UTC seconds) lies in the interval of this name."""
        return any(_holds(part, at) for part in self._intervals[name])


def _holds(part: _Read, at: float) -> bool:
    local = dt.datetime.fromtimestamp(at, part.zone)
    minute = local.hour * 60 + local.minute
    return (
        _within(part.years, local.year)
        and _within(part.months, local.month)
        and _within_month(part.days, local)
        and _within(part.weekdays, local.weekday())
        and (not part.minutes or any(start <= minute < end for start, end in part.minutes))
    )


def _within(ranges: tuple[tuple[int, int], ...], value: int) -> bool:
    return not ranges or any(low <= value <= high for low, high in ranges)


def _within_month(ranges: tuple[tuple[int, int], ...], local: dt.datetime) -> bool:
    last = calendar.monthrange(local.year, local.month)[1]
    resolved = tuple(
        (low if low > 0 else max(1, last + 1 + low), min(last, high) if high > 0 else last + 1 + high)
        for low, high in ranges
    )
    return _within(resolved, local.day) if ranges else True


def _read(interval: TimeInterval) -> _Read:
    try:
        zone = ZoneInfo(interval.location)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise IntervalError(
            f"location: found {interval.location!r}, expected an IANA zone such as Europe/Paris"
        ) from error
    return _Read(
        zone=zone,
        minutes=tuple(map(_minutes, interval.times)),
        weekdays=tuple(part for text in interval.weekdays for part in _weekdays(text)),
        days=tuple(_days(text) for text in interval.days_of_month),
        months=tuple(_range("months", text, names=_MONTHS, low=1, high=12) for text in interval.months),
        years=tuple(_range("years", text, names={}, low=1, high=9999) for text in interval.years),
    )


def _minutes(times: TimeRange) -> tuple[int, int]:
    start, end = _minute(times.start_time), _minute(times.end_time)
    if start >= end:
        raise IntervalError(
            f"times: {times.start_time} is not before {times.end_time};"
            " a night is two ranges, parted at 24:00"
        )
    return start, end


def _minute(text: str) -> int:
    read = _TIME.fullmatch(text)
    minute = int(read[1]) * 60 + int(read[2]) if read else _DAY_MINUTES + 1
    if minute > _DAY_MINUTES:
        raise IntervalError(f"times: found {text!r}, expected HH:MM up to 24:00")
    return minute


def _weekdays(text: str) -> tuple[tuple[int, int], ...]:
    """A week has no first day here: `saturday:monday` goes on into the next one."""
    first, last = _ends("weekdays", text, names=_WEEKDAYS)
    return ((first, last),) if first <= last else ((first, 6), (0, last))


def _days(text: str) -> tuple[int, int]:
    low, high = _range("days_of_month", text, names={}, low=-31, high=31)
    if low == 0 or high == 0 or ((low > 0) == (high > 0) and low > high) or low < 0 < high:
        raise IntervalError(f"days_of_month: found {text!r}, expected such as 1:7, 15 or -3:-1")
    return low, high


def _range(part: str, text: str, *, names: dict[str, int], low: int, high: int) -> tuple[int, int]:
    start, end = _ends(part, text, names=names)
    is_ordered = start <= end or part == "days_of_month"
    if not (low <= start <= high and low <= end <= high and is_ordered):
        raise IntervalError(f"{part}: found {text!r}, expected a range that begins before it ends")
    return start, end


def _ends(part: str, text: str, *, names: dict[str, int]) -> tuple[int, int]:
    first, _, last = text.strip().lower().partition(":")
    start = _number(part, first, names)
    return start, _number(part, last, names) if last else start


def _number(part: str, text: str, names: dict[str, int]) -> int:
    if text in names:
        return names[text]
    if re.fullmatch(r"-?\d{1,4}", text) and part != "weekdays":
        return int(text)
    expected = f"one of {', '.join(names)}" if names else "a number"
    raise IntervalError(f"{part}: found {text!r}, expected {expected}")
