"""Which time a report is about: a month, or from one moment to another, as people of a zone count days."""

import datetime as dt
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from exporters.analytics.parameters import InvalidParams, Parameter

DAY = 86_400.0
LONGEST_DAYS = 400

_MONTH = re.compile(r"(\d{4})-(\d{2})")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From `start`, inclusive, to `end`, exclusive (UTC seconds), with days as in `zone` (an IANA name).

    `until` is the end, or now where the period is not over. What is compared with is from `before_start` to
    `before_end`: as much of the month before, or of the time before.
    """

    name: str
    zone: str
    start: float
    end: float
    until: float
    before_name: str
    before_start: float
    before_end: float

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is still to come."""
        return self.until >= self.end

    @property
    def days(self) -> tuple[dt.date, ...]:
        """Its days as the zone counts them, the last one also where only a part of it lies within."""
        zone = ZoneInfo(self.zone)
        first = dt.datetime.fromtimestamp(self.start, zone).date()
        last = dt.datetime.fromtimestamp(self.end - 1e-6, zone).date()
        return tuple(first + dt.timedelta(days=number) for number in range((last - first).days + 1))


def read_period(
    *,
    month: str | None = None,
    start: str | None = None,
    end: str | None = None,
    zone: str = "UTC",
    now: float,
) -> Period:
    """Read what a person asks for; without anything it is the last month that is over.

    `month` is YYYY-MM. `start` and `end` are days (YYYY-MM-DD, from midnight in the zone), times, or relative
    such as -7d.

    Raises:
        InvalidParams: for what cannot be read, has not begun, or is longer than LONGEST_DAYS.
    """
    known = read_zone(zone)
    if month is not None and (start is not None or end is not None):
        raise InvalidParams("month", found=month, expected="either month, or from and to")
    if start is None and end is None:
        return _of_month(_month(month, known, now), known, now)
    if start is None:
        raise InvalidParams("from", found="nothing", expected="a start beside to, such as 2026-11-01 or -7d")
    return _between(
        _moment("from", start, zone=known, now=now),
        _moment("to", end or "now", zone=known, now=now),
        known,
        now=now,
    )


def read_zone(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        InvalidParams: when there is none of this name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        expected = "an IANA time zone such as Europe/Paris or UTC"
        raise InvalidParams("tz", found=name[:80], expected=expected) from None


def _month(text: str | None, zone: ZoneInfo, now: float) -> dt.datetime:
    this = dt.datetime.fromtimestamp(now, zone).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    if text is None:
        return _month_before(this)
    read = _MONTH.fullmatch(text)
    try:
        first = dt.datetime(int(read[1]), int(read[2]), 1, tzinfo=zone) if read else None
    except ValueError:
        first = None
    if first is None or first.timestamp() < 0:
        raise InvalidParams("month", found=text[:40], expected="a month such as 2026-11")
    if first > this:
        expected = f"a month that has begun, at most {this:%Y-%m}"
        raise InvalidParams("month", found=text, expected=expected)
    return first


def _month_before(first: dt.datetime) -> dt.datetime:
    return (first - dt.timedelta(days=1)).replace(day=1, hour=0, fold=0)


def _month_after(first: dt.datetime) -> dt.datetime:
    return (first + dt.timedelta(days=32)).replace(day=1, hour=0, fold=0)


def _of_month(first: dt.datetime, zone: ZoneInfo, now: float) -> Period:
    start, end = first.timestamp(), _month_after(first).timestamp()
    before = _month_before(first)
    until = min(end, max(now, start))
    passed = start if until >= end else before.timestamp() + (until - start)
    return Period(
        name=f"{first:%B %Y}",
        zone=zone.key,
        start=start,
        end=end,
        until=until,
        before_name=f"{before:%B %Y}",
        before_start=before.timestamp(),
        before_end=min(start, passed),
    )


def _moment(name: str, text: str, *, zone: ZoneInfo, now: float) -> float:
    """A day begins at midnight in the zone, and a time without an offset is the zone's."""
    if _DATE.fullmatch(text) or (text[:4].isdigit() and "T" in text):
        try:
            moment = dt.datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
        except (ValueError, OverflowError):
            expected = "a day such as 2026-11-01, a time, or relative such as -7d"
            raise InvalidParams(name, found=text[:40], expected=expected) from None
    read = Parameter(name=name, type="time", doc="").read(text, now)
    assert isinstance(read, dt.datetime)  # noqa: S101 - a parameter of this type is nothing else
    return read.replace(tzinfo=dt.UTC).timestamp()


def _between(start: float, end: float, zone: ZoneInfo, *, now: float) -> Period:
    if not 0 <= start < now:
        raise InvalidParams("from", found=_written(start, zone), expected="a time that is past")
    if end <= start:
        raise InvalidParams("to", found=_written(end, zone), expected=f"a time after {_written(start, zone)}")
    if end - start > LONGEST_DAYS * DAY:
        raise InvalidParams("from", found=_written(start, zone), expected=f"at most {LONGEST_DAYS} days")
    until = min(end, now)
    length = until - start
    return Period(
        name=f"{_written(start, zone)} to {_written(end, zone)}",
        zone=zone.key,
        start=start,
        end=end,
        until=until,
        before_name="the time before",
        before_start=max(0.0, start - length),
        before_end=start,
    )


def _written(at: float, zone: ZoneInfo) -> str:
    """A day alone where it is midnight."""
    moment = dt.datetime.fromtimestamp(at, zone)
    is_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return moment.strftime("%Y-%m-%d" if is_midnight else "%Y-%m-%d %H:%M")
