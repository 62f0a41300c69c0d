"""Fault injection for game days: an operator makes an integration misbehave, to see who and what reacts.

A fault strikes where a request would go on the wire, so that timeouts, retries, breaker, quota, adaptive
limit, health and fallbacks react as in earnest. It is kept in memory only: a restart ends it.

latency    waits `seconds`, give or take `jitter`, before the request is sent
error      answers `status` (500-599); nothing is sent
throttle   answers 429 with `retry_after` seconds; nothing is sent
cut        the connection fails `before` the request could leave, or `after` it has; nothing is sent
"""

import random
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Literal, Protocol

import httpx
import msgspec

from integrations.clock import Clock
from integrations.execution.call import Call
from integrations.execution.failure import TransportFailure
from integrations.execution.outcome import FailureKind, Origin
from integrations.execution.transport import Reply
from integrations.samples import Sample

MOST_FAULTS = 8
LONGEST = 86_400.0
"""Seconds that an injection lasts at most."""

MARK = "dialtone-fault"
"""The header that an answer made here carries; its value is the kind of fault."""

Target = Literal["both", "calls", "checks"]


class _Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all faults say: which `share` of which requests they strike. Calls are whatever is no check; no
    capability and no action means all of them.
    """

    share: Annotated[float, msgspec.Meta(gt=0, le=1, description="Share of the requests, 0 to 1.")] = 1.0
    target: Target = "both"
    capabilities: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Its name."""
        return str(self.__struct_config__.tag)

    def aims_at(self, call: Call) -> bool:
        """Whether a call is among those it may strike; the share is not drawn here."""
        target = "checks" if call.origin is Origin.CHECK else "calls"
        return (
            self.target in {"both", target}
            and (not self.capabilities or call.capability in self.capabilities)
            and (not self.actions or call.action in self.actions)
        )


class Latency(_Fault, frozen=True, kw_only=True, tag="latency"):
    """Waits before the request is sent."""

    seconds: Annotated[float, msgspec.Meta(gt=0, le=600)]
    jitter: Annotated[float, msgspec.Meta(ge=0, le=600, description="Seconds, give or take.")] = 0.0


class Error(_Fault, frozen=True, kw_only=True, tag="error"):
    """Answers that the vendor failed."""

    status: Annotated[int, msgspec.Meta(ge=500, le=599)] = 503


class Throttle(_Fault, frozen=True, kw_only=True, tag="throttle"):
    """Answers 429, too many requests."""

    retry_after: Annotated[int, msgspec.Meta(ge=1, le=3600, description="Seconds to keep quiet.")] = 30


class Cut(_Fault, frozen=True, kw_only=True, tag="cut"):
    """Cuts the connection. After sending, a write is not repeated: it might have been done."""

    when: Literal["before", "after"] = "before"


Fault = Latency | Error | Throttle | Cut


class Injection(msgspec.Struct, frozen=True, kw_only=True):
    """Who injects which faults into an integration, why, and until when (UTC seconds)."""

    actor: str
    reason: str
    since: float
    expires_at: float
    faults: tuple[Fault, ...]


class Wire(Protocol):
    """Where requests go; HTTPTransport is it."""

    async def send(
        self,
        request: httpx.Request,
        *,
        connect: float,
        timeout: float,  # noqa: ASYNC109 - handed through to the socket
        max_body: int,
        certificate: bool = False,
        heard: Callable[[int], None] | None = None,
    ) -> Reply:
        """Return the answer; TransportFailure when there is none."""
        ...


class Send(Protocol):
    """How a request is sent: as `Wire.send`."""

    def __call__(
        self,
        request: httpx.Request,
        *,
        connect: float,
        timeout: float,
        max_body: int,
        certificate: bool = False,
        heard: Callable[[int], None] | None = None,
    ) -> Coroutine[None, None, Reply]:
        """Send it."""
        ...


class Struck(Protocol):
    """An attempt that faults may strike."""

    call: Call
    is_struck: bool


class Injector:
    """Strikes the requests of one integration until its time is up. `strikes` counts by kind of fault."""

    def __init__(
        self,
        injection: Injection,
        *,
        seconds: float,
        clock: Clock,
        rng: random.Random,
        strikes: dict[str, int],
    ) -> None:
        self._injection = injection
        self._until = clock.monotonic() + seconds
        self._clock = clock
        self._random = rng
        self._strikes = strikes

    @property
    def injection(self) -> Injection | None:
        """What is injected now; None once the time is up. The wall clock has no say in it."""
        return self._injection if self._clock.monotonic() < self._until else None

    def sender(self, attempt: Struck, wire: Wire) -> Send:
        """Return how an attempt's request is sent: as ever, or struck, which is noted at the attempt."""
        struck = self._draw(attempt.call)
        if not struck:
            return wire.send
        attempt.is_struck = True
        for fault in struck:
            self._strikes[fault.kind] = self._strikes.get(fault.kind, 0) + 1
        return partial(self._send, struck, wire.send)

    def _draw(self, call: Call) -> tuple[Fault, ...]:
        """The faults that strike: every delay, and the first that answers in the vendor's place."""
        injection = self.injection
        aimed = [] if injection is None else [fault for fault in injection.faults if fault.aims_at(call)]
        drawn = [fault for fault in aimed if fault.share >= 1 or self._random.random() < fault.share]
        ends = [fault for fault in drawn if not isinstance(fault, Latency)]
        return (*(fault for fault in drawn if isinstance(fault, Latency)), *ends[:1])

    async def _send(
        self,
        struck: Sequence[Fault],
        send: Send,
        request: httpx.Request,
        *,
        connect: float,
        timeout: float,  # noqa: ASYNC109 - handed through to the socket
        max_body: int,
        certificate: bool = False,
        heard: Callable[[int], None] | None = None,
    ) -> Reply:
        began = self._clock.monotonic()
        delays = sum(self._delay(fault) for fault in struck if isinstance(fault, Latency))
        if delays > 0:
            await self._clock.sleep(delays)
        waited = self._clock.monotonic() - began
        if isinstance(struck[-1], Latency):
            reply = await send(
                request,
                connect=connect,
                timeout=timeout,
                max_body=max_body,
                certificate=certificate,
                heard=heard,
            )
        else:
            reply = _instead(struck[-1])
        reply.duration += waited
        return reply

    def _delay(self, fault: Latency) -> float:
        return max(0.0, fault.seconds + fault.jitter * self._random.uniform(-1.0, 1.0))


def _instead(fault: Error | Throttle | Cut) -> Reply:
    """What comes in place of the vendor's answer.

    Raises:
        TransportFailure: for a cut.
    """
    if isinstance(fault, Cut):
        was_sent = fault.when == "after"
        what = "the connection was cut" if was_sent else "could not connect"
        raise TransportFailure(FailureKind.CONNECTION, sent=was_sent, detail=f"{what}: fault injected")
    headers = {"content-type": "application/json", MARK: fault.kind}
    status = 429 if isinstance(fault, Throttle) else fault.status
    if isinstance(fault, Throttle):
        headers["retry-after"] = str(fault.retry_after)
    return Reply(status=status, headers=headers, body=b'{"message":"fault injected"}')


class Faultable(Protocol):
    """A line that faults are injected into."""

    @property
    def rng(self) -> random.Random:
        """What is drawn from, whether a fault strikes."""
        ...

    @property
    def injector(self) -> Injector | None:
        """What strikes calls, if anything does."""
        ...

    def inject(self, injector: Injector | None) -> None:
        """Let it strike calls from now on; None: nothing does any longer."""
        ...

    @property
    def strikes(self) -> dict[str, int]:
        """How often a fault struck, by its kind; an injector counts on."""
        ...


class Faults:
    """The faults injected into open lines. They go with their line, and none outlives the process."""

    def __init__(self, lines: Mapping[str, Faultable], *, clock: Clock) -> None:
        self._lines = lines
        self._clock = clock

    def begin(self, integration: str, injection: Injection, *, seconds: float) -> None:
        """Inject faults for some seconds; what was injected before ends.

        Raises:
            LookupError: when no line is open to the integration.
        """
        if integration not in self._lines:
            raise LookupError(f"no line is open to {integration!r}")
        line = self._lines[integration]
        line.inject(
            Injector(injection, seconds=seconds, clock=self._clock, rng=line.rng, strikes=line.strikes)
        )

    def end(self, integration: str) -> None:
        """Inject nothing any longer."""
        if integration in self._lines:
            self._lines[integration].inject(None)

    def current(self, integration: str) -> Injection | None:
        """Return what is injected now, or None."""
        line = self._lines.get(integration)
        return None if line is None or line.injector is None else line.injector.injection


def fault_samples(integration: str, *, is_on: bool, strikes: Mapping[str, int]) -> Iterable[Sample]:
    """Nothing for an integration that no fault was injected into since the start."""
    if is_on or strikes:
        yield Sample("dialtone_fault_injected", (integration,), float(is_on))
    for kind, count in tuple(strikes.items()):
        yield Sample("dialtone_faults_injected_total", (integration, kind), count)
