"""What one run makes of its answers: the outcome of one request, of several, and of none."""

import httpx
import msgspec
import pytest

from integrations.actions import ActionContext
from integrations.connection import Connection
from integrations.execution.call import Answer, Call
from integrations.execution.certificate import Certificate
from integrations.execution.cold import COLD
from integrations.execution.outcome import Attempt, FailureKind, Origin, Outcome, Phases
from integrations.execution.policy import Policy
from integrations.execution.transport import Reply
from integrations.integration import Integration
from integrations.orders import Order
from integrations.runs import ActionRun
from tests.fakes.framework import RecordingVendor, framework_for

ORDER = Order(capability="read", deadline=9e9, run_id="0123456789abcdef")
END = 1_900_000_000.0


class AnsweringCalls:
    """Gives the same good answer to each call, as it is judged; each takes half a second."""

    def __init__(self, reply: Reply) -> None:
        self.made: list[Call] = []
        self._reply = reply

    async def execute(self, call: Call) -> Answer:
        self.made.append(call)
        verdict = call.classify(self._reply)
        attempt = Attempt(start=0.0, duration=0.5, kind=verdict.kind, status=self._reply.status)
        outcome = Outcome(
            kind=verdict.kind,
            detail=verdict.detail,
            status=self._reply.status,
            attempts=(attempt,),
            duration=0.5,
            run_id=call.run_id,
        )
        return Answer(outcome=outcome, reply=self._reply)


class Steps:
    """An action in code that sends a request to each of some addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def run(self, context: ActionContext) -> Outcome:
        for address in self._addresses:
            answer = await context.send(httpx.Request("GET", address), idempotent=True)
            outcome = context.finish(answer)
        return outcome


def reply(status: int = 200) -> Reply:
    answered = Reply(status=status, headers={}, body=b"hello")
    answered.phases = Phases(connect=0.1, first_byte=0.2)
    answered.certificate = Certificate(not_after=END)
    return answered


def a_run(
    calls: AnsweringCalls, order: Order = ORDER, policy: Policy | None = None
) -> tuple[ActionRun, Integration]:
    framework = framework_for(RecordingVendor(httpx.Response(200)))
    config = {"url": "https://a.example/"}
    framework.register_integration(
        Connection(id="shop", vendor="http", config=config, policy=policy or Policy())
    )
    integration = framework.integration("shop")
    plan = integration.plan("fetch")
    return ActionRun(
        integration, plan, calls=calls, credentials=framework.credentials, order=order
    ), integration


async def test_an_outcome_tells_the_phases_and_the_end_of_the_certificate_that_was_seen() -> None:
    run, integration = a_run(AnsweringCalls(reply()))

    outcome = await run.code(Steps("https://a.example/"), {})

    assert (outcome.phases, outcome.certificate_ends_at) == (Phases(connect=0.1, first_byte=0.2), END)
    assert integration.certificate_ends_at == END
    assert outcome.data == "hello"


async def test_nobody_reads_the_data_of_a_check() -> None:
    run, integration = a_run(AnsweringCalls(reply()))
    check = integration.manifest.health[0]
    run.order = msgspec.structs.replace(ORDER, check=check, origin=Origin.CHECK)

    outcome = await run.code(Steps("https://a.example/"), {})

    assert (outcome.ok, outcome.data, outcome.certificate_ends_at) == (True, None, END)


async def test_a_cold_check_is_cold_where_reads_are_hedged_too() -> None:
    calls = AnsweringCalls(reply())
    run, _ = a_run(
        calls, msgspec.structs.replace(ORDER, cold=True, origin=Origin.CHECK), Policy(hedge_after=0.2)
    )

    await run.code(Steps("https://a.example/"), {})

    first, second = calls.made[0].prepare(), calls.made[0].prepare()
    first.extensions["of one"] = True
    assert first.extensions[COLD]
    assert second.extensions == {COLD: True}


async def test_an_outcome_of_several_requests_has_the_attempts_and_the_time_of_all() -> None:
    run, _ = a_run(AnsweringCalls(reply()))

    outcome = await run.code(Steps("https://a.example/", "https://a.example/next"), {})

    assert (len(outcome.attempts), outcome.duration, outcome.run_id) == (2, 1.0, ORDER.run_id)


async def test_a_request_that_would_leave_the_hosts_fails_the_run_with_what_was_done_before() -> None:
    calls = AnsweringCalls(reply())
    run, _ = a_run(calls)

    outcome = await run.code(Steps("https://a.example/", "https://b.example/"), {})

    assert (outcome.kind, len(calls.made)) == (FailureKind.MALFORMED, 1)
    assert outcome.detail == "not followed: b.example is not an allowed host"
    assert [one.status for one in outcome.attempts] == [200]


@pytest.mark.parametrize(
    ("status", "kind"), [(401, FailureKind.UNAUTHORIZED), (503, FailureKind.SERVER_ERROR)]
)
async def test_a_failure_has_no_data_and_a_refusal_says_what_to_do(status: int, kind: FailureKind) -> None:
    run, _ = a_run(AnsweringCalls(reply(status)))

    outcome = await run.code(Steps("https://a.example/"), {})

    assert (outcome.kind, outcome.data) == (kind, None)
    assert ("give the integration a credential" in outcome.detail) is (kind is FailureKind.UNAUTHORIZED)
