"""What sharing costs a read alone, and saves where many ask at once: `python -m tests.bench.answers`.

Each figure is µs of this thread's CPU per run of an action through the framework, without network: the median
of many batches, the variants taking turns. "Live" leaves out all of integrations/answering.py.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import anyio
import anyio.lowlevel
import httpx

from integrations.bus import SignalBus
from integrations.clock import SystemClock
from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.executor import Executor
from integrations.execution.policy import Policy
from integrations.framework import IntegrationFramework
from tests.bench.executor import _AtOnce
from tests.fakes.framework import CATALOG

BATCH, ROUNDS, CROWD = 200, 60, 20
PARAMS = {"owner": "octo", "repo": "hello"}
Step = Callable[[], Awaitable[object]]


def _framework(policy: Policy) -> IntegrationFramework:
    clock, bus = SystemClock(), SignalBus()
    executor = Executor(
        clock=clock,
        publish=bus.publish,
        transport=lambda _: httpx.MockTransport(lambda _: httpx.Response(200)),
    )
    framework = IntegrationFramework(executor=executor, catalog=CATALOG, clock=clock, publish=bus.publish)
    framework.register_integration(
        Connection(id="bench", vendor="github", secrets={"token": Secret("ghp_a")}, policy=policy)
    )
    line = executor._lines["bench"]
    line.transport = _AtOnce(line.transport.inner, clock=clock)
    return framework


def _read(framework: IntegrationFramework) -> Step:
    return lambda: framework.execute_integration("bench", "repos.get", PARAMS)


async def _turns(step: Step) -> None:
    """A run, and the two turns of the loop that a shared one takes and a real request takes anyway."""
    await step()
    await anyio.lowlevel.checkpoint()
    await anyio.lowlevel.checkpoint()


async def _crowd(step: Step) -> None:
    async with anyio.create_task_group() as group:
        for _ in range(CROWD):
            group.start_soon(step)


async def _batch(step: Step, calls: int) -> float:
    began = time.thread_time()
    for _ in range(calls):
        await step()
    return (time.thread_time() - began) / calls * 1e6


async def _measure() -> None:
    live, off = _framework(Policy(share=False)), _framework(Policy(share=False))
    on, all_on = _framework(Policy()), _framework(Policy(stale_seconds=60, hedge_after=5))
    live._answering.answer = live._run  # type: ignore[method-assign]  # the path without answering.py
    steps = {
        "live": _read(live),
        "share off": _read(off),
        "share off, two turns of the loop": lambda: _turns(_read(off)),
        "share on, alone": _read(on),
        "share, stale and hedge on, alone": _read(all_on),
        f"{CROWD} at once, share off (all)": lambda: _crowd(_read(off)),
        f"{CROWD} at once, share on (all)": lambda: _crowd(_read(on)),
    }
    figures: dict[str, list[float]] = {name: [] for name in steps}
    async with anyio.create_task_group() as owner:
        for framework in (off, on, all_on):
            owner.start_soon(framework.run)
        await anyio.lowlevel.checkpoint()
        for _ in range(ROUNDS):
            for name, step in steps.items():
                figures[name].append(await _batch(step, BATCH if "at once" not in name else BATCH // CROWD))
        owner.cancel_scope.cancel()
    print(f"{'an action, no network':40} {'median µs':>10} {'p10 µs':>8}")
    for name, values in figures.items():
        print(f"{name:40} {statistics.median(values):10.1f} {statistics.quantiles(values, n=10)[0]:8.1f}")


def main() -> None:
    """Print the figures."""
    asyncio.run(_measure())


if __name__ == "__main__":
    main()
