"""Asks the canaries on our way out: addresses through the executor, over a line each, and a name by the
system's resolver.
"""

import secrets
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol
from urllib.parse import urlsplit

import anyio
import httpx

from integrations.clock import Clock
from integrations.connection import NetworkPolicy
from integrations.execution.call import Answer, Call, LineSpec, Verdict
from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.execution.policy import Policy
from integrations.execution.transport import Reply

CAPABILITY = "egress"
ACTION = "egress_canary"
VENDOR = "egress"
POLICY = Policy(deadline=30.0, timeout=10.0, connect=5.0, concurrency=2, queue=2, max_body=64 * 1024)

_PROXY_REFUSES = 407


class Lines(Protocol):
    """The executor: opens, closes and uses lines."""

    def open_line(self, spec: LineSpec, /) -> None:
        """Make a line callable, or change it."""
        ...

    async def close_line(self, integration: str, /) -> None:
        """Close a line."""
        ...

    async def execute(self, call: Call, /) -> Answer:
        """Make a call; a third party's failure is an Outcome."""
        ...


async def _look_up(name: str) -> object:
    return await anyio.getaddrinfo(name, None)


def line_of(target: str) -> str:
    """The name of the line that a canary is asked over; no integration can have it."""
    return f"egress:{urlsplit(target).hostname}"


class EgressProbe:
    """Asks through the same proxy and authorities as integrations by default. Any answer of a target proves
    the way; one of a proxy that it reached nobody does not. `look_up` is the system's resolver.
    """

    def __init__(
        self,
        *,
        lines: Lines,
        network: Callable[[], NetworkPolicy],
        clock: Clock,
        look_up: Callable[[str], Awaitable[object]] = _look_up,
    ) -> None:
        self._look_up = look_up
        self._lines = lines
        self._network = network
        self._clock = clock
        self._open: dict[str, LineSpec] = {}

    async def reach(self, target: str, /, *, seconds: float) -> str:
        """Ask an address; return why it was not reached, empty when it was.

        Raises:
            OSError: when the network's CA file cannot be read.
            ValueError: when the network's proxy cannot be used.
        """
        self._open_line(target)
        answer = await self._lines.execute(self._call(target, seconds))
        if answer.outcome.ok:
            return ""
        return answer.outcome.detail or (answer.outcome.kind or FailureKind.CONNECTION).value

    async def resolve(self, name: str, /, *, seconds: float) -> str:
        """Resolve a name; return why it was not resolved, empty when it was."""
        with anyio.move_on_after(seconds):
            try:
                await self._look_up(name)
            except (socket.gaierror, UnicodeError) as error:
                return f"{name}: {error.strerror if isinstance(error, OSError) else 'no host name'}"
            return ""
        return f"{name}: no answer within {seconds:g} s"

    async def keep(self, targets: Iterable[str], /) -> None:
        """Close the lines of all other addresses."""
        kept = set(map(line_of, targets))
        for line in [line for line in self._open if line not in kept]:
            del self._open[line]
            await self._lines.close_line(line)

    def _open_line(self, target: str) -> None:
        line = line_of(target)
        spec = LineSpec(
            integration=line,
            vendor=VENDOR,
            policy=POLICY,
            network=self._network(),
            capabilities=(CAPABILITY,),
        )
        if self._open.get(line) != spec:
            self._lines.open_line(spec)
            self._open[line] = spec

    def _call(self, target: str, seconds: float) -> Call:
        return Call(
            integration=line_of(target),
            action=ACTION,
            capability=CAPABILITY,
            effect=Effect.READ,
            idempotent=True,
            prepare=lambda: httpx.Request("HEAD", target),
            classify=_classify,
            run_id=secrets.token_hex(8),
            origin=Origin.CHECK,
            timeout=seconds,
            deadline=self._clock.monotonic() + seconds,
            max_attempts=1,
        )


def _classify(reply: Reply) -> Verdict:
    if reply.status < 500 and reply.status != _PROXY_REFUSES:
        return Verdict()
    return Verdict(kind=FailureKind.SERVER_ERROR, detail=f"HTTP {reply.status}")
