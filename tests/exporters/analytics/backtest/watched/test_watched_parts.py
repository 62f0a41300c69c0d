"""What replays of objectives and heartbeats are made of: counts, moments to look at, maintenance, outages and
what is said of their limits.
"""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from exporters.analytics.backtest.watched.counts import SummedCounts
from exporters.analytics.backtest.watched.heartbeats import Reported, run_heartbeat_backtest
from exporters.analytics.backtest.watched.looks import looks
from exporters.analytics.backtest.watched.objective import ObjectiveReplay
from exporters.analytics.backtest.watched.objectives import Past, run_objective_backtests
from exporters.analytics.backtest.watched.order import WatchOrder
from exporters.analytics.backtest.watched.stream import Seen
from integrations.signals import Health, HeartbeatReport, IncidentChange
from monitors.alerts.matchers import parse_matchers
from monitors.alerts.routing import Route
from monitors.alerts.settings import AlertSettings, StormGuard
from monitors.alerts.silences import Silence
from monitors.burn import BURN_PAIRS
from monitors.heartbeat_settings import HeartbeatSettings
from monitors.slo_counts import HOUR, MINUTES_KEPT, Counts, SavedHour
from monitors.slo_events import Event
from monitors.slo_settings import SLOSettings
from tests.exporters.analytics.backtest.watched.watched_live import LABELS, watching

T0 = 1_800_000_000.0
SHOP = SLOSettings(name="shop", objective=99.0, integrations=("shop",))
JOB = HeartbeatSettings(id="job", period=600, grace=60)
WINDOWS = sorted({window for pair in BURN_PAIRS for window in (pair.short, pair.long)})


@given(
    st.lists(st.tuples(st.integers(0, 4 * 86_400), st.booleans(), st.integers(1, 9)), max_size=80),
    st.integers(-7_200, 5 * 86_400),
    st.sampled_from([*WINDOWS, 30 * 86_400]),
)
def test_summed_counts_tell_what_counts_tell(
    events: list[tuple[int, bool, int]], now: int, seconds: int
) -> None:
    plain, summed = Counts("x"), SummedCounts("x")
    for counts in (plain, summed):
        for at, good, times in sorted(events):
            counts.add(T0 + at, good=good, times=times)

    assert summed.tally(T0 + now, seconds) == plain.tally(T0 + now, seconds)
    assert summed.age(T0) == plain.age(T0)


def test_restored_hours_count_minute_by_minute_or_as_a_whole() -> None:
    counts = SummedCounts("x")
    first = int(T0) // 3_600
    counts.restore(SavedHour(key="x", hour=first - 1, good=50, bad=4))
    counts.restore(SavedHour(key="x", hour=first, good=5, bad=1, minutes={0: (3, 0), 30: (2, 1)}))

    half_past = first * 3_600 + 31 * 60
    assert counts.tally(half_past, 300) == (2, 1)
    assert counts.tally(half_past, 3_600) == (55, 5)


@given(
    st.floats(0, 100),
    st.lists(st.floats(0, 900), max_size=5).map(sorted),
    st.sampled_from([0.0, 100.0, 900.0]),
)
def test_looks_come_every_fifteen_seconds_and_whenever_one_is_recorded(
    began: float, recorded: Sequence[float], length: float
) -> None:
    found = list(looks(T0 + began, T0 + began + length, recorded=[T0 + each for each in recorded]))

    inside = [each for each in recorded if began <= each < began + length]
    assert all(any(abs(T0 + each - look) < 0.001 for look in found) for each in inside)
    assert all(T0 + began <= look < T0 + began + length for look in found)
    assert all(0 < after - before <= 15.02 for before, after in pairwise(found))


def requests(*parts: tuple[float, float, bool]) -> list[Seen]:
    """One every ten seconds in each part, from one minute to another, good or not."""
    return [
        Seen(T0 + 60 * start + 10 * place, Event("shop", False, good, 0.1), 1)
        for start, end, good in parts
        for place in range(int((end - start) * 6))
    ]


def order(today: AlertSettings, **fields: object) -> WatchOrder:
    given = {"start": T0, "end": T0 + 4 * 3_600, "today": today, "proposed": today, "labels": LABELS}
    return WatchOrder(**(given | fields))


def past(found: Sequence[Seen], **fields: object) -> Past:
    return Past(**({"events": lambda *_: found, "kept_from": T0 - 3_600} | fields))


OUTAGE = requests((0, 60, True), (60, 90, False), (90, 240, True))


def test_the_delay_of_an_objectives_alert_is_since_the_first_bad_request() -> None:
    asked = order(watching(slos=(SHOP,), jobs=()), objectives=("shop",))

    (found,) = run_objective_backtests(asked, past(OUTAGE))

    first = found.alerts.today.alerts[0]
    assert first.severity == "critical"
    assert first.delay == pytest.approx(first.at - (T0 + 3_600))
    assert 60 < (first.delay or 0.0) < 900
    assert first.told_at is not None
    assert first.ended_at is not None
    assert found.today is not None
    assert (found.today.good, found.today.bad) == (60 * 6 + 150 * 6, 30 * 6)
    assert found.today.budget_left == pytest.approx(1 - 180 / 1_440 / 0.01)


def test_after_hours_without_a_bad_request_the_next_trouble_is_told_of_as_the_first_was() -> None:
    asked = order(watching(slos=(SHOP,), jobs=()), objectives=("shop",), end=T0 + 12 * 3_600)
    again = requests((0, 60, True), (60, 90, False), (90, 540, True), (540, 570, False), (570, 720, True))

    (found,) = run_objective_backtests(asked, past(again))

    firsts = [each for each in found.alerts.today.alerts if each.severity == "critical"]
    first, second = firsts[0], next(each for each in firsts if each.at > T0 + 540 * 60)
    assert second.delay == pytest.approx(second.at - (T0 + 540 * 60))
    assert second.at - first.at == pytest.approx(480 * 60, abs=900)


def test_planned_work_is_not_counted() -> None:
    silence = Silence(
        id="s",
        matchers=parse_matchers("integration=shop"),
        starts_at=T0 + 55 * 60,
        ends_at=T0 + 95 * 60,
        actor="ann",
        comment="work",
        updated_at=T0,
        is_maintenance=True,
    )
    asked = order(watching(slos=(SHOP,), jobs=()), objectives=("shop",), silences=(silence,))

    (found,) = run_objective_backtests(asked, past(OUTAGE))

    assert found.alerts.today.alerts == ()
    assert found.today is not None
    assert found.today.bad == 0


def test_an_objective_that_is_only_proposed_has_one_side() -> None:
    bare = watching(slos=(), jobs=())
    asked = order(bare, proposed=replace(bare, slos=(SHOP,)), objectives=("shop",))

    (found,) = run_objective_backtests(asked, past(OUTAGE))

    assert found.today is None
    assert found.alerts.today.alerts == ()
    assert found.alerts.added == found.alerts.proposed.alerts != ()
    assert [(each.key, each.today) for each in found.alerts.changes] == [("alerts.slos.shop", None)]


def test_hours_of_before_stand_for_requests_that_are_kept_no_more() -> None:
    hour = int(T0) // 3_600
    asked = order(watching(slos=(SHOP,), jobs=()), objectives=("shop",))
    hours = [SavedHour(key="x", hour=hour - 24, good=100_000, bad=5_000)]
    kept = past(OUTAGE, kept_from=T0, hours=lambda *_: hours)

    (found,) = run_objective_backtests(asked, kept)

    assert found.today is not None
    assert found.today.budget_left == pytest.approx(1 - 5_180 / 106_440 / 0.01)
    assert found.today.good == 1_260
    assert any("hourly counts stand for what is older" in note for note in found.alerts.notes)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kept_from": T0 + 3_600}, "Requests are kept from 2027-01-15 09:00 UTC on: what was before is not"),
        ({"kept_from": None}, "Requests are kept of no time"),
        ({"recorded_from": T0 + 60}, "Alerts of objectives are recorded from 2027-01-15 08:01 UTC on"),
        ({"widest": lambda: 60.0}, "those within up to 60 s that ended alike are taken together"),
    ],
)
def test_what_history_does_not_hold_is_said(fields: dict[str, object], words: str) -> None:
    asked = order(watching(slos=(SHOP,), jobs=()), objectives=("shop",), ignored=("policy",))

    (found,) = run_objective_backtests(asked, past(OUTAGE, **fields))

    assert any(words in note for note in found.alerts.notes)
    assert any(note.startswith("policy changes nothing here") for note in found.alerts.notes)


def test_while_dialtone_was_away_no_objective_is_judged() -> None:
    asked = order(watching(slos=(SHOP,), jobs=()), objectives=("shop",))
    away = (T0 + 61 * 60, T0 + 88 * 60)

    (found,) = run_objective_backtests(asked, past(OUTAGE, outages=(away,)))

    assert found.alerts.today.alerts[0].at >= away[1]


def beat(minute: float, what: str = "success") -> HeartbeatReport:
    return HeartbeatReport(at=T0 + 60 * minute, heartbeat="job", beat=what)


def replayed(*reports: HeartbeatReport, **fields: object) -> list[tuple[float, float | None, float]]:
    """The incidents: when opened and resolved, in minutes, and how many seconds after the trouble began."""
    settings = watching(slos=(), jobs=(JOB,))
    found = run_heartbeat_backtest(
        order(settings), "job", Reported(**{"began": T0, "reports": reports} | fields)
    )
    return [
        (
            round((each.opened_at - T0) / 60, 1),
            None if each.resolved_at is None else round((each.resolved_at - T0) / 60, 1),
            round(each.delay),
        )
        for each in found.alerts.today.incidents
    ]


def test_a_job_that_stays_away_is_told_of_after_its_grace_and_the_delay_is_since_it_was_due() -> None:
    assert replayed(beat(1), beat(30)) == [(12.0, 30.0, 61), (41.0, None, 61)]


def test_a_failure_is_told_of_at_once() -> None:
    assert replayed(beat(1), beat(5, "fail"), beat(9))[:1] == [(5.0, 9.0, 0)]


def test_after_a_start_of_dialtone_a_job_has_its_time_again() -> None:
    away = (T0 + 2 * 60, T0 + 60 * 60)
    assert replayed(beat(1), outages=(away,))[0][0] == pytest.approx(60 + 10 + 1, abs=0.1)


def test_one_that_was_down_before_is_down_until_it_is_heard_of() -> None:
    assert replayed(beat(3), beat(12), was_down=True)[0][:2] == (0.0, 3.0)


def test_what_people_did_to_its_incident_is_done_again() -> None:
    closed = IncidentChange(
        at=T0 + 20 * 60,
        incident="i",
        integration="heartbeat:job",
        vendor="heartbeat",
        capability="",
        event="resolved",
        state=Health.DOWN,
        opened_at=T0,
        actor="ann",
    )
    assert replayed(beat(1), beat(30), incidents=(closed,))[0][:2] == (12.0, 20.0)


def test_a_replay_of_weeks_keeps_the_minutes_of_the_last_days_alone() -> None:
    weeks = 20 * 86_400
    settings = watching(slos=(SHOP,), jobs=())
    order = WatchOrder(
        start=T0, end=T0 + weeks, today=settings, proposed=settings, labels=LABELS, objectives=("shop",)
    )
    replay = ObjectiveReplay(SHOP, settings, order, began=T0)

    for at in range(0, weeks, 600):
        replay.take(Event("shop", True, at % 18_000 != 0, 0.1), T0 + at, times=10)
        replay.look(T0 + at)

    counts = replay._objective.counts
    assert isinstance(counts, SummedCounts)
    assert len(counts._at) <= (MINUTES_KEPT + 86_400 + HOUR) / 600
    assert sum(len(hour.minutes) for hour in counts._hours.values()) <= (MINUTES_KEPT + 90_000) / 600
    spent = replay.finish(T0 + weeks)
    assert (spent.good, spent.bad) == (weeks // 60 - weeks // 1_800, weeks // 1_800)
    assert spent.budget_left == pytest.approx(1 - (1 / 30) / 0.01, rel=0.01)


@given(
    st.lists(st.tuples(st.integers(0, 8 * 86_400), st.booleans()), min_size=1, max_size=60),
    st.sampled_from(WINDOWS),
)
def test_what_is_forgotten_is_in_no_window_any_more(events: list[tuple[int, bool]], seconds: int) -> None:
    plain, summed = Counts("x"), SummedCounts("x")
    for at, good in sorted(events):
        for counts in (plain, summed):
            counts.add(T0 + at, good=good)
        summed.forget(T0 + at, seconds=30 * 86_400)

        assert summed.tally(T0 + at, seconds) == plain.tally(T0 + at, seconds)


def told_often(settings: AlertSettings) -> AlertSettings:
    """The same, with two messages a second for as long as something is wrong."""
    route = Route(receiver="pager", repeat_interval=0.5)
    return replace(settings, route=route, storm=StormGuard(per_minute=1_000, critical_per_minute=1_000))


def test_a_heartbeat_that_is_down_for_long_and_told_of_often_can_be_broken_off() -> None:
    often = told_often(watching(slos=(), jobs=(JOB,)))
    order = WatchOrder(
        start=T0, end=T0 + 1_500, today=often, proposed=often, labels=LABELS, heartbeats=("job",)
    )
    failed = HeartbeatReport(at=T0 + 1, heartbeat="job", beat="fail")
    breaths: list[None] = []

    found = run_heartbeat_backtest(
        order, "job", Reported(T0, reports=[failed]), breathe=lambda: breaths.append(None)
    )

    told = sum(found.alerts.today.messages.values())
    assert told > 2_000
    assert len(breaths) > 2 * told / 1_000


def test_an_objective_that_burns_for_long_and_is_told_of_often_can_be_broken_off() -> None:
    often = told_often(watching(slos=(SHOP,), jobs=()))
    order = WatchOrder(
        start=T0, end=T0 + 3_600, today=often, proposed=often, labels=LABELS, objectives=("shop",)
    )
    bad = [Seen(T0 + at, Event("shop", True, False, 0.1), 5) for at in range(0, 3_600, 10)]
    past = Past(events=lambda *_: bad, kept_from=T0 - 4 * 86_400)
    shares: list[float] = []

    (found,) = run_objective_backtests(order, past, breathe=shares.append)

    told = sum(found.alerts.today.messages.values())
    assert told > 1_000
    assert len([each for each in shares if each > 0.99]) > 2 * told / 1_000
