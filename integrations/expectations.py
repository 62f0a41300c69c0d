"""What a health check expects of an answer, on top of what the manifest's error rules say."""

from collections.abc import Callable, Mapping

import msgspec

from integrations.execution.call import Verdict
from integrations.execution.outcome import FailureKind
from integrations.execution.transport import Reply
from integrations.manifest.conditions import Condition
from integrations.manifest.evaluate import Findings, failure
from integrations.manifest.evidence import HealthCheck

_KEPT = frozenset({FailureKind.THROTTLED, FailureKind.UNAUTHORIZED})


def expected(
    check: HealthCheck,
    verdict: Verdict,
    reply: Reply,
    *,
    config: Mapping[str, object],
    redact: Callable[[str], str],
    findings: Findings | None = None,
) -> Verdict:
    """What a check makes of the manifest's verdict by its condition: the manifest's own, which is asked only
    of a good answer, or the one in the connection's config, which decides whatever the status; only
    throttling and a refused credential keep their kind.

    `redact` takes secrets out of what was seen, because an endpoint may quote what it was sent. `findings`
    hear of every part of the condition as it is judged.
    """
    configured = config.get(check.expect_config)
    decides = isinstance(configured, Condition)
    condition = configured if isinstance(configured, Condition) else check.expect
    if verdict.kind is not None and not decides:
        return verdict
    if condition is None or not failure(condition, reply, findings):
        return verdict if verdict.kind is None and not verdict.rule else Verdict(readings=verdict.readings)
    said = failure(condition, _redacted(reply, redact)) or "what was expected was not met"
    if verdict.kind in _KEPT:
        return msgspec.structs.replace(verdict, detail=said)
    return Verdict(
        kind=FailureKind.EXPECTATION,
        detail=said,
        code=verdict.code,
        rule=f"config.{check.expect_config}" if decides else f"health of {check.capability}: expect",
        readings=verdict.readings,
    )


def _redacted(reply: Reply, redact: Callable[[str], str]) -> Reply:
    """The answer without secrets, before anything of it is cut short."""
    shown = Reply(
        status=reply.status,
        headers={name: redact(value) for name, value in reply.headers.items()},
        body=redact(reply.body.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape"),
        duration=reply.duration,
    )
    shown.certificate_days_left = reply.certificate_days_left
    return shown
