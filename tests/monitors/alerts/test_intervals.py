"""Time intervals mean what Alertmanager's mean, in any zone and over changes of its clocks."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from monitors.alerts.intervals import Calendar, IntervalError, TimeInterval, TimeRange


def holds(interval: TimeInterval, when: str, *, zone: str = "UTC") -> bool:
    at = dt.datetime.fromisoformat(when).replace(tzinfo=ZoneInfo(zone)).timestamp()
    return Calendar({"it": (interval,)}).holds("it", at)


def hours(start: str, end: str, **others: object) -> TimeInterval:
    return TimeInterval(times=(TimeRange(start_time=start, end_time=end),), **others)  # type: ignore[arg-type] # keys of it


@pytest.mark.parametrize(
    ("interval", "when", "expected"),
    [
        (hours("09:00", "17:00"), "2026-03-02T09:00", True),
        (hours("09:00", "17:00"), "2026-03-02T08:59", False),
        (hours("09:00", "17:00"), "2026-03-02T16:59", True),
        (hours("09:00", "17:00"), "2026-03-02T17:00", False),
        (hours("22:00", "24:00"), "2026-03-02T23:59", True),
        (TimeInterval(weekdays=("monday:friday",)), "2026-03-06T12:00", True),
        (TimeInterval(weekdays=("monday:friday",)), "2026-03-07T12:00", False),
        (TimeInterval(weekdays=("saturday", "sunday")), "2026-03-08T12:00", True),
        # Alertmanager counts a week from Sunday, and refuses saturday:sunday; here both are read.
        (TimeInterval(weekdays=("sunday:tuesday",)), "2026-03-08T12:00", True),
        (TimeInterval(weekdays=("sunday:tuesday",)), "2026-03-10T12:00", True),
        (TimeInterval(weekdays=("sunday:tuesday",)), "2026-03-11T12:00", False),
        (TimeInterval(weekdays=("saturday:sunday",)), "2026-03-08T12:00", True),
        (TimeInterval(weekdays=("Saturday:Sunday",)), "2026-03-09T12:00", False),
        (TimeInterval(days_of_month=("1:5",)), "2026-03-05T12:00", True),
        (TimeInterval(days_of_month=("1:5",)), "2026-03-06T12:00", False),
        (TimeInterval(days_of_month=("-1",)), "2026-02-28T12:00", True),
        (TimeInterval(days_of_month=("-1",)), "2028-02-28T12:00", False),
        (TimeInterval(days_of_month=("-3:-1",)), "2026-04-28T12:00", True),
        (TimeInterval(days_of_month=("-3:-1",)), "2026-04-27T12:00", False),
        (TimeInterval(days_of_month=("1:-1",)), "2026-02-14T12:00", True),
        (TimeInterval(days_of_month=("30:31",)), "2026-02-28T12:00", False),
        (TimeInterval(days_of_month=("28:31",)), "2026-02-28T12:00", True),
        (TimeInterval(days_of_month=("-31:-1",)), "2026-02-01T12:00", True),
        (TimeInterval(days_of_month=("10:-25",)), "2026-02-10T12:00", False),
        (TimeInterval(months=("december:december",)), "2026-12-01T12:00", True),
        (TimeInterval(months=("1:3", "may")), "2026-05-01T12:00", True),
        (TimeInterval(months=("1:3", "may")), "2026-04-01T12:00", False),
        (TimeInterval(years=("2026:2027",)), "2027-12-31T23:59", True),
        (TimeInterval(years=("2026:2027",)), "2028-01-01T00:00", False),
        (TimeInterval(), "2026-03-02T12:00", True),
        (hours("09:00", "17:00", weekdays=("monday",), months=("march",)), "2026-03-02T10:00", True),
        (hours("09:00", "17:00", weekdays=("monday",), months=("march",)), "2026-03-03T10:00", False),
        (hours("09:00", "17:00", weekdays=("monday",), months=("march",)), "2026-04-06T10:00", False),
    ],
)
def test_a_moment_lies_in_an_interval_when_all_parts_hold(
    interval: TimeInterval, when: str, *, expected: bool
) -> None:
    assert holds(interval, when) is expected


def test_of_several_stretches_one_is_enough() -> None:
    calendar = Calendar({"night": (hours("22:00", "24:00"), hours("00:00", "06:00"))})
    for hour, expected in ((21, False), (22, True), (0, True), (5, True), (6, False)):
        at = dt.datetime(2026, 3, 2, hour, tzinfo=dt.UTC).timestamp()
        assert calendar.holds("night", at) is expected


@pytest.mark.parametrize(
    ("utc", "expected"),
    [
        ("2026-03-28T08:30", True),  # 09:30 in winter
        ("2026-03-28T07:30", False),
        ("2026-03-29T07:30", True),  # 09:30 in summer, from this day on
        ("2026-03-29T08:30", False),
        ("2026-10-24T07:30", True),
        ("2026-10-25T07:30", False),
        ("2026-10-25T08:30", True),
    ],
)
def test_hours_are_those_of_the_zone_over_its_changes_of_clocks(utc: str, *, expected: bool) -> None:
    assert holds(hours("09:00", "10:00", location="Europe/Berlin"), utc) is expected


def test_an_hour_that_a_zone_leaves_out_never_comes_and_one_it_repeats_comes_twice() -> None:
    berlin = hours("02:00", "03:00", location="Europe/Berlin")
    spring = [f"2026-03-29T{hour:02d}:{minute:02d}" for hour in range(4) for minute in (0, 30)]
    autumn = [f"2026-10-25T{hour:02d}:{minute:02d}" for hour in range(4) for minute in (0, 30)]
    assert not any(holds(berlin, when) for when in spring)
    assert [when for when in autumn if holds(berlin, when)] == [
        "2026-10-25T00:00",
        "2026-10-25T00:30",
        "2026-10-25T01:00",
        "2026-10-25T01:30",
    ]


def test_the_date_is_that_of_the_zone() -> None:
    tokyo = TimeInterval(weekdays=("monday",), location="Asia/Tokyo")
    assert holds(tokyo, "2026-03-01T15:00")
    assert not holds(tokyo, "2026-03-02T15:00")


@pytest.mark.parametrize(
    ("interval", "problem"),
    [
        (hours("9:00", "17:00"), "times: found '9:00', expected HH:MM"),
        (hours("09:00", "24:01"), "found '24:01'"),
        (hours("09:60", "17:00"), "found '09:60'"),
        (hours("17:00", "09:00"), "a night is two ranges"),
        (hours("09:00", "09:00"), "is not before"),
        (TimeInterval(weekdays=("mon",)), "weekdays: found 'mon', expected one of monday"),
        (TimeInterval(weekdays=("1:5",)), "weekdays: found '1'"),
        (TimeInterval(days_of_month=("0",)), "days_of_month: found '0'"),
        (TimeInterval(days_of_month=("32",)), "days_of_month: found '32'"),
        (TimeInterval(days_of_month=("-1:1",)), "days_of_month"),
        (TimeInterval(days_of_month=("5:1",)), "days_of_month"),
        (TimeInterval(months=("13",)), "months: found '13'"),
        (TimeInterval(months=("december:january",)), "begins before it ends"),
        (TimeInterval(months=("x",)), "expected one of january"),
        (TimeInterval(years=("2027:2026",)), "begins before it ends"),
        (TimeInterval(years=("next",)), "expected a number"),
        (TimeInterval(location="Europe/Pari"), "expected an IANA zone such as Europe/Paris"),
        (TimeInterval(location="../../etc/passwd"), "expected an IANA zone"),
    ],
)
def test_what_is_no_interval_is_refused_with_its_name_and_part(interval: TimeInterval, problem: str) -> None:
    with pytest.raises(IntervalError, match="time interval nightly: ") as caught:
        Calendar({"nightly": (interval,)})
    assert problem in str(caught.value)
