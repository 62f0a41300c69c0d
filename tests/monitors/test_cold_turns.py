"""Which checks go over a connection of their own."""

from collections import Counter

import pytest

from integrations.execution.outcome import Outcome, Phases
from integrations.signals import CheckResult
from monitors.turns import Turn
from tests.fakes.clock import VIRTUAL_TIME
from tests.monitors.doubles import FakeCheck, Watch, connection, failed, succeeded


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def cold_checks(turn: Turn, *, checks: int, failed: frozenset[int] = frozenset()) -> list[int]:
    """Which of the checks that follow one another go cold."""
    cold = []
    for number in range(checks):
        if turn.begin(now=float(number)):
            cold.append(number)
        turn.end(now=number + 0.5, failed=number in failed)
    return cold


def turn_of(integration: str) -> Turn:
    return Turn(FakeCheck(integration=integration))


def test_every_tenth_check_goes_cold() -> None:
    first, *others = cold_checks(turn_of("wiki"), checks=40)
    assert others == [first + 10, first + 20, first + 30]


def test_the_first_cold_checks_of_many_integrations_are_spread_over_ten_rounds_but_the_first() -> None:
    first = Counter(cold_checks(turn_of(f"site-{number}"), checks=10)[0] for number in range(9_000))
    assert sorted(first) == list(range(1, 10))
    assert max(first.values()) < 1_200


def test_a_turn_tells_when_its_check_ran_and_when_it_was_answered() -> None:
    turn = turn_of("wiki")
    assert (turn.ran, turn.heard) == (None, None)
    turn.begin(now=60.0)
    turn.end(now=60.5, failed=False)
    turn.begin(now=120.0)
    assert (turn.ran, turn.heard) == (120.0, 60.5)


async def test_checks_take_turns_of_their_own() -> None:
    watch = Watch()
    checks = [FakeCheck(integration="wiki", capability=name) for name in ("read", "write")]
    watch.monitor.watch(connection(), "Wikis", checks)
    watch.framework.answers["write"] = failed()
    for _ in range(3):
        await watch.monitor.check_integration_health("wiki")
    assert sorted(watch.framework.cold) == [False, False, False, False, True, True]


async def test_a_check_that_stays_keeps_its_turn_under_another_configuration() -> None:
    watch = Watch()
    watch.monitor.watch(connection(), "Wikis", [FakeCheck(integration="wiki")])
    watch.framework.answer = failed()
    await watch.monitor.check_integration_health("wiki")
    changed = [
        FakeCheck(integration="wiki", asks="another address"),
        FakeCheck(integration="wiki", action="x"),
    ]
    watch.monitor.watch(connection(), "Wikis", changed)
    watch.framework.answer = succeeded()
    await watch.monitor.check_integration_health("wiki")
    assert sorted(watch.framework.cold) == [False, False, True]


def test_the_check_after_a_failure_goes_cold_and_the_tenth_after_that_one() -> None:
    cold = cold_checks(turn_of("wiki"), checks=18, failed=frozenset({0, 1, 2, 3}))
    assert cold == [1, 2, 3, 4, 14]


async def test_a_monitor_sends_the_check_after_a_failure_cold_and_tells_the_phases() -> None:
    watch = Watch()
    watch.monitor.watch(connection(), "Wikis", [FakeCheck(integration="wiki")])
    phases = Phases(connect=0.1, first_byte=0.2)
    for answer in (failed(), Outcome(phases=phases, certificate_ends_at=7.0), Outcome()):
        watch.framework.answer = answer
        await watch.monitor.check_integration_health("wiki")
    assert watch.framework.cold == [False, True, False]
    told = [(result.phases, result.certificate_ends_at) for result in watch.published.of(CheckResult)]
    assert told == [(None, None), (phases, 7.0), (None, None)]
