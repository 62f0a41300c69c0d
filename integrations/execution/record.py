"""How a finished run is told: to the caller as an Answer, to everyone else as a CallRecord.

More than 15 keywords make CPython build a dict for the call, which takes 0.5 µs; hence a template for what
all calls of a route share, and a second step for what most calls do not have.
"""

from msgspec.structs import replace

from integrations.execution.breaker import CircuitBreaker
from integrations.execution.call import Answer, Call
from integrations.execution.call_span import CallSpan
from integrations.execution.line import Line
from integrations.execution.outcome import FailureKind, Outcome, RejectReason
from integrations.execution.route import Route
from integrations.execution.run import Run
from integrations.execution.traced import note_turned_away
from integrations.execution.tracing import Ids
from integrations.signals import CallRecord


def tell(run: Run, ids: Ids, *, utc: float) -> tuple[CallRecord, Answer]:
    """Return the signal that tells of a run, at a UTC second, and what its caller gets. A call's id is that
    of its span.
    """
    call, line, reply, kind, attempts = run.call, run.line, run.reply, run.kind, run.attempts
    span_id = (call.call_id or ids.span()) if call.span is None else call.span.id
    duration = (run.ended if kind is None else line.now()) - run.started
    record = replace(
        run.route.template,
        at=utc,
        call_id=span_id,
        run_id=call.run_id,
        integration=call.integration,
        origin=call.origin,
        caller=call.caller,
        status=run.status,
        duration=duration,
        attempts=attempts,
        breaker_state=run.state,
        response_bytes=0 if reply is None else len(reply.body),
        trace_id=call.trace_id or ids.trace(),
        span_id=span_id,
        sampled=True if call.sampled is None else call.sampled,
    )
    if kind is not None or run.queued or run.request_bytes or call.step != "request" or call.parent_span_id:
        record = _unusual(record, run)
    if line.was_injected and any(attempt.injected for attempt in attempts):
        record = replace(record, injected=True)
    if call.span is not None:
        record = _spanned(record, call.span)
    outcome = Outcome(
        status=run.status,
        headers={} if reply is None else reply.headers,
        attempts=attempts,
        duration=duration,
        call_id=span_id,
        run_id=call.run_id,
    )
    return record, Answer(outcome=outcome if kind is None else _failed(outcome, run), reply=reply)


def _failed(outcome: Outcome, run: Run) -> Outcome:
    return replace(
        outcome,
        kind=run.kind,
        detail=run.detail,
        code=run.code,
        reason=run.reason,
        retry_after=run.retry_after,
    )


def turn_away(
    call: Call, *, line: Line, route: Route, breaker: CircuitBreaker, now: float, utc: float, ids: Ids
) -> tuple[CallRecord, Answer]:
    """Tell of a call that an open circuit refused before anything else was done for it."""
    state = breaker.state
    breaker.rejected += 1
    if call.trace is not None:
        note_turned_away(call.trace, call=call, line=line, breaker=breaker, now=now)
    span_id, detail, retry_after = call.call_id or ids.span(), breaker.refusal, breaker.retry_after(now)
    record = replace(
        route.refusal,
        at=utc,
        call_id=span_id,
        run_id=call.run_id,
        integration=call.integration,
        origin=call.origin,
        caller=call.caller,
        step=call.step,
        detail=detail,
        retry_after=retry_after,
        breaker_state=state,
        trace_id=call.trace_id or ids.trace(),
        span_id=span_id,
        parent_span_id=call.parent_span_id,
        sampled=True if call.sampled is None else call.sampled,
    )
    outcome = Outcome(
        kind=FailureKind.REJECTED,
        reason=RejectReason.OPEN_CIRCUIT,
        detail=detail,
        retry_after=retry_after,
        call_id=span_id,
        run_id=call.run_id,
    )
    return record, Answer(outcome=outcome, reply=None)


def _spanned(record: CallRecord, span: CallSpan) -> CallRecord:
    is_kept = record.sampled and (record.kind is not None or not span.is_for_failures)
    return replace(record, sampled=is_kept, method=span.method, server=span.server)


def _unusual(record: CallRecord, run: Run) -> CallRecord:
    call = run.call
    return replace(
        record,
        kind=run.kind,
        reason=run.reason,
        code=run.code,
        detail=run.detail,
        retry_after=run.retry_after,
        queued=run.queued,
        request_bytes=run.request_bytes,
        step=call.step,
        parent_span_id=call.parent_span_id,
    )
