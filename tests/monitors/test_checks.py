"""One check: what is published, and what its outcome says of health."""

import anyio
import pytest
import structlog

from integrations.execution.outcome import Attempt, FailureKind, Outcome, RejectReason
from integrations.signals import CheckResult, Evidence, Health
from monitors.checks import GRACE, CheckRunner, explain
from monitors.health import Observation
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.signals import RecordingSubscriber
from tests.monitors.doubles import FakeBreakers, FakeCheck, FakeFramework, failed, hang, succeeded


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Bench:
    """A runner with its doubles."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.framework = FakeFramework(self.clock)
        self.breakers = FakeBreakers()
        self.published = RecordingSubscriber()
        self.runner = CheckRunner(
            framework=self.framework, breakers=self.breakers, clock=self.clock, publish=self.published
        )

    async def run(self, *, lag: float = 0.0, skipped: int = 0) -> Observation | None:
        check = FakeCheck(integration="wiki")
        with anyio.CancelScope() as scope:
            return await self.runner.run(
                check, vendor="wikis", limit=10.0, task=scope, lag=lag, skipped=skipped
            )
        return None

    @property
    def result(self) -> CheckResult:
        (result,) = self.published.of(CheckResult)
        return result


async def test_a_success_is_up_and_tells_the_breakers() -> None:
    bench = Bench()
    seen = await bench.run()
    assert seen
    assert (seen.state, seen.evidence, seen.is_hard) == (Health.UP, Evidence.CHECK, False)
    assert bench.breakers.succeeded == [("wiki", "read")]


async def test_a_failure_tells_the_breakers_nothing() -> None:
    bench = Bench()
    bench.framework.answer = failed()
    await bench.run()
    assert bench.breakers.succeeded == []


async def test_the_result_carries_the_outcome_the_lag_and_the_skipped_slots() -> None:
    bench = Bench()
    bench.framework.answer = failed(FailureKind.SERVER_ERROR, detail="bad gateway")
    await bench.run(lag=0.25, skipped=3)
    result = bench.result
    assert (result.integration, result.vendor, result.capability) == ("wiki", "wikis", "read")
    assert (result.kind, result.detail) == (FailureKind.SERVER_ERROR, "bad gateway")
    assert (result.lag, result.skipped, result.ran) == (0.25, 3, True)
    assert result.evidence_health is Health.DOWN


@pytest.mark.parametrize(
    ("outcome", "state", "ran"),
    [
        pytest.param(failed(FailureKind.DNS), Health.DOWN, True, id="dns is down"),
        pytest.param(failed(FailureKind.EXPECTATION), Health.DOWN, True, id="an expectation not met is down"),
        pytest.param(failed(FailureKind.FORBIDDEN), Health.UNAUTHORIZED, True, id="403 is unauthorized"),
        pytest.param(failed(FailureKind.NOT_FOUND), Health.UNKNOWN, True, id="404 is our configuration"),
        pytest.param(failed(FailureKind.THROTTLED), Health.THROTTLED, True, id="429 is throttled"),
        pytest.param(
            Outcome(kind=FailureKind.THROTTLED),
            Health.THROTTLED,
            False,
            id="kept back while the vendor waits",
        ),
        pytest.param(
            Outcome(kind=FailureKind.REJECTED, reason=RejectReason.QUOTA),
            Health.THROTTLED,
            False,
            id="kept back by our quota",
        ),
        pytest.param(
            Outcome(kind=FailureKind.REJECTED, reason=RejectReason.BULKHEAD), None, False, id="no free place"
        ),
        pytest.param(Outcome(kind=FailureKind.CANCELLED), None, False, id="cancelled"),
    ],
)
async def test_an_outcome_says_of_health(outcome: Outcome, state: Health | None, ran: bool) -> None:
    bench = Bench()
    bench.framework.answer = outcome
    seen = await bench.run()
    assert (seen.state if seen else None) is state
    assert bench.result.ran is ran


@pytest.mark.parametrize("injected", [False, True])
async def test_the_result_tells_whether_an_injected_fault_struck_an_attempt(*, injected: bool) -> None:
    bench = Bench()
    attempts = (Attempt(start=0.0, duration=0.1, injected=injected), Attempt(start=0.2, duration=0.1))
    bench.framework.answer = Outcome(attempts=attempts)
    await bench.run()
    assert bench.result.injected is injected


async def test_a_check_that_hangs_is_given_up_as_a_timeout() -> None:
    bench = Bench()
    bench.framework.answer = hang
    seen = await bench.run()
    assert seen
    assert seen.kind is FailureKind.TIMEOUT
    assert bench.result.duration == pytest.approx(10.0 + GRACE, abs=0.1)
    assert bench.result.ran


async def test_a_check_that_raises_is_counted_and_unknown_and_publishes_no_result() -> None:
    bench = Bench()
    bench.framework.answer = RuntimeError("a bug")
    seen = await bench.run()
    assert seen
    assert seen.state is Health.UNKNOWN
    assert "RuntimeError" in seen.reason
    assert bench.runner.errors == 1
    assert bench.published.signals == []


async def test_a_fault_is_logged_when_it_begins_changes_and_ends() -> None:
    bench = Bench()
    faults = [RuntimeError(), RuntimeError(), KeyError(), succeeded(), succeeded(), RuntimeError()]
    with structlog.testing.capture_logs() as logs:
        for bench.framework.answer in faults:
            await bench.run()
    assert [entry["event"] for entry in logs] == [
        "check raised",
        "check raised",
        "check works again",
        "check raised",
    ]


def test_an_explanation_holds_what_is_known() -> None:
    outcome = Outcome(
        kind=FailureKind.VENDOR_ERROR, status=200, code="invalid_auth", detail="the answer says no"
    )
    assert explain(outcome, asked="auth.test at Slack") == (
        "auth.test at Slack failed (vendor error, HTTP 200, invalid_auth): the answer says no"
    )
    asked = "GET at shop.example"
    assert explain(Outcome(duration=0.214), asked=asked) == f"{asked} answered in 214 ms."
    assert explain(Outcome(duration=0.0014), asked=asked) == f"{asked} answered in 1.4 ms."
    assert explain(Outcome(duration=2.5), asked=asked) == f"{asked} answered in 2.50 s."
