"""What one check asked, what came back, and how that was judged: the debug answer, before health is asked.

Nothing of it holds a secret: known ones are taken out as everywhere, and by names what nobody declared.
"""

from collections.abc import Awaitable, Callable, Mapping

import httpx
import msgspec
from msgspec.structs import replace

from integrations.execution.call import Answer, Verdict, body_bytes
from integrations.execution.certificate import Certificate
from integrations.execution.outcome import FailureKind, Outcome, Phases
from integrations.execution.shown import (
    MASK,
    query_values,
    secret_values,
    shown_body,
    shown_headers,
    shown_url,
    veiled,
)
from integrations.execution.transport import Reply
from integrations.integration import Integration
from integrations.manifest.evaluate import Findings

PLAIN = "plain HTTP"
"""The rule where the manifest has none that applies: the status alone decides."""


class ShownRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it was sent, without what could be a secret; `body_bytes` is how long its body is."""

    method: str
    url: str
    headers: Mapping[str, str]
    body_bytes: int = 0


class ShownAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer without what could be a secret; `body` is its first 2 KiB as text, or says that it is
    binary.
    """

    status: int
    http_version: str
    headers: Mapping[str, str]
    body: str
    body_bytes: int
    duration: float


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what became of it. `phases` and `certificate` are None where none were seen; `rule` is
    the one that decided, of the manifest or the configuration, or `plain HTTP`.
    """

    step: str
    request: ShownRequest
    answer: ShownAnswer | None
    phases: Phases | None
    certificate: Certificate | None
    rule: str
    kind: FailureKind | None
    code: str
    detail: str


class Examination:
    """Hears of all that one check does. Nothing is kept that `hide` was not told how to clear of secrets."""

    def __init__(self) -> None:
        self._redact: Callable[[str], str] = _everything
        self._rule = ""
        self.findings = Findings(self._cleared)
        self.outcome: Outcome | None = None
        self.exchanges: list[Exchange] = []

    def hide(self, redact: Callable[[str], str]) -> None:
        """Let each text pass `redact`, which takes the integration's secrets out."""
        self._redact = redact

    def judging(self) -> None:
        """An answer is about to be judged: what was found in an earlier one counts no more."""
        self.findings.all.clear()

    def judged(self, verdict: Verdict) -> None:
        """An answer was judged."""
        self._rule = verdict.rule or PLAIN

    async def until_ended(self, running: Awaitable[Outcome]) -> Outcome:
        """Let the check run to its end. What the vendor sent is kept as the exchanges show it, and not once
        more.
        """
        outcome = await running
        self.outcome = replace(outcome, data=None, headers={}, detail=self._redact(outcome.detail))
        return outcome

    def saw(self, request: httpx.Request, answer: Answer, *, step: str) -> None:
        """One request is done; of several attempts, the last one."""
        outcome, reply = answer.outcome, answer.reply
        hide = veiled(self._redact, secret_values(request.url))
        self.exchanges.append(
            Exchange(
                step=step,
                request=ShownRequest(
                    method=request.method,
                    url=shown_url(request.url, hide),
                    headers=shown_headers(request.headers, hide),
                    body_bytes=body_bytes(request),
                ),
                answer=None if reply is None else _shown(reply, hide),
                phases=None if reply is None else reply.phases,
                certificate=None if reply is None else reply.certificate,
                rule="" if reply is None else self._rule,
                kind=outcome.kind,
                code=hide(outcome.code),
                detail=hide(outcome.detail),
            )
        )

    def _cleared(self, text: str) -> str:
        return self._redact(text)


def concealing(integration: Integration) -> Callable[[str], str]:
    """What takes out of a text what an integration must not show: its secrets, and what stands in the queries
    of the URLs it is configured with.
    """
    return veiled(integration.redact, query_values(integration.config.values()))


def _everything(_: str) -> str:
    return MASK


def _shown(reply: Reply, hide: Callable[[str], str]) -> ShownAnswer:
    return ShownAnswer(
        status=reply.status,
        http_version=reply.http_version,
        headers=shown_headers(reply.headers, hide),
        body=shown_body(reply.body, reply.headers.get("content-type", ""), hide),
        body_bytes=len(reply.body),
        duration=reply.duration,
    )
