"""Today's rules over their own history give back the recorded incidents; other rules make something else."""

from collections import Counter
from collections.abc import Sequence

import anyio
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from exporters.analytics.backtest.alerts.outcome import AlertBacktest
from exporters.analytics.backtest.alerts.proposal import AlertRules, proposed_rules
from exporters.analytics.backtest.alerts.run import Happened, Otherwise, run_alert_backtest
from integrations.connection import CheckPolicy, Failures, SlowPolicy
from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.execution.policy import BreakerPolicy, Policy
from integrations.signals import CallRecord, CheckResult, Evidence, Health, HealthChange, IncidentChange
from monitors.alerts.matchers import parse_matchers
from monitors.alerts.silences import Silence
from tests.exporters.analytics.backtest.alerts.watched import CHECKS, QUIET, Lived, live, order_of
from tests.fakes import alerting
from tests.fakes.clock import VirtualTimeLoop

T0 = 1_800_000_000.0
K = FailureKind
NEVER = Failures(failed=0)
POLICIES = st.builds(
    CheckPolicy,
    adaptive=st.booleans(),
    fail_after=st.sampled_from([1, 2, 3]),
    recover_after=st.sampled_from([1, 2, 3]),
    weigh_chance=st.booleans(),
    retry_interval=st.sampled_from([5.0, 15.0]),
    interval=st.sampled_from([30.0, 60.0]),
    down_after=st.sampled_from([NEVER, Failures(failed=4, of=10)]),
)
BREAKERS = st.builds(
    BreakerPolicy, min_calls=st.sampled_from([5, 10, 1_000]), open_seconds=st.sampled_from([5.0, 60.0])
)
RULES = AlertRules(check=QUIET, alerts=alerting.settings())


def lived(rules: AlertRules = RULES, *, seed: int, seconds: float, policy: Policy | None = None) -> Lived:
    return anyio.run(
        lambda: live(rules, seed=seed, seconds=seconds, policy=policy or Policy()),
        backend_options={"loop_factory": VirtualTimeLoop},
    )


@settings(max_examples=6)
@given(check=POLICIES, breaker=BREAKERS, seed=st.integers(0, 10_000))
# Here it matters at which seconds of a minute live calls were weighed.
@example(
    check=CheckPolicy(
        adaptive=False, fail_after=1, weigh_chance=False, retry_interval=5.0, interval=30.0, down_after=NEVER
    ),
    breaker=BreakerPolicy(min_calls=5, open_seconds=5.0),
    seed=243,
)
def test_todays_rules_give_back_the_recorded_incidents_and_messages(
    check: CheckPolicy, breaker: BreakerPolicy, seed: int
) -> None:
    rules = AlertRules(check=check, alerts=alerting.settings())
    history = lived(rules, seed=seed, seconds=1_500.0, policy=Policy(breaker=breaker))

    found = run_alert_backtest(history.order, history.happened(), start=history.start, end=history.end)

    recorded = [each for each in history.signals if type(each) is IncidentChange]
    turns = [each for each in recorded if each.event in {"opened", "reopened", "resolved"}]
    assert found.fidelity.recorded == len(turns)
    assert (found.fidelity.given_back, found.fidelity.invented) == (len(turns), 0)
    assert found.today.messages == dict(Counter(history.told))
    opened = [each.at for each in turns if each.event == "opened"]
    assert [each.opened_at for each in found.today.incidents] == pytest.approx(opened, abs=0.001)
    assert found.today == found.proposed
    assert (found.changes, found.saved, found.added, found.unnoticed) == ((), (), (), ())


def check(at: float, kind: FailureKind | None = None, *, capability: str = "read") -> CheckResult:
    bad = Health.UP if kind is None else Health.DOWN
    return CheckResult(
        at=at,
        integration="shop",
        vendor="http",
        capability=capability,
        action="get",
        kind=kind,
        duration=0.2,
        evidence_health=bad,
    )


def outage(*, failures: int, at: float = 600.0) -> list[CheckResult]:
    """All well each minute; then failures, the first three a quarter of a minute apart, and well again."""
    well = [check(T0 + 60.0 * minute) for minute in range(int(at / 60))]
    bad = [
        T0 + at + (15.0 * number if number < 3 else 30.0 + 60.0 * (number - 2)) for number in range(failures)
    ]
    after = bad[-1] + 60.0
    good = [check(after), check(after + 15.0), *(check(after + 60.0 * number) for number in range(1, 10))]
    return [*well, *(check(each, K.TIMEOUT) for each in bad), *good]


def backtest(
    checks: Sequence[CheckResult],
    *,
    check_keys: dict[str, object] | None = None,
    alert_keys: dict[str, object] | None = None,
    rules: AlertRules = RULES,
    otherwise: Otherwise | None = None,
    silences: tuple[Silence, ...] = (),
    **happened: object,
) -> AlertBacktest:
    other, ignored = proposed_rules(rules, check_keys=check_keys or {}, alert_keys=alert_keys or {})
    order = order_of(rules, other, ignored=ignored, silences=silences, checks=CHECKS[:1])
    everything = Happened(**{"calls": lambda: (), "checks": checks} | happened)
    return run_alert_backtest(order, everything, start=T0, end=T0 + 3_600, otherwise=otherwise)


def test_an_incident_that_lasts_and_is_told_of_often_can_be_broken_off() -> None:
    storm = {"per_minute": 1_000, "critical_per_minute": 1_000}
    keys = {"route.repeat_interval": 0.5, "storm": storm}
    other, _ = proposed_rules(RULES, check_keys={}, alert_keys=keys)
    order = order_of(other, other, checks=CHECKS[:1])
    checks = [check(T0), *(check(T0 + 15.0 * number, K.TIMEOUT) for number in range(1, 5))]
    shares: list[float] = []

    found = run_alert_backtest(
        order, Happened(calls=lambda: (), checks=checks), start=T0, end=T0 + 1_500, breathe=shares.append
    )

    told = sum(found.today.messages.values())
    assert told > 2_000
    assert len(shares) > 2 * told / 1_000


def test_fewer_failures_in_a_row_open_earlier_and_the_delay_is_told() -> None:
    found = backtest(outage(failures=6), check_keys={"fail_after": 1})

    (today,), (proposed,) = found.today.incidents, found.proposed.incidents
    assert today.first_failure_at == proposed.first_failure_at == T0 + 600
    assert (today.delay, proposed.delay) == (30.0, 0.0)
    assert [change.key for change in found.changes] == ["check.fail_after"]
    assert (found.saved, found.added, found.unnoticed) == ((), (), ())


def test_more_failures_in_a_row_spare_alerts_and_miss_short_outages() -> None:
    found = backtest(outage(failures=3), check_keys={"fail_after": 6})

    assert [each.name for each in found.saved] == ["IntegrationDown"]
    assert [each.opened_at for each in found.unnoticed] == [T0 + 630]
    assert found.proposed.incidents == ()
    assert found.proposed.messages == {}


def test_checks_that_only_the_proposal_repeats_end_as_the_nearest_did() -> None:
    found = backtest(outage(failures=20), check_keys={"fail_after": 6})

    (incident,) = found.proposed.incidents
    assert incident.delay == pytest.approx(75.0, abs=1)
    assert found.proposed.assumed > 0
    assert any("never made" in note for note in found.notes)


def test_a_longer_group_wait_tells_later_and_spares_messages() -> None:
    told = backtest(outage(failures=6), alert_keys={"group_wait_critical": 60}).proposed
    spared = backtest(outage(failures=6), alert_keys={"group_wait_critical": 3_000})

    assert told.incidents[0].told_at == pytest.approx(T0 + 690, abs=0.1)
    assert spared.today.messages == {"pager": 2}
    assert (spared.proposed.messages, spared.proposed.untold, spared.today.untold) == ({}, 1, 0)
    assert (spared.saved, spared.unnoticed) == ((), ())


def test_a_built_in_rule_may_wait_longer_and_be_less_severe() -> None:
    keys = {"rules.IntegrationDown.for": 3_000, "rules.IntegrationDown.severity": "info"}

    found = backtest(outage(failures=6), alert_keys=keys)

    assert [each.severity for each in found.today.alerts] == ["critical"]
    assert found.proposed.alerts == ()
    assert found.proposed.incidents[0].told == ()


def test_other_routes_tell_others() -> None:
    keys = {
        "route": {"receiver": "chat", "routes": [{"matchers": ['severity="critical"'], "receiver": "boss"}]}
    }

    found = backtest(outage(failures=6), alert_keys=keys)

    assert [each.receivers for each in found.today.alerts] == [("pager",)]
    assert [each.receivers for each in found.proposed.alerts] == [("boss",)]
    assert set(found.proposed.messages) == {"boss"}


def test_without_a_route_nobody_is_told_and_it_says_so() -> None:
    rules = AlertRules(check=QUIET, alerts=replace(alerting.settings(), route=None))

    found = backtest(outage(failures=6), rules=rules)

    assert (len(found.today.alerts), found.today.untold) == (1, 1)
    assert any("No route is configured" in note for note in found.notes)


def test_what_was_silenced_then_is_silent_in_the_replay() -> None:
    silence = Silence(
        id="s1",
        matchers=parse_matchers('integration="shop"'),
        starts_at=T0,
        ends_at=T0 + 3_600,
        actor="ann",
        comment="planned",
        updated_at=T0,
    )

    assert backtest(outage(failures=6), silences=(silence,)).today.untold == 1


def down(at: float, kind: FailureKind | None = K.SERVER_ERROR) -> CallRecord:
    return CallRecord(
        at=at,
        call_id="",
        run_id="",
        integration="shop",
        vendor="http",
        action="get",
        capability="read",
        effect=Effect.READ,
        origin=Origin.TRAFFIC,
        kind=kind,
        duration=0.2,
    )


def test_calls_that_another_policy_saves_make_no_incident() -> None:
    calls = [down(T0 + 2.0 * number, K.TIMEOUT if number % 3 == 0 else None) for number in range(600)]
    saved = [replace(each, kind=None) for each in calls]

    found = backtest([], calls=lambda: calls, otherwise=Otherwise(T0, saved, ()))

    assert [each.state for each in found.today.incidents] == [Health.DEGRADED]
    assert found.proposed.incidents == ()


def test_the_first_failure_may_be_a_calls() -> None:
    calls = [down(T0 + 560), down(T0 + 590)]

    (incident,) = backtest(outage(failures=6), calls=lambda: calls).today.incidents

    assert (incident.first_failure_at, incident.delay) == (T0 + 560, 70.0)


def test_while_dialtone_did_not_run_time_shows_nothing_and_states_are_kept() -> None:
    checks = [each for each in outage(failures=4) if not T0 + 700 < each.at < T0 + 1_800]
    later = [check(T0 + 3_000), check(T0 + 3_015), check(T0 + 3_060)]
    rules = AlertRules(check=CheckPolicy(adaptive=False), alerts=alerting.settings())

    found = backtest([*checks, *later], rules=rules, outages=((T0 + 700, T0 + 2_990),))
    without = backtest([*checks, *later], rules=rules)

    (incident,) = found.today.incidents
    assert (incident.opened_at, incident.resolved_at) == (T0 + 630, T0 + 3_015)
    assert without.today.incidents[0].resolved_at != T0 + 3_015, "nothing was heard for 40 minutes"
    assert len(found.today.alerts) == 1


def test_what_dialtone_itself_took_for_a_check_makes_no_vendor_slow() -> None:
    rules = AlertRules(check=CheckPolicy(adaptive=False, slow=SlowPolicy(above=1.0)), alerts=RULES.alerts)
    checks = [
        replace(check(T0 + 60.0 * number), duration=2.0, run_id=f"run-{number}") for number in range(30)
    ]

    busy = backtest(checks, rules=rules, took={each.run_id: 0.2 for each in checks})
    slow = backtest(checks, rules=rules)

    assert busy.today.incidents == ()
    assert [each.state for each in slow.today.incidents] == [Health.DEGRADED]


def paused(at: float, *, is_on: bool) -> HealthChange:
    return HealthChange(
        at=at,
        integration="shop",
        vendor="http",
        capability="",
        before=Health.UP if is_on else Health.PAUSED,
        after=Health.PAUSED if is_on else Health.UP,
        evidence=Evidence.OPERATOR,
        reason="a drill",
        since=at,
    )


def test_while_it_was_paused_no_check_counts() -> None:
    pauses = (paused(T0 + 590, is_on=True), paused(T0 + 2_000, is_on=False))

    assert backtest(outage(failures=6), others=pauses).today.incidents == ()


def test_what_is_proposed_and_not_replayed_is_said() -> None:
    found = backtest(
        outage(failures=3), check_keys={"interval": 10}, alert_keys={"watchdog": {"interval": 60}}
    )

    assert found.changes == ()
    assert [note for note in found.notes if "is not replayed" in note] == [
        "check.interval is not replayed, and stays as it is today.",
        "alerts.watchdog is not replayed, and stays as it is today.",
    ]
