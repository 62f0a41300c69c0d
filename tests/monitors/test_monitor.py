"""The monitor as a whole, in virtual time, with doubles for what it is given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from integrations.connection import CheckPolicy
from integrations.errors import UnknownIntegration
from integrations.execution.outcome import FailureKind, Origin
from integrations.samples import Sample
from integrations.signals import BreakerState, BreakerTransition, CheckResult, Health, HealthChange
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.monitors.doubles import FakeCheck, FakeStore, Watch, call, connection, failed, hang, succeeded


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@asynccontextmanager
async def running(watch: Watch) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(watch.monitor.run)
        await anyio.lowlevel.checkpoint()
        yield
        group.cancel_scope.cancel()


def watch_wiki(watch: Watch, *capabilities: str, check: CheckPolicy | None = None) -> None:
    checks = [FakeCheck(integration="wiki", capability=each) for each in capabilities or ("read",)]
    watch.monitor.watch(connection(check=check) if check else connection(), "Wikis", checks)


def opened() -> BreakerTransition:
    return BreakerTransition(
        at=1.0,
        integration="wiki",
        vendor="wikis",
        capability="read",
        before=BreakerState.CLOSED,
        after=BreakerState.OPEN,
        reason="5 of 10 calls failed",
        calls=10,
        failures=5,
    )


async def test_an_integration_is_up_soon_after_the_start() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(2)
        assert watch.monitor.health("wiki").state is Health.UP
    assert watch.changes() == [("read", "unknown", "up"), ("", "unknown", "up")]


async def test_an_outage_is_confirmed_within_two_retry_intervals_and_its_end_within_one() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(120)
        watch.framework.answer, began = failed(), watch.clock.time()
        await watch.clock.sleep(60 + 31)
        health = watch.monitor.health("wiki")
        assert health.state is Health.DOWN
        assert began <= health.since <= began + 61
        watch.framework.answer = succeeded()
        await watch.clock.sleep(60 + 16)
        assert watch.monitor.health("wiki").state is Health.UP
    down = next(change for change in watch.published.of(HealthChange) if change.after is Health.DOWN)
    assert down.at - down.since == pytest.approx(30, abs=2)


async def test_the_verdict_tells_what_happened_and_what_to_do() -> None:
    watch = Watch()
    watch_wiki(watch)
    watch.framework.answer = failed(FailureKind.UNAUTHORIZED, detail="the token is expired")
    async with running(watch):
        await watch.clock.sleep(60)
        health = watch.monitor.health("wiki")
    assert health.state is Health.UNAUTHORIZED
    assert health.reason.startswith(
        "3 checks in a row failed. Last: pages.list at Wikis failed (unauthorized)"
    )
    assert health.advice == "Renew the credential: Wikis does not accept it."
    assert health.capabilities[0].kind is FailureKind.UNAUTHORIZED


async def test_all_capabilities_are_checked_two_at_a_time() -> None:
    watch = Watch()
    watch_wiki(watch, "read", "write", "search", "files", "webhooks")
    async with running(watch):
        await watch.monitor.check_integration_health("wiki")
    assert {result.capability for result in watch.published.of(CheckResult)} == {
        "read",
        "write",
        "search",
        "files",
        "webhooks",
    }
    assert watch.framework.most_in_flight == 2


async def test_a_fault_in_one_check_leaves_its_siblings_alone() -> None:
    watch = Watch()
    watch_wiki(watch, "read", "write", "search")
    watch.framework.answers["read"] = RuntimeError("a bug")
    async with running(watch):
        await watch.clock.sleep(200)
        states = {each.capability: each.state for each in watch.monitor.health("wiki").capabilities}
    assert states == {"read": Health.UNKNOWN, "write": Health.UP, "search": Health.UP}
    errors = [s.value for s in watch.monitor.samples() if s.metric == "dialtone_check_errors_total"]
    assert errors[0] >= 3


async def test_skipped_slots_are_told_once_a_round() -> None:
    watch = Watch()
    watch_wiki(watch, "read", "write", check=CheckPolicy(interval=5.0, retry_interval=5.0, timeout=30.0))
    watch.framework.answer = hang
    async with running(watch):
        await watch.clock.sleep(20)
        watch.framework.answer = succeeded()  # The two that hang go on hanging, until 32 s after their start.
        await watch.clock.sleep(25)
    skipped = [result.skipped for result in watch.published.of(CheckResult)]
    assert sum(skipped) in {6, 7}
    assert len([count for count in skipped if count]) == 1


async def test_a_check_on_demand_joins_the_one_that_runs() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(watch.monitor.check_integration_health, "wiki")
        assert watch.monitor.health("wiki").state is Health.UP
    assert len(watch.framework.ran) == 1


async def test_a_check_on_demand_works_before_the_monitor_runs() -> None:
    watch = Watch()
    watch_wiki(watch)
    assert (await watch.monitor.check_integration_health("wiki")).state is Health.UP


async def test_a_breaker_opened_by_live_traffic_is_down_at_once() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(5)
        watch.monitor.on_signal(opened())
        health = watch.monitor.health("wiki")
        assert health.state is Health.DOWN
        assert health.reason == "The circuit for live calls opened: 5 of 10 calls failed."
        await watch.clock.sleep(0.1)
    assert watch.changes()[-2:] == [("read", "up", "down"), ("", "up", "down")]


async def test_a_reported_failure_is_down_at_once_and_twice_is_once() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(5)
        first = await watch.monitor.alert_integration_failure("wiki", "posts vanish")
        again = await watch.monitor.alert_integration_failure("wiki", "posts vanish")
    assert (first.state, first.reason) == (Health.DOWN, "Reported: posts vanish")
    assert again.since == first.since
    assert watch.changes().count(("", "up", "down")) == 1


async def test_live_calls_feed_the_metrics() -> None:
    watch = Watch()
    watch_wiki(watch)
    watch.clock.monotonic()
    watch.monitor.on_signal(call(at=watch.clock.time()))
    watch.monitor.on_signal(call(at=watch.clock.time(), kind=FailureKind.TIMEOUT))
    watch.monitor.on_signal(call("unknown", at=watch.clock.time()))
    metrics = watch.monitor.get_integration_metrics("wiki")
    assert (metrics.calls, metrics.failures, metrics.error_ratio) == (2, 1, 0.5)


async def test_only_traffic_heals_what_no_check_would() -> None:
    watch = Watch()
    watch_wiki(watch, check=CheckPolicy(enabled=False))
    for origin, expected in ((Origin.CHECK, Health.UNKNOWN), (Origin.TRAFFIC, Health.UP)):
        watch.monitor.on_signal(call(origin=origin))
        assert watch.monitor.health("wiki").state is expected


async def test_checks_that_are_switched_off_do_not_run() -> None:
    watch = Watch()
    watch_wiki(watch, check=CheckPolicy(enabled=False))
    async with running(watch):
        await watch.clock.sleep(600)
    assert watch.framework.ran == []
    assert watch.monitor.health("wiki").reason == "Checks are switched off."


async def test_a_paused_integration_is_not_checked_until_resumed() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(5)
        paused = await watch.monitor.pause("wiki", actor="ada", reason="vendor maintenance")
        ran = len(watch.framework.ran)
        await watch.clock.sleep(600)
        await watch.monitor.check_integration_health("wiki")
        assert len(watch.framework.ran) == ran
        assert paused.state is Health.PAUSED
        resumed = await watch.monitor.resume("wiki", actor="bob", reason="done")
        await watch.clock.sleep(2)
        assert len(watch.framework.ran) == ran + 1
    assert resumed.state is Health.UP
    assert watch.published.of(HealthChange)[-1].reason == "Resumed by bob: done"


async def test_a_pause_ends_by_itself() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(5)
        until = watch.clock.time() + 300
        await watch.monitor.pause("wiki", actor="ada", reason="vendor maintenance", expires_at=until)
        await watch.clock.sleep(298)
        assert watch.monitor.health("wiki").state is Health.PAUSED
        await watch.clock.sleep(4)
        assert watch.monitor.health("wiki").state is Health.UP
    assert watch.published.of(HealthChange)[-1].reason == "The pause by ada is over."


class JumpingClock(LoopClock):
    """A clock whose wall time can be set, as an operator or NTP does."""

    jumped = 0.0

    def time(self) -> float:
        return super().time() + self.jumped


@pytest.mark.parametrize("seconds", [86_400.0, -86_400.0], ids=["ahead", "back"])
async def test_a_jump_of_the_wall_clock_moves_no_check_and_ends_no_pause(seconds: float) -> None:
    clock = JumpingClock()
    watch = Watch(clock=clock)
    watch_wiki(watch)
    async with running(watch):
        await clock.sleep(65)
        clock.jumped = seconds
        before = len(watch.framework.ran)
        await clock.sleep(180)
        assert len(watch.framework.ran) == before + 3
        until = clock.time() + 300
        await watch.monitor.pause("wiki", actor="ada", reason="vendor maintenance", expires_at=until)
        clock.jumped = 0.0
        await clock.sleep(290)
        assert watch.monitor.health("wiki").state is Health.PAUSED
        await clock.sleep(15)
        assert watch.monitor.health("wiki").state is Health.UP


async def test_resuming_what_is_not_paused_changes_nothing() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(5)
        told = len(watch.published.of(HealthChange))
        await watch.monitor.resume("wiki", actor="bob", reason="done")
    assert len(watch.published.of(HealthChange)) == told


async def test_a_pause_survives_a_restart_and_still_ends() -> None:
    store = FakeStore()
    first = Watch(store=store)
    watch_wiki(first)
    async with running(first):
        until = first.clock.time() + 300
        await first.monitor.pause("wiki", actor="ada", reason="vendor maintenance", expires_at=until)
    second = Watch(store=store)
    second.clock.monotonic()
    await second.monitor.load()
    watch_wiki(second)
    async with running(second):
        await second.clock.sleep(100)
        assert second.framework.ran == []
        await second.clock.sleep(250)
        assert second.monitor.health("wiki").state is Health.UP


@pytest.mark.parametrize("is_loaded_first", [True, False], ids=["load then watch", "watch then load"])
async def test_a_restart_during_an_outage_keeps_since_and_announces_nothing(is_loaded_first: bool) -> None:
    store = FakeStore()
    first = Watch(store=store)
    watch_wiki(first)
    first.framework.answer = failed()
    async with running(first):
        await first.clock.sleep(60)
        since = first.monitor.health("wiki").since
    second = Watch(store=store)
    second.framework.answer = failed()
    if is_loaded_first:
        await second.monitor.load()
    watch_wiki(second)
    if not is_loaded_first:
        await second.monitor.load()
    async with running(second):
        assert second.monitor.health("wiki").state is Health.DOWN
        await second.clock.sleep(120)
    assert second.monitor.health("wiki").since == since
    assert second.changes() == []


async def test_a_confirmed_change_outlives_a_store_that_fails() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(5)
        watch.store.error, watch.framework.answer = OSError("disk full"), failed()
        await watch.clock.sleep(200)
        assert watch.monitor.health("wiki").state is Health.DOWN
        assert ("", "up", "down") not in watch.changes()
        watch.store.error = None
        await watch.clock.sleep(60)
        assert ("", "up", "down") in watch.changes()
    assert [change.after for change in watch.store.changes][-2:] == [Health.DOWN, Health.DOWN]


async def test_what_the_last_calls_change_is_stored_when_the_monitor_closes() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(2)
    watch.monitor.on_signal(opened())
    await watch.monitor.aclose()
    (saved,) = await watch.store.load_health()
    assert saved.state is Health.DOWN
    assert watch.changes()[-1] == ("", "up", "down")


async def test_a_changed_configuration_keeps_what_is_known() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(5)
        since = watch.monitor.health("wiki").since
        watch_wiki(watch, "read", "write", check=CheckPolicy(interval=10.0))
        await watch.clock.sleep(20)
        health = watch.monitor.health("wiki")
    assert health.since == since
    assert [each.state for each in health.capabilities] == [Health.UP, Health.UP]


async def test_a_changed_configuration_does_not_end_a_pause() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.monitor.pause("wiki", actor="ada", reason="vendor maintenance")
        ran = len(watch.framework.ran)
        watch_wiki(watch, check=CheckPolicy(interval=10.0))
        await watch.clock.sleep(60)
    assert len(watch.framework.ran) == ran
    assert watch.monitor.health("wiki").state is Health.PAUSED


async def test_what_is_unwatched_is_checked_no_more_and_unknown() -> None:
    watch = Watch()
    watch_wiki(watch)
    watch.framework.answer = hang
    async with running(watch):
        await watch.clock.sleep(2)
        watch.monitor.unwatch("wiki")
        ran = len(watch.framework.ran)
        await watch.clock.sleep(300)
    assert len(watch.framework.ran) == ran
    assert watch.framework.in_flight["wiki"] == 0
    with pytest.raises(UnknownIntegration):
        watch.monitor.health("wiki")


async def test_watching_again_remembers_the_health_before() -> None:
    watch = Watch()
    watch_wiki(watch)
    await watch.monitor.check_integration_health("wiki")
    watch.monitor.unwatch("wiki")
    watch_wiki(watch)
    assert watch.monitor.health("wiki").state is Health.UP


async def test_an_unknown_integration_is_an_error_that_names_the_nearest() -> None:
    watch = Watch()
    watch_wiki(watch)
    with pytest.raises(UnknownIntegration, match="did you mean wiki"):
        watch.monitor.health("wikk")


async def test_the_next_check_is_foretold_in_utc() -> None:
    watch = Watch()
    watch_wiki(watch)
    async with running(watch):
        await watch.clock.sleep(5)
        foretold = watch.monitor.health("wiki").capabilities[0].next_check_at
        assert foretold
        watch.framework.ran.clear()
        await watch.clock.sleep(foretold - watch.clock.time() + 0.1)
    assert len(watch.framework.ran) == 1


async def test_samples_tell_health_and_queues() -> None:
    watch = Watch()
    watch_wiki(watch)
    samples = list(watch.monitor.samples())
    assert Sample("dialtone_health", ("wiki", "wikis", "", "unknown"), 1.0) in samples
    assert Sample("dialtone_queue_depth", ("checks",), 0) in samples
    assert Sample("dialtone_queue_depth", ("health",), 0) in samples


async def test_samples_may_be_read_while_integrations_come_and_go() -> None:
    watch = Watch()
    watch_wiki(watch)
    reading = iter(watch.monitor.samples())
    next(reading)
    watch.monitor.unwatch("wiki")
    assert list(reading)
