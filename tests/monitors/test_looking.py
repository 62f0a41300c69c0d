"""The monitor's looks at what only time shows, in virtual time, and why it says what it says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import cycle

import anyio
import msgspec
import pytest

from integrations.connection import CheckPolicy
from integrations.execution.outcome import FailureKind, Origin, Outcome
from integrations.signals import (
    CheckResult,
    CredentialNotice,
    Evidence,
    Health,
    HealthChange,
    QuotaSample,
    WebhookReceipt,
)
from integrations.webhooks.policy import Expectation, WebhookPolicy
from monitors.alerts.decisions import Decision, Verdict
from monitors.alerts.told import IncidentDecisions
from monitors.explain import explanation
from monitors.incident import Incident
from monitors.report import Pause, SavedHealth
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.monitors.doubles import FakeCheck, Watch, call, connection, failed, succeeded


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class JumpingClock(LoopClock):
    """Its wall clock can be put forward."""

    jumped = 0.0

    def time(self) -> float:
        return super().time() + self.jumped


@asynccontextmanager
async def watching(*, policy: CheckPolicy | None = None, **given: object) -> AsyncIterator[Watch]:
    watch = Watch(clock=JumpingClock())
    made = msgspec.structs.replace(connection(check=policy) if policy else connection(), **given)
    watch.monitor.watch(made, "Wikis", [FakeCheck(integration="wiki", bucket="core")])
    async with anyio.create_task_group() as group:
        group.start_soon(watch.monitor.run)
        await watch.clock.sleep(30)
        yield watch
        group.cancel_scope.cancel()


def state(watch: Watch) -> Health:
    return watch.monitor.health("wiki").state


async def test_a_capability_is_heard_of_while_one_of_its_checks_is_answered() -> None:
    watch = Watch(clock=JumpingClock())
    checks = [FakeCheck(integration="wiki", action=action) for action in ("pages.list", "pages.get")]
    watch.monitor.watch(connection(), "Wikis", checks)
    outcomes = cycle((succeeded(), failed(FailureKind.REJECTED)))

    async def answer() -> Outcome:
        return next(outcomes)

    watch.framework.answer = answer
    async with anyio.create_task_group() as group:
        group.start_soon(watch.monitor.run)
        await watch.clock.sleep(6 * 60)
        assert state(watch) is Health.UP
        assert watch.published.of(CheckResult)[-1].kind is FailureKind.REJECTED
        group.cancel_scope.cancel()


async def test_checks_that_say_nothing_for_three_intervals_are_no_data() -> None:
    async with watching() as watch:
        watch.framework.answer = failed(FailureKind.REJECTED)
        await watch.clock.sleep(3 * 60)
        assert state(watch) is Health.UP
        await watch.clock.sleep(3 * 60)
        assert state(watch) is Health.UNKNOWN
        assert watch.monitor.health("wiki").reason.startswith("No check has answered for ")
        watch.framework.answer = succeeded()
        await watch.clock.sleep(3 * 60)
        assert state(watch) is Health.UP


@pytest.mark.parametrize("jump", [7_200.0, -7_200.0], ids=["ahead", "back"])
async def test_a_wall_clock_that_jumps_is_no_missing_data_and_no_silence(jump: float) -> None:
    async with watching(webhooks=WebhookPolicy(expect=Expectation(every=3_600.0))) as watch:
        assert isinstance(watch.clock, JumpingClock)
        watch.clock.jumped = jump
        await watch.clock.sleep(5 * 60)
        assert state(watch) is Health.UP


async def test_a_wall_clock_that_jumps_back_hides_no_live_calls_that_fail() -> None:
    async with watching() as watch:
        assert isinstance(watch.clock, JumpingClock)
        for jumped in (0.0, -7_200.0):
            watch.clock.jumped = jumped
            for _ in range(5):
                for _ in range(40):
                    kind = FailureKind.SERVER_ERROR if jumped else None
                    watch.monitor.on_signal(call(at=watch.clock.time(), kind=kind))
                await watch.clock.sleep(60)
        assert state(watch) is Health.DEGRADED


async def test_a_check_that_may_wait_is_not_missed() -> None:
    async with watching() as watch:
        for _ in range(8):
            for _ in range(6):
                watch.monitor.on_signal(call(at=watch.clock.time()))
            await watch.clock.sleep(60)
            assert state(watch) is Health.UP
        assert len(watch.framework.ran) < 6


async def test_after_a_pause_the_missed_time_does_not_count() -> None:
    async with watching() as watch:
        await watch.monitor.pause("wiki", actor="ada", reason="maintenance")
        await watch.clock.sleep(3_600)
        await watch.monitor.resume("wiki", actor="ada", reason="done")
        await watch.clock.sleep(180)
    assert [change.after for change in watch.published.of(HealthChange) if not change.capability] == [
        Health.UP,
        Health.PAUSED,
        Health.UP,
    ]


async def test_after_a_pause_checks_have_their_time_again_to_answer() -> None:
    async with watching() as watch:
        await watch.monitor.pause("wiki", actor="ada", reason="maintenance")
        await watch.clock.sleep(3_600)
        watch.framework.answer = failed(FailureKind.REJECTED)
        await watch.monitor.resume("wiki", actor="ada", reason="done")
        await watch.clock.sleep(170)
        assert state(watch) is Health.UP


async def test_live_calls_that_fail_are_evidence_and_checks_are_not_counted_among_them() -> None:
    async with watching() as watch:
        for origin, expected in ((Origin.CHECK, Health.UP), (Origin.TRAFFIC, Health.DEGRADED)):
            for _ in range(5):
                for _ in range(40):
                    failing = call(at=watch.clock.time(), kind=FailureKind.SERVER_ERROR, origin=origin)
                    watch.monitor.on_signal(failing)
                await watch.clock.sleep(60)
            assert state(watch) is expected


async def test_signals_of_quota_credential_and_webhooks_are_shown_as_evidence() -> None:
    async with watching(webhooks=WebhookPolicy(expect=Expectation(every=600.0))) as watch:
        at = watch.clock.time()
        for signal in (
            QuotaSample(at=at, integration="wiki", vendor="wikis", bucket="core", limit=60, remaining=7),
            CredentialNotice(at=at, integration="wiki", vendor="wikis", event="expiring", detail="In 3 d."),
            WebhookReceipt(at=at, integration="wiki", vendor="wikis", event_type="push", verdict="accepted"),
        ):
            watch.monitor.on_signal(signal)
        await watch.clock.sleep(1)
        evidence = watch.monitor.explain("wiki").capabilities[0].evidence
        texts = {one.source: one.text for one in evidence}
        assert texts[Evidence.QUOTA] == "Quota core: 7 of 60 left."
        assert texts[Evidence.CREDENTIAL] == "Its credential: expiring. In 3 d."
        assert texts[Evidence.WEBHOOK] == "The last webhook was push."
        assert texts[Evidence.CHECK].startswith("pages.list at Wikis answered in ")
        assert all(0 <= one.age <= 60 for one in evidence)
        await watch.clock.sleep(700)
        assert watch.monitor.health("wiki").state is Health.DEGRADED


async def test_what_is_learned_is_stored_now_and_then_and_at_the_end() -> None:
    async with watching() as watch:
        await watch.clock.sleep(16 * 60)
        learned = stored(watch).memory[0].results.learned
        assert learned > 25 + 10
        await watch.clock.sleep(5 * 60)
        assert stored(watch).memory[0].results.learned == learned
    await watch.monitor.aclose()
    assert stored(watch).memory[0].results.learned > learned


def stored(watch: Watch) -> SavedHealth:
    return msgspec.msgpack.decode(watch.store.states["wiki"], type=SavedHealth)


async def test_a_change_that_is_being_confirmed_says_how_far_it_is() -> None:
    async with watching(policy=CheckPolicy(interval=60.0, retry_interval=15.0)) as watch:
        watch.framework.answer = failed()
        while watch.monitor.health("wiki").capabilities[0].pending_count < 2:
            await watch.clock.sleep(1)
        explained = watch.monitor.explain("wiki")
        (read,) = explained.capabilities
        assert (explained.deciding, read.phase) == ("read", "soft")
        assert read.confirming is not None
        assert (read.confirming.state, read.confirming.count, read.confirming.wanted) == (Health.DOWN, 2, 3)
        await watch.clock.sleep(30)
        (read,) = watch.monitor.explain("wiki").capabilities
        assert (read.phase, read.confirming, read.health.state) == ("hard", None, Health.DOWN)
        assert any(one.weight == 1.0 and one.says is Health.DOWN for one in read.rested_on)


class _Incidents:
    def all(self) -> list[Incident]:
        return [
            Incident(
                id=id_, integration=integration, vendor="wikis", capability="", state=Health.DOWN,
                evidence=Evidence.CHECK, reason="x", began_at=1.0, opened_at=2.0,
            )
            for id_, integration in (("i3", "wiki"), ("i2", "shop"), ("i1", "wiki"))
        ]  # fmt: skip


class _Reader:
    async def decisions(self, incident: str, *, limit: int) -> list[Decision]:
        number = float(incident[1:])
        made = [
            Decision(
                at=10 * number + n, group_key=incident, receiver="pager", verdict=Verdict.SENT, reason="new"
            )
            for n in (2, 1)
        ]
        return made[:limit]


class _Changes:
    async def recent_changes(self, integration_id: str, limit: int, /) -> list[HealthChange]:
        assert (integration_id, limit) == ("wiki", 20)
        return []


async def test_an_explanation_tells_what_was_decided_on_the_integrations_incidents() -> None:
    async with watching() as watch:
        told = await explanation(
            "wiki",
            verdicts=watch.monitor,
            history=_Changes(),
            decisions=IncidentDecisions(_Incidents(), _Reader()),
        )
    assert [(one.group_key, one.at) for one in told.decisions] == [
        ("i3", 32.0),
        ("i3", 31.0),
        ("i1", 12.0),
        ("i1", 11.0),
    ]


async def test_decisions_are_read_up_to_the_limit() -> None:
    told = await IncidentDecisions(_Incidents(), _Reader()).decisions_of("wiki", limit=3)
    assert [one.at for one in told] == [32.0, 31.0, 12.0]


async def test_a_paused_integration_is_explained_by_its_pause() -> None:
    async with watching() as watch:
        await watch.monitor.pause("wiki", actor="ada", reason="maintenance")
        explained = watch.monitor.explain("wiki")
    assert explained.deciding == ""
    assert explained.health.pause == Pause(
        actor="ada", reason="maintenance", since=explained.health.since, expires_at=None
    )
