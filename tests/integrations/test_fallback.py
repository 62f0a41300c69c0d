"""Another integration or a fixed answer in place of one that fails, in virtual time."""

import anyio
import httpx
import msgspec
import pytest

from integrations.connection import Fallback
from integrations.errors import ConfigurationError
from integrations.execution.outcome import FailureKind as K
from integrations.execution.outcome import Outcome, Source
from integrations.execution.policy import Policy
from integrations.fallback import circle_from
from integrations.signals import CallRecord
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.house import ONCE, REPO, House

READ = ("repos.get",)
TO_MIRROR = Fallback(integration="mirror", actions=READ)
FIXED = Fallback(answer={"id": 0}, actions=READ)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


def house(
    *, main: object, mirror: object = None, fallback: Fallback = TO_MIRROR, policy: Policy = ONCE
) -> House:
    """Two integrations; each answers with a status, or after so many seconds."""

    async def answer(request: httpx.Request) -> httpx.Response:
        step = mirror if "mirror" in request.url.host else main
        if isinstance(step, float):
            await anyio.sleep(step)
            return httpx.Response(200, json={"id": 7})
        return httpx.Response(int(str(step)), json={"from": request.url.host})

    one = House(answer, policy=policy)
    one.register("github", policy=policy, fallback=fallback)
    if mirror is not None:
        one.register("mirror", policy=policy, config={"base_url": "https://mirror.example"})
    return one


async def test_another_integration_answers_and_the_failure_stays_visible() -> None:
    one = house(main=503, mirror=200)

    outcome = await one.read("ann")

    assert (outcome.ok, outcome.source, outcome.data) == (True, Source.FALLBACK, {"from": "mirror.example"})
    assert "mirror answered in its place, because of server_error" in outcome.detail
    assert [attempt.status for attempt in outcome.attempts] == [503, 200]
    records = [(r.integration, r.source, r.kind, r.caller) for r in one.signals.of(CallRecord)]
    assert records == [
        ("github", Source.LIVE, K.SERVER_ERROR, "ann"),
        ("mirror", Source.LIVE, None, "ann"),
        ("github", Source.FALLBACK, None, "ann"),
    ]
    assert {record.run_id for record in one.signals.of(CallRecord)} == {outcome.run_id}
    assert "server_error" in one.signals.of(CallRecord)[-1].detail


async def test_a_fixed_answer_becomes_the_data() -> None:
    one = house(main=503, fallback=FIXED)

    outcome = await one.read()

    assert (outcome.ok, outcome.source, outcome.data) == (True, Source.FALLBACK, {"id": 0})


async def test_other_actions_have_no_fallback() -> None:
    one = house(main=503, fallback=FIXED)

    outcome = await one.framework.execute_integration("github", "issues.list", REPO)

    assert outcome.kind is K.SERVER_ERROR


@pytest.mark.parametrize("status", [401, 403, 404, 422])
async def test_what_the_vendor_refuses_to_us_stays_its_answer(status: int) -> None:
    one = house(main=status, mirror=200)

    assert (await one.read()).status == status


async def test_a_fifth_of_the_time_is_kept_for_the_fallback() -> None:
    one = house(main=99.0, mirror=1.5, policy=Policy(deadline=10.0, timeout=10.0))
    began = anyio.current_time()

    outcome = await one.read()

    assert outcome.source is Source.FALLBACK
    assert anyio.current_time() - began == pytest.approx(9.5, abs=0.1)


async def test_both_together_never_take_longer_than_the_deadline() -> None:
    one = house(main=99.0, mirror=99.0, policy=Policy(deadline=10.0, timeout=10.0))
    began = anyio.current_time()

    outcome = await one.read()

    assert (outcome.kind, outcome.source) == (K.TIMEOUT, Source.LIVE)
    assert "the fallback mirror did not help: of timeout" in outcome.detail
    assert anyio.current_time() - began == pytest.approx(10, abs=0.1)


async def test_a_fallback_that_is_not_there_leaves_the_failure_and_says_so() -> None:
    one = house(main=503)

    outcome = await one.read()

    assert outcome.kind is K.SERVER_ERROR
    assert "the fallback mirror did not help: there is no integration 'mirror'" in outcome.detail


async def test_a_circle_ends_where_it_would_begin_again() -> None:
    one = house(main=503, mirror=503)
    back = Fallback(integration="github", actions=READ)
    one.register("mirror", config={"base_url": "https://mirror.example"}, policy=ONCE, fallback=back)

    outcome = await one.read()

    assert outcome.kind is K.SERVER_ERROR
    assert len(one.vendor.requests) == 2


async def test_a_rejected_call_falls_back_but_not_on_a_circuit_forced_open() -> None:
    one = house(main=200, mirror=200)
    one.executor.force_open("github", actor="ann", reason="stop")

    assert (await one.read()).kind is K.REJECTED


async def test_a_fallback_on_itself_and_unknown_actions_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"fallback\.integration: found itself"):
        house(main=200, fallback=Fallback(integration="github", actions=READ))
    with pytest.raises(ConfigurationError, match=r"did you mean repos\.get"):
        house(main=200, fallback=Fallback(answer=1, actions=("repo.get",)))


@pytest.mark.parametrize(
    "given",
    [
        {"integration": "b", "answer": 1, "actions": ["x"]},
        {"integration": "b"},
        {"actions": ["x"]},
    ],
    ids=["both", "no actions", "no answer"],
)
def test_half_a_fallback_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError, match="fallback takes"):
        msgspec.convert(given, Fallback)


def test_a_circle_is_found_from_each_of_its_members_only() -> None:
    links = {"a": "b", "b": "c", "c": "b", "d": ""}
    assert [circle_from(name, links) for name in "abcd"] == [[], ["b", "c", "b"], ["c", "b", "c"], []]


async def test_an_outcome_with_a_fallback_is_this_runs_own() -> None:
    one = house(main=503, mirror=200)
    outcome: Outcome = await one.read("ann")
    (last,) = [record for record in one.signals.of(CallRecord) if record.source is Source.FALLBACK]
    assert (last.call_id, last.duration) == (outcome.call_id, outcome.duration)
