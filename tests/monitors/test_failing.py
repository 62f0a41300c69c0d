"""The board of what fails now."""

import pytest

from integrations.signals import (
    BreakerState,
    BreakerTransition,
    CheckResult,
    Evidence,
    Health,
    HealthChange,
    Signal,
)
from monitors.failing import FailingBoard


def check(health: Health, *, integration: str = "hub", capability: str = "read", ran: bool = True) -> Signal:
    return CheckResult(
        at=0.0,
        integration=integration,
        vendor="github",
        capability=capability,
        action="x",
        evidence_health=health,
        ran=ran,
    )


def breaker(after: BreakerState, actor: str = "") -> Signal:
    return BreakerTransition(
        at=0.0,
        integration="hub",
        vendor="github",
        capability="write",
        before=BreakerState.CLOSED,
        after=after,
        reason="",
        actor=actor,
    )


def change(after: Health, capability: str = "read") -> Signal:
    return HealthChange(
        at=0.0,
        integration="hub",
        vendor="github",
        capability=capability,
        before=Health.UP,
        after=after,
        evidence=Evidence.REPORTED,
        reason="",
        since=0.0,
    )


@pytest.mark.parametrize(
    ("signal", "fails"),
    [
        pytest.param(check(Health.DOWN), True, id="a check that failed"),
        pytest.param(check(Health.UNAUTHORIZED), True, id="rejected credentials"),
        pytest.param(check(Health.THROTTLED), False, id="a vendor that throttles was reached"),
        pytest.param(check(Health.UNKNOWN), False, id="our own configuration"),
        pytest.param(check(Health.DOWN, ran=False), False, id="a check that did not run"),
        pytest.param(breaker(BreakerState.OPEN), True, id="a breaker that opened"),
        pytest.param(breaker(BreakerState.OPEN, actor="ann"), False, id="a breaker opened by hand"),
        pytest.param(breaker(BreakerState.FORCED_OPEN, actor="ann"), False, id="a breaker forced open"),
        pytest.param(change(Health.DOWN), True, id="a reported failure"),
        pytest.param(change(Health.DOWN, capability=""), False, id="the whole, which says nothing new"),
    ],
)
def test_what_counts_as_failing(signal: Signal, fails: bool) -> None:
    board = FailingBoard()
    board.take(signal, now=5.0)
    assert board.fails("hub") is fails


def test_an_integration_fails_until_the_newest_evidence_of_each_capability_is_good() -> None:
    board = FailingBoard()
    board.take(check(Health.DOWN), now=1.0)
    board.take(breaker(BreakerState.OPEN), now=2.0)
    board.take(check(Health.UP), now=3.0)
    assert (board.fails("hub"), board.began("hub")) == (True, 1.0)
    board.take(breaker(BreakerState.CLOSED), now=4.0)
    assert (board.fails("hub"), board.began("hub")) == (False, None)
    board.take(check(Health.DOWN), now=5.0)
    assert board.began("hub") == 5.0


def test_those_that_began_since_a_moment_come_first_failed_first() -> None:
    board = FailingBoard()
    for now, name in enumerate("abcd"):
        board.take(check(Health.DOWN, integration=name), now=float(now))
    assert board.since(1.0) == ["b", "c", "d"]
    assert board.since(9.0) == []


def test_an_integration_that_is_paused_fails_no_longer() -> None:
    board = FailingBoard()
    board.take(check(Health.DOWN), now=1.0)
    board.take(change(Health.PAUSED, capability=""), now=2.0)
    assert not board.fails("hub")
    assert not board.was_heard("hub", since=0.0)
