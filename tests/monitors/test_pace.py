"""When a check may wait, and that the monitor lets it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from integrations.connection import CheckPolicy
from integrations.execution.outcome import FailureKind as K
from integrations.execution.outcome import Origin
from integrations.signals import CheckResult, QuotaSample
from monitors.pace import LiveProof, Pace, Situation, stretch
from tests.fakes.clock import VIRTUAL_TIME
from tests.monitors.doubles import FakeCheck, Watch, call, connection, failed

NOW = 1_800_000_000.0
MINUTELY = CheckPolicy(interval=60.0, retry_interval=15.0)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def quota(**fields: float) -> QuotaSample:
    return QuotaSample(at=NOW, integration="wiki", vendor="wikis", bucket="core", **fields)


def seen(**fields: object) -> Situation:
    return Situation(now=NOW, interval=60.0, ran_at=NOW - 60.0, **fields)


HOURLY = {"limit": 5_000.0, "reset_at": NOW + 3_600}
"""60 checks of cost 1 until the bucket fills again."""


@pytest.mark.parametrize(
    ("situation", "intervals"),
    [
        pytest.param(seen(), 1, id="nothing-known"),
        pytest.param(seen(is_proved=True), 5, id="proved-by-traffic"),
        pytest.param(seen(is_proved=True, is_steady=False), 1, id="proved-but-not-steady"),
        pytest.param(seen(quota=quota(**HOURLY, remaining=6_000.0)), 1, id="exactly-one-percent"),
        pytest.param(seen(quota=quota(**HOURLY, remaining=5_999.0)), 2, id="just-over-one-percent"),
        pytest.param(seen(quota=quota(**HOURLY, remaining=2_500.0)), 3, id="60-checks-where-25-are-allowed"),
        pytest.param(seen(quota=quota(**HOURLY)), 2, id="only-the-limit-is-known"),
        pytest.param(seen(quota=quota(**HOURLY, remaining=100.0)), 5, id="never-beyond-five"),
        pytest.param(seen(quota=quota(**HOURLY, remaining=0.0)), 5, id="nothing-left"),
        pytest.param(seen(cost=0.0, quota=quota(**HOURLY, remaining=100.0)), 1, id="costs-nothing"),
        pytest.param(seen(cost=2.0, quota=quota(**HOURLY, remaining=6_000.0)), 2, id="costs-two"),
        pytest.param(
            seen(quota=quota(remaining=9.0, limit=10.0, reset_at=NOW - 1)), 1, id="the-bucket-has-filled"
        ),
        pytest.param(seen(quota=quota(remaining=9.0)), 1, id="no-word-of-when-it-fills"),
        pytest.param(seen(quota=quota(limit=100.0), window=3_600.0), 60, id="one-an-hour-of-a-hundred"),
        pytest.param(seen(quota=quota(limit=100.0), window=3_600.0, drawn=0.5), 30, id="half-a-cost"),
        pytest.param(seen(quota=quota(limit=100.0), window=3_600.0, cost=0.0), 1, id="free-of-a-hundred"),
        pytest.param(seen(quota=quota(limit=1.0), window=3_600.0), 60, id="never-beyond-sixty"),
        pytest.param(seen(least_interval=300.0), 5, id="a-documented-limit"),
        pytest.param(seen(least_interval=301.0), 6, id="a-documented-limit-beyond-five"),
        pytest.param(seen(least_interval=301.0, is_steady=False), 1, id="a-limit-and-not-steady"),
        pytest.param(seen(quota=quota(throttled_until=NOW + 90)), 3, id="throttled-for-one-and-a-half-more"),
        pytest.param(seen(quota=quota(throttled_until=NOW - 1)), 1, id="no-longer-throttled"),
        pytest.param(seen(quota=quota(throttled_until=NOW + 9_999)), 5, id="throttled-for-long"),
        pytest.param(
            seen(is_steady=False, quota=quota(throttled_until=NOW + 90)), 1, id="throttled-and-not-steady"
        ),
    ],
)
def test_a_check_is_stretched_as_far_as_the_furthest_reason_says(
    situation: Situation, intervals: int
) -> None:
    stretched = stretch(situation)
    assert stretched.intervals == intervals
    assert bool(stretched.reason) is (intervals > 1)


@pytest.mark.parametrize(
    ("calls", "holds"),
    [
        pytest.param([(at, None) for at in (1, 2, 3, 4)], False, id="four-are-too-few"),
        pytest.param([(at, None) for at in (1, 2, 3, 4, 5)], True, id="five-are-enough"),
        pytest.param([(at, None) for at in (-9, 2, 3, 4, 5)], False, id="one-was-too-long-ago"),
        pytest.param([(at, K.TIMEOUT if at == 1 else None) for at in range(1, 9)], False, id="one-failed"),
        pytest.param([(at, K.THROTTLED if at == 1 else None) for at in range(1, 9)], False, id="throttled"),
        pytest.param(
            [(at, K.NOT_FOUND if at == 1 else None) for at in range(1, 9)], True, id="callers-fault"
        ),
        pytest.param(
            [(at, K.REJECTED if at == 1 else None) for at in range(1, 9)], True, id="rejected-by-us"
        ),
        pytest.param(
            [(-1, K.TIMEOUT), *((at, None) for at in range(1, 9))], True, id="failed-before-the-interval"
        ),
    ],
)
def test_live_calls_prove_a_path(calls: list[tuple[float, K | None]], holds: bool) -> None:
    proof = LiveProof()
    for at, kind in calls:
        proof.record(kind, now=float(at))
    assert proof.holds(now=10.0, within=10.0) is holds


def watched(policy: CheckPolicy = MINUTELY, *, bucket: str = "") -> Watch:
    watch = Watch()
    watch.monitor.watch(connection(check=policy), "Wikis", [FakeCheck(integration="wiki", bucket=bucket)])
    return watch


@asynccontextmanager
async def running(watch: Watch) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        group.start_soon(watch.monitor.run)
        await watch.clock.sleep(2.0)
        yield
        group.cancel_scope.cancel()


async def traffic(watch: Watch, seconds: float, **fields: object) -> None:
    """A live call every five seconds."""
    for _ in range(int(seconds / 5)):
        watch.monitor.on_signal(call(at=watch.clock.time(), **fields))
        await watch.clock.sleep(5)


def test_a_check_that_nothing_is_known_of_has_no_reason_to_wait() -> None:
    check, pace = FakeCheck(integration="wiki", bucket="core"), Pace()
    assert not pace.has_reason(check)
    assert pace.has_reason(FakeCheck(integration="wiki", least_interval=300.0))
    pace.take_quota(quota(limit=100.0))
    assert pace.has_reason(check)
    assert not pace.has_reason(FakeCheck(integration="wiki", bucket="search"))


def test_live_calls_are_a_reason_to_look_at() -> None:
    check, pace = FakeCheck(integration="wiki"), Pace()
    pace.take_call(check.capability, None, now=0.0)
    assert pace.has_reason(check)


async def test_a_check_waits_up_to_five_intervals_while_traffic_succeeds() -> None:
    watch = watched()
    async with running(watch):
        await traffic(watch, 120)
        watch.framework.ran.clear()
        await traffic(watch, 1_500)
    assert len(watch.framework.ran) == 5


async def test_its_health_says_why_it_waits_and_until_when() -> None:
    watch = watched()
    async with running(watch):
        await traffic(watch, 120)
        ran_at = watch.framework.ran[-1][1]
        (health,) = watch.monitor.health("wiki").capabilities
        foretold = watch.clock.monotonic() + (health.next_check_at or 0) - watch.clock.time()
    assert health.stretched.startswith("At least 5 live calls succeeded")
    assert foretold - ran_at == pytest.approx(5 * 60, abs=31)


@pytest.mark.parametrize(
    ("policy", "fields"),
    [
        pytest.param(CheckPolicy(interval=60.0, adaptive=False), {}, id="switched-off"),
        pytest.param(MINUTELY, {"origin": Origin.CHECK}, id="checks-are-no-traffic"),
        pytest.param(MINUTELY, {"capability": "write"}, id="another-capability"),
        pytest.param(MINUTELY, {"kind": K.TIMEOUT}, id="traffic-fails"),
    ],
)
async def test_a_check_keeps_its_interval(policy: CheckPolicy, fields: dict[str, object]) -> None:
    watch = watched(policy)
    async with running(watch):
        await traffic(watch, 120, **fields)
        watch.framework.ran.clear()
        await traffic(watch, 600, **fields)
    assert len(watch.framework.ran) == 10


async def test_a_check_runs_at_its_next_slot_once_traffic_stays_away_or_fails() -> None:
    watch = watched()
    async with running(watch):
        await traffic(watch, 120)
        watch.framework.ran.clear()
        await watch.clock.sleep(125)
        assert watch.framework.ran
        await traffic(watch, 120)
        watch.framework.ran.clear()
        watch.monitor.on_signal(call(at=watch.clock.time(), kind=K.TIMEOUT))
        await watch.clock.sleep(62)
    assert watch.framework.ran


async def test_nothing_is_stretched_while_a_failure_waits_to_be_confirmed() -> None:
    watch = watched()
    async with running(watch):
        await traffic(watch, 120)
        watch.framework.answer = failed()
        await watch.monitor.check_integration_health("wiki")
        watch.framework.ran.clear()
        await traffic(watch, 35)
    assert len(watch.framework.ran) == 2, "at the retry interval"


async def test_a_scarce_quota_of_its_own_bucket_stretches_a_check() -> None:
    watch = watched(bucket="core")
    async with running(watch):
        await watch.clock.sleep(70)
        reset = watch.clock.time() + 7_200
        watch.monitor.on_signal(
            QuotaSample(
                at=NOW, integration="wiki", vendor="wikis", bucket="core", remaining=4_000.0, reset_at=reset
            )
        )
        watch.framework.ran.clear()
        await watch.clock.sleep(1_800)
        (health,) = watch.monitor.health("wiki").capabilities
    assert len(watch.framework.ran) == 10
    assert "1 % of the quota" in health.stretched


async def test_a_check_that_is_asked_for_runs_however_well_traffic_goes() -> None:
    watch = watched()
    async with running(watch):
        await traffic(watch, 120)
        watch.framework.ran.clear()
        await watch.monitor.check_integration_health("wiki")
    assert len(watch.framework.ran) == 1


async def test_slots_that_pass_while_every_check_waits_are_told_by_the_next_result() -> None:
    watch = watched()
    async with running(watch):
        await traffic(watch, 120)
        ran = len(watch.framework.ran)
        timetable, now = watch.monitor._timetable, watch.clock.monotonic()
        begun = timetable.begin("wiki", now=now)
        begun.skipped = 3
        await watch.monitor._rounds.run(begun, anyio.CancelScope())
        timetable.finish(begun, now=now, is_unconfirmed=False)
        assert len(watch.framework.ran) == ran, "it may wait"
        await watch.monitor.check_integration_health("wiki")
    assert watch.published.of(CheckResult)[-1].skipped == 3
