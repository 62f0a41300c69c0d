"""What goes into the executor and what comes out: a Call, a Verdict on each answer, and an Answer."""

from collections.abc import Awaitable, Callable

import httpx
import msgspec

from integrations.connection import NetworkPolicy
from integrations.credentials.identity import ClientIdentity
from integrations.execution.call_span import CallSpan
from integrations.execution.fairness import PRIORITY_OF, Priority
from integrations.execution.guard import Guard
from integrations.execution.outcome import Effect, FailureKind, Origin, Outcome
from integrations.execution.policy import Policy
from integrations.execution.trace import Trace
from integrations.execution.transport import Reply
from integrations.manifest.schema import Limit


class QuotaReading(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer says of one quota bucket; `reset_at` is UTC seconds."""

    bucket: str
    limit: float | None = None
    remaining: float | None = None
    reset_at: float | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer means: `kind` is None for success.

    `retry_after` is seconds from now. `retryable` overrides the rules of retry.py, None leaves them. `rule`
    names the manifest's rule that decided; empty where plain HTTP did.
    """

    kind: FailureKind | None = None
    detail: str = ""
    code: str = ""
    retry_after: float | None = None
    retryable: bool | None = None
    rule: str = ""
    readings: tuple[QuotaReading, ...] = ()


class LineSpec(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the executor must know of an integration to hold a line open to it.

    `socket` is a unix socket's path, `limits` are those that the vendor's documentation declares, `identity`
    is the client certificate to show over TLS. `guard` says where connections may lead, for addresses that
    are not the operator's own word; behind a proxy that is the proxy's to say.
    """

    integration: str
    vendor: str
    policy: Policy
    network: NetworkPolicy
    capabilities: tuple[str, ...]
    socket: str = ""
    limits: tuple[Limit, ...] = ()
    identity: ClientIdentity | None = None
    guard: Guard | None = None

    @property
    def concurrency(self) -> int:
        """How many calls may run at once, by the operator's word and the vendor's."""
        return min(
            [self.policy.concurrency, *(limit.concurrency for limit in self.limits if limit.concurrency)]
        )

    def __post_init__(self) -> None:
        """Refuse a line that could not work.

        Raises:
            ValueError: with the integration, the key and what it must be.
        """
        if not self.capabilities:
            raise ValueError(f"{self.integration}: a line needs at least one capability")
        for limit in self.limits:
            if limit.rate < 0 or limit.per <= 0 or not (limit.rate or limit.concurrency):
                what = "rate and per must be above 0; without a rate there is a concurrency"
                raise ValueError(f"{self.integration}: limits.{limit.id}: {what}")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request to make.

    `prepare` builds the request anew for each attempt and puts the credential in. `classify` judges each
    answer. `refresh` is asked once after a 401: True means that a fresh credential is worth another try.
    `timeout` is seconds for one attempt, `deadline` a value of the clock's `monotonic`; None takes the
    policy's. `certificate` asks for the days the server's certificate is still valid. `priority` decides
    who goes first of those that must wait; None takes the origin's. A `trace` is told all that happens.
    `call_id` is that of the call, of which there is no other; without one it draws its own. `span` is the
    executor's, of a call that is traced for spans.
    """

    integration: str
    action: str
    capability: str
    effect: Effect
    idempotent: bool
    prepare: Callable[[], httpx.Request]
    classify: Callable[[Reply], Verdict]
    run_id: str
    call_id: str = ""
    origin: Origin = Origin.TRAFFIC
    refresh: Callable[[], Awaitable[bool]] | None = None
    bucket: str = ""
    cost: float = 1.0
    timeout: float | None = None
    deadline: float | None = None
    caller: str = ""
    priority: Priority | None = None
    step: str = "request"
    trace_id: str = ""
    parent_span_id: str = ""
    trace_state: str = ""
    sampled: bool | None = None
    certificate: bool = False
    max_attempts: int | None = None
    trace: Trace | None = None
    span: CallSpan | None = None

    @property
    def urgency(self) -> Priority:
        """Its priority, or that of its origin."""
        return PRIORITY_OF[self.origin] if self.priority is None else self.priority


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A call's outcome, its `data` still empty, and the last reply when one came."""

    outcome: Outcome
    reply: Reply | None


def body_bytes(request: httpx.Request) -> int:
    """Return how long a request's body is; 0 for one that is streamed."""
    try:
        return len(request.content)
    except httpx.RequestNotRead:
        return 0
