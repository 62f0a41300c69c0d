"""The trace of whole actions: where the answer came from, several requests, and nothing secret."""

from collections.abc import AsyncIterator

import anyio
import httpx
import msgspec
import pytest

from integrations.connection import Fallback
from integrations.credentials.secret import Secret
from integrations.execution.fairness import Priority
from integrations.execution.outcome import Outcome
from integrations.execution.policy import Policy, RetryPolicy
from integrations.execution.trace import Stage
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.house import REPO, Build, houses

CANARY = "ghp_canary7f3a91c0d2e84b56"


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def house() -> AsyncIterator[Build]:
    async with houses() as build:
        yield build


def told(outcome: Outcome) -> list[str]:
    assert outcome.trace is not msgspec.UNSET
    return [f"{one.stage.value}: {one.decision}" for one in outcome.trace]


def details(outcome: Outcome, stage: Stage) -> str:
    assert outcome.trace is not msgspec.UNSET
    return "\n".join(one.detail for one in outcome.trace if one.stage is stage)


async def test_an_outcome_has_no_trace_unless_it_was_asked_for(house: Build) -> None:
    one = await house(httpx.Response(200, json={"id": 1}))

    assert (await one.read("ann")).trace is msgspec.UNSET
    assert b"trace" not in msgspec.json.encode(await one.read("ann"))


async def test_the_outcome_and_the_rule_that_decided_are_told(house: Build) -> None:
    one = await house(httpx.Response(404, json={"message": "Not Found"}))

    outcome = await one.read("ann", traced=True)

    assert told(outcome)[-1] == "outcome: not_found"
    assert "verdict: not_found" in told(outcome)
    assert "status 404" in details(outcome, Stage.VERDICT)


async def test_a_rule_of_the_manifest_is_named_by_its_place(house: Build) -> None:
    limited = {"x-ratelimit-remaining": "0", "x-ratelimit-limit": "60"}
    one = await house(httpx.Response(403, headers=limited, json={"message": "API rate limit exceeded"}))

    outcome = await one.read("ann", traced=True)

    assert "by errors.rules[" in details(outcome, Stage.VERDICT)


async def test_who_shares_the_run_of_another_is_told_so(house: Build) -> None:
    one = await house(0.2)

    async with anyio.create_task_group() as group:
        for name in ("ann", "bob"):
            group.start_soon(lambda name=name: one.read(name, traced=True))

    assert "answer: a run of its own" in told(one.outcomes["ann"])
    assert told(one.outcomes["bob"]) == ["answer: shared", "outcome: ok"]


async def test_a_stale_answer_is_told_with_its_age_and_why(house: Build) -> None:
    policy = Policy(retry=RetryPolicy(attempts=1), stale_seconds=60)
    one = await house(httpx.Response(200, json={"id": 1}), httpx.Response(503), policy=policy)
    await one.read("ann")

    outcome = await one.read("ann", traced=True)

    assert "answer: stale answer" in told(outcome)
    assert "because of server_error" in details(outcome, Stage.ANSWER)


async def test_a_fallback_is_told_with_both_calls(house: Build) -> None:
    one = await house(httpx.Response(503), httpx.Response(200, json={"id": 2}))
    one.register("spare")
    policy = Policy(retry=RetryPolicy(attempts=1))
    one.register("github", policy=policy, fallback=Fallback(integration="spare", actions=("repos.get",)))

    outcome = await one.read("ann", traced=True)

    assert "answer: falls back" in told(outcome)
    assert told(outcome).count("attempt: attempt 1 sent") == 2
    assert told(outcome)[-1] == "outcome: ok"
    assert "fallback answer" in details(outcome, Stage.OUTCOME)


async def test_each_request_of_a_paged_action_is_named(house: Build) -> None:
    following = '<https://api.github.com/repositories/1/issues?page=2>; rel="next"'
    pages = (
        httpx.Response(200, json=[{"id": 1}], headers={"link": following}),
        httpx.Response(200, json=[{"id": 2}]),
    )
    one = await house(*pages)

    outcome = await one.framework.execute_integration(
        "github", "issues.list", {**REPO, "_pages": 2}, traced=True
    )

    assert {event.step for event in outcome.trace if event.step} == {"request", "page-2"}


async def test_a_priority_reaches_the_line(house: Build) -> None:
    one = await house(httpx.Response(200, json={"id": 1}))

    outcome = await one.read("ann", priority=Priority.LOW, traced=True)

    assert "priority low" in details(outcome, Stage.SLOT)


@pytest.mark.parametrize("status", [200, 401, 403, 500])
async def test_no_secret_gets_into_a_trace(house: Build, status: int) -> None:
    said = {"message": f"you sent {CANARY}", "error": CANARY}
    one = await house(httpx.Response(status, json=said, headers={"x-echo": CANARY}))
    one.secret = Secret(CANARY)
    one.register("github")

    outcome = await one.read(
        "ann", params={"owner": "o", "repo": CANARY} if status == 200 else {}, traced=True
    )

    assert "attempt: attempt 1 sent" in told(outcome)
    assert CANARY.encode() not in msgspec.json.encode(outcome.trace)
