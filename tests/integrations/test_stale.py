"""The last good answer stands in for a read that fails, in virtual time."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import httpx
import pytest

from integrations.execution.outcome import FailureKind as K
from integrations.execution.outcome import Outcome, Source
from integrations.execution.policy import Policy, RetryPolicy
from integrations.sharing import ReadKey
from integrations.signals import CallRecord
from integrations.stale import LastAnswers
from tests.fakes.clock import VIRTUAL_TIME, FakeClock
from tests.fakes.execution import Script
from tests.fakes.house import REPO, House

OK = httpx.Response(200, json={"id": 7}, headers={"etag": "a"})
DOWN = httpx.Response(503)
POLICY = Policy(stale_seconds=600.0, retry=RetryPolicy(attempts=1))
Build = Callable[..., Awaitable[House]]


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture(params=[True, False], ids=["sharing", "not sharing"])
async def house(request: pytest.FixtureRequest) -> AsyncIterator[Build]:
    async with anyio.create_task_group() as group:

        async def build(*script: Script) -> House:
            policy = Policy(stale_seconds=600.0, share=request.param, retry=RetryPolicy(attempts=1))
            made = House(*script, policy=policy)
            group.start_soon(made.framework.run)
            await anyio.lowlevel.checkpoint()
            return made

        yield build
        group.cancel_scope.cancel()


async def test_the_last_good_answer_stands_in_and_says_how_old_it_is_and_why(house: Build) -> None:
    one = await house(OK, DOWN)
    await one.read("ann")
    await anyio.sleep(30)

    outcome = await one.read("bob")

    assert (outcome.ok, outcome.data, outcome.status) == (True, {"id": 7}, 200)
    assert (outcome.source, outcome.headers["etag"]) == (Source.STALE, "a")
    assert outcome.age == pytest.approx(30, abs=0.1)
    assert "30 s ago, because of server_error" in outcome.detail
    live, stale = [record for record in one.signals.of(CallRecord) if record.caller == "bob"]
    assert (live.source, live.kind, live.run_id) == (Source.LIVE, K.SERVER_ERROR, outcome.run_id)
    assert (stale.source, stale.kind, stale.run_id) == (Source.STALE, None, outcome.run_id)
    assert "server_error" in stale.detail
    assert one.answers() == {"live": 1, "stale": 1}


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        pytest.param(httpx.ConnectError("refused"), None, id="connection"),
        pytest.param(httpx.Response(429), None, id="throttled"),
        pytest.param(httpx.Response(401), K.UNAUTHORIZED, id="unauthorized"),
        pytest.param(httpx.Response(403), K.FORBIDDEN, id="forbidden"),
        pytest.param(httpx.Response(404), K.NOT_FOUND, id="not found"),
        pytest.param(httpx.Response(422), K.CLIENT_ERROR, id="client error"),
    ],
)
async def test_it_stands_in_only_while_the_vendor_fails(
    house: Build, failure: Script, kind: K | None
) -> None:
    one = await house(OK, failure)
    await one.read()

    assert (await one.read()).kind is kind


async def test_an_answer_that_is_too_old_does_not_stand_in(house: Build) -> None:
    one = await house(OK, DOWN)
    await one.read()
    await anyio.sleep(601)

    assert (await one.read()).kind is K.SERVER_ERROR


async def test_another_credential_has_no_part_in_the_answers_of_the_old_one(house: Build) -> None:
    one = await house(OK, DOWN)
    await one.read()
    one.secret._value = "ghp_rotated"

    assert (await one.read()).kind is K.SERVER_ERROR


async def test_a_changed_integration_forgets_its_answers(house: Build) -> None:
    one = await house(OK, DOWN)
    await one.read()
    one.register("github", policy=POLICY, config={"base_url": "https://other.example"})

    assert (await one.read()).kind is K.SERVER_ERROR


async def test_a_stale_answer_is_nobodys_to_change(house: Build) -> None:
    one = await house(OK, DOWN)
    first = await one.read()
    assert isinstance(first.data, dict)
    first.data.clear()
    second = await one.read()
    assert isinstance(second.data, dict)
    second.data.clear()

    assert (await one.read()).data == {"id": 7}


async def test_a_circuit_forced_open_is_refused_in_spite_of_a_good_answer(house: Build) -> None:
    one = await house(OK)
    await one.read()
    one.executor.force_open("github", actor="ann", reason="stop")

    assert (await one.read()).kind is K.REJECTED


async def test_a_check_is_never_answered_with_what_is_stale() -> None:
    one = House(OK, DOWN, policy=POLICY)
    (check, *_) = one.framework.checks("github")
    await one.framework.run_check(check, timeout=5)

    assert (await one.framework.run_check(check, timeout=5)).kind is K.SERVER_ERROR


async def test_a_write_is_never_answered_with_what_is_stale(house: Build) -> None:
    one = await house(OK, DOWN)
    params = {**REPO, "title": "Down"}
    await one.framework.execute_integration("github", "issues.create", params)

    outcome = await one.framework.execute_integration("github", "issues.create", params)

    assert outcome.kind is K.SERVER_ERROR


def key(number: int) -> ReadKey:
    return ReadKey("shop", "get", number.to_bytes(2, "big"))


def answer(size: int) -> Outcome:
    return Outcome(data="x" * size)


FAILED = Outcome(kind=K.TIMEOUT, detail="no answer in time")


def stands(last: LastAnswers, number: int) -> bool:
    return last.stand_in(key(number), FAILED, within=60).ok


def test_what_is_kept_is_bounded_and_the_least_used_goes_first() -> None:
    clock = FakeClock()
    last = LastAnswers(clock=clock, most_bytes=5_000)
    for number in range(3):
        last.keep(key(number), answer(1_000))
    assert stands(last, 0)

    last.keep(key(3), answer(1_000))

    assert [stands(last, number) for number in range(4)] == [True, False, True, True]
    assert last.bytes <= 5_000


def test_an_answer_that_is_too_large_is_not_kept_and_takes_the_older_one_away() -> None:
    clock = FakeClock()
    last = LastAnswers(clock=clock, most_bytes_each=2_000)
    last.keep(key(1), answer(100))
    clock.advance(2)

    last.keep(key(1), answer(3_000))

    assert not stands(last, 1)
    assert last.bytes == 0


def test_an_answer_that_cannot_be_written_is_not_kept() -> None:
    last = LastAnswers(clock=FakeClock())
    last.keep(key(1), Outcome(data="\ud800"))
    assert last.bytes == 0
