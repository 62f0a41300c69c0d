"""Objectives and vendors over a period, against the code that counts them live."""

import datetime as dt
import random
from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from exporters.analytics.report.order import LeftOut
from integrations.execution.outcome import FailureKind, Origin, RejectReason, Source
from integrations.signals import BreakerState, CheckResult, Health, Signal
from monitors.alerts.intervals import TimeInterval, TimeRange
from monitors.alerts.settings import MaintenancePlan
from monitors.objective import Objective
from monitors.slo_counts import Counts
from monitors.slo_events import event_of
from monitors.slo_settings import SLOSettings
from tests.exporters.analytics.generated import call, health_change
from tests.exporters.analytics.report.asked import order, reported

VENDORS = {"slack-prod": "slack", "slack-ci": "slack", "github-prod": "github"}
LABELS = {
    name: {"integration": name, "vendor": vendor, "team": "shop" if name == "slack-ci" else "core"}
    for name, vendor in VENDORS.items()
}
SLOS = (
    SLOSettings(name="all", objective=99.0),
    SLOSettings(name="slack", objective=50.0, integrations=("slack-prod",), counted="traffic"),
    SLOSettings(name="fast", objective=75.0, matchers=('team="core"',), latency_below=0.5),
    SLOSettings(name="checks", objective=60.0, matchers=('vendor="github"',), counted="checks"),
    SLOSettings(name="nobody", objective=60.0, matchers=('team="nobody"',)),
)
# Clocks in Berlin went back on the 25th of October.
START = dt.datetime(2026, 10, 24, tzinfo=dt.UTC).timestamp()
SPAN = 3 * 86_400


def some_signals(seed: int, many: int) -> list[Signal]:
    """Calls and checks of every kind there is, over three days."""
    rng = random.Random(seed)
    kinds = (None, None, None, *FailureKind)
    found: list[Signal] = []
    for number in range(many):
        name = rng.choice(list(VENDORS))
        at = round(START + rng.uniform(0, SPAN), 6)
        given = {
            "integration": name,
            "vendor": VENDORS[name],
            "kind": rng.choice(kinds),
            "duration": rng.choice((0.1, 0.5, 0.500001, 3.0)),
            "injected": rng.random() < 0.1,
        }
        if rng.random() < 0.3:
            found.append(CheckResult(at=at, capability="read", action="x", ran=rng.random() < 0.9, **given))
            continue
        reason = rng.choice(list(RejectReason)) if given["kind"] is FailureKind.REJECTED else None
        found.append(
            call(
                number, at=at, reason=reason, breaker_state=rng.choice(list(BreakerState)),
                source=rng.choice((Source.LIVE, Source.LIVE, *Source)),
                origin=rng.choice((Origin.TRAFFIC, Origin.TRAFFIC, *Origin)), **given,
            )
        )  # fmt: skip
    return found


def live(slo: SLOSettings, signals: list[Signal], *, vendor: str = "") -> tuple[int, int]:
    """What the live objective counts."""
    objective = Objective(slo, Counts(slo.key))
    objective.cover(LABELS)
    for signal in signals:
        event = event_of(signal)
        if event is None or event.integration not in objective.integrations:
            continue
        if vendor in {"", VENDORS[event.integration]}:
            objective.count(event, signal.at)
    return objective.good, objective.bad


@pytest.fixture(scope="module")
def signals() -> list[Signal]:
    return some_signals(3, 2_400)


def test_objectives_count_what_the_live_ones_count_also_by_day_and_vendor(tmp_path: Path, signals):
    zones = ("UTC", "Europe/Berlin", "Asia/Kolkata")
    window = ("2026-10-24T06:00:00+00:00", "2026-10-26T20:10:00+00:00")
    orders = [order(*window, zone=zone, slos=SLOS, labels=LABELS) for zone in zones]
    reports = reported(tmp_path, signals, *orders)
    start, end = orders[0].period.start, orders[0].period.end
    within = [signal for signal in signals if start <= signal.at < end]
    assert len(within) > 1_500
    for report in reports:
        assert {one.name: (one.good, one.bad) for one in report.objectives} == {
            slo.name: live(slo, within) for slo in SLOS
        }
        found = {one.name: [(day.good, day.bad) for day in one.days] for one in report.objectives}
        zone = ZoneInfo(report.period.zone)
        for number, day in enumerate(report.period.days):
            that_day = [each for each in within if dt.datetime.fromtimestamp(each.at, zone).date() == day]
            for slo in SLOS:
                assert found[slo.name][number] == live(slo, that_day)
    for vendor in reports[0].vendors:
        assert (vendor.good, vendor.bad) == live(SLOS[0], within, vendor=vendor.vendor)
        told = {one.name: (one.good, one.bad) for one in vendor.objectives}
        expected = {slo.name: live(slo, within, vendor=vendor.vendor) for slo in SLOS}
        assert told == {name: counts for name, counts in expected.items() if sum(counts)}


def test_an_objective_is_met_when_no_more_than_its_budget_is_spent(tmp_path: Path):
    kinds = [FailureKind.TIMEOUT] * 10 + [None] * 90
    signals = [call(number, at=START + number, kind=kind) for number, kind in enumerate(kinds)]
    slos = tuple(
        SLOSettings(name=str(objective), objective=objective) for objective in (89.9, 90.0, 90.1, 99.0)
    )
    asked = order("2026-10-24", "2026-10-25", slos=slos, labels=LABELS)
    (report,) = reported(tmp_path, signals, asked)
    assert {one.name: one.met for one in report.objectives} == {
        "89.9": True, "90.0": True, "90.1": False, "99.0": False,
    }  # fmt: skip
    assert [one.name for one in report.objectives] == ["99.0", "90.1", "90.0", "89.9"]
    assert report.objectives[0].budget_left == pytest.approx(-9.0)
    assert report.objectives[0].ratio == 0.9


def test_without_requests_an_objective_is_neither_met_nor_missed(tmp_path: Path):
    asked = order("2026-10-24", "2026-10-25", slos=SLOS[:1], labels=LABELS)
    (report,) = reported(tmp_path, [], asked)
    (found,) = report.objectives
    assert (found.met, found.ratio, found.good, found.bad) == (None, None, 0, 0)
    assert report.vendors == ()


def test_maintenance_does_not_count_whether_planned_or_made_for_once(tmp_path: Path):
    """A failure a minute: an hour of them is planned, ten minutes of another integration are a silence."""
    signals = [
        call(number, at=START + number * 60, kind=FailureKind.TIMEOUT, integration=name, vendor=VENDORS[name])
        for number in range(24 * 60)
        for name in ("slack-prod", "github-prod")
    ]
    plan = MaintenancePlan(
        name="nightly",
        matchers=('vendor="slack"',),
        time_intervals=(TimeInterval(times=(TimeRange(start_time="02:00", end_time="03:00"),)),),
    )
    once = LeftOut(integration="github-prod", start=START + 600, end=START + 1_200)
    slos = tuple(
        SLOSettings(name=name, objective=90.0, integrations=(name,)) for name in ("slack-prod", "github-prod")
    )
    with_, without = (
        order("2026-10-24", "2026-10-25", slos=slos, labels=LABELS, plans=plans, maintenance=maintenance)
        for plans, maintenance in (((plan,), (once,)), ((), ()))
    )
    found, bare = reported(tmp_path, signals, with_, without)
    assert {one.name: one.bad for one in found.objectives} == {"slack-prod": 1_380, "github-prod": 1_430}
    assert {one.bad for one in bare.objectives} == {1_440}


def test_of_hours_whose_calls_are_gone_the_counts_are_used(tmp_path: Path, signals):
    """As after retention: rollups hold the first day, the tables the rest."""
    cut = "TIMESTAMP '2026-10-25 00:00:00'"
    sql = [
        f"INSERT INTO rollup_calls SELECT * FROM calls_by_hour('-infinity'::TIMESTAMP, {cut}, 0, 1)",
        f"INSERT INTO rollup_checks SELECT * FROM checks_by_hour('-infinity'::TIMESTAMP, {cut}, 0, 1)",
        f"INSERT INTO rolled SELECT unnest(['calls', 'checks']), {cut} - INTERVAL 1 HOUR, 1",
        f"DELETE FROM hot_calls WHERE ts < {cut}",
        f"DELETE FROM hot_check_results WHERE ts < {cut}",
    ]
    asked = order("2026-10-24", "2026-10-27", slos=SLOS, labels=LABELS)
    (report,) = reported(tmp_path, signals, asked, sql=sql)
    kept_from = dt.datetime(2026, 10, 25, tzinfo=dt.UTC).timestamp()
    assert kept_from < report.recorded.counts_until < kept_from + 3_600
    assert report.recorded.first_at == START
    for one in report.objectives:
        slo = next(slo for slo in SLOS if slo.name == one.name)
        if slo.latency_below is None:
            assert (one.good, one.bad) == live(slo, signals), slo.name
        else:
            # Durations at the very limit fall on either side of it where only buckets are left.
            assert one.good + one.bad == sum(live(slo, signals))


def test_p95_is_that_of_the_nearest_rank_within_the_width_of_a_bucket(tmp_path: Path):
    durations = [0.01 * number for number in range(1, 101)]
    signals = [call(number, at=START + number, duration=each) for number, each in enumerate(durations)]
    (report,) = reported(tmp_path, signals, order("2026-10-24", "2026-10-25", labels=LABELS))
    assert report.vendors[0].integrations[0].p95 == pytest.approx(0.95, rel=0.025)


def test_time_in_each_state_is_that_within_the_period(tmp_path: Path):
    """Down from before its start, then up, degraded to its end; of one that is gone until its last check."""
    day = dt.datetime(2026, 10, 25, tzinfo=dt.UTC).timestamp()
    signals = [
        health_change(day - 3_600, Health.DOWN),
        health_change(day + 600, Health.UP),
        health_change(day + 86_400 - 120, Health.DEGRADED),
        health_change(day + 1_000, Health.DOWN, capability="write"),
        health_change(day + 100, Health.DOWN, integration="gone"),
        CheckResult(at=day + 400, integration="gone", vendor="slack", capability="read", action="x"),
    ]
    (report,) = reported(tmp_path, signals, order("2026-10-25", "2026-10-26", labels=LABELS))
    found = {one.integration: one.seconds for one in report.vendors[0].integrations}
    assert found == {"slack-prod": {"down": 600.0, "degraded": 120.0}, "gone": {"down": 300.0}}


def test_every_kind_of_failure_and_state_was_tried(signals):
    """The comparison above compares nothing that it was not given."""
    kinds = Counter(getattr(signal, "kind", None) for signal in signals)
    assert set(kinds) == {None, *FailureKind}
    refused = {
        (one.reason, one.breaker_state)
        for one in signals
        if one.kind is FailureKind.REJECTED and hasattr(one, "reason")
    }
    assert {state for reason, state in refused if reason is RejectReason.OPEN_CIRCUIT} == set(BreakerState)
