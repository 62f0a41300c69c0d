"""Debug answers of checks: what health made of them, in virtual time."""

import anyio
import pytest

from integrations.connection import CheckPolicy
from integrations.execution.outcome import FailureKind
from integrations.signals import CheckResult, Health
from tests.fakes.clock import VIRTUAL_TIME
from tests.monitors.doubles import FakeCheck, Watch, call, connection, failed, succeeded

POLICY = CheckPolicy(interval=60.0, retry_interval=15.0, fail_after=3, recover_after=2)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def watch(*capabilities: str) -> Watch:
    made = Watch()
    checks = [FakeCheck(integration="wiki", capability=one) for one in capabilities or ("read",)]
    made.monitor.watch(connection(check=POLICY), "Wikis", checks)
    return made


async def test_a_debug_answer_tells_health_before_and_after_and_what_is_missing() -> None:
    one = watch()
    await one.monitor.check_integration_health("wiki")
    one.framework.answer = failed(FailureKind.TIMEOUT)

    (check,) = (await one.monitor.debug_integration_health("wiki")).checks

    assert (check.before.state, check.before.pending) == (Health.UP, None)
    assert (check.after.state, check.after.pending, check.after.pending_count) == (Health.UP, Health.DOWN, 1)
    assert check.missing == 2


async def test_a_recovery_tells_how_many_good_results_are_missing() -> None:
    one = watch()
    one.framework.answer = failed(FailureKind.TIMEOUT)
    for _ in range(3):
        await one.monitor.check_integration_health("wiki")
    one.framework.answer = succeeded()

    (check,) = (await one.monitor.debug_integration_health("wiki")).checks

    assert (check.before.state, check.after.pending, check.missing) == (Health.DOWN, Health.UP, 1)


async def test_nothing_is_missing_where_nothing_is_pending() -> None:
    (check,) = (await watch().monitor.debug_integration_health("wiki")).checks

    assert (check.after.state, check.missing) == (Health.UP, 0)


async def test_debugged_checks_are_cold_and_examined_and_all_others_are_not() -> None:
    one = watch()
    await one.monitor.check_integration_health("wiki")
    await one.monitor.debug_integration_health("wiki")
    await one.monitor.check_integration_health("wiki")

    assert one.framework.cold == [False, True, False]
    assert one.framework.examined == [False, True, False]


async def test_a_debugged_check_counts_as_any_other() -> None:
    one = watch()
    one.framework.answer = failed(FailureKind.TIMEOUT)

    for _ in range(3):
        answer = await one.monitor.debug_integration_health("wiki")

    assert answer.health.state is Health.DOWN
    assert len(one.published.of(CheckResult)) == 3


async def test_every_check_is_told_once_also_when_two_people_look() -> None:
    one, answers = watch("read", "write", "search"), []

    async def look() -> None:
        answers.append(await one.monitor.debug_integration_health("wiki"))

    async with anyio.create_task_group() as group:
        group.start_soon(look)
        group.start_soon(look)

    for answer in answers:
        assert [check.capability for check in answer.checks] == ["read", "write", "search"]


async def test_a_paused_integration_is_left_alone() -> None:
    one = watch()
    await one.monitor.pause("wiki", actor="ann", reason="maintenance")

    answer = await one.monitor.debug_integration_health("wiki")

    assert (answer.checks, answer.health.state) == ((), Health.PAUSED)
    assert not one.framework.ran


async def test_checks_that_are_left_out_are_counted() -> None:
    one = Watch()
    policy = CheckPolicy(interval=60.0, retry_interval=15.0, adaptive=True)
    one.monitor.watch(connection(check=policy), "Wikis", [FakeCheck(integration="wiki")])

    async with anyio.create_task_group() as group:
        group.start_soon(one.monitor.run)
        for _ in range(120):
            one.monitor.on_signal(call(at=one.clock.time()))
            await one.clock.sleep(5)
        group.cancel_scope.cancel()

    (sample,) = [each for each in one.monitor.samples() if each.metric == "dialtone_checks_stretched_total"]
    assert sample.labels == ("wiki",)
    rounds = 10
    assert sample.value == pytest.approx(rounds - len(one.framework.ran), abs=1.0)
    assert sample.value >= 6
