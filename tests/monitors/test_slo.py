"""Service level objectives: what counts, budgets, burn rates and their alerts."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import product

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.execution.outcome import Effect, FailureKind, Origin, RejectReason, Source
from integrations.signals import BreakerState, CallRecord, CheckResult, Health, ObjectiveChange, Signal
from monitors.alerts.alert import Alert
from monitors.burn import BURN_PAIRS, BurnPair, Tally, budget_left, fires
from monitors.slo import SLOWatch
from monitors.slo_counts import Counts, SavedHour
from monitors.slo_events import event_of
from monitors.slo_report import severity, status
from monitors.slo_settings import SLOSettings
from tests.fakes.clock import VIRTUAL_TIME, LoopClock

UTC = 1_800_000_000.0
LABELS = {
    "slack": {"integration": "slack", "vendor": "slack", "team": "chat"},
    "hub-a": {"integration": "hub-a", "vendor": "github", "team": "web", "tier": "1"},
    "hub-b": {"integration": "hub-b", "vendor": "github", "team": "web", "tier": "2"},
}
SLACK = SLOSettings(name="slack", objective=99.9, integrations=("slack",))
HUB = SLOSettings(name="hub", objective=99, matchers=('vendor="github"',))


@pytest.fixture
def anyio_backend() -> tuple[str, object]:
    return VIRTUAL_TIME


def call(
    integration: str = "slack", *, kind: FailureKind | None = None, duration: float = 0.1, **more: object
) -> CallRecord:
    fields = {
        "at": UTC,
        "call_id": "c",
        "run_id": "r",
        "integration": integration,
        "vendor": "v",
        "action": "a",
        "capability": "read",
        "effect": Effect.READ,
        "origin": Origin.TRAFFIC,
        "kind": kind,
        "duration": duration,
    }
    return CallRecord(**(fields | more))


def check(integration: str = "slack", *, kind: FailureKind | None = None, **more: object) -> CheckResult:
    fields = {
        "at": UTC,
        "integration": integration,
        "vendor": "v",
        "capability": "read",
        "action": "a",
        "kind": kind,
        "evidence_health": Health.UP,
        "duration": 0.2,
    }
    return CheckResult(**(fields | more))


@pytest.mark.parametrize(
    ("signal", "succeeded"),
    [
        pytest.param(call(), True, id="a call that succeeded"),
        pytest.param(call(kind=FailureKind.TIMEOUT), False, id="a call without an answer"),
        pytest.param(call(kind=FailureKind.THROTTLED), False, id="a vendor that throttles"),
        pytest.param(call(kind=FailureKind.UNAUTHORIZED), False, id="a credential that is refused"),
        pytest.param(call(kind=FailureKind.NOT_FOUND), None, id="what is not there"),
        pytest.param(call(kind=FailureKind.CLIENT_ERROR), None, id="our own mistake"),
        pytest.param(call(kind=FailureKind.CANCELLED), None, id="a caller that gave up"),
        pytest.param(
            call(
                kind=FailureKind.REJECTED, reason=RejectReason.OPEN_CIRCUIT, breaker_state=BreakerState.OPEN
            ),
            False,
            id="an open circuit",
        ),
        pytest.param(
            call(
                kind=FailureKind.REJECTED,
                reason=RejectReason.OPEN_CIRCUIT,
                breaker_state=BreakerState.FORCED_OPEN,
            ),
            None,
            id="a circuit that an operator opened",
        ),
        pytest.param(
            call(kind=FailureKind.REJECTED, reason=RejectReason.BULKHEAD), None, id="our own queue is full"
        ),
        pytest.param(call(origin=Origin.CHECK), None, id="a check's request: the check counts"),
        pytest.param(call(origin=Origin.DELIVERY), None, id="a delivery"),
        pytest.param(call(source=Source.STALE), None, id="an answer that asked nobody"),
        pytest.param(call(kind=FailureKind.TIMEOUT, injected=True), None, id="a fault of a game day"),
        pytest.param(check(), True, id="a check that succeeded"),
        pytest.param(check(kind=FailureKind.SERVER_ERROR), False, id="a check that failed"),
        pytest.param(check(kind=FailureKind.SERVER_ERROR, ran=False), None, id="a check that did not run"),
        pytest.param(check(kind=FailureKind.DNS, injected=True), None, id="a check of a game day"),
    ],
)
def test_what_counts_and_whether_it_is_good(signal: Signal, succeeded: bool | None) -> None:
    event = event_of(signal)
    assert (event.succeeded if event else None) is succeeded


def test_the_table_is_that_of_the_workbook_for_thirty_days() -> None:
    assert [(pair.name, round(pair.factor(), 6), pair.severity) for pair in BURN_PAIRS] == [
        ("5m/1h", 14.4, "critical"),
        ("30m/6h", 6.0, "critical"),
        ("2h/1d", 3.0, "warning"),
        ("6h/3d", 1.0, "warning"),
    ]
    assert all(pair.long == 12 * pair.short for pair in BURN_PAIRS)


@pytest.mark.parametrize(
    ("short", "long", "expected"),
    [
        pytest.param(Tally(85, 15), Tally(850, 150), True, id="both at the factor"),
        pytest.param(Tally(86, 14), Tally(850, 150), False, id="the short one below: it is over"),
        pytest.param(Tally(85, 15), Tally(860, 140), False, id="the long one below: it has just begun"),
        pytest.param(Tally(7, 2), Tally(850, 150), False, id="too few events"),
        pytest.param(Tally(1, 9), Tally(850, 150), True, id="ten events"),
        pytest.param(Tally(0, 0), Tally(850, 150), False, id="none"),
    ],
)
def test_a_pair_fires_while_both_windows_burn_and_there_is_enough_to_tell(
    short: Tally, long: Tally, expected: bool
) -> None:
    pair = BurnPair(300, 3600, 0.02, "critical")
    # 14.4 times 1 % is 14.4 % of failures.
    assert fires(pair, short=short, long=long, age=1800, objective=0.99, factor=14.4) is expected
    assert not fires(pair, short=short, long=long, age=1799, objective=0.99, factor=14.4)


@given(
    st.lists(st.tuples(st.integers(0, 4 * 86_400), st.booleans(), st.integers(1, 30)), max_size=60),
    st.integers(0, 4 * 86_400),
    st.sampled_from([90.0, 99.0, 99.9]),
)
def test_the_severity_that_is_asked_for_alone_is_that_of_the_whole_status(
    events: list[tuple[int, bool, int]], now: int, objective: float
) -> None:
    slo, counts = SLOSettings(name="x", objective=objective), Counts("x")
    for at, good, times in events:
        counts.add(UTC + at, good=good, times=times)
    told = status(slo, counts, now=UTC + now, integrations=(), paused=())
    assert severity(slo, counts, now=UTC + now) == told.severity


def test_one_failure_is_never_a_burn() -> None:
    pair = BURN_PAIRS[0]
    tally = Tally(9, 1)
    assert not fires(pair, short=tally, long=tally, age=3600, objective=0.999, factor=14.4)


def test_the_budget_that_is_left_may_be_overspent() -> None:
    assert budget_left(Tally(999, 1), 0.999) == pytest.approx(0.0)
    assert budget_left(Tally(0, 0), 0.999) == 1.0
    assert budget_left(Tally(998, 2), 0.999) == pytest.approx(-1.0)


@given(
    st.lists(st.tuples(st.integers(0, 4 * 86_400), st.booleans()), max_size=200),
    st.integers(0, 4 * 86_400),
    st.sampled_from([300, 1_800, 3_600, 7_200, 21_600, 86_400, 259_200]),
)
def test_a_window_holds_exactly_the_minutes_it_says(
    events: list[tuple[int, bool]], now: int, seconds: int
) -> None:
    counts = Counts("x")
    for at, good in events:
        counts.add(UTC + at, good=good)
    first = (int(UTC + now) // 60 - seconds // 60 + 1) * 60
    inside = [good for at, good in events if first <= UTC + at < first + seconds]
    assert counts.tally(UTC + now, seconds) == (inside.count(True), inside.count(False))


@given(st.lists(st.tuples(st.integers(0, 40 * 86_400), st.booleans()), max_size=100), st.integers(0, 6))
def test_counts_that_are_stored_and_restored_are_the_same(events: list[tuple[int, bool]], days: int) -> None:
    counts, now = Counts("x"), UTC + 40 * 86_400
    for at, good in events:
        counts.add(UTC + at, good=good)
    counts.forget(now, seconds=30 * 86_400)
    stored = {hour.hour: hour for hour in counts.take_unsaved()}
    again = Counts("x")
    for hour in stored.values():
        again.restore(hour)
    for window in (300, 3_600, 86_400, 259_200, (24 + days) * 86_400):
        assert again.tally(now, window) == counts.tally(now, window)
    assert counts.take_unsaved() == []


class MemoryStore:
    def __init__(self) -> None:
        self.hours: dict[tuple[str, int], SavedHour] = {}
        self.is_down = False

    async def save_hours(self, hours: Sequence[SavedHour], /, *, before: Mapping[str, int]) -> None:
        if self.is_down:
            raise OSError("disk full")
        self.hours |= {(hour.key, hour.hour): hour for hour in hours}
        self.hours = {
            key: hour for key, hour in self.hours.items() if key[0] in before and key[1] >= before[key[0]]
        }

    async def load_hours(self) -> Sequence[SavedHour]:
        return tuple(self.hours.values())


class Desk:
    def __init__(self) -> None:
        self.firing: dict[str, Alert] = {}
        self.told: list[tuple[str, str]] = []

    def raise_alert(self, alert: Alert, /, *, keep: float) -> None:
        self.firing[alert.fingerprint] = alert
        self.told.append(("raised", alert.labels["severity"]))

    def end_alert(self, labels: Mapping[str, str], /) -> None:
        self.told.append(("ended", labels["severity"]))
        self.firing = {key: each for key, each in self.firing.items() if each.labels != labels}


class Watching:
    def __init__(self, *slos: SLOSettings, store: MemoryStore | None = None, utc: float = UTC) -> None:
        self.clock = LoopClock(utc=utc)
        self.store = store or MemoryStore()
        self.desk = Desk()
        self.published: list[ObjectiveChange] = []
        self.maintained: set[str] = set()
        self.labels: Mapping[str, Mapping[str, str]] = LABELS
        self.watch = SLOWatch(
            integrations=lambda: self.labels,
            clock=self.clock,
            in_maintenance=lambda labels: labels["integration"] in self.maintained,
            desk=self.desk,
            publish=self.published.append,
            store=self.store,
        )
        self.slos = slos or (SLACK,)

    @asynccontextmanager
    async def running(self, firing: Iterable[Alert] = ()) -> AsyncIterator[SLOWatch]:
        await self.watch.load()
        self.watch.configure(self.slos)
        self.watch.settle(firing)
        async with anyio.create_task_group() as group:
            group.start_soon(self.watch.run)
            await anyio.sleep(0.1)
            yield self.watch
            group.cancel_scope.cancel()

    async def traffic(self, minutes: int, *, bad_share: float, integration: str = "slack") -> None:
        """Twenty calls a minute, spread evenly."""
        owed = 0.0
        for _ in range(minutes * 4):
            for _ in range(5):
                owed += bad_share
                kind = FailureKind.TIMEOUT if owed >= 1 else None
                owed -= owed >= 1
                self.watch.on_signal(call(integration, kind=kind))
            await anyio.sleep(15)


async def test_a_steep_burn_pages_within_minutes_and_ends_soon_after_it_is_over() -> None:
    watching = Watching()
    async with watching.running():
        await watching.traffic(60, bad_share=0.0)
        assert watching.desk.told == []
        await watching.traffic(10, bad_share=0.5)
        assert watching.desk.told == [("raised", "critical")]
        (alert,) = watching.desk.firing.values()
        assert alert.labels == {
            "alertname": "SLOBurnRate",
            "slo": "slack",
            "severity": "critical",
            "integration": "slack",
            "vendor": "slack",
            "team": "chat",
        }
        assert alert.annotations["windows"] == "5m/1h"
        assert "Objective 99.9 % over 30d" in alert.annotations["description"]
        assert "of the error budget of 30d is left" in alert.annotations["description"]
        await watching.traffic(35, bad_share=0.0)
        assert watching.desk.told[1] == ("ended", "critical")
    begun, eased, *_ = watching.published
    assert (begun.objective, begun.before, begun.after, begun.windows) == ("slack", "", "critical", "5m/1h")
    assert begun.burn is not None
    assert begun.burn >= 14.4
    assert begun.budget_left is not None
    assert begun.budget_left < 1
    assert (eased.before, eased.at > begun.at) == ("critical", True)


async def test_a_burn_rate_of_ones_own_takes_the_place_of_the_tables() -> None:
    lenient = SLOSettings(
        name="slack", objective=99, integrations=("slack",), burn_rates=(60.0, 60.0, 60.0, 60.0)
    )
    strict = SLOSettings(
        name="strict", objective=99, integrations=("slack",), burn_rates=(2.0, 60.0, 60.0, 60.0)
    )
    watching = Watching(lenient, strict)
    async with watching.running() as watch:
        await watching.traffic(45, bad_share=0.04)
        assert [(each.objective, each.windows) for each in watching.published] == [("strict", "5m/1h")]
        assert [burn.factor for burn in watch.statuses()[0].burns] == [60.0] * 4


async def test_a_slow_burn_makes_a_ticket_and_no_page() -> None:
    watching = Watching(SLOSettings(name="slack", objective=99, integrations=("slack",)))
    async with watching.running():
        await watching.traffic(24 * 60, bad_share=0.035)
        assert watching.desk.told == [("raised", "warning")]


async def test_what_is_spent_as_fast_as_allowed_alerts_nobody() -> None:
    watching = Watching(SLOSettings(name="slack", objective=99, integrations=("slack",)))
    async with watching.running() as watch:
        await watching.traffic(24 * 60, bad_share=0.0095)
        assert watching.desk.told == []
        (told,) = watch.statuses()
        assert told.budget_left == pytest.approx(0.05, abs=0.02)
        assert told.ratio == pytest.approx(0.9905, abs=0.0005)


async def test_a_group_counts_all_its_integrations_and_shares_their_common_labels() -> None:
    watching = Watching(HUB)
    async with watching.running() as watch:
        await watching.traffic(30, bad_share=0.0, integration="hub-a")
        await watching.traffic(10, bad_share=1.0, integration="hub-b")
        (told,) = watch.statuses()
        assert told.integrations == ("hub-a", "hub-b")
        assert (told.good, told.bad) == (600, 200)
        (alert,) = watching.desk.firing.values()
        assert {"vendor", "team"} <= set(alert.labels)
        assert not {"tier", "integration"} & set(alert.labels)


async def test_maintenance_does_not_count() -> None:
    watching = Watching()
    async with watching.running() as watch:
        watching.maintained.add("slack")
        await anyio.sleep(16)
        await watching.traffic(10, bad_share=1.0)
        assert watch.statuses()[0].bad == 0
        assert watch.statuses()[0].paused == ("slack",)
        watching.maintained.clear()
        await anyio.sleep(16)
        await watching.traffic(1, bad_share=1.0)
        assert watch.statuses()[0].bad == 20


async def test_a_latency_objective_counts_slow_answers_as_bad() -> None:
    slow = SLOSettings(name="fast", objective=95, integrations=("slack",), latency_below=0.5)
    watching = Watching(slow)
    async with watching.running() as watch:
        for duration in (0.5, 0.51, 3.0):
            watch.on_signal(call(duration=duration))
        watch.on_signal(call(duration=0.1, kind=FailureKind.CONNECTION))
        assert (watch.statuses()[0].good, watch.statuses()[0].bad) == (1, 3)


@pytest.mark.parametrize(("counted", "expected"), [("traffic", 1), ("checks", 2), ("both", 3)])
async def test_live_calls_checks_or_both_are_counted(counted: str, expected: int) -> None:
    watching = Watching(SLOSettings(name="x", objective=95, integrations=("slack",), counted=counted))
    async with watching.running() as watch:
        for signal in (call(), check(), check()):
            watch.on_signal(signal)
        assert watch.statuses()[0].good == expected


async def test_counts_and_a_firing_alert_survive_a_restart() -> None:
    first = Watching()
    async with first.running():
        await first.traffic(30, bad_share=0.0)
        await first.traffic(10, bad_share=0.5)
        assert first.desk.told == [("raised", "critical")]
    second = Watching(store=first.store, utc=UTC + 2401)
    async with second.running(first.desk.firing.values()) as watch:
        assert (watch.statuses()[0].good, watch.statuses()[0].bad) == (700, 100)
        await second.traffic(1, bad_share=0.5)
        assert second.desk.told == []
        await second.traffic(30, bad_share=0.0)
        assert ("ended", "critical") in second.desk.told


async def test_an_alert_of_an_objective_that_is_gone_is_ended_at_the_start() -> None:
    first = Watching()
    async with first.running():
        await first.traffic(30, bad_share=0.0)
        await first.traffic(10, bad_share=0.5)
        assert first.desk.told == [("raised", "critical")]
    second = Watching(HUB, store=first.store)
    async with second.running() as watch:
        watch.settle(first.desk.firing.values())
        assert second.desk.told == [("ended", "critical")]


async def test_an_objective_that_is_taken_out_ends_its_alert_and_its_counts() -> None:
    watching = Watching()
    async with watching.running() as watch:
        await watching.traffic(35, bad_share=0.5)
        watch.configure([HUB])
        assert watching.desk.told[-1] == ("ended", "critical")
        assert (watching.published[-1].before, watching.published[-1].after) == ("critical", "")
        await watch.save()
        assert {key for key, _ in watching.store.hours} == set()


async def test_another_objective_for_the_same_counts_keeps_them_and_another_latency_begins_anew() -> None:
    watching = Watching()
    async with watching.running() as watch:
        await watching.traffic(1, bad_share=0.0)
        watch.configure([SLOSettings(name="slack", objective=95, integrations=("slack",))])
        assert watch.statuses()[0].good == 20
        watch.configure([SLOSettings(name="slack", objective=95, integrations=("slack",), latency_below=1.0)])
        assert watch.statuses()[0].good == 0


async def test_counts_that_cannot_be_stored_are_stored_later() -> None:
    watching = Watching()
    async with watching.running() as watch:
        watching.store.is_down = True
        await watching.traffic(2, bad_share=0.0)
        watching.store.is_down = False
        await watching.traffic(2, bad_share=0.0)
        await watch.save()
    assert sum(hour.good for hour in watching.store.hours.values()) == 80


async def test_a_jump_of_the_clock_ends_no_burn() -> None:
    watching = Watching()
    async with watching.running():
        await watching.traffic(35, bad_share=0.5)
        watching.clock._utc += 7200
        await watching.traffic(2, bad_share=0.5)
        assert watching.desk.told == [("raised", "critical")]


async def test_the_metrics_hold_objective_budget_burns_and_events() -> None:
    watching = Watching()
    async with watching.running() as watch:
        await watching.traffic(1, bad_share=0.5)
        told = list(watch.samples())
        samples = {(one.metric, one.labels): one.value for one in told}
        assert len(told) == len(samples)
        assert samples["dialtone_slo_objective_ratio", ("slack",)] == pytest.approx(0.999)
        assert samples["dialtone_slo_window_seconds", ("slack",)] == 30 * 86_400
        assert samples["dialtone_slo_events_total", ("slack", "bad")] == 10
        assert samples["dialtone_slo_burn_rate", ("slack", "5m")] == pytest.approx(500, rel=0.1)
        windows = {labels[1] for name, labels in samples if name == "dialtone_slo_burn_rate"}
        assert windows == {"5m", "1h", "30m", "6h", "2h", "1d", "3d"}


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        pytest.param({"objective": 100.0}, "no budget", id="perfection"),
        pytest.param({"objective": 0.999}, "percent", id="a ratio in place of percent"),
        pytest.param({"window_days": 0.5}, "window_days", id="too short"),
        pytest.param({"window_days": 365.0}, "window_days", id="too long"),
        pytest.param({"latency_below": 0.0}, "latency_below", id="no time"),
        pytest.param({"integrations": ("a",), "matchers": ('x="y"',)}, "either", id="both"),
        pytest.param({"matchers": ("vendor",)}, "matcher", id="no matcher"),
        pytest.param({"name": ""}, "name", id="no name"),
        pytest.param({"burn_rates": (14.4, 6.0)}, "one for 5m/1h", id="a burn rate too few"),
        pytest.param({"burn_rates": (14.4, 6.0, 3.0, 0.0)}, "above 0", id="a burn rate of nothing"),
        pytest.param(
            {"burn_rates": (14.4, 6.0, 3.0, float("nan"))}, "above 0", id="a burn rate of no number"
        ),
    ],
)
def test_an_objective_that_cannot_be_measured_is_refused(given_: dict[str, object], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        SLOSettings(**({"name": "x", "objective": 99.0} | given_))


@pytest.mark.parametrize(("days", "objective"), [*product((7.0, 28.0, 90.0), (0.99, 0.9999))])
def test_a_burn_at_the_factor_spends_the_same_share_of_any_budget(days: float, objective: float) -> None:
    for pair in BURN_PAIRS:
        bad_ratio = pair.factor(days) * (1 - objective)
        spent = bad_ratio * pair.long / (days * 86_400 * (1 - objective))
        assert spent == pytest.approx(pair.budget)


async def test_integrations_that_come_and_go_are_covered_also_with_another_configuration() -> None:
    watching = Watching(HUB)
    async with watching.running() as watch:
        assert watch.statuses()[0].integrations == ("hub-a", "hub-b")
        watching.labels = {"hub-b": LABELS["hub-b"], "hub-c": LABELS["hub-b"] | {"integration": "hub-c"}}
        watch.configure([HUB, SLACK])
        await anyio.sleep(16)
        assert [one.integrations for one in watch.statuses()] == [("hub-b", "hub-c"), ()]
        watch.on_signal(call("hub-c"))
        watch.on_signal(call("hub-a"))
        assert watch.statuses()[0].good == 1
