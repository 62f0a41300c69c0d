"""What the executor's tests share: a scripted vendor, a store in memory, calls and lines."""

import random
from collections.abc import Awaitable, Callable, Sequence

import anyio
import httpx

from integrations.clock import Clock
from integrations.connection import NetworkPolicy
from integrations.execution.call import Call, LineSpec, Verdict
from integrations.execution.executor import Executor
from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.execution.policy import Policy
from integrations.execution.status import ExecutionStore, SavedLine
from integrations.execution.tracing import Tracing
from integrations.execution.transport import Reply
from tests.fakes.signals import RecordingSubscriber

Script = httpx.Response | Exception | float | Callable[[httpx.Request], Awaitable[httpx.Response]]
_KINDS = {429: FailureKind.THROTTLED, 401: FailureKind.UNAUTHORIZED, 404: FailureKind.NOT_FOUND}


class ScriptedVendor:
    """Answers with its script, the last step for ever: a response, an error, or silence in seconds."""

    def __init__(self, *script: Script) -> None:
        self.script = list(script) or [httpx.Response(200, json={"ok": True})]
        self.requests: list[httpx.Request] = []
        self.running = self.most_running = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            return await self._answer(request)
        finally:
            self.running -= 1

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        if isinstance(step, httpx.Response):
            return httpx.Response(step.status_code, headers=step.headers, content=step.content)
        if isinstance(step, int | float):
            await anyio.sleep(step)
            return httpx.Response(200)
        return await step(request)


class MemoryStore(ExecutionStore):
    """Keeps lines as the storage would; fails while `is_down`."""

    def __init__(self) -> None:
        self.lines: dict[str, SavedLine] = {}
        self.saves = 0
        self.is_down = False

    async def save_lines(self, lines: Sequence[SavedLine]) -> None:
        if self.is_down:
            raise OSError("disk full")
        self.saves += 1
        self.lines |= {line.integration: line for line in lines}

    async def load_lines(self) -> Sequence[SavedLine]:
        return tuple(self.lines.values())


def classify(reply: Reply) -> Verdict:
    """Plain HTTP, with Retry-After in seconds."""
    wait = reply.headers.get("retry-after")
    retry_after = float(wait) if wait else None
    if reply.status < 400:
        return Verdict()
    kind = FailureKind.SERVER_ERROR if reply.status >= 500 else FailureKind.CLIENT_ERROR
    return Verdict(kind=_KINDS.get(reply.status, kind), detail="no", retry_after=retry_after)


def line_spec(policy: Policy | None = None, **fields: object) -> LineSpec:
    values = {
        "integration": "shop",
        "vendor": "http",
        "policy": policy or Policy(),
        "network": NetworkPolicy(),
        "capabilities": ("read", "write"),
        **fields,
    }
    return LineSpec(**values)


def call(**fields: object) -> Call:
    method = str(fields.pop("method", "GET"))
    values = {
        "integration": "shop",
        "action": "get",
        "capability": "read",
        "effect": Effect.READ,
        "idempotent": True,
        "prepare": lambda: httpx.Request(method, "https://shop.example/x?token=secret"),
        "classify": classify,
        "run_id": "run-1",
        **fields,
    }
    return Call(**values)


def check(**fields: object) -> Call:
    return call(origin=Origin.CHECK, **fields)


class Bench:
    """An executor with one line to a scripted vendor, and all it has published."""

    def __init__(
        self,
        clock: Clock,
        vendor: ScriptedVendor | None = None,
        *,
        policy: Policy | None = None,
        store: MemoryStore | None = None,
        tracing: Tracing | None = None,
        **spec: object,
    ) -> None:
        self.clock = clock
        self.vendor = vendor or ScriptedVendor()
        self.signals = RecordingSubscriber()
        self.executor = Executor(
            clock=clock,
            publish=self.signals,
            store=store,
            transport=lambda _: httpx.MockTransport(self.vendor),
            random=random.Random(7),
            tracing=tracing,
        )
        self.spec = line_spec(policy, **spec)
        self.executor.open_line(self.spec)

    @property
    def line(self) -> object:
        return self.executor._lines["shop"]

    def breaker(self, capability: str = "read") -> object:
        return self.executor._lines["shop"].breaker(capability)

    def holds_nothing(self) -> bool:
        """Whether no slot, permit, token, place in line or scope is held by anyone."""
        line = self.executor._lines["shop"]
        held = [quota._in_flight for quota in line.quotas.values()]
        trials = [breaker._running for breaker in line._breakers.values()]
        return (
            line.active == line.in_flight == line.waiting == len(line.under_way) == 0
            and line.transport.in_flight == 0
            and not any(held)
            and not any(trials)
        )
