"""A trace looks on: random scenarios go through plain and through traced runs, and nothing may differ, down
to ids, times, tokens and what the vendor saw.
"""

import random
from collections.abc import Sequence

import anyio
import httpx
import pytest

from integrations.execution.adaptive import Adaptive
from integrations.execution.call import Call
from integrations.execution.fairness import Priority
from integrations.execution.gauges import line_status
from integrations.execution.injection import Cut, Error, Fault, Injection, Latency, Throttle
from integrations.execution.outcome import Effect, FailureKind, RejectReason
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.execution.trace import Trace
from integrations.manifest.schema import Limit
from integrations.signals import CallRecord
from tests.fakes.clock import LoopClock, VirtualTimeLoop
from tests.fakes.execution import Bench, ScriptedVendor, call, check

SEEDS = range(60)
CALLS = 40

FAULTS: tuple[Fault, ...] = (
    Latency(seconds=0.4, jitter=0.3, share=0.4),
    Error(status=503, share=0.3),
    Throttle(retry_after=1, share=0.1),
    Cut(when="before", share=0.2),
    Cut(when="after", share=0.2),
)


class Moody:
    """Answers by the order of requests: good, slow, broken, throttling, refusing."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    async def __call__(self, _: httpx.Request) -> httpx.Response:
        luck = self.rng.random()
        await anyio.sleep(self.rng.choice([0.0, 0.02, 0.3, 2.0]))
        if luck < 0.12:
            raise self.rng.choice([httpx.ReadError("reset"), httpx.ConnectError("refused")])
        if luck < 0.2:
            return httpx.Response(429, headers={"retry-after": "0.5"})
        return httpx.Response(self.rng.choice([200, 200, 200, 503, 404, 401]), json={"ok": True})


class Scenario:
    """One policy, one vendor, some faults and forty calls, all drawn from a seed."""

    def __init__(self, seed: int, *, is_traced: bool) -> None:
        self.rng = random.Random(seed)
        self.is_traced = is_traced
        limits = (Limit(id="slow", rate=4, per=1, burst=3),) if self.rng.random() < 0.4 else ()
        vendor = ScriptedVendor(Moody(random.Random(seed + 1)))
        self.bench = Bench(LoopClock(), vendor, policy=self._policy(), limits=limits)
        self.told: dict[int, object] = {}
        self.traces: list[Trace] = []
        self.left: tuple[object, ...] = ()

    def _policy(self) -> Policy:
        rng = self.rng
        breaker = BreakerPolicy(min_calls=rng.choice([3, 50]), open_seconds=0.5, open_max=1.0)
        return Policy(
            timeout=1.0,
            connect=0.5,
            concurrency=rng.choice([1, 3, 16]),
            queue=rng.choice([0, 2, 40]),
            adaptive=rng.choice(tuple(Adaptive)),
            hedge_after=rng.choice([None, 0.1]),
            retry=RetryPolicy(attempts=rng.choice([1, 3]), budget=rng.choice([20, 500])),
            breaker=breaker,
        )

    def _call(self, number: int) -> Call:
        rng, bench = self.rng, self.bench
        trace = Trace(bench.clock.monotonic)
        self.traces.append(trace)
        is_write = rng.random() < 0.3
        worth = rng.random() < 0.5

        async def refresh() -> bool:
            return worth

        return (check if rng.random() < 0.15 else call)(
            run_id=f"run-{number}",
            effect=Effect.WRITE if is_write else Effect.READ,
            capability="write" if is_write else "read",
            idempotent=not is_write,
            bucket=rng.choice("ab"),
            cost=rng.choice([0.5, 1.0]),
            caller=rng.choice(["one", "two"]),
            priority=rng.choice([None, *Priority]),
            deadline=bench.clock.monotonic() + rng.choice([0.3, 3.0, 20.0]),
            max_attempts=rng.choice([None, None, 1]),
            refresh=rng.choice([None, refresh]),
            trace=trace if self.is_traced else None,
        )

    async def _make(self, number: int, patience: float) -> None:
        one = self._call(number)
        with anyio.move_on_after(patience):
            answer = await self.bench.executor.execute(one)
            self.told[number] = answer.outcome

    async def run(self) -> None:
        """Make the calls, each a little after the one before, some with a caller that leaves."""
        rng = self.rng
        if rng.random() < 0.6:
            faults = tuple(rng.sample(FAULTS, k=rng.randint(1, 3)))
            injection = Injection(actor="ann", reason="game day", since=0.0, expires_at=9.0, faults=faults)
            self.bench.executor.faults.begin("shop", injection, seconds=rng.choice([2.0, 60.0]))
        async with anyio.create_task_group() as group:
            for number in range(CALLS):
                group.start_soon(self._make, number, rng.choice([0.2, 60.0, 60.0, 60.0]))
                await anyio.sleep(rng.choice([0.0, 0.0, 0.05, 0.5]))
        line = self.bench.line
        self.left = line.saved(), line_status(line), line.budget.tokens, dict(line.strikes)

    def result(self) -> Sequence[object]:
        """All that may not differ."""
        return self.told, self.bench.signals.signals, len(self.bench.vendor.requests), self.left


def played(seed: int, *, is_traced: bool) -> Scenario:
    async def play() -> Scenario:
        scenario = Scenario(seed, is_traced=is_traced)
        await scenario.run()
        return scenario

    return anyio.run(play, backend_options={"loop_factory": VirtualTimeLoop})


@pytest.mark.parametrize("seed", SEEDS)
def test_a_traced_run_decides_as_a_plain_one(seed: int) -> None:
    plain, watched = played(seed, is_traced=False), played(seed, is_traced=True)

    for seen, expected in zip(watched.result(), plain.result(), strict=True):
        assert seen == expected
    assert watched.bench.holds_nothing()
    assert all(trace.events() for trace in watched.traces)


def test_the_scenarios_meet_what_a_call_can_meet() -> None:
    """Else the comparison above would compare little."""
    scenarios = [played(seed, is_traced=False) for seed in SEEDS]
    records = [record for one in scenarios for record in one.bench.signals.of(CallRecord)]

    kinds = {record.kind for record in records}
    assert kinds >= set(FailureKind) - {
        FailureKind.TLS,
        FailureKind.DNS,
        FailureKind.FORBIDDEN,
        FailureKind.CLIENT_ERROR,
        FailureKind.MALFORMED,
        FailureKind.VENDOR_ERROR,
        FailureKind.EXPECTATION,
        FailureKind.TOO_LARGE,
    }
    reasons = {record.reason for record in records}
    assert reasons >= {
        RejectReason.OPEN_CIRCUIT,
        RejectReason.QUOTA,
        RejectReason.BULKHEAD,
        RejectReason.DEADLINE,
    }
    assert sum(record.injected for record in records) > 100
    assert sum(bool(record.queued) for record in records) > 100
    assert sum(len(record.attempts) > 1 for record in records) > 100
