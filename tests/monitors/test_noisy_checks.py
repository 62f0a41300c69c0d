"""Checks that fail at random for a day: nobody is paged for chance, and an outage is still seen at once."""

from collections.abc import Callable, Iterator
from random import Random

import pytest

from integrations.connection import CheckPolicy
from integrations.signals import Evidence, Health, HealthChange
from monitors.health import BROKEN, Observation
from monitors.report import SavedHealth
from monitors.watched import WHOLE, WatchedIntegration

DAY = 86_400.0
POLICY = CheckPolicy()
SEEDS = range(50)


class Checked:
    """An integration that is checked as the scheduler would: each minute, each 15 s while unconfirmed."""

    def __init__(self, fails: Callable[[float], bool], policy: CheckPolicy = POLICY) -> None:
        self.fails = fails
        self.policy = policy
        self.now = 0.0
        self.slot = 0.0
        self.changes: list[HealthChange] = []
        self.watched = WatchedIntegration("wiki", vendor="wikis", vendor_name="Wikis", note=self.note, at=0.0)
        self.watched.configure(policy, ("read",), at=0.0)

    def note(self, _: SavedHealth, changes: list[HealthChange]) -> None:
        self.changes.extend(change for change in changes if change.capability == WHOLE)

    def run(self, until: float) -> "Checked":
        for at in self.times(until):
            state = Health.DOWN if self.fails(at) else Health.UP
            seen = Observation(
                at=at,
                state=state,
                evidence=Evidence.CHECK,
                reason=f"It looked {state}.",
            )
            self.watched.observe("read", seen, is_scheduled=at == self.slot)
        return self

    def times(self, until: float) -> Iterator[float]:
        while self.now < until:
            yield self.now
            retry = self.now + self.policy.retry_interval
            if self.watched.is_unconfirmed and retry < self.slot + self.policy.interval:
                self.now = retry
            else:
                self.now = self.slot = self.slot + self.policy.interval

    def told(self) -> list[Health]:
        return [change.after for change in self.changes]


def at_random(share: float, seed: int) -> Callable[[float], bool]:
    random = Random(seed)
    return lambda _: random.random() < share


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_a_day_of_failures_by_chance_pages_nobody(share: float) -> None:
    down = [seed for seed in SEEDS if set(Checked(at_random(share, seed)).run(DAY).told()) & BROKEN]
    assert down == []


def test_two_in_a_hundred_that_fail_leave_it_up_on_49_of_50_days() -> None:
    told = [Checked(at_random(0.02, seed)).run(DAY).told() for seed in SEEDS]
    assert sum(Health.DEGRADED in states for states in told) <= 1


def test_one_in_ten_that_fails_is_degraded_at_times() -> None:
    told = [Checked(at_random(0.1, seed)).run(DAY).told() for seed in SEEDS[:10]]
    assert all(Health.DEGRADED in states for states in told)


def test_an_outage_after_a_clean_day_is_confirmed_30_seconds_after_its_first_failure() -> None:
    checked = Checked(lambda at: at >= DAY).run(DAY + 600)
    assert [(change.after, change.at) for change in checked.changes[1:]] == [(Health.DOWN, DAY + 30)]


def test_an_outage_of_one_that_fails_by_chance_is_confirmed_within_three_minutes() -> None:
    noise = at_random(0.1, 1)
    checked = Checked(lambda at: noise(at) or at >= DAY).run(DAY + 600)
    (down,) = [change.at for change in checked.changes if change.after is Health.DOWN]
    assert DAY < down <= DAY + 180


def test_who_wants_no_allowance_for_chance_is_told_after_fail_after() -> None:
    noise = at_random(0.1, 1)
    policy = CheckPolicy(weigh_chance=False)
    checked = Checked(lambda at: noise(at) or at >= DAY, policy).run(DAY + 600)
    assert DAY + 30 in [change.at for change in checked.changes if change.after is Health.DOWN]
