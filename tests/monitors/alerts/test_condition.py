"""How receivers do: who is told of, who is disabled, and what ends it."""

import pytest

from monitors.alerts.alert import Alert
from monitors.alerts.condition import DISABLED_AFTER, FAILING_AFTER, Conditions, alert_about
from monitors.alerts.outbox import Condition
from monitors.alerts.schedule import Next, Step
from tests.fakes.clock import FakeClock

FAILED = Step(next=Next.RETRY, wait=1.0)
DONE = Step(next=Next.DONE)
OURS = Step(next=Next.RETRY, wait=1.0, counts=False)


class Told:
    def __init__(self) -> None:
        self.raised: list[Alert] = []
        self.ended: list[str] = []

    def raise_alert(self, alert: Alert) -> None:
        self.raised.append(alert)

    def end_alert(self, labels: dict[str, str]) -> None:
        self.ended.append(labels["receiver"])


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def conditions(told: Told, clock: FakeClock) -> Conditions:
    return Conditions(clock=clock, reports=told)


def fail(conditions: Conditions, times: int = 1) -> None:
    for _ in range(times):
        conditions.take("pager", FAILED, detail="it answered 503")


def test_five_days_of_nothing_but_failures_disable_a_receiver(
    conditions: Conditions, clock: FakeClock, told: Told
) -> None:
    fail(conditions)
    clock.advance(DISABLED_AFTER - 1)
    fail(conditions)
    assert conditions.of("pager").disabled_at is None
    clock.advance(1)
    fail(conditions)

    assert conditions.of("pager").disabled_at == clock.time()
    assert "nothing but failures" in told.raised[-1].annotations["summary"]


def test_one_success_in_five_days_is_enough_to_stay(conditions: Conditions, clock: FakeClock) -> None:
    fail(conditions)
    clock.advance(DISABLED_AFTER - 1)
    conditions.take("pager", DONE, detail="")
    fail(conditions)
    clock.advance(2)
    fail(conditions)

    assert conditions.of("pager").disabled_at is None


def test_a_success_after_few_failures_ends_no_alert_that_never_was(
    conditions: Conditions, told: Told
) -> None:
    fail(conditions, FAILING_AFTER - 1)
    stored = conditions.take("pager", DONE, detail="")

    assert stored is not None
    assert stored.failures == 0
    assert (told.raised, told.ended) == ([], [])


def test_a_success_of_a_receiver_that_did_well_is_not_stored(conditions: Conditions) -> None:
    assert conditions.take("pager", DONE, detail="") is None


def test_many_failures_are_told_once(conditions: Conditions, told: Told) -> None:
    fail(conditions, 3 * FAILING_AFTER)

    assert [alert.labels["receiver"] for alert in told.raised] == ["pager"]
    assert "it answered 503" in told.raised[0].annotations["summary"]


def test_what_our_own_limits_refused_counts_for_nothing(conditions: Conditions) -> None:
    for _ in range(9):
        assert conditions.take("pager", OURS, detail="") is None

    assert conditions.failing() == frozenset()


def test_what_was_told_before_a_restart_is_told_again(conditions: Conditions, told: Told) -> None:
    fail(conditions, FAILING_AFTER)
    later = Conditions(clock=FakeClock(), reports=told)
    later.load(conditions.all())

    assert len(told.raised) == 2
    later.take("pager", DONE, detail="")
    assert told.ended == ["pager"]


def test_alerts_about_receivers_that_do_well_after_a_restart_end(conditions: Conditions, told: Told) -> None:
    fail(conditions, FAILING_AFTER)
    before = [alert_about(Condition(receiver=name, failures=4)) for name in ("pager", "well", "gone")]
    other = Alert(labels={"alertname": "Other", "receiver": "well"}, annotations={}, starts_at=0.0)

    conditions.settle([*before, other])

    assert told.ended == ["well", "gone"]


def test_a_receiver_that_is_no_longer_configured_is_not_told_of(conditions: Conditions, told: Told) -> None:
    fail(conditions, FAILING_AFTER)
    stored = conditions.forget(["pager", "other"])

    assert stored == (Condition(receiver="pager"),)
    assert told.ended == ["pager"]
    assert conditions.failing() == frozenset()
