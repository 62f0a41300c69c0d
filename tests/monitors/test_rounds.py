"""Rounds of checks, and what becomes of those that hang; in virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from integrations.connection import CheckPolicy
from integrations.execution.outcome import FailureKind, Outcome
from integrations.signals import CheckResult, Health
from tests.fakes.clock import VIRTUAL_TIME
from tests.monitors.doubles import FakeCheck, Watch, connection, hang, succeeded


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def watching(*capabilities: str) -> Watch:
    watch = Watch()
    checks = [FakeCheck(integration="wiki", capability=name) for name in capabilities]
    watch.monitor.watch(connection(), "Wikis", checks)
    return watch


@asynccontextmanager
async def running(watch: Watch) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(watch.monitor.run)
        yield
        group.cancel_scope.cancel()


async def hang_on_the_way_out() -> Outcome:
    try:
        return await hang()
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(1.0)


async def test_a_check_that_hangs_is_a_timeout_and_its_integration_is_checked_again() -> None:
    watch = watching("read")
    watch.framework.answer = hang
    async with running(watch):
        await watch.clock.sleep(20.0)
        (given_up,) = watch.published.of(CheckResult)
        watch.framework.answer = succeeded()
        await watch.clock.sleep(60.0)
    assert given_up.kind is FailureKind.TIMEOUT
    assert watch.published.of(CheckResult)[-1].kind is None
    assert watch.monitor.health("wiki").state is Health.UP


async def test_of_several_checks_one_that_hangs_is_given_up_alone() -> None:
    watch = watching("read", "write", "search", "admin")
    watch.framework.answers = {"read": hang, "write": hang}
    await watch.monitor.check_integration_health("wiki")
    told = {result.capability: result.kind for result in watch.published.of(CheckResult)}
    timeout = FailureKind.TIMEOUT
    assert told == {"read": timeout, "write": timeout, "search": None, "admin": None}


async def test_a_check_that_is_asked_for_without_run_is_given_up_when_it_hangs() -> None:
    watch = watching("read")
    watch.framework.answer = hang
    await watch.monitor.check_integration_health("wiki")
    (result,) = watch.published.of(CheckResult)
    assert result.kind is FailureKind.TIMEOUT


async def test_a_check_that_is_stopped_with_its_integration_tells_nothing() -> None:
    watch = watching("read")
    watch.framework.answer = hang
    async with running(watch):
        await watch.clock.sleep(3.0)
        watch.monitor.unwatch("wiki")
        await watch.clock.sleep(30.0)
    assert watch.framework.in_flight["wiki"] == 0
    assert watch.published.of(CheckResult) == []


@pytest.mark.parametrize("stopped_after", [11.5, 12.5])
async def test_a_check_that_hangs_on_its_way_out_says_nothing_of_an_integration_that_is_gone(
    stopped_after: float,
) -> None:
    watch = Watch()
    policy = CheckPolicy(interval=60.0, timeout=10.0, fail_after=1)
    watch.monitor.watch(connection(check=policy), "Wikis", [FakeCheck(integration="wiki")])
    watch.framework.answer = hang_on_the_way_out
    async with running(watch):
        while not watch.framework.ran:
            await watch.clock.sleep(0.01)
        await watch.clock.sleep(stopped_after)
        watch.monitor.unwatch("wiki")
        await watch.clock.sleep(30.0)
    assert watch.framework.in_flight["wiki"] == 0
    assert watch.changes() == []


async def test_when_a_check_was_answered_last_is_told_and_stored_though_it_is_no_news() -> None:
    watch = watching("read")
    await watch.monitor.check_integration_health("wiki")
    await watch.clock.sleep(50.0)
    (capability,) = (await watch.monitor.check_integration_health("wiki")).capabilities
    assert capability.checked_at == pytest.approx(watch.clock.time(), abs=1.0)
    await watch.monitor.aclose()
    (stored,) = await watch.store.load_health()
    assert stored.capabilities[0].checked_at == stored.memory[0].basis.checked_at == capability.checked_at


async def test_a_verdict_says_how_long_the_first_check_took() -> None:
    watch = watching("read")
    health = await watch.monitor.check_integration_health("wiki")
    assert health.reason == "pages.list at Wikis answered in 100 ms."
    (capability,) = watch.monitor.explain("wiki").capabilities
    assert [ground.text for ground in capability.evidence] == [health.reason]
