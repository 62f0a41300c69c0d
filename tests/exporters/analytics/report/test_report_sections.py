"""The smaller sections, over a week that is known, and how much of it was recorded."""

import datetime as dt
from pathlib import Path

import pytest

from exporters.analytics.report.outcome import Ending, Gap, Report, StatusPage
from integrations.signals import CheckResult, QuotaSample
from tests.exporters.analytics.report.asked import order, reported
from tests.fakes.history import DAY, HOUR, MONDAY, history


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Report:
    asked = order("2026-11-02", "2026-11-09")
    return reported(tmp_path_factory.mktemp("week"), history(weeks=1), asked)[0]


def test_the_least_that_was_left_of_a_quota_and_how_long_a_vendor_asked_for_quiet(week: Report):
    (line,) = week.quotas
    assert (line.integration, line.bucket, line.share) == ("github-prod", "core", 110 / 5_000)
    assert (line.remaining, line.limit, line.at) == (110.0, 5_000.0, MONDAY + 6 * DAY + 2 * HOUR)
    assert line.throttled == 2 * 12 * 60


def test_times_of_quiet_that_overlap_count_once_and_end_with_the_period(tmp_path: Path):
    def sample(at: float, until: float) -> QuotaSample:
        return QuotaSample(
            at=MONDAY + at,
            integration="a",
            vendor="v",
            bucket="b",
            remaining=5.0,
            throttled_until=MONDAY + until,
        )

    signals = [sample(0, 100), sample(50, 80), sample(90, 120), sample(DAY - 10, DAY + 50)]
    (report,) = reported(tmp_path, signals, order("2026-11-02", "2026-11-03"))
    (line,) = report.quotas
    assert line.throttled == 130.0
    assert (line.share, line.limit, line.remaining) == (None, None, 5.0)


def test_drift_and_credentials_are_told_with_how_often(week: Report):
    (drift,) = week.drifts
    assert (drift.pointer, drift.expected, drift.found, drift.seen) == ("/Amount", "number", ("string",), 20)
    (credential,) = week.credentials
    assert (credential.integration, credential.event, credential.count) == ("salesforce-prod", "rejected", 1)


def test_what_ends_within_weeks_after_the_period_is_told_with_its_day(week: Report):
    assert week.endings == (
        Ending(kind="certificate", name="payments", ends_at=MONDAY + 18 * DAY),
        Ending(
            kind="credential",
            name="salesforce-prod refresh_token",
            ends_at=MONDAY + 21 * DAY,
            detail="401: the session has expired",
        ),
    )


def test_webhooks_that_came_and_their_silence(week: Report):
    (line,) = week.webhooks
    assert (line.accepted, line.refused, line.missing) == (7 * 24 - 5, 0, 0)
    assert (line.silences, line.silent) == (1, 3 * HOUR)


def test_receivers_that_were_told_and_those_that_were_not(week: Report):
    dead, told = week.receivers
    assert (dead.receiver, dead.messages, dead.delivered, dead.dead) == ("slack-room", 1, 0, 1)
    assert (told.receiver, told.delivered, told.failed_tries, told.lag) == ("on-call", 1, 2, 60.0)


def test_what_vendors_said_and_how_long_after_we_knew(week: Report):
    assert week.status_pages == (StatusPage(vendor="http", notices=1, lag=37 * 60.0),)


def test_a_week_that_was_recorded_has_no_gap(week: Report):
    recorded = week.recorded
    assert (recorded.hours, recorded.hours_seen, recorded.gaps) == (168, 168, ())
    assert MONDAY <= recorded.first_at < MONDAY + 30
    assert recorded.counts_until is None


def test_hours_without_any_record_are_told_as_gaps(tmp_path: Path):
    start = dt.datetime(2026, 11, 2, tzinfo=dt.UTC).timestamp()
    checks = [
        CheckResult(at=start + hour * HOUR + 60, integration="a", vendor="v", capability="read", action="x")
        for hour in (2, 3, 5, 23)
    ]
    (report,) = reported(tmp_path, checks, order("2026-11-02T01:30:00", "2026-11-02T08:00:00"))
    recorded = report.recorded
    assert (recorded.hours, recorded.hours_seen) == (7, 3)
    assert recorded.gaps == (
        Gap(start=start + 1.5 * HOUR, end=start + 2 * HOUR),
        Gap(start=start + 4 * HOUR, end=start + 5 * HOUR),
        Gap(start=start + 6 * HOUR, end=start + 8 * HOUR),
    )


def test_without_any_record_all_is_empty(tmp_path: Path):
    (report,) = reported(tmp_path, [], order("2026-11-02", "2026-11-03"))
    assert (report.recorded.first_at, report.recorded.hours, report.recorded.hours_seen) == (None, 24, 0)
    assert (report.use.runs, report.use.before, report.costs.totals) == (0, None, ())
    assert (report.vendors, report.quotas, report.endings, report.webhooks) == ((), (), (), ())
