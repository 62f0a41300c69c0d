"""Which time a report is about."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.analytics.parameters import InvalidParams
from exporters.analytics.report.period import DAY, read_period

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


def at(text: str, zone: str = "UTC") -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def test_without_anything_it_is_the_last_month_that_is_over():
    period = read_period(now=at("2026-11-23T04:00:00"))
    assert (period.name, period.start, period.end) == ("October 2026", at("2026-10-01"), at("2026-11-01"))
    assert (period.before_start, period.before_end) == (at("2026-09-01"), at("2026-10-01"))
    assert period.is_over
    assert len(period.days) == 31


def test_a_month_of_a_zone_begins_and_ends_at_its_midnights():
    period = read_period(month="2026-10", zone="Europe/Berlin", now=at("2026-11-23"))
    assert period.start == at("2026-09-30T22:00:00")
    assert period.end == at("2026-10-31T23:00:00")
    assert period.end - period.start == 31 * DAY + 3_600


def test_a_month_that_is_not_over_is_compared_with_as_much_of_the_one_before():
    now = at("2026-11-09T10:00:00")
    period = read_period(month="2026-11", now=now)
    assert (period.until, period.is_over) == (now, False)
    assert period.before_end - period.before_start == period.until - period.start
    assert len(period.days) == 30


def test_a_long_month_is_compared_with_no_more_than_the_whole_month_before():
    period = read_period(month="2026-03", now=at("2026-03-31T12:00:00"))
    assert (period.before_start, period.before_end) == (at("2026-02-01"), at("2026-03-01"))


def test_days_are_those_of_the_zone_and_what_is_before_is_as_long():
    period = read_period(start="2026-11-02", end="2026-11-09", zone="Asia/Kolkata", now=at("2026-11-23"))
    assert period.name == "2026-11-02 to 2026-11-09"
    assert period.start == at("2026-11-01T18:30:00")
    assert period.before_start == period.start - 7 * DAY
    assert [day.isoformat() for day in period.days] == [f"2026-11-0{day}" for day in range(2, 9)]


def test_a_relative_start_goes_to_now():
    now = at("2026-11-23T04:00:00")
    period = read_period(start="-7d", now=now)
    assert (period.start, period.end, period.until) == (now - 7 * DAY, now, now)


@pytest.mark.parametrize(
    ("given_", "parameter", "words"),
    [
        ({"month": "2026-13"}, "month", "a month such as"),
        ({"month": "november"}, "month", "a month such as"),
        ({"month": "0001-01"}, "month", "a month such as"),
        ({"month": "2026-12"}, "month", "at most 2026-11"),
        ({"month": "2026-10", "start": "-7d"}, "month", "either month"),
        ({"end": "2026-11-01"}, "from", "a start beside to"),
        ({"start": "soon"}, "from", "a time"),
        ({"start": "2026-02-30"}, "from", "a day such as"),
        ({"start": "2027-01-01"}, "from", "that is past"),
        ({"start": "2026-11-02", "end": "2026-11-01"}, "to", "a time after 2026-11-02"),
        ({"start": "2020-01-01"}, "from", "at most 400 days"),
        ({"zone": "Mars/Olympus"}, "tz", "IANA time zone"),
        ({"zone": "../../etc/passwd"}, "tz", "IANA time zone"),
        ({"zone": ""}, "tz", "IANA time zone"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_is_expected(given_, parameter, words):
    with pytest.raises(InvalidParams) as refused:
        read_period(**given_, now=at("2026-11-23"))
    assert refused.value.parameter == parameter
    assert words in refused.value.expected


@given(zone=st.sampled_from(ZONES), year=st.integers(1972, 2090), month=st.integers(1, 12))
def test_every_month_of_every_zone_is_whole_days_and_follows_the_one_before(zone, year, month):
    period = read_period(month=f"{year}-{month:02}", zone=zone, now=4.2e9)
    following = f"{year + month // 12}-{month % 12 + 1:02}"
    assert period.end == read_period(month=following, zone=zone, now=4.2e9).start
    assert period.before_end == period.start
    assert {(day.year, day.month) for day in period.days} == {(year, month)}
    assert period.days[0].day == 1
