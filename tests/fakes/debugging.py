"""A trace and a debug answer, as the framework and the monitor give them."""

from integrations.examination import Exchange, ShownAnswer, ShownRequest
from integrations.execution.certificate import Certificate
from integrations.execution.outcome import Attempt, FailureKind, Outcome, Phases
from integrations.execution.trace import Stage, TraceEvent
from integrations.manifest.evaluate import Finding
from integrations.signals import Evidence, Health
from monitors.debugging import CheckDebug
from monitors.report import CapabilityHealth

TRACE = (
    TraceEvent(at=0.0, stage=Stage.BREAKER, decision="closed", detail="1 of 12 calls failed", step="request"),
    TraceEvent(
        at=0.25, stage=Stage.QUOTA, decision="taken", detail="bucket core", step="request", waited=0.25
    ),
    TraceEvent(
        at=0.5, stage=Stage.ATTEMPT, decision="attempt 1 succeeded", detail="status 200", step="page-2"
    ),
    TraceEvent(at=0.5, stage=Stage.OUTCOME, decision="ok", detail="live answer"),
)
_UP = CapabilityHealth(
    capability="read",
    state=Health.UP,
    since=1_700_000_000.0,
    reason="fine",
    evidence=Evidence.CHECK,
    judged=True,
)
DEBUGGED = CheckDebug(
    capability="read",
    action="auth.test",
    asks="auth.test at Slack",
    exchanges=(
        Exchange(
            step="request",
            request=ShownRequest(
                method="GET",
                url="https://slack.example/api/auth.test?token=***",
                headers={"authorization": "***", "accept": "application/json"},
            ),
            answer=ShownAnswer(
                status=200,
                http_version="HTTP/1.1",
                headers={"content-type": "application/json", "set-cookie": "***"},
                body='{"ok":false,\n"error":"fatal_error"}',
                body_bytes=33,
                duration=0.12,
            ),
            phases=Phases(dns=0.001, connect=0.01, tls=0.02, first_byte=0.1, transfer=0.02),
            certificate=Certificate(
                not_before=1_690_000_000.0,
                not_after=1_790_000_000.0,
                subject="slack.example",
                issuer="An Authority",
                chain=3,
                protocol="TLSv1.3",
                names=("slack.example",),
                matched="slack.example",
            ),
            rule="errors.rules[0]",
            kind=FailureKind.VENDOR_ERROR,
            code="fatal_error",
            detail="the vendor answered 200: fatal_error",
        ),
    ),
    conditions=(
        Finding(expected='{"json":{"pointer":"/ok","equals":true}}', found="false", held=False),
        Finding(expected='{"latency_below":2.0}', found="0.12 s", held=True, depth=1),
    ),
    outcome=Outcome(
        kind=FailureKind.VENDOR_ERROR,
        status=200,
        detail="the vendor answered 200: fatal_error",
        attempts=(Attempt(start=0.0, duration=0.12, kind=FailureKind.VENDOR_ERROR, status=200),),
        duration=0.12,
    ),
    before=_UP,
    after=CapabilityHealth(
        capability="read",
        state=Health.UP,
        since=1_700_000_000.0,
        reason="fine",
        evidence=Evidence.CHECK,
        judged=True,
        pending=Health.DOWN,
        pending_count=1,
    ),
    missing=2,
)
