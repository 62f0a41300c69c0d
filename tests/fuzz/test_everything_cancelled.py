"""Ten thousand runs over loopback with every feature on, ended at random: nothing is left behind."""

import asyncio
import random
from collections.abc import AsyncIterator

import anyio
import pytest
from aiohttp import web

from integrations.clock import SystemClock
from integrations.connection import Connection, Fallback
from integrations.credentials.secret import Secret
from integrations.execution.adaptive import Adaptive
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind as K
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.framework import IntegrationFramework
from integrations.manifest.loading import Catalog
from integrations.signals import CallRecord
from tests.fakes.signals import RecordingSubscriber
from tests.fuzz.conftest import Covered

RUNS, WORKERS = 5_000, 100


class Rough:
    """A vendor that is quick or slow, well or broken, throttles, and sometimes cuts."""

    def __init__(self) -> None:
        self.rng = random.Random(21)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(self.rng.random() * 0.02)
        luck = self.rng.random()
        if luck < 0.05 and request.transport is not None:
            request.transport.abort()
        if luck < 0.07:
            return web.json_response({}, status=429, headers={"retry-after": "1"})
        if luck > 0.9:
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(10):
                await response.write(b" " * 5_000)
                await asyncio.sleep(self.rng.random() * 0.004)
            return response
        return web.json_response({"ok": True}, status=503 if luck < 0.2 else 200)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", Rough().answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


class Crowd:
    """Callers of two integrations, one the other's fallback, who end their runs somehow."""

    def __init__(self, url: str, adaptive: Adaptive) -> None:
        self.rng = random.Random(22)
        self.signals = RecordingSubscriber()
        self.executor = Executor(clock=SystemClock(), publish=self.signals)
        self.framework = IntegrationFramework(
            executor=self.executor, catalog=Catalog.bundled(), clock=SystemClock(), publish=self.signals
        )
        policy = Policy(
            deadline=5.0,
            timeout=0.5,
            connect=0.5,
            concurrency=8,
            adaptive=adaptive,
            queue=20,
            stale_seconds=0.2,
            hedge_after=0.01,
            retry=RetryPolicy(base=0.002, cap=0.01, throttle_base=0.01),
            breaker=BreakerPolicy(open_seconds=0.1, open_max=0.2, half_open_seconds=1),
        )
        for name, fallback in (
            ("main", Fallback(integration="mirror", actions=("repos.get",))),
            ("mirror", Fallback()),
        ):
            self.framework.register_integration(
                Connection(
                    id=name,
                    vendor="github",
                    config={"base_url": url},
                    secrets={"token": Secret("ghp_a")},
                    policy=policy,
                    fallback=fallback,
                )
            )

    async def ask(self, caller: str, *, timeout: float) -> None:  # noqa: ASYNC109 - it becomes the run's deadline
        luck = self.rng.random()
        if luck < 0.1:
            check = self.rng.choice(self.framework.checks("main"))
            await self.framework.run_check(check, timeout=timeout, cold=luck < 0.05)
            return
        action = "repos.get" if luck < 0.9 else "issues.create"
        params = {"owner": "octo", "repo": self.rng.choice("abcdefghij")}
        if action == "issues.create":
            params["title"] = "Down"
        await self.framework.execute_integration("main", action, params, caller=caller, timeout=timeout)

    async def end_somehow(self, caller: str) -> None:
        patience = 0.001 + self.rng.random() * 0.06
        way = self.rng.choice(["deadline", "scope", "native", "none"])
        if way == "scope":
            with anyio.move_on_after(patience):
                await self.ask(caller, timeout=5)
        elif way == "native":
            task = asyncio.get_running_loop().create_task(self.ask(caller, timeout=5))
            await asyncio.wait([task], timeout=patience)
            task.cancel()
            await asyncio.wait([task])
        else:
            await self.ask(caller, timeout=patience if way == "deadline" else 5)

    def held(self) -> dict[str, object]:
        """What is still held, by name; all of it must be nothing."""
        lines = self.executor._lines.items()
        held: dict[str, object] = {"sharing": self.framework._answering._sharing.under_way}
        for name, line in lines:
            held |= {
                f"{name} active": line.active,
                f"{name} slots": line.in_flight,
                f"{name} waiting": line.waiting,
                f"{name} scopes": len(line.under_way),
                f"{name} sent": line.transport.in_flight,
                f"{name} connections": line.transport.inner.taken,
                f"{name} quota": sum(quota._in_flight for quota in line.quotas.values()),
                f"{name} trials": sum(breaker._running for breaker in line._breakers.values()),
            }
        return {name: value for name, value in held.items() if value}


@pytest.mark.parametrize("adaptive", [Adaptive.AIMD, Adaptive.GRADIENT2])
async def test_nothing_is_left_of_runs_that_end_at_random(
    adaptive: Adaptive, url: str, covered: Covered
) -> None:
    crowd = Crowd(url, adaptive)
    tasks = len(asyncio.all_tasks())
    async with anyio.create_task_group() as owner:
        owner.start_soon(crowd.framework.run)

        async def work(worker: int) -> None:
            for _ in range(RUNS // WORKERS):
                await crowd.end_somehow(f"caller-{worker % 7}")

        async with anyio.create_task_group() as group:
            for worker in range(WORKERS):
                group.start_soon(work, worker)
        with anyio.move_on_after(2):
            while crowd.held():  # noqa: ASYNC110 - cancelled flights end within a turn or two of the loop
                await asyncio.sleep(0.01)
        assert crowd.held() == {}
        owner.cancel_scope.cancel()
    records = crowd.signals.of(CallRecord)
    kinds = [str(record.kind) for record in records]
    sources = {str(record.source) for record in records}
    covered(
        f"cancellation under {adaptive}: {RUNS} runs, {len(records)} calls, "
        f"{', '.join(sorted(sources))}; "
        + ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))
    )
    assert {"shared", "stale", "fallback"} <= sources
    assert {None, K.CANCELLED, K.TIMEOUT, K.REJECTED} <= {record.kind for record in records}
    for line in crowd.executor._lines.values():
        assert 0 <= line.budget.tokens <= line.budget.capacity
    await crowd.executor.aclose()
    await asyncio.sleep(0.1)
    assert len(asyncio.all_tasks()) <= tasks + 1
