"""How a finished run is told: to the caller as an Answer, to everyone else as a CallRecord."""

from integrations.execution.call import Answer
from integrations.execution.ids import Ids
from integrations.execution.outcome import Outcome
from integrations.execution.run import Run
from integrations.signals import CallRecord


def record_of(run: Run, ids: Ids, ended: float) -> CallRecord:
    """Return the signal that tells of a run; `ended` is monotonic seconds."""
    call, spec = run.call, run.line.spec
    reply = run.reply
    return CallRecord(
        at=run.line.clock.time(),
        call_id=ids.call_id,
        run_id=call.run_id,
        integration=spec.integration,
        vendor=spec.vendor,
        action=call.action,
        capability=call.capability,
        effect=call.effect,
        origin=call.origin,
        caller=call.caller,
        step=call.step,
        kind=run.kind,
        reason=run.reason,
        status=run.status,
        code=run.code,
        detail=run.detail,
        duration=ended - run.started,
        queued=run.queued,
        retry_after=run.retry_after,
        attempts=run.attempts,
        breaker_state=run.state,
        request_bytes=run.request_bytes,
        response_bytes=len(reply.body) if reply is not None else 0,
        trace_id=call.trace_id or ids.trace_id,
        span_id=ids.span_id,
        parent_span_id=call.parent_span_id,
        sampled=True if call.sampled is None else call.sampled,
    )


def answer_of(run: Run, ids: Ids, ended: float) -> Answer:
    """Return what the caller gets of a run; `ended` is monotonic seconds."""
    reply = run.reply
    outcome = Outcome(
        kind=run.kind,
        status=run.status,
        detail=run.detail,
        code=run.code,
        reason=run.reason,
        retry_after=run.retry_after,
        headers=reply.headers if reply is not None else {},
        attempts=run.attempts,
        duration=ended - run.started,
        call_id=ids.call_id,
        run_id=run.call.run_id,
    )
    return Answer(outcome, reply)
