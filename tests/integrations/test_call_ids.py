"""Ids of calls: the first of a run has its run's, and no two calls have the same, whatever way they take."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import anyio.lowlevel
import httpx
import pytest

from integrations.actions import ActionContext
from integrations.connection import Connection, Fallback
from integrations.credentials.secret import Secret
from integrations.execution.call import Answer, Call
from integrations.execution.call_span import attempt_span_id
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Outcome, RejectReason, Source
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.execution.tracing import Sampler, Tracing, call_of, new_run_id, system_random
from integrations.framework import IntegrationFramework
from integrations.orders import Order
from integrations.runs import ActionRun
from integrations.signals import CallRecord
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.framework import CATALOG
from tests.fakes.house import ONCE, REPO, Build, House, houses

OK = httpx.Response(200, json={"id": 7})
DOWN = httpx.Response(503)
REFUSED = httpx.Response(401, json={"message": "Bad credentials"})
STALE = Policy(stale_seconds=600.0, retry=RetryPolicy(attempts=1))
TO_MIRROR = Fallback(integration="mirror", actions=("repos.get",))
TOLD = Policy(trace_context=True, retry=RetryPolicy(attempts=3))
PAGES = {**REPO, "_pages": 5}


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def house() -> AsyncIterator[Build]:
    async with houses() as build:
        yield build


def page(number: int) -> httpx.Response:
    link = f'<https://api.github.com/repositories/1/issues?page={number + 1}>; rel="next"'
    return httpx.Response(200, json=[{"n": number}], headers={"link": link} if number < 3 else {})


async def one_call(build: Build) -> House:
    one = await build(OK)
    await one.read()
    return one


async def further_attempts(build: Build) -> House:
    one = await build(DOWN, DOWN, OK, policy=Policy(retry=RetryPolicy(attempts=3)))
    await one.read()
    return one


async def hedges(build: Build) -> House:
    one = await build(5.0, OK, policy=Policy(hedge_after=0.1))
    await one.read()
    return one


async def another_credential(build: Build) -> House:
    one = await build(REFUSED, OK, policy=Policy())
    values = iter(["ghp_new"])
    one.secret = Secret("ghp_old", read=lambda: next(values))
    one.register("github", policy=Policy())
    await one.read()
    return one


async def pages(build: Build) -> House:
    one = await build(page(1), page(2), page(3))
    await one.framework.execute_integration("github", "issues.list", PAGES)
    return one


async def a_credential_that_cannot_be_sent(build: Build) -> House:
    one = await build(REFUSED, policy=Policy())
    one.secret = Secret("ghp_old", read=lambda: "ghp_new\n")
    one.register("github", policy=Policy())
    await one.read()
    await one.read()
    return one


async def another_integration(build: Build) -> House:
    one = await build(DOWN, OK)
    one.register("github", policy=ONCE, fallback=TO_MIRROR)
    one.register("mirror", policy=ONCE, config={"base_url": "https://mirror.example"})
    await one.read()
    return one


async def a_fixed_answer(build: Build) -> House:
    one = await build(DOWN)
    one.register("github", policy=ONCE, fallback=Fallback(answer={"id": 0}, actions=("repos.get",)))
    await one.read()
    return one


async def equal_reads(build: Build) -> House:
    one = await build(0.2)
    async with anyio.create_task_group() as group:
        for name in ("ann", "bob", "cyd"):
            group.start_soon(one.read, name)
    return one


async def one_that_leaves_the_run_it_began(build: Build) -> House:
    one = await build(DOWN, 0.2, policy=Policy(retry=RetryPolicy(attempts=3)))

    async def leave() -> None:
        with anyio.move_on_after(0.01):
            await one.read("ann")

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        group.start_soon(one.read, "bob")
    return one


async def stale_answers(build: Build) -> House:
    one = await build(OK, DOWN, policy=STALE)
    for _ in range(3):
        await one.read()
    return one


async def open_circuits(build: Build) -> House:
    one = await build(OK)
    one.register("mirror", policy=ONCE, config={"base_url": "https://mirror.example"})
    one.register("github", policy=ONCE, fallback=TO_MIRROR)
    one.executor.force_open("mirror", actor="op", reason="why")
    await one.read()
    one.executor.force_open("github", actor="op", reason="why")
    await one.read()
    return one


async def a_circuit_that_opens_while_stale_answers_stand_in(build: Build) -> House:
    policy = Policy(
        stale_seconds=600.0,
        retry=RetryPolicy(attempts=1),
        breaker=BreakerPolicy(min_calls=5, open_seconds=60),
    )
    one = await build(OK, DOWN, policy=policy)
    for _ in range(12):
        await one.read()
    assert {record.reason for record in one.signals.of(CallRecord)} > {None}
    return one


async def checks(build: Build) -> House:
    one = await build(OK)
    for check in one.framework.checks("github"):
        await one.framework.run_check(check, timeout=5.0)
    return one


SCENARIOS = [
    one_call,
    further_attempts,
    hedges,
    another_credential,
    pages,
    a_credential_that_cannot_be_sent,
    another_integration,
    a_fixed_answer,
    equal_reads,
    one_that_leaves_the_run_it_began,
    stale_answers,
    open_circuits,
    a_circuit_that_opens_while_stale_answers_stand_in,
    checks,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_one_call_of_each_run_has_its_runs_id_and_no_two_have_the_same(
    house: Build, scenario: Callable[[Build], Awaitable[House]]
) -> None:
    one = await scenario(house)

    records = one.signals.of(CallRecord)
    assert records
    assert all(record.call_id == record.span_id for record in records)
    assert len({record.call_id for record in records}) == len(records)
    own = Counter(record.run_id for record in records if record.call_id == record.run_id)
    assert own == dict.fromkeys((record.run_id for record in records), 1)
    assert {outcome.call_id for outcome in one.outcomes.values()} <= {record.call_id for record in records}


async def test_the_scenarios_take_every_way_there_is(house: Build) -> None:
    """Or the test above would say less than it seems to."""
    found: list[CallRecord] = []
    for scenario in SCENARIOS:
        found += (await scenario(house)).signals.of(CallRecord)

    several = Counter(record.run_id for record in found)
    assert max(several.values()) >= 3
    assert {record.source for record in found} == set(Source)
    assert max(len(record.attempts) for record in found) >= 3
    assert {"request", "page-2", "answer"} <= {record.step for record in found}
    assert {RejectReason.OPEN_CIRCUIT, None} <= {record.reason for record in found}
    unsent = [record for record in found if record.kind is FailureKind.UNAUTHORIZED and not record.attempts]
    assert unsent


class Three:
    """An action in code that sends three requests at once."""

    async def run(self, context: ActionContext) -> Outcome:
        answers: list[Answer] = []

        async def send() -> None:
            answers.append(await context.send(context.request(), idempotent=True))

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(send)
        return context.finish(answers[0])


class KeptCalls:
    """Keeps what it should send and sends nothing."""

    def __init__(self) -> None:
        self.made: list[Call] = []

    async def execute(self, call: Call) -> Answer:
        await anyio.sleep(1)
        self.made.append(call)
        return Answer(outcome=Outcome(), reply=None)


async def test_of_requests_that_an_action_sends_at_once_each_has_one_of_its_runs_ids() -> None:
    framework, calls = House(OK).framework, KeptCalls()
    integration, run_id = framework.integration("github"), new_run_id(system_random())
    plan = integration.plan("repos.get")
    order = Order(capability="read", deadline=9e9, run_id=run_id)
    run = ActionRun(integration, plan, calls=calls, credentials=framework.credentials, order=order)

    await run.code(Three(), plan.check(REPO))

    assert sorted(call.call_id for call in calls.made) == sorted(
        call_of(run_id, number) for number in range(3)
    )


async def test_a_run_that_is_told_its_id_gives_it_to_its_first_call_too() -> None:
    run_id = new_run_id(system_random())

    outcome = await House(OK).read(run_id=run_id)

    assert outcome.run_id == outcome.call_id == run_id


async def test_a_run_that_somebody_else_named_has_calls_with_ids_of_their_own() -> None:
    one = House(OK)

    outcomes = [await one.read(run_id="message-7") for _ in range(3)]

    ids = [record.call_id for record in one.signals.of(CallRecord)]
    assert len(set(ids)) == 3
    assert all(len(one) == 16 and int(one, 16) for one in ids)
    assert [outcome.call_id for outcome in outcomes] == ids


async def test_a_third_party_is_told_of_the_span_that_the_first_call_of_a_run_has() -> None:
    clock, records = LoopClock(), House(OK).signals
    sent: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        # The headers as they are now: attempts share the request.
        sent.append(httpx.Request("GET", request.url, headers=request.headers))
        return OK if len(sent) > 1 else DOWN

    executor = Executor(
        clock=clock,
        publish=records,
        transport=lambda _: httpx.MockTransport(answer),
        tracing=Tracing(Sampler()),
    )
    framework = IntegrationFramework(executor=executor, catalog=CATALOG, clock=clock, publish=records)
    framework.register_integration(
        Connection(id="github", vendor="github", secrets={"token": Secret("ghp_abc")}, policy=TOLD)
    )

    outcome = await framework.execute_integration("github", "repos.get", REPO)

    (record,) = records.of(CallRecord)
    own = record.run_id
    assert record.span_id == outcome.call_id == own
    assert [request.headers["traceparent"] for request in sent] == [
        f"00-{record.trace_id}-{attempt_span_id(own, number)}-01" for number in (1, 2)
    ]
