"""Ten thousand runs with every feature on, ended at random: nothing is left behind but a record of each."""

import asyncio
import random

import anyio
import httpx
import pytest

from integrations.connection import Connection, Fallback
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.outcome import Source
from integrations.execution.policy import BreakerPolicy, Policy
from integrations.framework import IntegrationFramework
from integrations.signals import CallRecord
from tests.fakes.clock import VIRTUAL_TIME, LoopClock
from tests.fakes.framework import CATALOG
from tests.fakes.signals import RecordingSubscriber

RUNS, WORKERS = 10_000, 100
POLICY = Policy(
    deadline=5.0,
    timeout=4.0,
    concurrency=8,
    queue=40,
    stale_seconds=0.5,
    hedge_after=0.03,
    breaker=BreakerPolicy(open_seconds=0.2, open_max=0.5, half_open_seconds=1),
)


@pytest.fixture
def anyio_backend() -> object:
    return VIRTUAL_TIME


class Rough:
    """A vendor that is now quick, now slow, now broken."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await anyio.sleep(self.rng.random() * 0.1)
        luck = self.rng.random()
        if luck < 0.1:
            raise httpx.ReadError("reset")
        return httpx.Response(503 if luck < 0.4 else 200, json={"path": request.url.path})


class Crowd:
    """Callers of one framework who end their runs somehow."""

    def __init__(self) -> None:
        self.rng = random.Random(17)
        self.signals = RecordingSubscriber()
        clock = LoopClock()
        self.executor = Executor(
            clock=clock,
            publish=self.signals,
            transport=lambda _: httpx.MockTransport(Rough(self.rng)),
            random=random.Random(3),
        )
        self.framework = IntegrationFramework(
            executor=self.executor, catalog=CATALOG, clock=clock, publish=self.signals
        )
        fallback = Fallback(integration="mirror", actions=("repos.get",))
        for name, behind in (("github", fallback), ("mirror", Fallback())):
            self.framework.register_integration(
                Connection(
                    id=name,
                    vendor="github",
                    secrets={"token": Secret("ghp_a")},
                    policy=POLICY,
                    fallback=behind,
                )
            )

    async def ask(self, name: str, *, timeout: float) -> None:  # noqa: ASYNC109 - it becomes the run's deadline
        params = {"owner": "octo", "repo": self.rng.choice("abc")}
        action = "repos.get" if self.rng.random() < 0.9 else "issues.create"
        if action == "issues.create":
            params["title"] = "Down"
        await self.framework.execute_integration("github", action, params, caller=name, timeout=timeout)

    async def end_somehow(self, name: str) -> None:
        patience = self.rng.random() * 0.2
        way = self.rng.choice(["deadline", "scope", "native", "none"])
        timeout = patience + 0.01 if way == "deadline" else 5.0
        if way in {"deadline", "none"}:
            await self.ask(name, timeout=timeout)
        elif way == "scope":
            with anyio.move_on_after(patience):
                await self.ask(name, timeout=timeout)
        else:
            task = asyncio.get_running_loop().create_task(self.ask(name, timeout=timeout))
            await anyio.sleep(patience)
            task.cancel()
            await asyncio.wait([task])


async def test_no_run_task_slot_or_record_is_lost() -> None:
    crowd = Crowd()
    tasks = len(asyncio.all_tasks())
    async with anyio.create_task_group() as owner:
        owner.start_soon(crowd.framework.run)
        await anyio.lowlevel.checkpoint()

        async def work(worker: int) -> None:
            for number in range(RUNS // WORKERS):
                await crowd.end_somehow(f"{worker}-{number}")

        async with anyio.create_task_group() as group:
            for worker in range(WORKERS):
                group.start_soon(work, worker)
        await anyio.sleep(0.01)

        sharing = crowd.framework._answering._sharing
        assert sharing.under_way == 0
        assert all(
            line.active
            == line.in_flight
            == line.waiting
            == len(line.under_way)
            == line.transport.in_flight
            == 0
            for line in crowd.executor._lines.values()
        )
        assert all(
            quota._in_flight == 0 for line in crowd.executor._lines.values() for quota in line.quotas.values()
        )
        assert all(runs.active == 0 for runs in crowd.framework._runs.values())
        owner.cancel_scope.cancel()
    records = crowd.signals.of(CallRecord)
    assert len({record.caller for record in records}) == RUNS
    assert {record.source for record in records} == set(Source)
    assert len({record.call_id for record in records}) == len(records)
    assert len(asyncio.all_tasks()) == tasks
