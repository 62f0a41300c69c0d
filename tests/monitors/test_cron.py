"""Cron expressions in time zones, also on the days on which clocks are changed."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitors.cron import CronError, CronSchedule

ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "UTC",
)
FIRST = dt.datetime(2018, 1, 1, tzinfo=dt.UTC).timestamp()
LAST = dt.datetime(2030, 1, 1, tzinfo=dt.UTC).timestamp()

zones = st.sampled_from(ZONES)
moments = st.floats(FIRST, LAST, allow_nan=False).map(lambda at: round(at, 3))


def changes(zone: str, year: int) -> list[float]:
    """When a zone's clock is changed, as UTC seconds to the hour."""
    start = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    hours = [start + dt.timedelta(hours=n) for n in range(366 * 24)]
    offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
    return [hour.timestamp() for hour, a, b in zip(hours[1:], offsets, offsets[1:], strict=False) if a != b]


CHANGES = [(zone, at) for zone in ZONES[:4] for year in (2018, 2024) for at in changes(zone, year)]
near_changes = st.tuples(st.sampled_from(CHANGES), st.integers(-7200, 7200)).map(
    lambda drawn: (drawn[0][0], drawn[0][1] + drawn[1])
)
somewhere = st.one_of(near_changes, st.tuples(zones, moments))

minutes = st.one_of(st.integers(0, 59).map(str), st.sampled_from(["*", "*/5", "*/7", "0,30", "15-20"]))
hours = st.one_of(st.integers(0, 23).map(str), st.sampled_from(["*", "*/2", "*/6", "1-4", "0,2,12"]))
days = st.sampled_from(["* * *", "* * MON-FRI", "1 * *", "L * *", "* 3,10 SUN", "13 * FRI"])
expressions = st.builds(lambda *parts: " ".join(parts), minutes, hours, days)


@settings(max_examples=300, deadline=None)
@given(expressions, somewhere)
def test_the_next_due_time_lies_ahead_and_the_last_one_behind(
    expression: str, place: tuple[str, float]
) -> None:
    zone, at = place
    schedule = CronSchedule(expression, zone)
    after, before = schedule.after(at), schedule.before(at)
    assert before < at < after
    assert after % 60 == before % 60 == 0


@settings(max_examples=150, deadline=None)
@given(expressions, somewhere)
def test_due_times_rise_and_none_is_left_out_or_found_twice(
    expression: str, place: tuple[str, float]
) -> None:
    zone, at = place
    schedule = CronSchedule(expression, zone)
    forwards = [schedule.after(at)]
    for _ in range(6):
        forwards.append(schedule.after(forwards[-1]))
    assert forwards == sorted(set(forwards))
    between = [schedule.after((a + b) / 2) for a, b in pairwise(forwards)]
    assert between == forwards[1:]


@settings(max_examples=100, deadline=None)
@given(near_changes, st.integers(0, 59), st.integers(0, 23))
def test_a_daily_job_is_due_once_on_each_day_whatever_the_clock_does(
    place: tuple[str, float], minute: int, hour: int
) -> None:
    zone, at = place
    schedule = CronSchedule(f"{minute} {hour} * * *", zone)
    due = [schedule.after(at - 3 * 86_400)]
    while len(due) < 6:
        due.append(schedule.after(due[-1]))
    local = [dt.datetime.fromtimestamp(each, ZoneInfo(zone)) for each in due]
    # Where midnight itself is skipped, such a job comes as soon as the clock goes on, on the same day.
    assert [b.date() - a.date() for a, b in pairwise(local)] == [dt.timedelta(days=1)] * 5


@settings(max_examples=60, deadline=None)
@given(near_changes, st.sampled_from(["*/5 * * * *", "* * * * *", "*/15 * * * *"]))
def test_a_job_of_every_few_minutes_keeps_its_pace_through_a_change(
    place: tuple[str, float], expression: str
) -> None:
    zone, at = place
    if zone == "Australia/Lord_Howe":
        return  # Its clock moves by half an hour, which is a multiple of all paces here but moves the hour.
    schedule = CronSchedule(expression, zone)
    due = [schedule.after(at)]
    while len(due) < 20:
        due.append(schedule.after(due[-1]))
    assert len({b - a for a, b in pairwise(due)}) == 1


@pytest.mark.parametrize(
    ("expression", "zone", "at", "due"),
    [
        pytest.param(
            "30 2 * * *", "Europe/Paris", "2024-03-31T00:00+01:00", "2024-03-31T03:00+02:00", id="skipped"
        ),
        pytest.param(
            "30 2 * * *", "Europe/Paris", "2024-10-27T00:00+02:00", "2024-10-27T02:30+02:00", id="twice: once"
        ),
        pytest.param(
            "30 2 * * *",
            "Europe/Paris",
            "2024-10-27T02:10+01:00",
            "2024-10-28T02:30+01:00",
            id="twice: not again in the second showing",
        ),
        pytest.param(
            "30 * * * *",
            "Europe/Paris",
            "2024-10-27T02:30+02:00",
            "2024-10-27T02:30+01:00",
            id="hourly: in both showings",
        ),
        pytest.param(
            "0 9 * * MON", "America/New_York", "2024-03-09T12:00-05:00", "2024-03-11T09:00-04:00", id="weekly"
        ),
        pytest.param("0 0 29 2 *", "UTC", "2025-01-01T00:00+00:00", "2028-02-29T00:00+00:00", id="leap day"),
    ],
)
def test_known_days(expression: str, zone: str, at: str, due: str) -> None:
    found = CronSchedule(expression, zone).after(dt.datetime.fromisoformat(at).timestamp())
    assert dt.datetime.fromtimestamp(found, dt.UTC) == dt.datetime.fromisoformat(due)


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("0 3 * *", "UTC", "five fields"),
        ("0 0 3 * * *", "UTC", "five fields"),
        ("61 3 * * *", "UTC", "bad minute"),
        ("0 3 * * FOO", "UTC", "bad day-of-week"),
        ("0 0 31 2 *", "UTC", "bad day-of-month"),
        ("0 3 * * *", "Mars/Olympus", "IANA zone"),
        ("0 3 * * *", "../etc/passwd", "IANA zone"),
        ("*" * 300, "UTC", "five fields"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_was_expected(
    expression: str, zone: str, expected: str
) -> None:
    with pytest.raises(CronError, match=expected):
        CronSchedule(expression, zone)
