"""What the live view costs: publishing with no reader, with 1 and with 32; reading; a whole ring resumed.

Run: python -m tests.bench.live
"""

import gc
import statistics
import time
from itertools import cycle

import anyio
import anyio.lowlevel

from app.live.selection import Selection
from app.live.view import LiveView, Reader
from integrations.bus import SignalBus
from integrations.clock import SystemClock
from integrations.signals import Signal
from tests.fakes.calls import call_record

ROUNDS, BURST = 60, 2_000
GOAL_NS = 2_000


def signals() -> list[Signal]:
    """Distinct signals, as many as a round publishes, so that no round profits from the last one."""
    return [call_record(integration=f"integration-{number % 100}") for number in range(BURST)]


def one_round(bus: SignalBus, made: list[Signal]) -> float:
    """Return the mean ns of one publish."""
    gc.disable()
    began = time.perf_counter_ns()
    for signal in made:
        bus.publish(signal)
    cost = (time.perf_counter_ns() - began) / len(made)
    gc.enable()
    return cost


async def publishing(readers: int, *, selection: Selection | None = None) -> float:
    """Return the median ns that a publish costs its caller while so many readers read along, and print the
    CPU that one signal costs in all.
    """
    bus, view = SignalBus(), LiveView(clock=SystemClock())
    bus.subscribe("live", view)
    got = [0] * readers
    made, costs, waking, cpu = signals(), [], [], 0.0

    async def read(number: int, reader: Reader) -> None:
        while chunk := await reader.read():
            got[number] += chunk.count(b"event: call_record")

    async with anyio.create_task_group() as group:
        for number in range(readers):
            group.start_soon(read, number, view.open(selection or Selection()))
        for _ in range(ROUNDS):
            began = time.process_time()
            waking.append(one_round(bus, made[:1]))
            costs.append(one_round(bus, made[1:]))
            await settled(view)
            cpu += time.process_time() - began
        view.close()
    expected = readers * ROUNDS * BURST if selection is None else 0
    if sum(got) != expected:
        raise RuntimeError(f"the readers got {sum(got):,} events, not {expected:,}")
    who = f"{readers} readers{' of nothing' if selection else ''}"
    print(
        f"{who:<22} publish {statistics.median(costs):6.0f} ns   first after a pause "
        f"{statistics.median(waking):6.0f} ns   all work of one signal {cpu / ROUNDS / BURST * 1e6:6.2f} µs"
    )
    return statistics.median(costs)


async def settled(view: LiveView) -> None:
    """Wait until every reader has read everything."""
    while any(  # noqa: ASYNC110 - what is measured shall not wake the one that measures
        reader.last_id != view.ring.identify(view.ring.end - 1) for reader in view._readers
    ):
        await anyio.sleep(0.001)
    await anyio.sleep(0.06)


async def resuming() -> None:
    """Print how long the loop stands still at most while a reader resumes the whole ring."""
    view = LiveView(clock=SystemClock())
    for signal, _ in zip(cycle(signals()), range(8_192), strict=False):
        view.on_signal(signal)
    reader, stalls = view.open(Selection(), after=view.ring.identify(view.ring.first)), []

    async def read() -> None:
        while int(reader.last_id.rpartition("-")[2]) < view.ring.end - 1:
            await reader.read()

    async with anyio.create_task_group() as group:
        began = time.perf_counter()
        group.start_soon(read)
        while int(reader.last_id.rpartition("-")[2]) < view.ring.end - 1:
            before = time.perf_counter()
            await anyio.lowlevel.checkpoint()
            stalls.append(time.perf_counter() - before)
    print(
        f"resuming {view.ring.end - view.ring.first:,} signals ({view.ring.bytes / 2**20:.1f} MiB) takes "
        f"{(time.perf_counter() - began) * 1e3:.0f} ms; longest stall {max(stalls) * 1e3:.1f} ms"
    )


async def bare_bus() -> float:
    """Return what publishing costs on a bus that has no subscriber."""
    bus, made = SignalBus(), signals()
    return statistics.median(one_round(bus, made) for _ in range(ROUNDS))


async def measure() -> None:
    """Run all."""
    bare = await bare_bus()
    print(f"{ROUNDS} rounds of {BURST:,} signals; a bus without subscriber: publish {bare:.0f} ns")
    nobody = await publishing(0)
    for readers in (1, 32):
        await publishing(readers)
    await publishing(32, selection=Selection(kinds=frozenset({"health_change"})))
    await resuming()
    verdict = "met" if nobody - bare <= GOAL_NS else "MISSED"
    print(
        f"goal: at most {GOAL_NS:,} ns more than the bare bus with no reader: {nobody - bare:.0f}, {verdict}"
    )


def main() -> None:
    """Measure on an event loop."""
    anyio.run(measure)


if __name__ == "__main__":
    main()
