"""A run that tells its trace what it does. It decides nothing: each stage is its parent's, told before or
after.
"""

import math
from collections.abc import Callable

import httpx
from httpx import URL
from msgspec.structs import replace

from integrations.execution.breaker import REFUSED, CircuitBreaker
from integrations.execution.call import Call
from integrations.execution.concurrency import Bulkhead
from integrations.execution.line import Line
from integrations.execution.opening import OPENING
from integrations.execution.outcome import Outcome, RejectReason
from integrations.execution.quota import Allowance, QuotaLine
from integrations.execution.retry import why_not_retryable
from integrations.execution.route import Route
from integrations.execution.run import Run
from integrations.execution.shown import shown_url
from integrations.execution.status import BreakerStatus, QuotaStatus
from integrations.execution.trace import Stage, Trace
from integrations.execution.transport import Reply


class TracedRun(Run):
    """A Run whose call carries a trace."""

    __slots__ = ("_is_new", "_trace")

    def __init__(self, call: Call, line: Line, route: Route) -> None:
        super().__init__(call, line, route)
        self._trace = call.trace or Trace(line.now)
        self._is_new = False

    def note(self, stage: Stage, decision: str, detail: str = "", *, waited: float | None = None) -> None:
        """Tell the trace."""
        self._trace.note(stage, decision, detail, step=self.call.step, waited=waited)

    def may_go_on(self) -> bool:
        """Whether another attempt may follow; when not, the trace is told why."""
        may = super().may_go_on()
        if not may and self.kind is not None:
            self.note(Stage.RETRY, "no retry", self._why_not())
        return may

    async def attempt_with_fresh_credential(self) -> None:
        """After a 401: tell whether there was another credential."""
        could = self.call.refresh is not None and not self.has_refreshed
        before = len(self.attempts)
        await super().attempt_with_fresh_credential()
        if could and len(self.attempts) == before and not self.is_barred:
            self.note(Stage.CREDENTIAL, "no other credential", "rereading it gave the one that was refused")

    def cancelled(self) -> None:
        """The caller went away."""
        super().cancelled()
        self.note(Stage.OUTCOME, "cancelled", self.detail)

    # The way in.

    def _enter(self) -> bool:
        if self.has_refreshed and self.attempts:
            self.note(Stage.CREDENTIAL, "another attempt", "with the credential as it is now")
        self.note(Stage.BREAKER, self.state.value, told_breaker(self.line, self.call.capability))
        entered = super()._enter()
        if entered:
            self._note_quota(0.0)
            self._note_slot(0.0)
            self._note_permit()
        elif not self.is_barred and (self._holds_quota or self.route.queue is None):
            self._note_quota(0.0)
            self.note(Stage.SLOT, "waits", self._told_slots())
        elif not self.is_barred:
            self.note(Stage.QUOTA, "waits", self._told_quota())
        return entered

    async def _wait_for_quota(self, queue: QuotaLine) -> bool:
        began = self.line.now()
        taken = await super()._wait_for_quota(queue)
        if taken:
            self._note_quota(self.line.now() - began)
        return taken

    async def _wait_for_slot(self) -> bool:
        began = self.line.now()
        taken = await super()._wait_for_slot()
        if taken:
            self._note_slot(self.line.now() - began)
            if self.is_check:
                self._note_permit()
        return taken

    def _take_permit(self, breaker: CircuitBreaker, now: float) -> bool:
        taken = super()._take_permit(breaker, now)
        if taken and self._slots is not None and self.queued:
            self._note_permit()
        return taken

    def _refuse(self, reason: RejectReason, detail: str, *, retry_after: float | None = None) -> bool:
        self.note(_STAGE_OF[reason], f"refused: {reason.value}", _again(detail, retry_after))
        return super()._refuse(reason, detail, retry_after=retry_after)

    def _skip_check(self, wait: float) -> bool:
        skipped = super()._skip_check(wait)
        self.note(Stage.QUOTA, "not sent", _again("a check does not wait for quota", wait))
        return skipped

    # The wire.

    async def _send(
        self, request: httpx.Request, within: float, *, heard: Callable[[int], None] | None = None
    ) -> Reply:
        self.note(Stage.ATTEMPT, f"attempt {len(self.attempts) + 1} sent", self._told_request(request))
        self._is_new = False
        token = OPENING.set(self._opening)
        try:
            return await super()._send(request, within, heard=heard or self._heard)
        finally:
            OPENING.reset(token)

    def _end(self) -> None:
        super()._end()
        self._note_attempt()

    def _opening(self) -> None:
        self._is_new = True
        self.note(Stage.ATTEMPT, "connection", "none is free, a new one is opened")

    def _heard(self, status: int) -> None:
        told = "" if self._is_new else "; no connection was opened for it"
        self.note(Stage.ATTEMPT, "first byte", f"status {status}{told}")

    def _note_attempt(self) -> None:
        last, number = self.attempts[-1], len(self.attempts)
        ended = f"attempt {number} " + ("succeeded" if last.kind is None else f"failed: {last.kind.value}")
        facts = [f"{last.duration * 1000:.1f} ms"]
        if last.status is not None:
            facts.insert(0, f"status {last.status}")
        if self.reply is not None:
            facts.append(f"{len(self.reply.body)} bytes, {self.reply.http_version}")
        if self.code:
            facts.append(f"code {self.code}")
        if self.detail:
            facts.append(self.detail)
        if last.injected:
            facts.append("the fault was injected")
        self.note(Stage.ATTEMPT, ended, "; ".join(facts))
        if self.stale and self.call.idempotent:
            self.note(
                Stage.RETRY, "once more, free", "the server had closed the kept-alive connection meanwhile"
            )

    def _settle(self) -> None:
        counted = self._permit != REFUSED
        super()._settle()
        detail = f"{self.route.state.value}; {told_breaker(self.line, self.call.capability)}"
        self.note(Stage.BREAKER, "counted" if counted else "not counted", detail)
        if self.kind is not None and self.retry_after is not None:
            self.note(Stage.QUOTA, "quiet asked for", f"for {self.retry_after:.1f} s")

    # Telling.

    def _note_quota(self, waited: float) -> None:
        self.note(Stage.QUOTA, "taken", self._told_quota(), waited=waited or None)

    def _note_slot(self, waited: float) -> None:
        self.note(Stage.SLOT, "taken", self._told_slots(), waited=waited or None)

    def _note_permit(self) -> None:
        if self._permit == REFUSED:
            self.note(Stage.PERMIT, "not needed", "checks pass every circuit and are not counted by it")
            return
        self.note(Stage.PERMIT, "granted", f"the circuit is {self.route.state.value}")

    def _told_request(self, request: httpx.Request) -> str:
        policy, left = self.line.policy, self.remaining()
        patience = policy.timeout if self.call.timeout is None else self.call.timeout
        deadline = "" if left == math.inf else f", {left:.2f} s to the deadline"
        return f"{request.method} {shown_url(URL(request.url))}; timeout {patience:g} s{deadline}"

    def _told_quota(self) -> str:
        route = self.route
        waiting = 0 if route.queue is None else route.queue.waiting
        known = route.quota
        quota = QuotaStatus(bucket=self.call.bucket) if known is None else known.status(waiting)
        parts = [f"bucket {quota.bucket or 'of all'}"]
        if quota.remaining is not None:
            parts.append(f"{quota.remaining:g} of {_number(quota.limit)} left")
        if quota.throttled_until is not None:
            parts.append("the vendor asked for quiet")
        parts += [
            f"declared {part.name}: {part.level:.1f} of {part.capacity:g} left"
            for part in route.parts
            if isinstance(part, Allowance)
        ]
        parts.append(f"{waiting} in line")
        return ", ".join(parts)

    def _told_slots(self) -> str:
        slots: Bulkhead = self.line.check_slots if self.is_check else self.line.slots or self.line.new_slots()
        urgency = self.call.urgency.name.lower()
        return f"{slots.running} of {slots.limit} in flight, {slots.waiting} in line, priority {urgency}"

    def _why_not(self) -> str:
        if self.is_barred:
            return "a local limit stands against it"
        if self.line.is_closing:
            return "Dialtone is closing this line"
        reason = why_not_retryable(self, idempotent=self.call.idempotent)
        return reason or f"the circuit is {self.route.state.value}"


def ended(trace: Trace, outcome: Outcome) -> Outcome:
    """The outcome of a run, with its trace, to which it is the last event."""
    decision = "ok" if outcome.kind is None else outcome.kind.value
    facts = [f"{outcome.source.value} answer", f"{len(outcome.attempts)} attempt(s)"]
    if outcome.status is not None:
        facts.insert(1, f"status {outcome.status}")
    if outcome.detail:
        facts.append(outcome.detail)
    trace.note(Stage.OUTCOME, decision, "; ".join(facts))
    return replace(outcome, trace=trace.events())


def note_retry(run: Run, why_not: str, pause: float) -> None:
    """Tell of one decision whether to try again, and how long before that."""
    if why_not:
        run.note(Stage.RETRY, "no retry", why_not)
        return
    budget, asked = run.line.budget, run.retry_after
    named = f", {asked:.1f} s of it asked for by the vendor" if asked else ""
    detail = f"in {pause:.3f} s{named}; {budget.tokens:.0f} of {budget.capacity:.0f} retry tokens left"
    run.note(Stage.RETRY, "tries again", detail, waited=pause)


def note_turned_away(trace: Trace, *, call: Call, line: Line, breaker: CircuitBreaker, now: float) -> None:
    """Tell of a call that an open circuit refused before anything else was done for it."""
    trace.note(Stage.BREAKER, breaker.state.value, told_breaker(line, call.capability), step=call.step)
    detail = _again(breaker.refusal, breaker.retry_after(now))
    trace.note(Stage.BREAKER, f"refused: {RejectReason.OPEN_CIRCUIT.value}", detail, step=call.step)


def told_breaker(line: Line, capability: str) -> str:
    """The window of a capability's breaker in words, with the thresholds that it is held against."""
    status = line.breaker_status(capability)
    held = f", by {status.actor}: {status.reason}" if status.actor else ""
    slow = f"{status.slow} took over {status.slow_seconds:g} s"
    counts = f"{status.failures} of {status.calls} calls failed, {slow}"
    return f"{counts}; {_thresholds(status, line.policy.breaker.min_calls)}{held}"


def _thresholds(status: BreakerStatus, min_calls: int) -> str:
    failed, slow = f"{status.failure_threshold:.0%}", f"{status.slow_threshold:.0%}"
    return f"opens at {failed} failed or {slow} slow of at least {min_calls}"


def _again(detail: str, seconds: float | None) -> str:
    if seconds is None or math.isinf(seconds):
        return detail
    return f"{detail}; worth another try in {seconds:.1f} s"


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


_STAGE_OF = {
    RejectReason.OPEN_CIRCUIT: Stage.BREAKER,
    RejectReason.QUOTA: Stage.QUOTA,
    RejectReason.BULKHEAD: Stage.SLOT,
    RejectReason.DEADLINE: Stage.OUTCOME,
    RejectReason.SHUTDOWN: Stage.OUTCOME,
    RejectReason.CREDENTIAL: Stage.CREDENTIAL,
}
