"""Sends batches through the executor, on a line of each exporter's own: one attempt a call, because the spool
tries again, and a breaker that never opens, because it could hold data back after the intake is well again.
"""

import uuid
from collections.abc import Mapping
from typing import Protocol

import httpx

from exporters.push.batchfile import Batch
from exporters.push.exporter import SEND_TIMEOUT, Address, Reply
from integrations.clock import Clock
from integrations.connection import NetworkPolicy
from integrations.execution.adaptive import Adaptive
from integrations.execution.call import Answer, Call, LineSpec, Verdict
from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.execution.plain_http import kind_of, wait_of
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.execution.transport import Reply as Answered

MAX_ANSWER = 16 * 1024
CONNECT_SECONDS = 5.0
CAPABILITY = "export"
_NEVER = 1_000_000_000


class Calls(Protocol):
    """The executor, as far as exporters need it."""

    def open_line(self, spec: LineSpec, /) -> None:
        """Make an intake callable."""
        ...

    async def execute(self, call: Call, /) -> Answer:
        """Make one request."""
        ...


def line_of(exporter: str) -> str:
    """The name of an exporter's line; no integration can have it."""
    return f"exporter:{exporter}"


class BatchSender:
    """Sends the batches of one exporter; a request takes at most `within` seconds."""

    def __init__(
        self,
        exporter: str,
        *,
        calls: Calls,
        clock: Clock,
        network: NetworkPolicy,
        within: float = SEND_TIMEOUT,
    ) -> None:
        self._within = within
        self._line = line_of(exporter)
        self._calls = calls
        self._clock = clock
        calls.open_line(
            LineSpec(
                integration=self._line,
                vendor=exporter,
                policy=Policy(
                    deadline=within,
                    timeout=within,
                    connect=min(CONNECT_SECONDS, within),
                    concurrency=1,
                    adaptive=Adaptive.FIXED,
                    max_body=MAX_ANSWER,
                    share=False,
                    retry=RetryPolicy(attempts=1),
                    breaker=BreakerPolicy(min_calls=_NEVER),
                ),
                network=network,
                capabilities=(CAPABILITY,),
            )
        )

    async def send(self, address: Address, batch: Batch) -> Reply:
        """Make one request; whatever the network or the intake does is a value."""
        headers = {**batch.headers, **address.headers, "accept-encoding": "identity"}
        answer = await self._calls.execute(
            Call(
                integration=self._line,
                action=batch.route,
                capability=CAPABILITY,
                effect=Effect.WRITE,
                idempotent=True,
                prepare=lambda: httpx.Request(
                    address.method, address.url, headers=headers, content=batch.body
                ),
                classify=_classify,
                run_id=uuid.uuid4().hex,
                origin=Origin.EXPORT,
                deadline=self._clock.monotonic() + self._within,
                max_attempts=1,
            )
        )
        outcome, answered = answer.outcome, answer.reply
        if answered is None and outcome.status is None:
            return Reply(None, failure=outcome.detail or str(outcome.kind), kind=outcome.kind)
        body = answered.body if answered is not None else b""
        wait = _asked(answered.headers, self._clock.time()) if answered is not None else None
        return Reply(outcome.status, body=body, retry_after=wait)


def _classify(reply: Answered) -> Verdict:
    """What an answer means to the line: its metrics and its log; what it means to the data, the intake says.
    An intake that asks for time is waited for by the exporter, not by the line.
    """
    kind = kind_of(reply.status)
    if kind is FailureKind.THROTTLED:
        kind = FailureKind.CLIENT_ERROR
    return Verdict() if kind is None else Verdict(kind=kind, detail=f"it answered {reply.status}")


def _asked(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the intake asks to wait: Retry-After, or Datadog's X-RateLimit-Reset."""
    return wait_of(headers.get("retry-after") or headers.get("x-ratelimit-reset") or "", now)
