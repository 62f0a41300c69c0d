"""Where the answer to a run comes from: live, shared with an equal read, the last good one, or a fallback.

From the outside in: a circuit that an operator forced open is refused at once; fallback, which keeps a fifth
of the time; the last good answer; sharing; the run itself. Only traffic has any of this, and only reads are
shared or answered with what is stale.
"""

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from integrations.clock import Clock
from integrations.execution.outcome import Effect, FailureKind, Origin, Outcome, Source
from integrations.integration import Integration
from integrations.manifest.requests import RequestPlan
from integrations.runs import Order
from integrations.samples import Sample
from integrations.sharing import ReadKey, Sharing, read_key
from integrations.signals import CallRecord, Signal

_CANCELLED = Outcome(kind=FailureKind.CANCELLED, detail="the caller went away", source=Source.SHARED)


class Asked(NamedTuple):
    """One run that is asked for; `params` are checked."""

    integration: Integration
    plan: RequestPlan
    params: Mapping[str, object]
    order: Order


class Circuits(Protocol):
    """Who knows what operators hold shut."""

    def is_forced_open(self, integration: str, capability: str) -> bool:
        """Whether an operator forced the circuit open."""
        ...


class Answering:
    """Answers runs. `live` makes one, with its requests; `run` must run for reads to be shared."""

    def __init__(
        self,
        *,
        live: Callable[[Asked], Awaitable[Outcome]],
        circuits: Circuits,
        clock: Clock,
        publish: Callable[[Signal], None],
    ) -> None:
        self._live = live
        self._circuits = circuits
        self._clock = clock
        self._publish = publish
        self._sharing = Sharing(clock=clock)
        self._answers: Counter[tuple[str, Source]] = Counter()
        self.run = self._sharing.run

    async def answer(self, asked: Asked) -> Outcome:
        """Return what became of a run. One that is not answered live leaves a CallRecord here.

        Raises:
            InvalidParams: when a value cannot stand where it is to go.
        """
        began = self._clock.monotonic()
        outcome = await self._choose(asked, began)
        self._answers[asked.integration.id, outcome.source] += 1
        if outcome.source is Source.LIVE:
            return outcome
        return self._told(asked, outcome, began)

    def forget(self, integration: str) -> None:
        """Drop what is kept of an integration that changed or went away."""
        self._sharing.written(integration)

    def close(self, integration: str) -> None:
        """Drop all of an integration that is gone, its counts too."""
        self.forget(integration)
        for key in [key for key in self._answers if key[0] == integration]:
            del self._answers[key]

    def samples(self) -> Iterable[Sample]:
        """Answers by integration and source."""
        for (integration, source), count in self._answers.items():
            yield Sample("dialtone_answers_total", (integration, source.value), count)

    async def _choose(self, asked: Asked, began: float) -> Outcome:
        integration, order = asked.integration, asked.order
        if asked.plan.action.effect is Effect.WRITE:
            return await self._written(asked)
        if order.origin is not Origin.TRAFFIC or self._circuits.is_forced_open(
            integration.id, order.capability
        ):
            return await self._live(asked)
        return await self._read(asked, began)

    async def _written(self, asked: Asked) -> Outcome:
        try:
            return await self._live(asked)
        finally:
            self._sharing.written(asked.integration.id)

    async def _read(self, asked: Asked, began: float) -> Outcome:
        policy = asked.integration.connection.policy
        key = _key(asked) if policy.share else None
        if key is None:
            return await self._live(asked)
        return await self._shared(asked, key, began)

    async def _shared(self, asked: Asked, key: ReadKey, began: float) -> Outcome:
        def leave() -> None:
            self._told(asked, _CANCELLED, began)

        outcome, is_shared = await self._sharing.share(
            key, lambda: self._live(asked), deadline=asked.order.deadline, leave=leave
        )
        return replace(outcome, source=Source.SHARED, attempts=()) if is_shared else outcome

    def _told(self, asked: Asked, outcome: Outcome, began: float) -> Outcome:
        """The outcome as this run's own, with its record published."""
        call_id, now = secrets.token_hex(8), self._clock.monotonic()
        order = asked.order
        outcome = replace(outcome, call_id=call_id, run_id=order.run_id, duration=now - began)
        self._publish(_record(asked, outcome, at=self._clock.time()))
        return outcome


def _key(asked: Asked) -> ReadKey | None:
    """Reads with an idempotency key of their own are equal to none."""
    connection, order = asked.integration.connection, asked.order
    if order.idempotency_key:
        return None
    credential = [hash(secret) for secret in connection.secrets.values()]
    return read_key(connection.id, asked.plan.name, params=asked.params, rest=(order.pages, credential))


def _record(asked: Asked, outcome: Outcome, *, at: float) -> CallRecord:
    """The record of an answer for which this run made no request of its own, or none that was good."""
    integration, order = asked.integration, asked.order
    return CallRecord(
        at=at,
        call_id=outcome.call_id,
        run_id=order.run_id,
        integration=integration.id,
        vendor=integration.vendor,
        action=asked.plan.name,
        capability=order.capability,
        effect=asked.plan.action.effect,
        origin=order.origin,
        caller=order.caller,
        step="answer",
        kind=outcome.kind,
        reason=outcome.reason,
        status=outcome.status,
        code=outcome.code,
        detail=outcome.detail,
        source=outcome.source,
        duration=outcome.duration,
        retry_after=outcome.retry_after,
        trace_id=order.trace_id or secrets.token_hex(16),
        span_id=outcome.call_id,
        parent_span_id=order.parent_span_id,
        sampled=True if order.sampled is None else order.sampled,
    )
