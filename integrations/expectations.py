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


class Expectation:
    """A check's condition: the manifest's own, or the one in the connection's config that alone decides.

    `redact` takes secrets out of what was seen, because an endpoint may quote what it was sent. `findings`
    hear of every part of the condition as it is judged.
    """

    def __init__(
        self,
        check: HealthCheck,
        *,
        config: Mapping[str, object],
        redact: Callable[[str], str],
        findings: Findings | None = None,
    ) -> None:
        configured = config.get(check.expect_config)
        self._decides = isinstance(configured, Condition)
        self._check = check
        self._condition = configured if isinstance(configured, Condition) else check.expect
        self._redact = redact
        self._findings = findings

    def judge(self, verdict: Verdict, reply: Reply) -> Verdict:
        """What the check makes of the manifest's verdict.

        A configured condition decides whatever the status; only throttling and a refused credential keep
        their kind. The manifest's own is asked only of a good answer.
        """
        if verdict.kind is not None and not self._decides:
            return verdict
        said = self._failure(reply)
        if not said:
            return Verdict(readings=verdict.readings)
        if verdict.kind in _KEPT:
            return msgspec.structs.replace(verdict, detail=said)
        return Verdict(
            kind=FailureKind.EXPECTATION,
            detail=said,
            code=verdict.code,
            rule=self._rule(),
            readings=verdict.readings,
        )

    def _rule(self) -> str:
        check = self._check
        return f"config.{check.expect_config}" if self._decides else f"health of {check.capability}: expect"

    def _failure(self, reply: Reply) -> str:
        if self._condition is None or not failure(self._condition, reply, self._findings):
            return ""
        return failure(self._condition, _redacted(reply, self._redact)) or "what was expected was not met"


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
