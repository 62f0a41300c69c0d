"""Ten thousand calls over loopback, through the real pool, ended at random: nothing leaks."""

import asyncio
import random

import anyio
import httpx
import pytest
from aiohttp import web

from integrations.clock import SystemClock
from integrations.execution.executor import Executor
from integrations.execution.outcome import FailureKind as K
from integrations.execution.policy import Policy
from integrations.signals import CallRecord
from tests.fakes.execution import call, line_spec
from tests.fakes.signals import RecordingSubscriber

CALLS, WORKERS = 10_000, 25
RNG = random.Random(5)


async def answer(request: web.Request) -> web.StreamResponse:
    """Quick or slow, small or large, whole or cut."""
    await asyncio.sleep(RNG.random() * 0.01)
    luck = RNG.random()
    if luck < 0.05 and request.transport is not None:
        request.transport.abort()
    if luck > 0.7:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10):
            await response.write(b"x" * 5_000)
            await asyncio.sleep(RNG.random() * 0.002)
        return response
    return web.json_response({"ok": True}, status=503 if luck > 0.65 else 200)


@pytest.fixture
async def url() -> object:
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def end_somehow(executor: Executor, url: str) -> None:
    patience = RNG.random() * 0.03
    way = RNG.choice(["scope", "native", "deadline", "none"])
    deadline = SystemClock.monotonic() + (patience if way == "deadline" else 30)
    request = call(prepare=lambda: httpx.Request("GET", url), deadline=deadline)
    if way == "scope":
        with anyio.move_on_after(patience):
            await executor.execute(request)
    elif way == "native":
        task = asyncio.get_running_loop().create_task(executor.execute(request))
        await asyncio.wait([task], timeout=patience)
        task.cancel()
        await asyncio.wait([task])
    else:
        await executor.execute(request)


async def test_no_slot_permit_token_or_task_is_lost(url: str) -> None:
    signals = RecordingSubscriber()
    executor = Executor(clock=SystemClock(), publish=signals)
    executor.open_line(line_spec(Policy(concurrency=8, hedge_after=0.008)))
    executor.disable("shop", actor="test", reason="failures are wanted here")
    line = executor._lines["shop"]
    tasks = len(asyncio.all_tasks())

    async def work() -> None:
        for _ in range(CALLS // WORKERS):
            await end_somehow(executor, url)

    async with anyio.create_task_group() as group:
        for _ in range(WORKERS):
            group.start_soon(work)

    kinds = [record.kind for record in signals.of(CallRecord)]
    print(
        f"{len(kinds)} calls: "
        + ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds), key=str))
    )
    # Enough of each has happened, on a busy machine too.
    assert kinds.count(K.CANCELLED) > CALLS // 50
    assert kinds.count(K.TIMEOUT) > CALLS // 50
    assert line.transport.inner.taken == line.transport.in_flight == line.transport.orphans == 0
    assert line.active == line.in_flight == line.waiting == len(line.under_way) == 0
    assert all(quota._in_flight == 0 for quota in line.quotas.values())
    probes = [await executor.execute(call(prepare=lambda: httpx.Request("GET", url))) for _ in range(20)]
    assert sum(answer.outcome.ok for answer in probes) > 15
    await executor.aclose()
    await asyncio.sleep(0.05)
    assert len(asyncio.all_tasks()) <= tasks + 1
