"""One integration's health: capabilities, the whole, pauses, reports, restarts, samples."""

import msgspec
import pytest

from integrations.connection import CheckPolicy
from integrations.execution.outcome import FailureKind, Outcome
from integrations.samples import Sample
from integrations.signals import BreakerState, BreakerTransition, Evidence, Health, HealthChange
from monitors.breakers import observe_breaker
from monitors.health import Observation
from monitors.report import Pause, SavedHealth
from monitors.reported import observe_report
from monitors.watched import WatchedIntegration

PAUSE = Pause(actor="ada", reason="vendor maintenance", since=500.0)


class Subject:
    """A watched integration, and what it told."""

    def __init__(self, *capabilities: str, policy: CheckPolicy = CheckPolicy(), at: float = 0.0) -> None:  # noqa: B008 - frozen
        self.changes: list[HealthChange] = []
        self.saved: list[SavedHealth] = []
        self.watched = WatchedIntegration("wiki", vendor="wikis", vendor_name="Wikis", note=self.note, at=at)
        self.watched.configure(policy, capabilities, at=at)
        self.now = 100.0

    def note(self, state: SavedHealth, changes: list[HealthChange]) -> None:
        self.saved.append(state)
        self.changes.extend(changes)

    def check(self, capability: str, *states: Health, kind: FailureKind | None = None) -> None:
        for state in states:
            self.now += 15
            seen = Observation(
                at=self.now, state=state, evidence=Evidence.CHECK, reason=f"It looked {state}.", kind=kind
            )
            self.watched.observe(capability, seen)

    def told(self) -> list[tuple[str, Health, Health]]:
        return [(change.capability, change.before, change.after) for change in self.changes]


def transition(
    before: BreakerState, after: BreakerState, *, failures: int = 0, actor: str = ""
) -> BreakerTransition:
    return BreakerTransition(
        at=1.0,
        integration="wiki",
        vendor="wikis",
        capability="read",
        before=before,
        after=after,
        reason="5 of 10 calls failed",
        actor=actor,
        calls=10,
        failures=failures,
    )


def opened(at: float = 900.0) -> Observation:
    seen = observe_breaker(transition(BreakerState.CLOSED, BreakerState.OPEN, failures=5), at=at)
    assert seen
    return seen


def test_a_change_of_a_capability_is_told_with_the_change_of_the_whole() -> None:
    subject = Subject("read", "write")
    subject.check("read", Health.UP)
    assert subject.told() == [("read", Health.UNKNOWN, Health.UP), ("", Health.UNKNOWN, Health.UP)]


def test_a_milder_second_failure_does_not_change_the_whole() -> None:
    subject = Subject("read", "write")
    subject.check("read", *[Health.DOWN] * 3)
    subject.changes.clear()
    subject.check("write", *[Health.THROTTLED] * 3)
    assert subject.told() == [("write", Health.UNKNOWN, Health.THROTTLED)]
    assert subject.watched.state is Health.DOWN


def test_when_the_worst_recovers_the_whole_is_as_the_next_worst_from_then_on() -> None:
    subject = Subject("read", "write")
    subject.check("write", *[Health.THROTTLED] * 3)
    subject.check("read", *[Health.DOWN] * 3)
    subject.check("read", Health.UP, Health.UP)
    health = subject.watched.health()
    assert (health.state, health.since) == (Health.THROTTLED, subject.now - 15)
    assert health.since >= subject.changes[-2].since


def test_agreeing_evidence_is_not_stored_again() -> None:
    subject = Subject("read")
    subject.check("read", *[Health.UP] * 5)
    assert len(subject.saved) == 1


def test_pending_evidence_is_stored_so_that_a_restart_does_not_start_the_count_anew() -> None:
    subject = Subject("read")
    subject.check("read", Health.UP, Health.DOWN, Health.DOWN)
    again = Subject("read")
    again.watched.restore(subject.saved[-1], at=200.0)
    again.check("read", Health.DOWN)
    assert again.watched.state is Health.DOWN


def test_a_restart_keeps_since_and_announces_nothing() -> None:
    subject = Subject("read")
    subject.check("read", *[Health.DOWN] * 3)
    again = Subject("read", at=5_000.0)
    again.watched.restore(subject.saved[-1], at=5_000.0)
    assert again.changes == []
    assert again.watched.health().since == subject.watched.health().since == 115.0


def test_a_capability_that_is_no_longer_checked_does_not_hold_the_whole_down() -> None:
    subject = Subject("read", "write")
    subject.check("read", Health.UP)
    subject.check("write", *[Health.DOWN] * 3)
    subject.watched.configure(CheckPolicy(), ["read"], at=1_000.0)
    assert subject.watched.state is Health.UP
    assert subject.changes[-1].evidence is Evidence.OPERATOR


def test_another_policy_keeps_what_is_known() -> None:
    subject = Subject("read")
    subject.check("read", Health.UP)
    subject.watched.configure(CheckPolicy(fail_after=1), ["read"], at=1_000.0)
    subject.check("read", Health.DOWN)
    assert subject.watched.state is Health.DOWN


def test_while_paused_no_evidence_counts() -> None:
    subject = Subject("read")
    subject.check("read", Health.UP)
    subject.watched.begin_pause(PAUSE)
    subject.check("read", *[Health.DOWN] * 5)
    subject.watched.observe("read", opened())
    subject.watched.end_pause(at=1_000.0, reason="Resumed by ada: done")
    assert subject.watched.state is Health.UP
    assert subject.told()[-2:] == [("", Health.UP, Health.PAUSED), ("", Health.PAUSED, Health.UP)]


def test_a_paused_integration_says_who_paused_it_and_gives_no_advice() -> None:
    subject = Subject("read")
    subject.check("read", *[Health.UNAUTHORIZED] * 3, kind=FailureKind.UNAUTHORIZED)
    subject.watched.begin_pause(PAUSE)
    health = subject.watched.health()
    assert (health.state, health.pause, health.advice) == (Health.PAUSED, PAUSE, "")
    assert health.reason == "Paused by ada: vendor maintenance"


def test_pausing_again_replaces_the_pause_without_a_change() -> None:
    subject = Subject("read")
    subject.watched.begin_pause(PAUSE)
    longer = Pause(actor="bob", reason="longer", since=600.0, expires_at=9_000.0)
    subject.watched.begin_pause(longer)
    assert len(subject.changes) == 1
    assert subject.saved[-1].pause == longer


def test_a_reported_failure_counts_against_all_capabilities_once() -> None:
    subject = Subject("read", "write")
    subject.check("read", Health.UP)
    subject.changes.clear()
    seen = observe_report("posts vanish", at=200.0)
    assert seen
    subject.watched.report(seen)
    subject.watched.report(seen)
    assert subject.told() == [
        ("read", Health.UP, Health.DOWN),
        ("", Health.UP, Health.DOWN),
        ("write", Health.UNKNOWN, Health.DOWN),
    ]
    assert subject.watched.health().reason == "Reported: posts vanish"


def test_checks_that_succeed_take_a_report_back() -> None:
    subject = Subject("read")
    seen = observe_report("posts vanish", at=90.0)
    assert seen
    subject.watched.report(seen)
    subject.check("read", Health.UP, Health.UP)
    assert subject.watched.state is Health.UP


@pytest.mark.parametrize("policy", [CheckPolicy(enabled=False), CheckPolicy()], ids=["off", "on"])
def test_live_calls_heal_only_what_no_check_would(policy: CheckPolicy) -> None:
    subject = Subject("read", policy=policy)
    subject.watched.observe("read", opened())
    for _ in range(2):
        subject.watched.succeed("read", at=950.0)
    assert subject.watched.state is (Health.DOWN if policy.enabled else Health.UP)


def test_a_report_against_an_integration_without_checks_is_healed_by_live_calls() -> None:
    subject = Subject()
    seen = observe_report("posts vanish", at=90.0)
    assert seen
    subject.watched.report(seen)
    assert subject.watched.state is Health.DOWN
    for _ in range(2):
        subject.watched.succeed("whatever", at=95.0)
    assert subject.watched.state is Health.UP
    assert not subject.watched.healed_by_calls


def test_a_breaker_of_a_capability_without_check_is_judged_too() -> None:
    subject = Subject("read")
    subject.watched.observe("write", opened())
    assert subject.watched.state is Health.DOWN
    closed = observe_breaker(transition(BreakerState.HALF_OPEN, BreakerState.CLOSED), at=950.0)
    assert closed
    subject.watched.observe("write", closed)
    assert subject.watched.state is Health.UP


def test_a_breaker_that_closes_makes_no_capability_known() -> None:
    subject = Subject("read")
    closed = observe_breaker(transition(BreakerState.HALF_OPEN, BreakerState.CLOSED), at=950.0)
    assert closed
    subject.watched.observe("write", closed)
    assert [each.capability for each in subject.watched.health().capabilities] == ["read"]


CLOSED, OPEN, HALF_OPEN, FORCED = (
    BreakerState.CLOSED,
    BreakerState.OPEN,
    BreakerState.HALF_OPEN,
    BreakerState.FORCED_OPEN,
)


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        pytest.param(transition(CLOSED, OPEN, failures=5), Health.DOWN, id="opened by failures"),
        pytest.param(transition(HALF_OPEN, OPEN, failures=1), Health.DOWN, id="a trial failed"),
        pytest.param(transition(HALF_OPEN, OPEN), None, id="half-open expired untried"),
        pytest.param(transition(OPEN, HALF_OPEN), None, id="half-open"),
        pytest.param(transition(HALF_OPEN, CLOSED), Health.UP, id="closed by trials"),
        pytest.param(transition(HALF_OPEN, CLOSED, actor="ada"), None, id="reset by a person"),
        pytest.param(transition(CLOSED, FORCED, actor="ada"), None, id="forced open by a person"),
        pytest.param(transition(FORCED, CLOSED), None, id="a forced state expired"),
    ],
)
def test_a_transition_says_of_health(moved: BreakerTransition, expected: Health | None) -> None:
    seen = observe_breaker(moved, at=1.0)
    assert (seen.state if seen else None) is expected


@pytest.mark.parametrize("capability", ["credential", "webhook_keys"])
def test_the_circuits_of_what_is_fetched_beside_the_calls_say_nothing(capability: str) -> None:
    moved = msgspec.structs.replace(transition(CLOSED, OPEN, failures=5), capability=capability)

    assert observe_breaker(moved, at=1.0) is None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (FailureKind.TIMEOUT, Health.DOWN),
        (FailureKind.UNAUTHORIZED, Health.UNAUTHORIZED),
        (FailureKind.THROTTLED, Health.THROTTLED),
        (FailureKind.NOT_FOUND, None),
        (FailureKind.CLIENT_ERROR, None),
        (FailureKind.REJECTED, None),
        (FailureKind.CANCELLED, None),
    ],
    ids=str,
)
def test_a_reported_outcome_says_of_health(kind: FailureKind, expected: Health | None) -> None:
    seen = observe_report(Outcome(kind=kind), at=1.0)
    assert (seen.state if seen else None) is expected


@pytest.mark.parametrize("error", [Outcome(), "", "  "], ids=["a success", "nothing", "blanks"])
def test_what_is_no_failure_cannot_be_reported(error: Outcome | str) -> None:
    with pytest.raises(ValueError, match="failure"):
        observe_report(error, at=1.0)


def test_exactly_one_state_of_each_capability_and_the_whole_is_one() -> None:
    subject = Subject("read", "write")
    subject.check("read", *[Health.DOWN] * 3)
    ones = {s.labels for s in subject.watched.samples() if s.metric == "dialtone_health" and s.value == 1.0}
    assert ones == {
        ("wiki", "wikis", "", "down"),
        ("wiki", "wikis", "read", "down"),
        ("wiki", "wikis", "write", "unknown"),
    }


def test_samples_tell_since_when() -> None:
    subject = Subject("read")
    subject.check("read", *[Health.DOWN] * 3)
    metric = "dialtone_health_since_timestamp_seconds"
    assert Sample(metric, ("wiki", "wikis", ""), 115.0) in subject.watched.samples()


def test_a_change_of_the_whole_tells_what_the_capability_that_decides_it_rests_on() -> None:
    subject = Subject("read", "write", policy=CheckPolicy(fail_after=1, recover_after=1))
    subject.check("read", Health.UP)
    subject.check("write", Health.DOWN)
    subject.check("read", Health.DEGRADED)
    subject.check("write", Health.UP)

    read, write, *_, recovered, whole = subject.changes[2:]
    assert (whole.capability, whole.after) == ("", Health.DEGRADED)
    assert read.grounds == write.grounds
    assert [ground.text for ground in recovered.grounds] == ["It looked up."]
    assert [ground.text for ground in whole.grounds] == ["It looked degraded."]
