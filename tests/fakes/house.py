"""A framework over a scripted vendor, for tests of where answers come from; for virtual time."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
import httpx

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import Outcome
from integrations.execution.policy import Policy, RetryPolicy
from integrations.framework import IntegrationFramework
from integrations.signals import CallRecord
from tests.fakes.clock import LoopClock
from tests.fakes.execution import Script, ScriptedVendor
from tests.fakes.framework import CATALOG
from tests.fakes.signals import RecordingSubscriber

REPO = {"owner": "octo", "repo": "hello"}
ONCE = Policy(retry=RetryPolicy(attempts=1))


def slow(seconds: float) -> Script:
    """An answer in JSON after so many seconds."""

    async def answer(_: httpx.Request) -> httpx.Response:
        await anyio.sleep(seconds)
        return httpx.Response(200, json={"id": 7})

    return answer


class House:
    """A framework with one integration to a vendor whose script may hold seconds for slow answers."""

    def __init__(self, *script: Script, policy: Policy = ONCE) -> None:
        clock = LoopClock()
        self.vendor = ScriptedVendor(*[slow(one) if isinstance(one, float) else one for one in script])
        self.signals = RecordingSubscriber()
        executor = Executor(
            clock=clock, publish=self.signals, transport=lambda _: httpx.MockTransport(self.vendor)
        )
        self.framework = IntegrationFramework(
            executor=executor, catalog=CATALOG, clock=clock, publish=self.signals
        )
        self.executor = executor
        self.secret = Secret("ghp_abc")
        self.register("github", policy=policy)
        self.outcomes: dict[str, Outcome] = {}

    def register(self, name: str, **fields: object) -> None:
        self.framework.register_integration(
            Connection(id=name, vendor="github", secrets={"token": self.secret}, **fields)
        )

    async def read(self, caller: str = "", **fields: object) -> Outcome:
        outcome = await self.framework.execute_integration(
            "github", "repos.get", {**REPO, **fields.pop("params", {})}, caller=caller, **fields
        )
        self.outcomes[caller] = outcome
        return outcome

    def record(self, caller: str) -> CallRecord:
        (record,) = [one for one in self.signals.of(CallRecord) if one.caller == caller]
        return record

    def answers(self) -> dict[str, float]:
        name = "dialtone_answers_total"
        return {one.labels[1]: one.value for one in self.framework.samples() if one.metric == name}


Build = Callable[..., Awaitable[House]]


@asynccontextmanager
async def houses() -> AsyncIterator[Build]:
    """Build houses whose frameworks run."""
    async with anyio.create_task_group() as group:

        async def build(*script: Script, **fields: object) -> House:
            made = House(*script, **fields)
            group.start_soon(made.framework.run)
            await anyio.lowlevel.checkpoint()
            return made

        yield build
        group.cancel_scope.cancel()
