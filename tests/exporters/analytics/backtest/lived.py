"""A stretch of live history: the executor itself, in exact virtual time, against a vendor with good and bad
hours, with checks and people's orders; and the same history replayed.
"""

import random
from collections.abc import Iterable

import anyio
import httpx
from msgspec.structs import replace

from exporters.analytics.backtest.recorded import Recorded, RecordedCall
from exporters.analytics.backtest.replay import Replay
from exporters.analytics.backtest.tally import Counter
from integrations.execution.outcome import Origin
from integrations.execution.policy import Policy
from integrations.signals import BreakerTransition, CallRecord, CheckResult, Health
from tests.fakes.clock import LoopClock
from tests.fakes.execution import Bench, ScriptedVendor, call, check

STATUSES = (503, 500, 429, 404, 401, 501)


class MoodyVendor(ScriptedVendor):
    """Changes its mood every half a minute or so: fine, failing, slow, silent, away."""

    def __init__(self, seed: int, clock: LoopClock) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._clock = clock
        self._until = 0.0
        self._failing = self._slow = 0.0

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        rng = self._random
        if self._clock.monotonic() >= self._until:
            self._until = self._clock.monotonic() + rng.uniform(10, 60)
            self._failing = rng.choice([0.0, 0.05, 0.4, 0.6, 1.0])
            self._slow = rng.choice([0.0, 0.0, 0.9])
        await anyio.sleep(rng.uniform(2.1, 6) if rng.random() < self._slow else rng.uniform(0.01, 0.4))
        if rng.random() >= self._failing:
            return httpx.Response(200)
        if rng.random() < 0.1:
            raise httpx.ReadError("reset")
        return httpx.Response(rng.choice(STATUSES))


class Lived:
    """What was published."""

    def __init__(self, bench: Bench) -> None:
        signals = bench.signals
        self.signals = signals.signals
        records = [each for each in signals.of(CallRecord) if each.origin != "check"]
        self.calls = [RecordedCall.of(stored(each)) for each in records]
        self.transitions = signals.of(BreakerTransition)
        self.checks = signals.of(CheckResult)


def stored(record: CallRecord) -> CallRecord:
    """What DuckDB keeps of it: its time, and all that is seconds, to the microsecond."""
    attempts = tuple(
        replace(each, start=round(each.start, 6), duration=round(each.duration, 6))
        for each in record.attempts
    )
    return replace(record, at=round(record.at, 6), duration=round(record.duration, 6), attempts=attempts)


async def live(policy: Policy, *, seed: int, seconds: float) -> Lived:
    """Live through some time under a policy."""
    clock = LoopClock()
    bench = Bench(clock, MoodyVendor(seed, clock), policy=policy)
    rng = random.Random(seed + 1)
    async with anyio.create_task_group() as group:
        group.start_soon(bench.executor.run)
        for _ in range(2):
            group.start_soon(_traffic, bench, rng, seconds)
        group.start_soon(_checks, bench, rng, seconds)
        group.start_soon(_people, bench, rng, seconds)
        await anyio.sleep(seconds + 60)
        group.cancel_scope.cancel()
    return Lived(bench)


async def _traffic(bench: Bench, rng: random.Random, seconds: float) -> None:
    end = bench.clock.monotonic() + seconds
    async with anyio.create_task_group() as group:
        while bench.clock.monotonic() < end:
            await anyio.sleep(rng.expovariate(1.0 / rng.choice([0.2, 1.0])))
            group.start_soon(bench.executor.execute, _one(rng))


def _one(rng: random.Random) -> object:
    if rng.random() < 0.3:
        return call(method="POST", capability="write", action="post", idempotent=False, effect="write")
    return call(origin=rng.choice([Origin.TRAFFIC, Origin.TRAFFIC, Origin.DELIVERY]))


async def _checks(bench: Bench, rng: random.Random, seconds: float) -> None:
    for _ in range(int(seconds / 45)):
        await anyio.sleep(rng.uniform(30, 60))
        began = bench.clock.monotonic()
        outcome = (await bench.executor.execute(check())).outcome
        bench.signals(
            CheckResult(
                at=bench.clock.time(), integration="shop", vendor="http", capability="read", action="get",
                kind=outcome.kind, status=outcome.status, duration=bench.clock.monotonic() - began,
                evidence_health=Health.UP,
            )
        )  # fmt: skip
        if outcome.ok:
            bench.executor.check_succeeded("shop", "read")


async def _people(bench: Bench, rng: random.Random, seconds: float) -> None:
    for _ in range(int(seconds / 200)):
        await anyio.sleep(rng.uniform(100, 200))
        executor = bench.executor
        order = rng.choice([executor.force_open, executor.disable, executor.shadow])
        expires = bench.clock.time() + rng.uniform(5, 40) if rng.random() < 0.7 else None
        order("shop", rng.choice(["read", None]), actor="ann", reason="a drill", expires_at=expires)
        await anyio.sleep(rng.uniform(5, 60))
        executor.reset("shop", actor="ann", reason="over")


def replayed(
    lived: Lived, policy: Policy, *, today: Policy | None = None, start: float = 0.0
) -> tuple[list[BreakerTransition], Counter]:
    """Replay what was lived through; `start` is where counting begins."""
    events = _in_order(lived)
    first, last = events[0][0], events[-1][0]
    counter = Counter(start=start or first, end=last + 1, buckets=10)
    recorded = Recorded(checks=lived.checks, transitions=lived.transitions)
    replay = Replay(policy, today=today or policy, recorded=recorded, counter=counter, began=first)
    for _, event in events:
        match event:
            case RecordedCall():
                replay.take_call(event)
            case CheckResult():
                replay.take_check(event)
            case BreakerTransition():
                replay.take_transition(event)
    replay.finish(last)
    return replay.transitions, counter


def _in_order(lived: Lived) -> list[tuple[float, object]]:
    events: Iterable[tuple[float, object]] = (
        *((each.began, each) for each in lived.calls),
        *((each.at, each) for each in lived.checks),
        *((each.at, each) for each in lived.transitions),
    )
    return sorted(events, key=lambda each: each[0])
