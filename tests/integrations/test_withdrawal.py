"""Integrations that change, go and come back while calls run."""

import anyio
import httpx
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.errors import UnknownIntegration
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind, Outcome, RejectReason
from integrations.execution.policy import Policy
from integrations.framework import IntegrationFramework
from integrations.signals import BreakerState
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.framework import CATALOG
from tests.fakes.signals import RecordingSubscriber

ISSUES = {"owner": "octo", "repo": "hello"}
NEXT = '<https://api.github.com/repositories/1/issues?page={}>; rel="next"'


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class House:
    """A framework whose vendors answer a list in pages, each after five seconds."""

    def __init__(self, *, pages: int = 1) -> None:
        self.tokens: list[str] = []
        self._pages = pages
        clock, publish = LoopClock(), RecordingSubscriber()
        transport = httpx.MockTransport(self._answer)
        self.executor = Executor(clock=clock, publish=publish, transport=lambda _: transport)
        self.framework = IntegrationFramework(
            executor=self.executor, catalog=CATALOG, clock=clock, publish=publish
        )
        self.outcomes: list[Outcome] = []

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.tokens.append(request.headers.get("authorization", ""))
        await anyio.sleep(5)
        page = len(self.tokens)
        headers = {"link": NEXT.format(page + 1)} if page < self._pages else {}
        return httpx.Response(200, json=[{"id": page}], headers=headers)

    def register(self, vendor: str = "github", token: str = "ghp_1", policy: Policy | None = None) -> None:
        secrets = {"token": Secret(token)}
        self.framework.register_integration(
            Connection(id="hub", vendor=vendor, secrets=secrets, policy=policy or Policy())
        )

    async def call(self) -> None:
        params = {**ISSUES, "_pages": 5}
        self.outcomes.append(await self.framework.execute_integration("hub", "issues.list", params))


async def test_a_run_ends_with_the_integration_as_it_was_when_it_began() -> None:
    house = House(pages=2)
    house.register(token="ghp_1")
    async with anyio.create_task_group() as group:
        group.start_soon(house.call)
        await anyio.sleep(1)
        house.register(token="ghp_2", policy=Policy(timeout=6))
    assert house.outcomes[0].ok
    assert house.tokens == ["Bearer ghp_1"] * 2


async def test_a_run_of_several_requests_ends_before_its_line_closes() -> None:
    house = House(pages=3)
    house.register()
    async with anyio.create_task_group() as group:
        group.start_soon(house.call)
        await anyio.sleep(1)
        await house.framework.unregister_integration("hub")
        assert len(house.tokens) == 3
    assert house.outcomes[0].ok
    assert len(house.outcomes[0].data["items"]) == 3
    with pytest.raises(LookupError):
        house.executor.status("hub")


async def test_what_is_withdrawn_is_unknown_at_once() -> None:
    house = House()
    house.register()
    house.framework.withdraw_integration("hub")
    with pytest.raises(UnknownIntegration):
        await house.call()


async def test_one_that_comes_back_while_it_drains_is_not_closed() -> None:
    house = House()
    house.register()
    house.executor.force_open("hub", "write", actor="ann", reason="drill")
    async with anyio.create_task_group() as group:
        group.start_soon(house.call)
        await anyio.sleep(1)
        group.start_soon(house.framework.unregister_integration, "hub")
        await anyio.sleep(1)
        house.register()
    await house.call()
    assert [one.ok for one in house.outcomes] == [True, True]
    states = {one.capability: one.state for one in house.executor.status("hub").breakers}
    assert states["write"] is BreakerState.FORCED_OPEN


async def test_one_that_goes_twice_is_closed_once_when_the_last_run_has_ended() -> None:
    house = House()
    house.register()
    async with anyio.create_task_group() as group:
        group.start_soon(house.call)
        await anyio.sleep(1)
        group.start_soon(house.framework.unregister_integration, "hub")
        await anyio.sleep(1)
        house.register()
        group.start_soon(house.call)
        await anyio.sleep(1)
        group.start_soon(house.framework.unregister_integration, "hub")
    assert [one.ok for one in house.outcomes] == [True, True]
    assert house.framework.integrations() == ()


async def test_a_request_in_flight_ends_though_its_id_goes_to_another_vendor() -> None:
    house = House()
    house.register()
    house.executor.force_open("hub", "write", actor="ann", reason="drill")
    async with anyio.create_task_group() as group:
        group.start_soon(house.call)
        await anyio.sleep(1)
        house.register("slack", token="xoxb-1")
        states = {one.state for one in house.executor.status("hub").breakers}
    assert house.outcomes[0].ok
    assert states == {BreakerState.CLOSED}


async def test_a_run_whose_capability_is_gone_between_two_requests_is_told_why() -> None:
    house = House(pages=2)
    house.register()
    async with anyio.create_task_group() as group:
        group.start_soon(house.call)
        await anyio.sleep(1)
        house.framework.withdraw_integration("hub")
        group.start_soon(house.executor.close_line, "hub")
    outcome = house.outcomes[0]
    assert (outcome.kind, outcome.reason) == (FailureKind.REJECTED, RejectReason.SHUTDOWN)


async def test_what_cannot_be_registered_leaves_what_was() -> None:
    house = House()
    house.register()
    before = house.framework.integration("hub")
    with pytest.raises(ValueError, match="secrets"):
        house.register(token="wrong prefix")
    assert house.framework.integration("hub") is before
