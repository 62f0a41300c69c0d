"""One request of a run, as the executor asks for it: prepared, judged, and given another credential."""

from collections.abc import Awaitable
from typing import Protocol

import httpx
import msgspec

from integrations.examination import PLAIN
from integrations.execution.call import Call, Verdict
from integrations.execution.outcome import Outcome
from integrations.execution.trace import Stage
from integrations.execution.transport import Reply
from integrations.expectations import expected
from integrations.integration import Integration
from integrations.manifest.answers import GOOD, plain_kind
from integrations.manifest.plans import ActionPlan
from integrations.orders import Order


class Credentials(Protocol):
    """Who keeps credentials good."""

    async def obtain(self, integration: Integration, *, deadline: float) -> Outcome | None:
        """See that there is a token to use; return why there is none."""
        ...

    async def refresh(self, integration: Integration, *, used: int) -> bool:
        """After a 401 to the credential of generation `used`: whether there is another one."""
        ...


class Running(Protocol):
    """The run that it is a request of."""

    integration: Integration
    plan: ActionPlan
    order: Order
    credentials: Credentials


class Sending:
    """One request of a run, in the executor's hands."""

    __slots__ = ("_request", "_run", "_step", "_used")

    def __init__(self, run: Running, request: httpx.Request, step: str) -> None:
        self._run = run
        self._request = request
        self._step = step
        self._used = 0

    def call(self, *, idempotent: bool) -> Call:
        """It as a call; `idempotent`: a repeat does no harm."""
        run, order = self._run, self._run.order
        action = run.plan.action
        # More than 15 keywords cost 1.5 µs, as in execution/record.py; hence a second step for the rest.
        call = Call(
            integration=run.integration.id,
            action=run.plan.name,
            capability=order.capability,
            effect=action.effect,
            idempotent=idempotent,
            prepare=self.prepare,
            classify=self.classify,
            refresh=self.refresh,
            bucket=action.bucket,
            cost=action.cost if order.cost is None else order.cost,
            deadline=order.deadline,
            origin=order.origin,
            run_id=order.run_id,
            call_id=order.call_ids.take(order.run_id),
            trace_id=order.trace_id,
        )
        if not self._is_plain():
            return self._unusual(call)
        return msgspec.structs.replace(call, certificate=True) if order.certificate else call

    def _is_plain(self) -> bool:
        """Whether there is nothing to a call but what every call has."""
        order = self._run.order
        is_untold = not (order.caller or order.parent_span_id or order.trace_state)
        is_as_ever = order.sampled is None and order.priority is None and order.trace is None
        return is_untold and is_as_ever and self._step == "request" and self._run.plan.action.timeout is None

    def _unusual(self, call: Call) -> Call:
        order = self._run.order
        return msgspec.structs.replace(
            call,
            timeout=self._run.plan.action.timeout,
            caller=order.caller,
            step=self._step,
            parent_span_id=order.parent_span_id,
            sampled=order.sampled,
            trace_state=order.trace_state,
            priority=order.priority,
            certificate=order.certificate,
            trace=order.trace,
        )

    def prepare(self) -> httpx.Request:
        """The request of the next attempt, with the credential as it is now. Attempts that follow one another
        share it; those that are hedged do not.
        """
        integration = self._run.integration
        access = integration.access
        is_hedged = integration.connection.policy.hedge_after is not None
        request = _copy(self._request) if is_hedged else self._request
        if access.tokens is not None:
            self._used = access.tokens.generation
        access.credential.apply(request)
        return request

    def refresh(self) -> Awaitable[bool]:
        """Whether there is another credential than the one that was used."""
        return self._run.credentials.refresh(self._run.integration, used=self._used)

    def classify(self, reply: Reply) -> Verdict:
        """The verdict on an answer, told to whoever asked how it came about."""
        order = self._run.order
        if order.trace is None and order.examination is None:
            return self._verdict(reply)
        if order.examination is not None:
            order.examination.judging()
        verdict = self._verdict(reply)
        if order.examination is not None:
            order.examination.judged(verdict)
        if order.trace is not None:
            decision = "success" if verdict.kind is None else verdict.kind.value
            detail = f"by {verdict.rule or PLAIN}, status {reply.status}"
            order.trace.note(Stage.VERDICT, decision, detail, step=self._step)
        return verdict

    def _verdict(self, reply: Reply) -> Verdict:
        plan, integration, order = self._run.plan, self._run.integration, self._run.order
        if plan.is_judged_by_status and plain_kind(reply.status) is None:
            verdict = GOOD
        else:
            verdict = integration.reader.verdict(reply, plan.action)
        if order.check is None:
            return verdict
        return expected(
            order.check,
            verdict,
            reply,
            config=integration.config,
            redact=integration.redact,
            findings=None if order.examination is None else order.examination.findings,
        )


def _copy(request: httpx.Request) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url,
        headers=request.headers,
        content=request.read(),
        extensions=request.extensions,
    )
