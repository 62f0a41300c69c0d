"""The executor's own cost, beside tenacity and interlock in the same run: `python -m tests.bench.executor`.

Each figure is µs of this thread's CPU per call: the median of many batches, the variants taking turns so that
a busy machine hits all of them. "Pipeline" is all of `Executor.execute` around a transport that answers at
once; building and reading real HTTP is left to the part in situ.
"""

import asyncio
import math
import random
import statistics
import time
from collections.abc import Awaitable, Callable

import httpx
from interlock import CircuitBreaker, Pipeline
from tenacity import AsyncRetrying, stop_after_attempt

from integrations.bus import SignalBus
from integrations.clock import SystemClock
from integrations.connection import NetworkPolicy
from integrations.execution.call import Call, LineSpec, Verdict
from integrations.execution.executor import Executor
from integrations.execution.outcome import Effect
from integrations.execution.policy import Policy
from integrations.execution.transport import HTTPTransport, Reply

BATCH, ROUNDS = 400, 120
REPLY = Reply(status=200, headers={"content-type": "application/json"}, body=b'{"ok":true}')
OK = Verdict()
Step = Callable[[], Awaitable[object]]


class _Nothing:
    def on_signal(self, signal: object) -> None:
        pass


class _AtOnce(HTTPTransport):
    """Answers without a network."""

    async def send(self, request: httpx.Request, **limits: float) -> Reply:  # type: ignore[override] # limits are for the network
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


def _call(*, deadline: float | None = None, timeout: float | None = None) -> Call:
    request = httpx.Request("GET", "http://127.0.0.1/")
    return Call(
        integration="bench",
        action="get",
        capability="read",
        effect=Effect.READ,
        idempotent=True,
        prepare=lambda: request,
        classify=lambda _: OK,
        run_id="r",
        deadline=deadline,
        timeout=timeout,
    )


async def _nothing() -> Reply:
    return REPLY


def _ours() -> dict[str, Step]:
    quiet, heard = SignalBus(), SignalBus()
    heard.subscribe("nothing", _Nothing())
    alone, subscribed, refusing = _executor(quiet), _executor(heard), _executor(quiet)
    refusing.force_open("bench", actor="bench", reason="bench")
    unlimited, limited = _call(deadline=math.inf, timeout=math.inf), _call()
    return {
        "pipeline": lambda: alone.execute(unlimited),
        "pipeline, a subscriber": lambda: subscribed.execute(unlimited),
        "pipeline with its deadline": lambda: alone.execute(limited),
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


def main() -> None:
    """Print the figures."""
    asyncio.run(_microbench())


if __name__ == "__main__":
    main()
