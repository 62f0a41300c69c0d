"""Runs the canaries that operators ask for, each when it is due, and hands what they show to the verdict."""

from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Protocol

import anyio
import structlog

from integrations.canaries import CanaryOrder, CanaryResult
from integrations.clock import Clock
from integrations.execution.outcome import Outcome
from integrations.samples import Sample
from integrations.signals import CheckResult, Evidence, Health
from monitors.checks import evidence_of, explain
from monitors.health import Observation
from monitors.report import Pause

TICK = 5.0
SPREAD = 60.0
"""Seconds over which first canaries are spread."""

SOONEST_RETRY = 60.0
"""Seconds after which a canary that failed runs again, until its verdict is confirmed; or the retry interval,
when that is longer."""

JITTER = 0.1
GRACE = 30.0
"""Seconds a canary may take beyond the timeouts of its steps."""

log = structlog.get_logger("dialtone.canaries")


class Verdict(Protocol):
    """Who judges an integration."""

    @property
    def pause(self) -> Pause | None:
        """What keeps it from being checked."""
        ...

    @property
    def is_unconfirmed(self) -> bool:
        """Whether a change of its health is being confirmed."""
        ...

    def observe(self, capability: str, seen: Observation, /) -> None:
        """Take one piece of evidence."""
        ...


class _Bird:
    """One canary; times are monotonic."""

    def __init__(self, order: CanaryOrder, *, due: float) -> None:
        self.order = order
        self.due = due
        self.is_busy = False
        self.leftovers = 0
        self.outcomes: dict[str, int] = {}


class CanaryWatch:
    """Runs the canaries that `orders` names, at most one of each at a time, and none while paused.

    `run_one` carries one out. `errors` counts what Dialtone itself could not carry out.
    """

    def __init__(
        self,
        *,
        orders: Callable[[], Iterable[CanaryOrder]],
        run_one: Callable[[CanaryOrder], Awaitable[CanaryResult]],
        verdicts: Callable[[str], Verdict | None],
        clock: Clock,
        publish: Callable[[CheckResult], None],
        random: Random | None = None,
    ) -> None:
        self._orders = orders
        self._run_one = run_one
        self._verdicts = verdicts
        self._clock = clock
        self._publish = publish
        self._random = random or Random()  # noqa: S311 - it spreads canaries, it guards nothing
        self._birds: dict[tuple[str, str], _Bird] = {}

    async def run(self) -> None:
        """Run canaries when they are due, until cancelled; one that runs then still cleans up."""
        async with anyio.create_task_group() as group:
            while True:
                self._follow()
                now = self._clock.monotonic()
                for bird in self._birds.values():
                    if bird.due <= now and not bird.is_busy and not self._is_paused(bird):
                        bird.is_busy = True
                        group.start_soon(self._fly, bird)
                await self._clock.sleep(TICK)

    def samples(self) -> Iterable[Sample]:
        """How canaries ended, and what they left behind."""
        for (integration, capability), bird in self._birds.items():
            labels = (integration, bird.order.vendor, capability)
            for outcome, count in bird.outcomes.items():
                yield Sample("dialtone_canaries_total", (*labels, outcome), count)
            yield Sample("dialtone_canary_leftovers_total", labels, bird.leftovers)

    def _follow(self) -> None:
        orders = {(order.integration, order.canary.capability): order for order in self._orders()}
        self._birds = {key: bird for key, bird in self._birds.items() if key in orders or bird.is_busy}
        for key, order in orders.items():
            if key in self._birds:
                self._birds[key].order = order
            else:
                due = self._clock.monotonic() + self._random.uniform(0, min(SPREAD, order.interval))
                self._birds[key] = _Bird(order, due=due)

    def _is_paused(self, bird: _Bird) -> bool:
        verdict = self._verdicts(bird.order.integration)
        return verdict is None or verdict.pause is not None

    async def _fly(self, bird: _Bird) -> None:
        order, began = bird.order, self._clock.monotonic()
        try:
            # A canary that was cut off half-way would leave behind what it made.
            with anyio.CancelScope(shield=True, deadline=anyio.current_time() + _longest(order)) as scope:
                result = await self._run_one(order)
                self._judge(bird, result, duration=self._clock.monotonic() - began)
            if scope.cancelled_caught:
                bird.outcomes["error"] = bird.outcomes.get("error", 0) + 1
                bird.leftovers += 1
                log.error("canary did not end", integration=order.integration, seconds=_longest(order))
        except Exception as error:
            bird.outcomes["error"] = bird.outcomes.get("error", 0) + 1
            log.exception("canary raised", integration=order.integration, reason=type(error).__name__)
        finally:
            bird.is_busy = False
            bird.due = self._clock.monotonic() + self._wait(order)

    def _wait(self, order: CanaryOrder) -> float:
        verdict = self._verdicts(order.integration)
        if verdict is not None and verdict.is_unconfirmed:
            return max(SOONEST_RETRY, order.retry_interval)
        return order.interval * self._random.uniform(1 - JITTER, 1)

    def _judge(self, bird: _Bird, result: CanaryResult, *, duration: float) -> None:
        order, outcome = bird.order, result.outcome
        word = "ok" if outcome.kind is None else outcome.kind.value
        bird.outcomes[word] = bird.outcomes.get(word, 0) + 1
        bird.leftovers += result.leftovers
        if result.leftovers:
            log.warning("canary left something behind", integration=order.integration, count=result.leftovers)
        state = evidence_of(outcome)
        self._publish(self._result(order, result=result, state=state, duration=duration))
        verdict = self._verdicts(order.integration)
        if state is not None and verdict is not None:
            seen = Observation(
                at=self._clock.time(),
                state=state,
                evidence=Evidence.CHECK,
                reason=_reason(result, duration),
                kind=outcome.kind,
            )
            verdict.observe(order.canary.capability, seen)

    def _result(
        self, order: CanaryOrder, *, result: CanaryResult, state: Health | None, duration: float
    ) -> CheckResult:
        outcome = result.outcome
        return CheckResult(
            at=self._clock.time(),
            integration=order.integration,
            vendor=order.vendor,
            capability=order.canary.capability,
            action=result.action,
            run_id=outcome.run_id,
            kind=outcome.kind,
            status=outcome.status,
            code=outcome.code,
            detail=outcome.detail,
            duration=duration,
            evidence_health=state or Health.UNKNOWN,
        )


def _longest(order: CanaryOrder) -> float:
    return order.timeout * (len(order.canary.steps) + len(order.canary.cleanup)) + GRACE


def _reason(result: CanaryResult, duration: float) -> str:
    outcome: Outcome = result.outcome
    if outcome.kind is None:
        return f"The canary made something and took it back in {duration:.2g} s."
    return explain(outcome, asked=f"{result.action} of the canary")
