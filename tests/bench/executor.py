"""The executor's own cost, beside tenacity and interlock in the same run: `python -m tests.bench.executor`.

Each figure is µs of this thread's CPU per call: the median of many batches, the variants taking turns so that
a busy machine hits all of them. "Pipeline" is all of `Executor.execute` around a transport that answers at
once; building and reading real HTTP is left to the part in situ. Fairness and the adaptive limit (AIMD) are
on in all rows, as by default; what sharing costs is measured by tests/bench/answers.py.
"""

import asyncio
import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import anyio
import httpx
from interlock import CircuitBreaker, Pipeline
from tenacity import AsyncRetrying, stop_after_attempt

from app.live.view import LiveView
from exporters.analytics.store import AnalyticsStore
from exporters.table import MetricTable
from integrations.bus import SignalBus
from integrations.clock import SystemClock
from integrations.connection import Connection, NetworkPolicy
from integrations.execution.call import Call, LineSpec, Verdict
from integrations.execution.executor import Executor
from integrations.execution.outcome import Effect, Outcome
from integrations.execution.policy import Policy
from integrations.execution.pool import Pools
from integrations.execution.transport import HTTPTransport, Reply
from monitors.checks import Check
from monitors.monitor import IntegrationMonitor

BATCH, ROUNDS, PAIRS = 400, 120, 60
REPLY = Reply(status=200, headers={"content-type": "application/json"}, body=b'{"ok":true}')
OK = Verdict()
Step = Callable[[], Awaitable[object]]


class _Nothing:
    def on_signal(self, signal: object) -> None:
        pass


class _NoChecks:
    async def run_check(self, check: Check, /, *, timeout: float, cold: bool, examination: object) -> Outcome:  # noqa: ASYNC109 - as the real one
        raise AssertionError

    def check_succeeded(self, integration: str, capability: str, /) -> None:
        raise AssertionError


class _AtOnce(HTTPTransport):
    """Answers without a network."""

    async def send(
        self,
        request: httpx.Request,
        *,
        connect: float,
        timeout: float,  # noqa: ASYNC109 - as the real one
        max_body: int,
        certificate: bool = False,
        heard: Callable[[int], None] | None = None,
    ) -> Reply:
        return REPLY


def _spec() -> LineSpec:
    return LineSpec(
        integration="bench", vendor="http", policy=Policy(), network=NetworkPolicy(), capabilities=("read",)
    )


def _executor(bus: SignalBus) -> Executor:
    executor = Executor(
        clock=SystemClock(),
        publish=bus.publish,
        transport=lambda _: httpx.MockTransport(lambda _: httpx.Response(200)),
        random=random.Random(1),
    )
    executor.open_line(_spec())
    line = executor._lines["bench"]
    line.transport = _AtOnce(line.transport.inner, clock=SystemClock())
    return executor


def _call(
    *,
    deadline: float | None = None,
    timeout: float | None = None,
    prepare: Callable[[], httpx.Request] | None = None,
) -> Call:
    request = httpx.Request("GET", "http://127.0.0.1/")
    return Call(
        integration="bench",
        action="get",
        capability="read",
        effect=Effect.READ,
        idempotent=True,
        prepare=prepare if prepare is not None else lambda: request,
        classify=lambda _: OK,
        run_id="r",
        deadline=deadline,
        timeout=timeout,
    )


async def _nothing() -> Reply:
    return REPLY


def _whole_bus() -> SignalBus:
    """The same, and the live view."""
    bus = _dialtones_own()
    bus.subscribe("live", LiveView(clock=SystemClock()))
    return bus


def _dialtones_own() -> SignalBus:
    """A bus with all who hear of each call in Dialtone; rows stay in memory, so no disk is measured."""
    bus, clock = SignalBus(), SystemClock()
    monitor = IntegrationMonitor(
        framework=_NoChecks(), executor=_NoChecks(), clock=clock, publish=bus.publish
    )
    monitor.watch(Connection(id="bench", vendor="http"), "http", ())
    bus.subscribe("metrics", MetricTable())
    bus.subscribe("monitor", monitor)
    bus.subscribe("analytics", AnalyticsStore(Path("not-opened"), clock=clock))
    return bus


def _ours() -> dict[str, Step]:
    quiet, heard = SignalBus(), SignalBus()
    heard.subscribe("nothing", _Nothing())
    everyone, timed, whole = (_executor(bus) for bus in (_dialtones_own(), _dialtones_own(), _whole_bus()))
    alone, subscribed, refusing = _executor(quiet), _executor(heard), _executor(quiet)
    refusing.force_open("bench", actor="bench", reason="bench")
    unlimited, limited = _call(deadline=math.inf, timeout=math.inf), _call()
    return {
        "pipeline": lambda: alone.execute(unlimited),
        "pipeline, a subscriber": lambda: subscribed.execute(unlimited),
        "pipeline, metrics+monitor+analytics": lambda: everyone.execute(unlimited),
        "pipeline with its deadline": lambda: alone.execute(limited),
        "metrics+monitor+analytics, with its deadline": lambda: timed.execute(limited),
        "all of these and the live view": lambda: whole.execute(limited),
        "refusal, open circuit": lambda: refusing.execute(unlimited),
    }


def _peers() -> dict[str, Step]:
    retrying = AsyncRetrying(stop=stop_after_attempt(3))
    breaker = CircuitBreaker(name="bench")
    builder = Pipeline.builder().retry(attempts=3).circuit_breaker(breaker)
    pipeline = builder.bulkhead(16).timeout(10.0).build()
    return {
        "tenacity alone": lambda: retrying(_nothing),
        "interlock retry+breaker+bulkhead+timeout": lambda: pipeline.call(_nothing),
    }


async def _batch(step: Step, calls: int) -> float:
    for _ in range(calls // 10):
        await step()
    began = time.thread_time()
    for _ in range(calls):
        await step()
    return (time.thread_time() - began) / calls * 1e6


async def _microbench() -> None:
    steps = {"a bare await": _nothing, **_ours(), **_peers()}
    figures: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            figures[name].append(await _batch(step, BATCH))
    ours = statistics.median(figures["pipeline"])
    print(f"{'executor, no network':44} {'median µs':>10} {'p10 µs':>8} {'x pipeline':>11}")
    for name, values in figures.items():
        median, low = statistics.median(values), statistics.quantiles(values, n=10)[0]
        print(f"{name:44} {median:10.2f} {low:8.2f} {median / ours:11.2f}")


class _FixedAnswer(asyncio.Protocol):
    """Answers whatever comes with the same JSON, so that the server is never what is measured."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        body = b'{"ok":true,"items":[1,2,3],"next":null}'
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_FixedAnswer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _at_once(step: Step, callers: int, calls: int) -> float:
    async def work() -> None:
        for _ in range(calls // callers):
            await step()

    began = time.thread_time()
    async with anyio.create_task_group() as group:
        for _ in range(callers):
            group.start_soon(work)
    return (time.thread_time() - began) / calls * 1e6


async def _in_situ(port: int) -> None:
    url = f"http://127.0.0.1:{port}/"
    executor = Executor(clock=SystemClock(), publish=SignalBus().publish)
    executor.open_line(_spec())
    bare = HTTPTransport(Pools(SystemClock()).open(_spec()), clock=SystemClock())

    async def without() -> object:
        reply = await bare.send(httpx.Request("GET", url), connect=3, timeout=10, max_body=10**7)
        return reply.json()

    through = _call(prepare=lambda: httpx.Request("GET", url))

    async def within() -> object:
        reply = (await executor.execute(through)).reply
        return reply.json() if reply is not None else None

    client = httpx.AsyncClient(timeout=10)

    async def plain() -> object:
        return (await client.get(url)).json()

    steps = {
        "our transport, read timeout": without,
        "executor with its deadline": within,
        "httpx.AsyncClient": plain,
    }
    print(f"\n{'a real GET':36} {'at once':>8} {'median µs':>10} {'adds µs':>9} {'of httpx':>9}")
    for callers in (1, 16):
        figures: dict[str, list[float]] = {name: [] for name in steps}
        for _ in range(PAIRS):
            for name, step in steps.items():
                figures[name].append(await _at_once(step, callers, 160))
        alone, peer = (
            figures["our transport, read timeout"],
            statistics.median(figures["httpx.AsyncClient"]),
        )
        for name, values in figures.items():
            added = statistics.median(value - first for value, first in zip(values, alone, strict=True))
            print(f"{name:36} {callers:8} {statistics.median(values):10.1f} {added:9.1f} {added / peer:9.1%}")
    await client.aclose()
    await executor.aclose()
    await bare.aclose()


def _bench_in_situ() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.executor", "serve"], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            asyncio.run(_in_situ(int(server.stdout.readline())))
        finally:
            server.terminate()


def main() -> None:
    """Print the figures."""
    asyncio.run(_microbench())
    _bench_in_situ()


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(_serve())
    else:
        main()
