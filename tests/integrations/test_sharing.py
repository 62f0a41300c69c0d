"""Equal reads at once share one run, in virtual time."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import anyio.lowlevel
import pytest

from integrations.errors import InvalidParams
from integrations.execution.outcome import FailureKind as K
from integrations.execution.outcome import Source
from integrations.execution.policy import Policy
from tests.fakes.clock import VIRTUAL_TIME
from tests.fakes.house import REPO, Build, House, houses


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


@pytest.fixture
async def house() -> AsyncIterator[Build]:
    async with houses() as build:
        yield build


async def together(*reads: Callable[[], Awaitable[object]]) -> None:
    async with anyio.create_task_group() as group:
        for read in reads:
            group.start_soon(read)


async def test_equal_reads_at_once_make_one_request_and_each_is_a_run_of_its_caller(house: Build) -> None:
    one = await house(0.2)

    await together(*[lambda name=name: one.read(name) for name in ("ann", "bob", "cyd")])

    assert len(one.vendor.requests) == 1
    assert [one.outcomes[name].source for name in ("ann", "bob", "cyd")] == [
        Source.LIVE,
        Source.SHARED,
        Source.SHARED,
    ]
    assert len({outcome.run_id for outcome in one.outcomes.values()}) == 3
    shared, live = one.record("bob"), one.record("ann")
    assert (shared.source, shared.attempts, shared.kind, shared.status) == (Source.SHARED, (), None, 200)
    assert shared.run_id == one.outcomes["bob"].run_id
    assert shared.duration == pytest.approx(0.2, abs=0.02)
    assert (live.source, len(live.attempts)) == (Source.LIVE, 1)
    assert one.answers() == {"live": 1, "shared": 2}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"params": {"repo": "other"}}, id="other params"),
        pytest.param({"idempotency_key": "k"}, id="a key of its own"),
    ],
)
async def test_reads_that_differ_share_nothing(house: Build, other: dict[str, object]) -> None:
    one = await house(0.2)

    await together(lambda: one.read("ann"), lambda: one.read("bob", **other))

    assert len(one.vendor.requests) == 2


async def test_a_read_under_another_credential_makes_a_request_of_its_own(house: Build) -> None:
    one = await house(0.2)

    async def with_another() -> None:
        await anyio.sleep(0.1)
        one.secret._value = "ghp_rotated"
        await one.read("bob")

    await together(lambda: one.read("ann"), with_another)

    assert len(one.vendor.requests) == 2


async def test_sharing_can_be_switched_off(house: Build) -> None:
    one = await house(0.2, policy=Policy(share=False))

    await together(lambda: one.read("ann"), lambda: one.read("bob"))

    assert len(one.vendor.requests) == 2


async def test_who_began_the_run_may_leave_and_the_others_get_its_answer(house: Build) -> None:
    one = await house(0.2)

    async def leave() -> None:
        with anyio.move_on_after(0.1):
            await one.read("ann")

    await together(leave, lambda: one.read("bob"))

    assert len(one.vendor.requests) == 1
    assert one.outcomes["bob"].ok
    assert "ann" not in one.outcomes


async def test_a_waiter_who_leaves_is_recorded_as_cancelled_and_the_others_stay(house: Build) -> None:
    one = await house(0.2)

    async def leave() -> None:
        with anyio.move_on_after(0.1):
            await one.read("bob")

    await together(lambda: one.read("ann"), leave)

    assert one.outcomes["ann"].ok
    assert (one.record("bob").kind, one.record("bob").source) == (K.CANCELLED, Source.SHARED)


async def test_the_run_ends_with_its_last_waiter(house: Build) -> None:
    one = await house(30.0)

    async def leave(name: str, after: float) -> None:
        with anyio.move_on_after(after):
            await one.read(name)

    await together(lambda: leave("ann", 0.1), lambda: leave("bob", 0.2))
    await anyio.sleep(0.01)

    assert one.vendor.running == 0
    assert one.record("ann").kind is K.CANCELLED
    assert one.framework._answering._sharing.under_way == 0


async def test_a_waiter_keeps_its_own_shorter_deadline(house: Build) -> None:
    one = await house(2.0)

    await together(lambda: one.read("ann"), lambda: one.read("bob", timeout=0.5))

    assert one.outcomes["ann"].ok
    assert (one.outcomes["bob"].kind, one.outcomes["bob"].source) == (K.TIMEOUT, Source.SHARED)
    assert one.outcomes["bob"].duration == pytest.approx(0.5, abs=0.02)


async def test_a_waiter_with_more_time_than_the_run_has_goes_on_after_it(house: Build) -> None:
    one = await house(2.0, 0.1)

    await together(lambda: one.read("ann", timeout=1.0), lambda: one.read("bob", timeout=1.5))

    assert one.outcomes["ann"].kind is K.TIMEOUT
    assert one.outcomes["bob"].ok


async def test_who_has_far_more_time_joins_no_run_that_is_about_to_end(house: Build) -> None:
    one = await house(0.2)

    await together(lambda: one.read("ann", timeout=1.0), lambda: one.read("bob", timeout=9.0))

    assert len(one.vendor.requests) == 2


async def test_a_read_never_joins_one_that_began_before_a_write_was_done(house: Build) -> None:
    one = await house(0.5, 0.1, 0.1)

    async def write_then_read() -> None:
        params = {**REPO, "title": "Down"}
        await one.framework.execute_integration("github", "issues.create", params)
        await one.read("bob")

    await together(lambda: one.read("ann"), write_then_read)

    assert len(one.vendor.requests) == 3


async def test_writes_leave_nothing_behind_once_no_read_is_under_way(house: Build) -> None:
    one = await house(0.5, 0.1, 0.1)
    sharing, left = one.framework._answering._sharing, []

    async def write() -> None:
        await anyio.sleep(0.1)
        await one.framework.execute_integration("github", "issues.create", {**REPO, "title": "Down"})
        left.append(len(sharing._writes))

    await together(lambda: one.read("ann"), write)
    await write()

    assert left == [1, 0]


async def test_what_the_run_raises_reaches_all_and_ends_no_other_run(house: Build) -> None:
    one = await house(0.2)
    raised = []

    async def read() -> None:
        try:
            await one.read(params={"owner": "\x00", "repo": ".."})
        except InvalidParams as error:
            raised.append(error)

    await together(read, read, lambda: one.read("ann"))

    assert len(raised) == 2
    assert one.outcomes["ann"].ok


async def test_without_its_owner_running_every_read_is_live() -> None:
    one = House(0.2)

    await together(lambda: one.read("ann"), lambda: one.read("bob"))

    assert len(one.vendor.requests) == 2


async def test_a_stop_of_the_owner_ends_all_who_wait() -> None:
    one = House(30.0)
    async with anyio.create_task_group() as group:
        owner = anyio.CancelScope()

        async def own() -> None:
            with owner:
                await one.framework.run()

        group.start_soon(own)
        await anyio.lowlevel.checkpoint()
        group.start_soon(one.read, "ann")
        group.start_soon(one.read, "bob")
        await anyio.sleep(0.1)
        owner.cancel()

    assert {outcome.kind for outcome in one.outcomes.values()} == {K.CANCELLED}
    assert one.vendor.running == 0


async def test_a_circuit_that_was_forced_open_refuses_who_would_share(house: Build) -> None:
    one = await house(0.5)

    async def force_then_read() -> None:
        await anyio.sleep(0.1)
        one.executor.force_open("github", actor="ann", reason="stop")
        await one.read("bob")

    await together(lambda: one.read("ann"), force_then_read)

    assert one.outcomes["ann"].ok
    assert one.outcomes["bob"].kind is K.REJECTED
