"""Hours, days and weeks of a time zone, held against Python's own zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporters.analytics.parameters import InvalidParams, Parameter
from exporters.analytics.views import bundled_macros
from tests.exporters.analytics.model import zone_bucket

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Pacific/Apia",
)
WIDTHS = (60, 900, 3_600, 10_800, 86_400, 604_800)
FIRST = datetime(2023, 1, 1)  # noqa: DTZ001 - columns are naive UTC
QUARTER = timedelta(minutes=15)


class Macros:
    """A connection with the macros; closed at the end, because hypothesis keeps what it is given."""

    def __init__(self) -> None:
        self.connection = duckdb.connect(":memory:")
        wanted = ("in_zone", "from_zone", "wall_bucket", "zone_bucket", "zone_start")
        found = {macro.name: macro.sql for macro in bundled_macros()}
        for name in wanted:
            self.connection.execute(found[name])

    def ask(self, sql: str, *values: object) -> object:
        return self.connection.execute(f"SELECT {sql}", list(values)).fetchall()[0][0]


@pytest.fixture(scope="module")
def macros():
    made = Macros()
    yield made
    made.connection.close()


moments = st.integers(0, 4 * 365 * 96).map(lambda quarters: FIRST + quarters * QUARTER)


@settings(max_examples=60)
@given(at=moments, width=st.sampled_from(WIDTHS), zone=st.sampled_from((None, *ZONES)))
@example(at=datetime(2026, 10, 25, 0, 30), width=3_600, zone="Europe/Berlin")  # noqa: DTZ001 - naive UTC
@example(at=datetime(2026, 10, 25, 1, 30), width=3_600, zone="Europe/Berlin")  # noqa: DTZ001 - the same
@example(at=datetime(2026, 3, 29, 12), width=86_400, zone="Europe/Berlin")  # noqa: DTZ001 - the same
@example(at=datetime(2026, 11, 1, 5, 30), width=86_400, zone="America/Havana")  # noqa: DTZ001 - midnight twice
@example(at=datetime(2026, 4, 24, 12), width=86_400, zone="Africa/Cairo")  # noqa: DTZ001 - no midnight
@example(at=datetime(2026, 4, 4, 15, 15), width=3_600, zone="Australia/Lord_Howe")  # noqa: DTZ001 - half an hour
def test_a_bucket_begins_where_the_wall_clock_says(
    macros: Macros, at: datetime, width: int, zone: str | None
) -> None:
    assert macros.ask("zone_bucket(?::TIMESTAMP, ?, ?::VARCHAR)", at, width, zone) == zone_bucket(
        at, width, zone
    )


def test_the_hour_that_comes_twice_is_two_and_the_days_around_it_are_longer_and_shorter(
    macros: Macros,
) -> None:
    def buckets(start: str, width: int) -> list[object]:
        return [
            bucket
            for (bucket,) in macros.connection.execute(
                "SELECT DISTINCT zone_bucket(q, ?, 'Europe/Berlin') AS bucket "
                "FROM range(?::TIMESTAMP, ?::TIMESTAMP + INTERVAL 2 DAY, INTERVAL 15 MINUTE) AS t(q) "
                "ORDER BY 1",
                [width, start, start],
            ).fetchall()
        ]

    autumn, spring = buckets("2026-10-24 22:00", 3_600), buckets("2026-03-28 23:00", 3_600)
    assert len(autumn) == len(spring) == 48
    assert buckets("2026-10-24 22:00", 86_400)[1] - buckets("2026-10-24 22:00", 86_400)[0] == timedelta(
        hours=25
    )  # type: ignore[operator] # times
    assert buckets("2026-03-28 23:00", 86_400)[1] - buckets("2026-03-28 23:00", 86_400)[0] == timedelta(
        hours=23
    )  # type: ignore[operator] # times


@pytest.mark.parametrize(
    ("unit", "start"), [("month", (2026, 3, 1)), ("year", (2026, 1, 1)), ("quarter", (2026, 1, 1))]
)
def test_a_month_begins_at_midnight_there(macros: Macros, unit: str, start: tuple[int, int, int]) -> None:
    zone = "America/New_York"
    expected = datetime(*start, tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)

    found = macros.ask("zone_start(TIMESTAMP '2026-03-31 12:00', ?, ?)", unit, zone)

    assert found == expected


def test_a_zone_is_taken_in_any_case_and_handed_on_as_it_is_written() -> None:
    parameter = Parameter.declared("tz", kind="zone", default="-", doc="Where.")

    assert parameter.read("europe/berlin", 0.0) == "Europe/Berlin"
    assert parameter.read(None, 0.0) is None


def test_a_zone_that_is_none_names_the_nearest() -> None:
    parameter = Parameter.declared("tz", kind="zone", default="-", doc="Where.")

    with pytest.raises(InvalidParams, match=r"tz: found 'Europe/Berln'.*the nearest is 'Europe/Berlin'"):
        parameter.read("Europe/Berln", 0.0)


@pytest.mark.parametrize("zone", ["+02:00", "'; DROP TABLE calls", "", "x" * 5_000])
def test_what_is_no_name_of_a_zone_is_refused_before_it_is_asked(zone: str) -> None:
    with pytest.raises(InvalidParams, match="a time zone by its IANA name"):
        Parameter.declared("tz", kind="zone", default="-", doc="Where.").read(zone, 0.0)
