"""One signal as one line for a person: time, sign, integration, what happened."""

import re
from collections.abc import Callable

from rich.text import Text

from app.live.selection import is_failure
from app.web.words import BREAKERS, STATES, clock_time, exact, latency, number, plural
from integrations.signals import (
    APIRequest,
    BreakerState,
    BreakerTransition,
    CallRecord,
    CheckResult,
    ConfigChange,
    ContractDrift,
    CredentialNotice,
    DeliveryAttempt,
    Health,
    HealthChange,
    HeartbeatReport,
    IncidentChange,
    ObjectiveChange,
    OperatorAction,
    QueryRun,
    QuotaSample,
    Signal,
    VendorNotice,
    WebhookReceipt,
)

_BAD, _GOOD, _PLAIN = ("✗", "red"), ("✓", "green"), ("·", "dim")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_WIDTH = 16


def line(signal: Signal) -> Text:
    """Return the line; text from outside can neither break it nor steer the terminal."""
    sign, style = _sign(signal)
    integration = getattr(signal, "integration", "")
    words = plain(_WORDS[type(signal)](signal))
    return Text.assemble(
        (clock_time(signal.at), "dim"),
        "  ",
        (sign, style),
        " ",
        (f"{integration:<{_WIDTH}}", "bold"),
        "  ",
        (words, style if is_failure(signal) else ""),
    )


def plain(text: str) -> str:
    """Return text without control characters and line breaks."""
    return _CONTROL.sub(" ", text)


def _sign(signal: Signal) -> tuple[str, str]:
    if is_failure(signal):
        return _BAD
    match signal:
        case CallRecord() | CheckResult(ran=True):
            return _GOOD
        case HealthChange(after=Health.UP) | BreakerTransition(after=BreakerState.CLOSED):
            return _GOOD
        case IncidentChange(event="resolved") | DeliveryAttempt(result="delivered"):
            return _GOOD
        case _:
            return _PLAIN


def _call(call: CallRecord) -> str:
    tries = f", {plural(len(call.attempts), 'attempt')}" if len(call.attempts) > 1 else ""
    took = f"{_result(call)} in {latency(call.duration)}{tries}"
    return _joined(f"{call.action} {took}, {call.origin}{_by(call.caller)}{_struck(call)}", call.detail)


def _check(check: CheckResult) -> str:
    if not check.ran:
        return _joined(f"check {check.capability} not run", check.detail)
    took = f"{_result(check)} in {latency(check.duration)}"
    return _joined(f"check {check.capability} {took}{_struck(check)}", check.detail)


def _struck(signal: CallRecord | CheckResult) -> str:
    return ", fault injected" if signal.injected else ""


def _result(signal: CallRecord | CheckResult) -> str:
    parts = (signal.kind or "", signal.reason or "" if isinstance(signal, CallRecord) else "")
    status = "" if signal.status is None else str(signal.status)
    return " ".join(part for part in (*parts, status) if part) or "ok"


def _breaker(change: BreakerTransition) -> str:
    words = f"breaker {change.capability}: {change.before} → {BREAKERS[change.after]}"
    return _joined(words + _by(change.actor), change.reason)


def _quota(sample: QuotaSample) -> str:
    return f"quota {sample.bucket}: {number(sample.remaining)} of {number(sample.limit)} left"


def _health(change: HealthChange) -> str:
    capability = f"{change.capability} " if change.capability else ""
    return _joined(f"{capability}{STATES[change.before]} → {STATES[change.after]}", change.reason)


def _incident(change: IncidentChange) -> str:
    what = f"incident {change.incident} {change.event.replace('_', ' ')}"
    return _joined(f"{what}: {STATES[change.state].lower()}{_by(change.actor)}", change.reason)


def _delivery(attempt: DeliveryAttempt) -> str:
    answer = "" if attempt.status is None else f" ({attempt.status})"
    words = f"{attempt.type} to {attempt.receiver} {attempt.result}{answer} in {latency(attempt.duration)}"
    tries = f", attempt {attempt.attempt}" if attempt.attempt > 1 else ""
    return _joined(words + tries, attempt.detail)


def _operator(action: OperatorAction) -> str:
    words = " ".join(part for part in (action.action, action.capability) if part)
    return _joined(f"{words} by {action.actor}", action.reason)


def _request(request: APIRequest) -> str:
    took = f"{request.status} in {latency(request.duration)}"
    return f"{request.method} {request.route} {took}{_by(request.caller)}"


def _query(run: QueryRun) -> str:
    took = f"{plural(run.rows, 'row')} in {latency(run.duration)}"
    return _joined(f"query {run.query}: {took}{_by(run.caller)}", run.error)


def _vendor(notice: VendorNotice) -> str:
    if notice.kind == "deprecation":
        what = notice.action or "its API"
        ends = f" on {exact(notice.sunset_at)}" if notice.sunset_at is not None else ""
        return _joined(f"{notice.vendor} is to end {what}{ends}", notice.title)
    words = notice.indicator.value.replace("_", " ")
    of = f" of {', '.join(notice.components)}" if notice.components else ""
    return _joined(f"{notice.vendor} says: {words}{of}", notice.title)


def _objective(change: ObjectiveChange) -> str:
    if not change.after:
        return f"objective {change.objective} burns its budget no longer too fast"
    left = f": {change.budget_left:.1%} is left" if change.budget_left is not None else ""
    return f"objective {change.objective} burns its budget too fast ({change.after}, {change.windows}){left}"


def _heartbeat(report: HeartbeatReport) -> str:
    status = f" (exit status {report.exit_status})" if report.exit_status is not None else ""
    return f"heartbeat {report.heartbeat} reported {report.beat}{status}"


def _by(who: str) -> str:
    return f" by {who}" if who else ""


def _joined(*parts: str) -> str:
    return ": ".join(part for part in parts if part)


_WORDS: dict[type[Signal], Callable[..., str]] = {
    CallRecord: _call,
    CheckResult: _check,
    BreakerTransition: _breaker,
    QuotaSample: _quota,
    HealthChange: _health,
    CredentialNotice: lambda notice: _joined(f"credential {notice.event}", notice.detail),
    VendorNotice: _vendor,
    ContractDrift: lambda drift: (
        f"answer of {drift.action} drifted at {drift.pointer or 'its root'}: "
        f"{drift.found} in place of {drift.expected}"
    ),
    WebhookReceipt: lambda receipt: _joined(
        f"webhook {receipt.event_type} {receipt.verdict}", receipt.detail
    ),
    IncidentChange: _incident,
    DeliveryAttempt: _delivery,
    OperatorAction: _operator,
    ConfigChange: lambda change: (
        f"configuration with {plural(change.integrations, 'integration')} took effect: {change.source}"
    ),
    ObjectiveChange: _objective,
    HeartbeatReport: _heartbeat,
    APIRequest: _request,
    QueryRun: _query,
}
