"""Which checks go over a connection of their own."""

from collections import Counter

import pytest

from integrations.execution.outcome import Outcome, Phases
from integrations.signals import CheckResult
from monitors.cold import ColdTurns
from tests.fakes.clock import VIRTUAL_TIME
from tests.monitors.doubles import FakeCheck, Watch, connection, failed


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def cold_checks(turns: ColdTurns, *, checks: int, failed: frozenset[int] = frozenset()) -> list[int]:
    """Which of the checks that follow one another go cold."""
    cold = []
    for number in range(checks):
        if turns.take("read"):
            cold.append(number)
        turns.note("read", failed=number in failed)
    return cold


def test_every_tenth_check_goes_cold() -> None:
    first, *others = cold_checks(ColdTurns("wiki"), checks=40)
    assert others == [first + 10, first + 20, first + 30]


def test_the_first_cold_checks_of_many_integrations_are_spread_over_ten_rounds_but_the_first() -> None:
    first = Counter(cold_checks(ColdTurns(f"site-{number}"), checks=10)[0] for number in range(9_000))
    assert sorted(first) == list(range(1, 10))
    assert max(first.values()) < 1_200


def test_capabilities_take_turns_of_their_own() -> None:
    turns = ColdTurns("wiki")
    rounds = [(turns.take("read"), turns.take("write")) for _ in range(10)]
    assert rounds.count((True, True)) == 1
    assert rounds.count((False, False)) == 9


def test_the_check_after_a_failure_goes_cold_and_the_tenth_after_that_one() -> None:
    cold = cold_checks(ColdTurns("wiki"), checks=18, failed=frozenset({0, 1, 2, 3}))
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
