"""Weeks that a shop with five third parties might have lived through, as signals: the same for the same seed.

The last of them is the week of the analyst's afternoon: on Wednesday the payments API answered half of
the calls and let the others wait, on Friday Slack was away, and smaller things went wrong around them.
Wednesday's calls went through the executor itself in exact virtual time, so that backtests find what they
would live.
"""

import asyncio
import math
import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import anyio
import httpx
from msgspec.structs import replace

from integrations.execution.call import Call
from integrations.execution.outcome import Attempt, Effect, FailureKind, Origin, RejectReason
from integrations.signals import (
    BreakerState,
    BreakerTransition,
    CallRecord,
    CheckResult,
    ContractDrift,
    CredentialNotice,
    DeliveryAttempt,
    Evidence,
    Health,
    HealthChange,
    IncidentChange,
    Indicator,
    QuotaSample,
    Signal,
    VendorNotice,
    WebhookReceipt,
)
from tests.fakes.clock import LoopClock, VirtualTimeLoop
from tests.fakes.execution import Bench, ScriptedVendor, call

MONDAY = 1_793_577_600.0
"""2026-11-02T00:00:00Z: the week of the story begins."""

MINUTE, HOUR, DAY, WEEK = 60.0, 3_600.0, 86_400.0, 604_800.0
CHECK_EVERY = 10 * MINUTE


class Used(NamedTuple):
    """An integration, and what is asked of it how often a day by whom."""

    id: str
    vendor: str
    action: str
    effect: Effect
    team: str
    callers: tuple[tuple[str, float], ...]
    typical: float


INTEGRATIONS = (
    Used("payments", "http", "get", Effect.READ, "shop", (("checkout", 150), ("billing/invoices", 40)), 0.31),
    Used("sms", "http", "get", Effect.READ, "shop", (("checkout", 60),), 0.42),
    Used("slack-prod", "slack", "chat.post_message", Effect.WRITE, "platform",
         (("support-bot", 70), ("deploy-agent", 25)), 0.16),
    Used("github-prod", "github", "issues.list", Effect.READ, "platform",
         (("deploy-agent", 45), ("research-agent", 12)), 0.21),
    Used("salesforce-prod", "salesforce", "records.get", Effect.READ, "sales",
         (("billing/invoices", 30), ("support-bot", 20)), 0.52),
)  # fmt: skip

TOKENS = {
    "checkout": "shop",
    "billing": "finance",
    "support-bot": "support",
    "deploy-agent": "platform",
    "research-agent": "research",
}
"""The API tokens that callers come with, and the teams they belong to."""

PAYMENTS_FROM, PAYMENTS_TO = MONDAY + 2 * DAY + 9 * HOUR, MONDAY + 2 * DAY + 12.5 * HOUR
PAYMENTS_BAD = (PAYMENTS_FROM + 80 * MINUTE, PAYMENTS_TO - 25 * MINUTE)
SLACK_BAD = (MONDAY + 4 * DAY + 14 * HOUR, MONDAY + 4 * DAY + 14 * HOUR + 40 * MINUTE)


def history(*, weeks: int = 1, seed: int = 7) -> list[Signal]:
    """The week of the story, and before it so many less one in which nothing went wrong, in order."""
    rng = random.Random(seed)
    found: list[Signal] = []
    for week in range(1 - weeks, 1):
        found += _ordinary(rng, MONDAY + week * WEEK, growing=0.8 + 0.2 * (week + weeks) / weeks)
    found = [signal for signal in found if not _is_lived(signal)]
    found += _lived(seed)
    found += _slack_away(rng)
    found += _smaller_things()
    found.sort(key=lambda signal: signal.at)
    return [replace(signal, seq=number) for number, signal in enumerate(found, 1)]


def _is_lived(signal: Signal) -> bool:
    """What is replaced by times that are told in full."""
    if not isinstance(signal, CallRecord | CheckResult):
        return False
    windows = {"payments": (PAYMENTS_FROM, PAYMENTS_TO), "slack-prod": SLACK_BAD}
    start, end = windows.get(signal.integration, (0.0, 0.0))
    return start <= signal.at < end


def _ordinary(rng: random.Random, start: float, *, growing: float) -> Iterator[Signal]:
    for used in INTEGRATIONS:
        for caller, a_day in used.callers:
            many = a_day * (growing**4 if caller == "research-agent" else growing)
            for at in _moments(rng, start, many):
                yield _call(rng, used, at=at, caller=caller)
        for number in range(int(WEEK / CHECK_EVERY)):
            at = start + number * CHECK_EVERY + rng.uniform(0, 20)
            yield _check(used, at=at, duration=_took(rng, used))


def _moments(rng: random.Random, start: float, a_day: float) -> Iterator[float]:
    """More by day than at night, and less on Saturdays and Sundays."""
    for day in range(7):
        for hour in range(24):
            busy = 0.35 + 1.3 * max(0.0, math.sin((hour - 5) / 15 * math.pi)) * (0.45 if day >= 5 else 1.0)
            for _ in range(_poisson(rng, a_day / 24 * busy)):
                yield start + day * DAY + hour * HOUR + rng.uniform(0, HOUR)


def _poisson(rng: random.Random, mean: float) -> int:
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count, left = count + 1, left + rng.expovariate(1.0)
    return count


def _took(rng: random.Random, used: Used) -> float:
    return round(used.typical * rng.lognormvariate(0.0, 0.35), 6)


def _call(rng: random.Random, used: Used, *, at: float, caller: str, **fields: object) -> CallRecord:
    duration = _took(rng, used)
    given = {
        "call_id": f"c-{rng.getrandbits(48):012x}",
        "run_id": f"r-{rng.getrandbits(48):012x}",
        "integration": used.id,
        "vendor": used.vendor,
        "action": used.action,
        "capability": "read" if used.effect is Effect.READ else "write",
        "effect": used.effect,
        "origin": Origin.TRAFFIC,
        "caller": caller,
        "status": 200,
        "duration": duration,
        "attempts": (Attempt(start=0.0, duration=duration, status=200),),
    } | fields
    return CallRecord(at=round(at + duration, 6), **given)  # type: ignore[arg-type] # fields by name


def _check(used: Used, *, at: float, duration: float, **fields: object) -> CheckResult:
    ends = MONDAY + 18 * DAY if used.id == "payments" else MONDAY + 200 * DAY
    given = {
        "integration": used.id,
        "vendor": used.vendor,
        "capability": "read",
        "action": "auth.test" if used.vendor == "slack" else used.action,
        "status": 200,
        "duration": duration,
        "evidence_health": Health.UP,
        "certificate_ends_at": ends,
    } | fields
    return CheckResult(at=round(at + duration, 6), **given)  # type: ignore[arg-type] # fields by name


class _Payments(ScriptedVendor):
    """Fine; in its bad time nearly half of the calls wait in vain."""

    def __init__(self, rng: random.Random, clock: LoopClock) -> None:
        super().__init__()
        self._rng = rng
        self._clock = clock

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        is_bad = PAYMENTS_BAD[0] <= self._clock.time() < PAYMENTS_BAD[1]
        if is_bad and self._rng.random() < 0.42:
            await anyio.sleep(self._rng.uniform(3, 5))
            return httpx.Response(503)
        await anyio.sleep(0.31 * self._rng.lognormvariate(0.0, 0.35))
        return httpx.Response(200)


def _lived(seed: int) -> Iterable[Signal]:
    """Payments on Wednesday, through the executor."""
    published: list[Signal] = []

    async def main() -> None:
        clock = LoopClock(utc=PAYMENTS_FROM)
        rng = random.Random(seed)
        bench = Bench(clock, _Payments(rng, clock), integration="payments")
        async with anyio.create_task_group() as group:
            group.start_soon(bench.executor.run)
            await _callers(bench, random.Random(seed + 1))
            await anyio.sleep(60)
            group.cancel_scope.cancel()
        published.extend(bench.signals.signals)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(main())
    return (*published, *_payments_story())


async def _callers(bench: Bench, rng: random.Random) -> None:
    number = 0
    async with anyio.create_task_group() as group:
        while bench.clock.time() < PAYMENTS_TO - 60:
            await anyio.sleep(rng.expovariate(1 / 16))
            number += 1
            origin = Origin.CHECK if number % 40 == 0 else Origin.TRAFFIC
            caller = rng.choice(("checkout", "checkout", "checkout", "billing/invoices"))
            asked = call(
                integration="payments",
                caller="" if origin is Origin.CHECK else caller,
                run_id=f"r-wed-{number}",
                origin=origin,
            )
            group.start_soon(_one, bench, asked)


async def _one(bench: Bench, asked: Call) -> None:
    """A call, or a check, whose success is told to the breaker as the monitor does."""
    began = bench.clock.time()
    outcome = (await bench.executor.execute(asked)).outcome
    if asked.origin is not Origin.CHECK:
        return
    took = round(bench.clock.time() - began, 6)
    kind, status = outcome.kind, outcome.status
    bench.signals(_check(INTEGRATIONS[0], at=began, duration=took, kind=kind, status=status))
    if outcome.ok:
        bench.executor.check_succeeded("payments", "read")


def _payments_story() -> Iterator[Signal]:
    opened, ended = PAYMENTS_BAD[0] + 11 * MINUTE, PAYMENTS_BAD[1] + 3 * MINUTE
    reason = "5 of the last 12 calls failed: 503 after 4 s"
    yield from _incident(
        "inc-payments", INTEGRATIONS[0], began=PAYMENTS_BAD[0], opened=opened, ended=ended,
        state=Health.DEGRADED, reason=reason, taken=("ann", 6 * MINUTE),
    )  # fmt: skip
    yield VendorNotice(
        at=PAYMENTS_BAD[0] + 48 * MINUTE, vendor="http", kind="status", integrations=("payments",),
        indicator=Indicator.PARTIAL_OUTAGE, title="Elevated error rates", lag=37 * MINUTE,
    )  # fmt: skip


def _slack_away(rng: random.Random) -> Iterator[Signal]:
    """Every call fails for a while, and when the circuit is open it is refused."""
    used = INTEGRATIONS[2]
    start, end = SLACK_BAD
    opens = start + 7 * MINUTE
    at, number = start, 0
    while at < end:
        at += rng.expovariate(1 / 24)
        number += 1
        caller = "support-bot" if number % 4 else "deploy-agent"
        failed = (Attempt(start=0.0, duration=0.2, kind=FailureKind.SERVER_ERROR, status=503),)
        fields: dict[str, object] = {"kind": FailureKind.SERVER_ERROR, "status": 503, "attempts": failed}
        if at > opens:
            fields = {
                "kind": FailureKind.REJECTED, "reason": RejectReason.OPEN_CIRCUIT, "status": None,
                "breaker_state": BreakerState.OPEN, "attempts": (), "duration": 0.0,
            }  # fmt: skip
        yield _call(rng, used, at=at, caller=caller, **fields)
    for each in range(4):
        at = start + 8 * MINUTE + each * CHECK_EVERY
        yield _check(
            used, at=at, duration=0.2, kind=FailureKind.SERVER_ERROR, status=503, evidence_health=Health.DOWN
        )
    yield _breaker(opens, before=BreakerState.CLOSED, after=BreakerState.OPEN, reason="10 of 10 calls failed")
    yield _breaker(end, before=BreakerState.OPEN, after=BreakerState.HALF_OPEN, reason="the break is over")
    yield _breaker(
        end + 5, before=BreakerState.HALF_OPEN, after=BreakerState.CLOSED, reason="3 trial calls succeeded"
    )
    yield from _incident(
        "inc-slack", used, began=start, opened=start + 4 * MINUTE, ended=end + 2 * MINUTE,
        state=Health.DOWN, reason="3 checks in a row answered 503", taken=("ben", 19 * MINUTE),
    )  # fmt: skip
    for number, result in enumerate(("failed", "failed", "delivered")):
        yield DeliveryAttempt(
            at=start + 4 * MINUTE + number * 30, message="m-slack", receiver="on-call", format="pagerduty",
            type="incident.opened", attempt=number + 1, result=result, lag=number * 30.0,
            status=502 if result == "failed" else 202,
        )  # fmt: skip
    yield DeliveryAttempt(
        at=start + 50 * MINUTE, message="m-room", receiver="slack-room", format="slack",
        type="incident.opened", attempt=9, result="dead", status=503, lag=46 * MINUTE,
    )  # fmt: skip


def _breaker(at: float, *, before: BreakerState, after: BreakerState, reason: str) -> BreakerTransition:
    return BreakerTransition(
        at=at, integration="slack-prod", vendor="slack", capability="write", before=before, after=after,
        reason=reason, calls=10, failures=10, open_seconds=15.0,
    )  # fmt: skip


def _incident(
    name: str, used: Used, *, began: float, opened: float, ended: float, state: Health, reason: str,
    taken: tuple[str, float] | None,
) -> Iterator[Signal]:  # fmt: skip
    """An incident from its first evidence to its end, and the health behind it."""

    def change(at: float, event: str, *, actor: str = "", resolved: float | None = None) -> IncidentChange:
        return IncidentChange(
            at=at, incident=name, integration=used.id, vendor=used.vendor, capability="", event=event,
            state=state, opened_at=opened, reason=reason, actor=actor, resolved_at=resolved,
        )  # fmt: skip

    def health(at: float, *, before: Health, after: Health, since: float) -> HealthChange:
        return HealthChange(
            at=at, integration=used.id, vendor=used.vendor, capability="", before=before, after=after,
            evidence=Evidence.TRAFFIC, reason=reason, since=since,
        )  # fmt: skip

    yield health(opened, before=Health.UP, after=state, since=began)
    yield change(opened, "opened")
    if taken is not None:
        yield change(opened + taken[1], "acknowledged", actor=taken[0])
    yield health(ended, before=state, after=Health.UP, since=ended - MINUTE)
    yield change(ended, "resolved", resolved=ended)


def _smaller_things() -> Iterator[Signal]:
    """Head room, drift, a token that was refused, webhooks that stayed away."""
    for hour in range(7 * 24):
        at = MONDAY + hour * HOUR
        night = 6 * DAY + 2 * HOUR <= at - MONDAY < 6 * DAY + 4 * HOUR
        yield QuotaSample(
            at=at, integration="github-prod", vendor="github", bucket="core", limit=5_000.0,
            remaining=110.0 if night else 4_100.0 - 90 * (hour % 12),
            throttled_until=at + 12 * MINUTE if night else None,
        )  # fmt: skip
    for number in range(5):
        yield ContractDrift(
            at=MONDAY + 3 * DAY + number * HOUR, integration="salesforce-prod", vendor="salesforce",
            action="records.get", pointer="/Amount", expected="number", found="string", seen=4,
        )  # fmt: skip
    yield CredentialNotice(
        at=MONDAY + 5 * DAY + 8 * HOUR, integration="salesforce-prod", vendor="salesforce", event="rejected",
        detail="401: the session has expired", credential="refresh_token", expires_at=MONDAY + 21 * DAY,
    )  # fmt: skip
    yield from _incident(
        "inc-salesforce", INTEGRATIONS[4], began=MONDAY + 5 * DAY + 8 * HOUR,
        opened=MONDAY + 5 * DAY + 8 * HOUR + MINUTE, ended=MONDAY + 5 * DAY + 9.5 * HOUR,
        state=Health.UNAUTHORIZED, reason="The vendor answered 401 to every request", taken=None,
    )  # fmt: skip
    for hour in range(7 * 24):
        if not 60 <= hour < 65:
            yield WebhookReceipt(
                at=MONDAY + hour * HOUR + 5 * MINUTE, integration="github-prod", vendor="github",
                event_type="issues", verdict="accepted", webhook_id=f"w-{hour}",
            )  # fmt: skip
    for at, before, after in ((62, Health.UP, Health.DEGRADED), (65, Health.DEGRADED, Health.UP)):
        yield HealthChange(
            at=MONDAY + at * HOUR + 5 * MINUTE, integration="github-prod", vendor="github",
            capability="webhooks", before=before, after=after, evidence=Evidence.WEBHOOK,
            reason="No webhook came for 2 h; one is expected every hour.", since=MONDAY + (at - 2) * HOUR,
        )  # fmt: skip
