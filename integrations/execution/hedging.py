"""Hedging: a second request beside a first one that takes long, and the first good answer of the two.

It cuts the tail of latency for a few requests more (Dean and Barroso, The Tail at Scale, CACM 2013). Only for
traffic's idempotent reads, only where nobody waits for a slot, and paid from the retry budget; a hedge that
wins gets its cost back. Each of the two passes the whole pipeline. The loser is cancelled, which is neutral.
"""

import anyio
from msgspec.structs import replace

from integrations.execution.call import Call
from integrations.execution.outcome import Effect, Origin
from integrations.execution.run import Run
from integrations.execution.trace import Stage

_FAILURE = ("kind", "reason", "status", "code", "detail", "retry_after", "retryable")
_RESULT = (*_FAILURE, "reply", "sent", "stale", "state")


async def attempt_hedged(run: Run) -> None:
    """Make an attempt, and another one beside it when it takes longer than the policy's `hedge_after`."""
    after = run.line.policy.hedge_after
    if after is None or not _is_hedgeable(run.call):
        await run.attempt()
        return
    race = _Race(run, after)
    try:
        await race.run()
    except ExceptionGroup as several:
        raise several.exceptions[0] from several
    finally:
        race.settle()
        run.ended = run.line.now()


def _is_hedgeable(call: Call) -> bool:
    """Whether a second request beside it does no harm."""
    return (
        call.effect is Effect.READ
        and call.idempotent
        and call.origin is Origin.TRAFFIC
        and call.max_attempts != 1
    )


class _Race:
    """The first attempt and its hedge. The first run is told of, with the better result and all attempts."""

    def __init__(self, first: Run, after: float) -> None:
        self._first = first
        self._after = after
        self._second: Run | None = None
        self._is_under_way = self._has_won = False
        self._scope = anyio.CancelScope()

    async def run(self) -> None:
        """Make the attempts; it ends when both have."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._hedge)
            with self._scope:
                await self._first.attempt()
            if self._first.kind is None or not self._is_under_way:
                group.cancel_scope.cancel()

    def settle(self) -> None:
        """Put both into the first run, and give back what a hedge that won, or was never sent, has paid."""
        first, second = self._first, self._second
        if second is None:
            return
        if self._has_won and first.kind is not None:
            for name in _RESULT:
                setattr(first, name, getattr(second, name))
        if self._has_won or not second.attempts:
            first.line.budget.earn(first.line.policy.retry.cost)
        later = second.started - first.started
        first.request_bytes += second.request_bytes
        first.attempts += tuple(replace(one, start=one.start + later) for one in second.attempts)

    async def _hedge(self) -> None:
        first, line = self._first, self._first.line
        await line.sleep(self._after)
        if not self._is_due() or not line.budget.spend(line.policy.retry.cost):
            first.note(Stage.HEDGE, "no second request", self._why_not())
            return
        first.note(Stage.HEDGE, "second request", f"no answer after {self._after:g} s")
        self._second = second = type(first)(first.call, line, first.route)
        second.deadline = first.deadline
        self._is_under_way = True
        await second.attempt()
        self._is_under_way = False
        if second.kind is None:
            self._has_won = True
            first.note(Stage.HEDGE, "the second request won", "the first one is cancelled")
            self._scope.cancel()

    def _why_not(self) -> str:
        budget = self._first.line.budget
        if self._is_due():
            return f"the retry budget holds only {budget.tokens:.0f} tokens"
        return "the first one is not on the wire yet, or no slot is free"

    def _is_due(self) -> bool:
        """The first one is on the wire, and a slot is free that nobody waits for."""
        line = self._first.line
        slots = line.slots or line.new_slots()
        has_room = not line.waiting and slots.running < slots.limit
        return self._first.sent and has_room and not line.is_closing
