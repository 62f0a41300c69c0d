"""Which checks go over a connection of their own."""

import pytest

from integrations.execution.outcome import Outcome, Phases
from integrations.signals import CheckResult
from monitors.cold import ColdTurns
from tests.fakes.clock import VIRTUAL_TIME
from tests.monitors.doubles import FakeCheck, Watch, connection, failed


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def test_the_first_check_and_every_tenth_after_it_go_cold() -> None:
    turns = ColdTurns()
    assert [number for number in range(25) if turns.take("read")] == [0, 10, 20]


def test_capabilities_take_turns_of_their_own() -> None:
    turns = ColdTurns()
    taken = [(turns.take("read"), turns.take("write")) for _ in range(3)]
    assert taken == [(True, True), (False, False), (False, False)]


def test_the_check_after_a_failure_goes_cold_and_the_tenth_after_that_one() -> None:
    turns = ColdTurns()
    cold = []
    for number in range(18):
        if turns.take("read"):
            cold.append(number)
        turns.note("read", failed=number in {2, 3})
    assert cold == [0, 3, 4, 14]


async def test_a_monitor_sends_the_check_after_a_failure_cold_and_tells_the_phases() -> None:
    watch = Watch()
    watch.monitor.watch(connection(), "Wikis", [FakeCheck(integration="wiki")])
    phases = Phases(connect=0.1, first_byte=0.2)
    for answer in (Outcome(), failed(), Outcome(phases=phases, certificate_ends_at=7.0), Outcome()):
        watch.framework.answer = answer
        await watch.monitor.check_integration_health("wiki")
    assert watch.framework.cold == [True, False, True, False]
    told = [(result.phases, result.certificate_ends_at) for result in watch.published.of(CheckResult)]
    assert told == [(None, None), (None, None), (phases, 7.0), (None, None)]
