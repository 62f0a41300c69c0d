"""Sends a letter over HTTP: draws it, makes its requests through the executor, and reads the answers.

Each receiver has a line of its own, with one attempt a call: the outbox retries. Its breaker never opens,
because it could hold up a page after the receiver is back; the schedule and the bound of calls at once
protect the receiver. The line waits as long as a 429 asks for.
"""

from collections.abc import Sequence
from typing import Protocol

import anyio
import httpx
import msgspec

from integrations.clock import Clock
from integrations.execution.adaptive import Adaptive
from integrations.execution.call import Answer, Call, LineSpec, Verdict
from integrations.execution.guard import Guard
from integrations.execution.guarded import BadAddressError, read_url
from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.execution.plain_http import kind_of, wait_of
from integrations.execution.policy import BreakerPolicy, Policy, RetryPolicy
from integrations.execution.transport import Reply
from monitors.alerts.exchange import Exchange, exchange_of
from monitors.alerts.formats.drawing import Drawn, Format, Heard, Letter
from monitors.alerts.receivers import AlertmanagerReceiver, HTTPReceiver
from monitors.alerts.schedule import Sent

AT_ONCE = 4
"""Deliveries that are on their way to one receiver at once."""
MAX_ANSWER = 16 * 1024
"""Bytes that are read of an answer; more of it is neither needed nor waited for."""
MAX_BODY = 256 * 1024
CONNECT_SECONDS = 3.0
CAPABILITY = "deliver"
KEPT_URLS = 16

_NEVER = 1_000_000_000
"""Calls that a breaker would have to see within its window before it decides anything."""


class Calls(Protocol):
    """The executor, as far as deliveries need it."""

    def open_line(self, spec: LineSpec, /) -> None:
        """Make a receiver callable."""
        ...

    async def close_line(self, integration: str, /) -> None:
        """Forget it."""
        ...

    async def execute(self, call: Call, /) -> Answer:
        """Make one request."""
        ...


class Sender(Protocol):
    """How one receiver is reached. Made anew when its configuration changes."""

    async def send(self, letter: Letter, /) -> Sent:
        """Try once, within the receiver's timeout; whatever the receiver does is a value."""
        ...

    async def converse(self, letter: Letter, /) -> tuple[Sent, tuple[Exchange, ...]]:
        """Try once and return what was said on both sides, without secrets."""
        ...

    def repeat_after(self, letter: Letter, /) -> float | None:
        """After how many seconds a delivered letter is to be sent once more; None: never."""
        ...

    async def aclose(self) -> None:
        """Let go of its connections."""
        ...


def line_of(receiver: str) -> str:
    """The name of a receiver's line; no integration can have it."""
    return f"receiver:{receiver}"


def line_spec(receiver: HTTPReceiver, *, own_port: int) -> LineSpec:
    """The line to a receiver; `own_port` is where Dialtone listens, 0 for nowhere."""
    timeout = receiver.timeout
    return LineSpec(
        integration=line_of(receiver.name),
        vendor=receiver.kind,
        policy=Policy(
            deadline=timeout,
            timeout=timeout,
            connect=min(CONNECT_SECONDS, timeout),
            concurrency=AT_ONCE,
            adaptive=Adaptive.FIXED,
            max_body=MAX_ANSWER,
            share=False,
            retry=RetryPolicy(attempts=1),
            breaker=BreakerPolicy(min_calls=_NEVER),
        ),
        network=receiver.network,
        capabilities=(CAPABILITY,),
        guard=Guard(allow=receiver.allow_networks, own_port=own_port),
    )


class HTTPSender:
    """Reaches one receiver over HTTP."""

    def __init__(
        self, receiver: HTTPReceiver, drawn_by: Format, *, calls: Calls, clock: Clock, own_port: int = 0
    ) -> None:
        self._receiver = receiver
        self._format = drawn_by
        self._calls = calls
        self._clock = clock
        self._urls: dict[str, httpx.URL] = {}
        self._allow_http = receiver.allow_http or bool(receiver.allow_networks)
        calls.open_line(line_spec(receiver, own_port=own_port))

    async def send(self, letter: Letter) -> Sent:
        """Try once; see Sender."""
        return (await self._requests(letter))[0]

    async def converse(self, letter: Letter) -> tuple[Sent, tuple[Exchange, ...]]:
        """Try once and show it; see Sender."""
        sent, made = await self._requests(letter)
        return sent, tuple(exchange_of(drawn, answer, self._receiver) for drawn, answer in made)

    def repeat_after(self, letter: Letter) -> float | None:
        """When it is sent again; see Sender."""
        return self._format.repeat_after(letter)

    async def aclose(self) -> None:
        """Close the line."""
        await self._calls.close_line(line_of(self._receiver.name))

    async def _requests(self, letter: Letter) -> tuple[Sent, Sequence[tuple[Drawn, Answer]]]:
        began = self._clock.monotonic()
        until = began + self._receiver.timeout
        made: list[tuple[Drawn, Answer]] = []
        try:
            calls = [
                (drawn, self._call(drawn, letter, deadline=until)) for drawn in self._format.draw(letter)
            ]
        except BadAddressError as error:
            return Sent(kind=FailureKind.CLIENT_ERROR, detail=str(error)), made
        is_for_peers = isinstance(self._receiver, AlertmanagerReceiver)
        sent = await (self._to_all(calls, made) if is_for_peers else self._one_by_one(calls, made))
        return msgspec.structs.replace(sent, duration=self._clock.monotonic() - began), made

    async def _one_by_one(
        self, calls: Sequence[tuple[Drawn, Call]], made: list[tuple[Drawn, Answer]]
    ) -> Sent:
        """One after the other, until one fails."""
        sent = Sent()
        for drawn, call in calls:
            answer = await self._calls.execute(call)
            made.append((drawn, answer))
            reference = sent.reference
            sent = self._sent(answer)
            if sent.kind is not None:
                break
            sent = msgspec.structs.replace(sent, reference=sent.reference or reference)
        return sent

    async def _to_all(self, calls: Sequence[tuple[Drawn, Call]], made: list[tuple[Drawn, Answer]]) -> Sent:
        """To all peers at once: one that takes it is enough, for they tell one another."""

        async def send(drawn: Drawn, call: Call) -> None:
            made.append((drawn, await self._calls.execute(call)))

        async with anyio.create_task_group() as group:
            for drawn, call in calls:
                group.start_soon(send, drawn, call)
        tries = [self._sent(answer) for _, answer in made]
        return next((one for one in tries if one.kind is None), tries[0])

    def _call(self, drawn: Drawn, letter: Letter, *, deadline: float) -> Call:
        url = self._url(drawn.url)
        # A receiver's answer is short; a compressed one could be a bomb.
        headers = {**drawn.headers, "accept-encoding": "identity"}
        if drawn.idempotency:
            headers.setdefault("idempotency-key", drawn.idempotency)
        return Call(
            integration=line_of(self._receiver.name),
            action=CAPABILITY,
            capability=CAPABILITY,
            effect=Effect.WRITE,
            idempotent=True,
            prepare=lambda: httpx.Request(drawn.method, url, headers=headers, content=drawn.body),
            classify=self._classify,
            run_id=letter.message.id,
            origin=Origin.DELIVERY,
            deadline=deadline,
            max_attempts=1,
        )

    def _url(self, text: str) -> httpx.URL:
        """The URL, read once: most receivers have one for all messages."""
        url = self._urls.get(text)
        if url is None:
            url = read_url(text, allow_http=self._allow_http)
            if len(self._urls) >= KEPT_URLS:
                self._urls.clear()
            self._urls[text] = url
        return url

    def _classify(self, reply: Reply) -> Verdict:
        """What an answer means to the line, and to the message."""
        heard = self._format.read(reply)
        kind = kind_of(reply.status) or heard.kind
        if kind is None:
            return Verdict()
        detail = heard.failure or f"it answered {reply.status}"
        return Verdict(kind=kind, detail=detail, retry_after=self._retry_after(reply, heard))

    def _retry_after(self, reply: Reply, heard: Heard) -> float | None:
        if heard.retry_after is not None:
            return min(max(heard.retry_after, 0.0), 3600.0)
        seconds = wait_of(reply.headers.get("retry-after", ""), self._clock.time())
        return None if seconds is None else min(seconds, 3600.0)

    def _sent(self, answer: Answer) -> Sent:
        outcome, reply = answer.outcome, answer.reply
        if outcome.kind is FailureKind.TOO_LARGE and kind_of(outcome.status or 0) is None:
            # It took the message; how much it has to say about that matters to nobody.
            return Sent(status=outcome.status)
        heard = self._format.read(reply) if reply is not None else Heard()
        return Sent(
            kind=outcome.kind,
            status=outcome.status,
            detail=outcome.detail,
            retry_after=outcome.retry_after,
            reference=heard.reference if outcome.ok else "",
            is_gone=heard.is_gone,
        )
