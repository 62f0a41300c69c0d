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
from integrations.errors import InvalidParams
from integrations.examination import concealing
from integrations.execution.outcome import Effect, FailureKind, Origin, Outcome, Source
from integrations.execution.trace import Stage
from integrations.fallback import KEPT, REPLACEABLE
from integrations.integration import Integration
from integrations.manifest.plans import ActionPlan
from integrations.orders import Order
from integrations.samples import Sample
from integrations.sharing import ReadKey, Sharing, read_key
from integrations.signals import CallRecord, Signal
from integrations.stale import LastAnswers, told

_NOT_ASKED_FOR = "neither sharing nor stale answers are configured"
_SHARED = "the run of an equal read that was under way gave it"
_OPEN_TO_OTHERS = "no equal read was under way; others could share this one"
_CANCELLED = Outcome(kind=FailureKind.CANCELLED, detail="the caller went away", source=Source.SHARED)


class Asked(NamedTuple):
    """One run that is asked for; `params` are checked, `given` are as they came. `been` are the integrations
    it fell back from.
    """

    integration: Integration
    plan: ActionPlan
    params: Mapping[str, object]
    order: Order
    given: Mapping[str, object] = {}
    been: tuple[str, ...] = ()


class Circuits(Protocol):
    """Who knows what operators hold shut."""

    def is_forced_open(self, integration: str, capability: str) -> bool:
        """Whether an operator forced the circuit open."""
        ...


class Answering:
    """Answers runs. `live` makes one, with its requests; `find` gives integrations by id; `run` must run for
    reads to be shared.
    """

    def __init__(
        self,
        *,
        live: Callable[[Asked], Awaitable[Outcome]],
        find: Callable[[str], Integration],
        circuits: Circuits,
        clock: Clock,
        publish: Callable[[Signal], None],
    ) -> None:
        self._live = live
        self._find = find
        self._circuits = circuits
        self._clock = clock
        self._publish = publish
        self._sharing = Sharing(clock=clock)
        self._last = LastAnswers(clock=clock)
        self._answers: Counter[tuple[str, Source]] = Counter()
        self.run = self._sharing.run

    async def answer(self, asked: Asked) -> Outcome:
        """Return what became of a run. One that is not answered live leaves a CallRecord here.

        Raises:
            InvalidParams: when a value cannot stand where it is to go.
        """
        began = self._clock.monotonic()
        if asked.order.trace is not None:
            asked.order.trace.hide(concealing(asked.integration))
        outcome = await self._choose(asked, began)
        self._answers[asked.integration.id, outcome.source] += 1
        if outcome.source is Source.LIVE:
            return outcome
        return self._told(asked, outcome, began)

    def forget(self, integration: str) -> None:
        """Drop what is kept of an integration that changed or went away."""
        self._sharing.written(integration)
        self._last.forget(integration)

    def close(self, integration: str) -> None:
        """Drop all of an integration that is gone, its counts too."""
        self.forget(integration)
        for key in [key for key in self._answers if key[0] == integration]:
            del self._answers[key]

    def samples(self) -> Iterable[Sample]:
        """Answers by integration and source, and what last good ones take."""
        for (integration, source), count in tuple(self._answers.items()):
            yield Sample("dialtone_answers_total", (integration, source.value), count)
        yield Sample("dialtone_kept_answers_bytes", (), self._last.bytes)

    async def _choose(self, asked: Asked, began: float) -> Outcome:
        order = asked.order
        if order.origin is not Origin.TRAFFIC or self._circuits.is_forced_open(
            asked.integration.id, order.capability
        ):
            _note(asked, "live only", "an operator holds the circuit open, or this is no traffic")
            return await self._own(asked)
        if asked.plan.name in asked.integration.connection.fallback.actions:
            return await self._or_fallback(asked, began)
        return await self._read_or_write(asked, began)

    async def _own(self, asked: Asked) -> Outcome:
        """A run of its own."""
        if asked.plan.action.effect is Effect.READ:
            return await self._live(asked)
        try:
            return await self._live(asked)
        finally:
            self._sharing.written(asked.integration.id)

    async def _or_fallback(self, asked: Asked, began: float) -> Outcome:
        fallback, deadline = asked.integration.connection.fallback, asked.order.deadline
        kept = KEPT * (deadline - began) if fallback.integration else 0.0
        outcome = await self._read_or_write(
            asked._replace(order=replace(asked.order, deadline=deadline - kept)), began
        )
        if outcome.kind not in REPLACEABLE:
            if not outcome.ok:
                _note(asked, "no fallback", f"nothing replaces a failure of kind {outcome.kind}")
            return outcome
        if fallback.integration:
            _note(asked, "falls back", f"on {fallback.integration}, because {told(outcome)}")
            return await self._elsewhere(asked, outcome)
        _note(asked, "falls back", f"on a fixed answer, because {told(outcome)}")
        return _replaced(outcome, Outcome(data=fallback.answer), by="a fixed answer")

    async def _elsewhere(self, asked: Asked, failed: Outcome) -> Outcome:
        """The answer of the integration it falls back on; when that fails too, the failure, which says so."""
        name, action = asked.integration.connection.fallback.integration, asked.plan.name
        try:
            other = self._find(name)
            plan = other.plan(action)
            order = replace(asked.order, capability=other.capability(action))
            params = plan.check(asked.given)
        except (LookupError, InvalidParams) as error:
            return _also_failed(failed, name, str(error))
        been = (*asked.been, asked.integration.id)
        if name in been:
            return _also_failed(failed, name, "it falls back on this one")
        second = await self.answer(Asked(other, plan, params, order, asked.given, been))
        if not second.ok:
            return _also_failed(failed, name, told(second))
        return _replaced(failed, second, by=name)

    async def _read_or_write(self, asked: Asked, began: float) -> Outcome:
        policy = asked.integration.connection.policy
        if asked.plan.action.effect is Effect.WRITE or not (policy.share or policy.stale_seconds):
            _note(asked, "live", "a write" if asked.plan.action.effect is Effect.WRITE else _NOT_ASKED_FOR)
            return await self._own(asked)
        key = _key(asked)
        if key is None:
            _note(asked, "live", "it is equal to no other read")
            return await self._own(asked)
        outcome = await (self._shared(asked, key, began) if policy.share else self._kept(asked, key))
        if outcome.kind in REPLACEABLE and policy.stale_seconds:
            outcome = self._last.stand_in(key, outcome, within=policy.stale_seconds)
            is_stale = outcome.source is Source.STALE
            detail = outcome.detail if is_stale else f"none of the last {policy.stale_seconds:g} s is kept"
            _note(asked, "stale answer" if is_stale else "no stale answer", detail)
        return outcome

    async def _kept(self, asked: Asked, key: ReadKey) -> Outcome:
        """A run of its own, whose answer may stand in for later ones."""
        outcome = await self._live(asked)
        if outcome.ok and asked.integration.connection.policy.stale_seconds:
            self._last.keep(key, outcome)
        return outcome

    async def _shared(self, asked: Asked, key: ReadKey, began: float) -> Outcome:
        def leave() -> None:
            self._told(asked, _CANCELLED, began)

        outcome, is_shared = await self._sharing.share(
            key, lambda: self._kept(asked, key), deadline=asked.order.deadline, leave=leave
        )
        _note(asked, "shared" if is_shared else "a run of its own", _SHARED if is_shared else _OPEN_TO_OTHERS)
        return replace(outcome, source=Source.SHARED, attempts=()) if is_shared else outcome

    def _told(self, asked: Asked, outcome: Outcome, began: float) -> Outcome:
        """The outcome as this run's own, with its record published."""
        order, now = asked.order, self._clock.monotonic()
        call_id = order.call_ids.take(order.run_id) or secrets.token_hex(8)
        outcome = replace(outcome, call_id=call_id, run_id=order.run_id, duration=now - began)
        self._publish(_record(asked, outcome, at=self._clock.time()))
        return outcome


def _note(asked: Asked, decision: str, detail: str) -> None:
    if asked.order.trace is not None:
        asked.order.trace.note(Stage.ANSWER, decision, f"{asked.integration.id}: {detail}")


def _replaced(failed: Outcome, answer: Outcome, *, by: str) -> Outcome:
    detail = f"{by} answered in its place, because {told(failed)}"
    return replace(answer, source=Source.FALLBACK, detail=detail, attempts=failed.attempts + answer.attempts)


def _also_failed(failed: Outcome, name: str, why: str) -> Outcome:
    return replace(failed, detail=f"{failed.detail}; the fallback {name} did not help: {why}")


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
