"""The trace that a request to Dialtone belongs to: taken from the caller, or begun here.

A layer in front of all others, so that refusals and webhooks have one too. The answer says it in
`traceresponse`, problems and log lines as `trace_id`, and calls made for the request go on with it.
"""

import random
from typing import Protocol

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from app.api.trace import trace_context
from exporters.otlp.spans import ServedRequest
from integrations.clock import Clock
from integrations.execution.tracing import Sampler, new_run_id, system_random, trace_of

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_KNOWN = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}
_STATE = "trace"


class RequestSpans(Protocol):
    """Who makes spans of requests."""

    @property
    def sampler(self) -> Sampler | None:
        """Which traces are kept; None when none are."""
        ...

    def served(self, request: ServedRequest, /) -> None:
        """Take a request that was answered; never waits."""
        ...


class NoSpans:
    """Nobody makes spans of requests: they have a trace all the same."""

    sampler: Sampler | None = None

    def served(self, request: ServedRequest, /) -> None:
        """Leave it."""


class RequestTrace:
    """A request while it is answered. `span_id` is its own; `details` are attributes of its span.

    `parent_of_calls` is the span that calls made for it belong under. `run_id` is what the action is to be
    called that it runs, which its trace says then; empty in a caller's trace, to which many may belong.
    """

    __slots__ = (
        "details",
        "parent_of_calls",
        "parent_span_id",
        "run_id",
        "sampled",
        "span_id",
        "state",
        "trace_id",
    )

    def __init__(self, scope: HTTPScope, *, sampler: Sampler | None, rng: random.Random) -> None:
        sent = trace_context(scope["headers"])
        self.run_id = "" if sent.trace_id else new_run_id(rng)
        self.trace_id = sent.trace_id or trace_of(self.run_id)
        self.span_id = rng.getrandbits(64).to_bytes(8).hex()
        self.parent_span_id = sent.parent_span_id
        self.state = sent.state
        self.details: dict[str, str] = {}
        is_kept = sampler is not None
        self.parent_of_calls = self.span_id if is_kept else sent.parent_span_id
        self.sampled = sent.sampled
        if sampler is not None:
            self.sampled = sampler.takes(self.trace_id, parent=sent.sampled)

    @property
    def traceresponse(self) -> bytes:
        """What the answer says of it."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}".encode()


class Served:
    """An ASGI layer: gives each request its trace, and tells who makes spans of those that are sampled.

    Requests that only look, such as scrapes and pages that are open in a browser, make no trace of their own.
    """

    def __init__(self, app: ASGIApp, *, clock: Clock, spans: RequestSpans) -> None:
        self._app = app
        self._clock = clock
        self._spans = spans
        self._random = system_random()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on in its trace."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        trace = RequestTrace(scope, sampler=self._spans.sampler, rng=self._random)
        scope.setdefault("state", {})[_STATE] = trace
        at, started, status = self._clock.time(), self._clock.monotonic(), 500

        async def told(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"traceresponse", trace.traceresponse)]
            await send(message)

        tokens = structlog.contextvars.bind_contextvars(trace_id=trace.trace_id, span_id=trace.span_id)
        try:
            await self._app(scope, receive, told)
        finally:
            structlog.contextvars.reset_contextvars(**tokens)
            if self._spans.sampler is not None and trace.sampled and _is_told(scope, trace):
                duration = self._clock.monotonic() - started
                self._spans.served(_request(scope, trace, status=status, at=at, duration=duration))


def trace_of_request(scope: HTTPScope) -> RequestTrace:
    """The trace of the request that this scope is of.

    Raises:
        KeyError: outside the layer.
    """
    found: RequestTrace = scope["state"][_STATE]
    return found


def traceparent(scope: HTTPScope) -> str:
    """The request's own span, for those who go on in its trace; empty where no spans are kept."""
    found = scope.get("state", {}).get(_STATE)
    if not isinstance(found, RequestTrace) or found.parent_of_calls != found.span_id:
        return ""
    return found.traceresponse.decode()


def note(scope: HTTPScope, name: str, value: str) -> None:
    """Put an attribute on the request's span, where it has one."""
    found = scope.get("state", {}).get(_STATE)
    if isinstance(found, RequestTrace):
        found.details[name] = value


def _is_told(scope: HTTPScope, trace: RequestTrace) -> bool:
    return scope["method"] not in _SAFE or bool(trace.parent_span_id)


def _request(
    scope: HTTPScope, trace: RequestTrace, *, status: int, at: float, duration: float
) -> ServedRequest:
    method = scope["method"]
    return ServedRequest(
        at=at,
        duration=duration,
        trace_id=trace.trace_id,
        span_id=trace.span_id,
        parent_span_id=trace.parent_span_id,
        trace_state=trace.state,
        method=method if method in _KNOWN else "_OTHER",
        route=scope.get("path_template", ""),
        status=status,
        details=trace.details,
    )
