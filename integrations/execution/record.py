"""How a finished run is told: to the caller as an Answer, to everyone else as a CallRecord.

More than 15 keywords make CPython build a dict for the call, which takes 0.5 µs; hence a template for what
all calls of a route share, and a second step for what most calls do not have.
"""

import random

from msgspec.structs import replace

from integrations.execution.call import Answer, Call
from integrations.execution.call_span import CallSpan
from integrations.execution.outcome import FailureKind, Outcome, RejectReason
from integrations.execution.route import Route
from integrations.execution.run import Run
from integrations.execution.traced import note_turned_away
from integrations.signals import CallRecord


def tell(run: Run, rng: random.Random) -> tuple[CallRecord, Answer]:
    """Return the signal that tells of a run, and what its caller gets.

    Ids are of W3C Trace Context's lengths; a call's id is that of its span.
    """
    call, reply = run.call, run.reply
    digits = rng.getrandbits(192).to_bytes(24).hex()
    span_id = digits[:16] if call.span is None else call.span.id
    duration = run.line.now() - run.started
    record = replace(
        run.route.template,
        at=run.line.clock.time(),
        call_id=span_id,
        run_id=call.run_id,
        effect=call.effect,
        origin=call.origin,
        caller=call.caller,
        status=run.status,
        duration=duration,
        attempts=run.attempts,
        breaker_state=run.state,
        response_bytes=0 if reply is None else len(reply.body),
        trace_id=call.trace_id or digits[16:],
        span_id=span_id,
        sampled=True if call.sampled is None else call.sampled,
    )
    if (
        run.kind is not None
        or run.queued
        or run.request_bytes
        or call.step != "request"
        or call.parent_span_id
    ):
        record = _unusual(record, run)
    if run.line.was_struck and any(attempt.injected for attempt in run.attempts):
        record = replace(record, injected=True)
    if call.span is not None:
        record = _spanned(record, call.span)
    return record, Answer(outcome=_outcome(run, span_id, duration), reply=reply)


def _outcome(run: Run, call_id: str, duration: float) -> Outcome:
    reply = run.reply
    return Outcome(
        kind=run.kind,
        status=run.status,
        detail=run.detail,
        code=run.code,
        reason=run.reason,
        retry_after=run.retry_after,
        headers={} if reply is None else reply.headers,
        attempts=run.attempts,
        duration=duration,
        call_id=call_id,
        run_id=run.call.run_id,
    )


def turn_away(
    call: Call, route: Route, *, now: float, utc: float, rng: random.Random
) -> tuple[CallRecord, Answer]:
    """Tell of a call that an open circuit refused before anything else was done for it."""
    breaker, state = route.breaker, route.breaker.state
    breaker.rejected += 1
    if call.trace is not None:
        note_turned_away(call.trace, call=call, route=route, now=now)
    digits = rng.getrandbits(192).to_bytes(24).hex()
    span_id, detail, retry_after = digits[:16], breaker.refusal, breaker.retry_after(now)
    record = replace(
        route.refusal,
        at=utc,
        call_id=span_id,
        run_id=call.run_id,
        effect=call.effect,
        origin=call.origin,
        caller=call.caller,
        step=call.step,
        detail=detail,
        retry_after=retry_after,
        breaker_state=state,
        trace_id=call.trace_id or digits[16:],
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
