"""Who used what, and what it cost, against a slow and obvious count."""

import datetime as dt
import itertools
import random
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.analytics.report.outcome import Report
from exporters.analytics.report.period import DAY, read_period
from exporters.analytics.report.use import pieces
from integrations.execution.outcome import FailureKind, Origin
from integrations.signals import CallRecord
from tests.exporters.analytics.generated import call
from tests.exporters.analytics.report.asked import order, reported

START = dt.datetime(2026, 10, 20, tzinfo=dt.UTC).timestamp()
CALLERS = ("billing", "billing/invoices", "support", "")
VENDORS = {"slack-prod": "slack", "github-prod": "github"}
KINDS = (None, None, None, FailureKind.TIMEOUT, FailureKind.REJECTED, FailureKind.CANCELLED)
PRICES = [
    "INSERT INTO declared_callers VALUES ('billing', 'finance', '-infinity', NULL)",
    """
    INSERT INTO declared_integrations SELECT
        'slack-prod', 'slack', '', '', '', '', 'EUR', 'ok', 0.5, MAP {'chat.post_message': 0.25},
        '-infinity'::TIMESTAMP, NULL
    """,
]


def runs(seed: int = 5, many: int = 1_500) -> list[CallRecord]:
    """Runs of one request each, over ten days."""
    rng = random.Random(seed)
    found = []
    for number in range(many):
        name = rng.choice(list(VENDORS))
        found.append(
            call(
                number, at=round(START + rng.uniform(0, 10 * DAY), 6), integration=name, vendor=VENDORS[name],
                caller=rng.choice(CALLERS), origin=rng.choice((Origin.TRAFFIC, Origin.TRAFFIC, Origin.CHECK)),
                kind=rng.choice(KINDS),
                injected=rng.random() < 0.1,
            )
        )  # fmt: skip
    return found


def test_use_cost_and_growth_are_what_a_slow_count_gives_in_every_zone(tmp_path: Path):
    signals = runs()
    zones = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York")
    orders = [order("2026-10-25", "2026-10-29", zone=zone) for zone in zones]
    for report in reported(tmp_path, signals, *orders, sql=PRICES):
        compare(report, signals)


def compare(report: Report, signals: list[CallRecord]) -> None:
    """Count slowly."""
    period, use = report.period, report.use
    traffic = [each for each in signals if each.origin is Origin.TRAFFIC]
    now = [each for each in traffic if period.start <= each.at < period.end]
    before = [each for each in traffic if period.before_start <= each.at < period.before_end]
    failed = [each for each in now if each.kind is FailureKind.TIMEOUT and not each.injected]
    refused = [each for each in now if each.kind is FailureKind.REJECTED]
    assert (use.runs, use.failed, use.refused, use.before) == (
        len(now),
        len(failed),
        len(refused),
        len(before),
    )
    assert {one.name: (one.runs, one.before) for one in use.by_caller} == {
        name: (Counter(each.caller for each in now)[name], Counter(each.caller for each in before)[name])
        for name in CALLERS
    }
    assert {one.name: one.team for one in use.by_caller} == {
        "billing": "finance", "billing/invoices": "finance", "support": "", "": "",
    }  # fmt: skip
    days = Counter(dt.datetime.fromtimestamp(each.at, ZoneInfo(period.zone)).date() for each in now)
    assert [runs for runs, _, _ in use.days] == [days[day] for day in period.days]
    assert use.is_exact
    (total,) = report.costs.totals
    charged = [
        each
        for each in signals
        if each.integration == "slack-prod" and each.kind is None and not each.injected
    ]
    assert total.currency == "EUR"
    assert total.cost == 0.25 * sum(1 for each in charged if period.start <= each.at < period.end)
    assert total.before == 0.25 * sum(
        1 for each in charged if period.before_start <= each.at < period.before_end
    )
    assert [line.name for line in report.costs.by_integration] == ["slack-prod"]
    assert sum(line.cost for line in report.costs.by_team) == pytest.approx(total.cost)


def test_growth_cannot_be_told_when_the_time_before_was_not_recorded_from_its_start(tmp_path: Path):
    signals = [call(number, at=START + number * 3_600) for number in range(48)]
    whole = order("2026-10-21", "2026-10-22")
    short = order("2026-10-21", "2026-10-22T12:00:00")
    known, unknown = reported(tmp_path, signals, whole, short)
    assert (known.use.runs, known.use.before) == (24, 24)
    assert (unknown.use.runs, unknown.use.before) == (24, None)


def test_days_of_utc_stand_in_where_the_calls_are_gone(tmp_path: Path):
    signals = [call(number, at=START + number * 3_600) for number in range(72)]
    cut = "TIMESTAMP '2026-10-22 00:00:00'"
    sql = [
        f"INSERT INTO rollup_usage SELECT * FROM usage_by_day('-infinity'::TIMESTAMP, {cut}, 0, 1)",
        f"INSERT INTO rollup_calls SELECT * FROM calls_by_hour('-infinity'::TIMESTAMP, {cut}, 0, 1)",
        f"INSERT INTO rolled SELECT unnest(['usage', 'calls']), {cut} - INTERVAL 1 DAY, 1",
        f"UPDATE rolled SET start = {cut} - INTERVAL 1 HOUR WHERE rollup = 'calls'",
        f"DELETE FROM hot_calls WHERE ts < {cut}",
    ]
    utc = order("2026-10-20", "2026-10-23")
    berlin = order("2026-10-20", "2026-10-23", zone="Europe/Berlin")
    exact, nearly = reported(tmp_path, signals, utc, berlin, sql=sql)
    assert (exact.use.runs, exact.use.is_exact) == (72, True)
    assert nearly.use.is_exact is False
    # The 22nd in Berlin begins at 22:00 of the 21st, when calls are gone, and its day of UTC is whole.
    assert [runs for runs, _, _ in nearly.use.days] == [24, 24, 24]


@given(
    zone=st.sampled_from(("UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe")),
    start=st.integers(0, 80),
    hours=st.integers(1, 24 * 9),
)
def test_pieces_cover_both_times_without_a_gap(zone, start, hours):
    now = START + 30 * 86_400
    first = dt.datetime.fromtimestamp(START + start * 3_600, dt.UTC)
    last = first + dt.timedelta(hours=hours)
    period = read_period(start=first.isoformat(), end=last.isoformat(), zone=zone, now=now)
    found = list(pieces(period, counts_until=None))
    for is_before, begin, end in (
        (True, period.before_start, period.before_end),
        (False, period.start, period.until),
    ):
        part = [piece for piece in found if piece.is_before == is_before]
        assert part[0].start == begin
        assert part[-1].end == end
        assert all(one.end == other.start for one, other in itertools.pairwise(part))
    assert all(piece.is_exact for piece in found)
    assert all(not piece.is_utc or piece.end - piece.start == 86_400 for piece in found)
