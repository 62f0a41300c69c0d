"""What a health check expects of an answer, on top of what the manifest's error rules say."""

from collections.abc import Callable, Mapping

import msgspec

from integrations.execution.call import Verdict
from integrations.execution.outcome import FailureKind
from integrations.execution.transport import Reply
from integrations.manifest.conditions import Condition
from integrations.manifest.evaluate import failure, wants_certificate
from integrations.manifest.schema import HealthCheck

_KEPT = frozenset({FailureKind.THROTTLED, FailureKind.UNAUTHORIZED})


class Expectation:
    """A check's condition: the manifest's own, or the one in the connection's config that alone decides."""

    def __init__(self, check: HealthCheck, *, config: Mapping[str, object]) -> None:
        configured = config.get(check.expect_config)
        self._decides = isinstance(configured, Condition)
        self._condition = configured if isinstance(configured, Condition) else check.expect
        self.certificate = wants_certificate(self._condition)

    @property
    def judge(self) -> Callable[[Verdict, Reply], Verdict]:
        """How the check changes a verdict."""
        return self._alone if self._decides else self._also

    def _also(self, verdict: Verdict, reply: Reply) -> Verdict:
        """A good answer must also meet the condition."""
        if verdict.kind is not None or self._condition is None:
            return verdict
        said = failure(self._condition, reply)
        return _failed(verdict, said) if said else verdict

    def _alone(self, verdict: Verdict, reply: Reply) -> Verdict:
        """The condition decides whatever the status; throttling and a refused credential keep their kind."""
        said = failure(self._condition, reply) if self._condition is not None else ""
        if not said:
            return Verdict(readings=verdict.readings)
        if verdict.kind in _KEPT:
            return msgspec.structs.replace(verdict, detail=said)
        return _failed(verdict, said)


def _failed(verdict: Verdict, said: str) -> Verdict:
    return Verdict(kind=FailureKind.EXPECTATION, detail=said, code=verdict.code, readings=verdict.readings)
