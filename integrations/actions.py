"""Actions in code, for what a manifest cannot say.

A vendor's actions.py holds `ACTIONS`: a mapping of action names to classes that fulfil CodeAction. The
manifest still declares each action, its inputs and its effect; its requests take the same path as all others.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Protocol

import httpx

from integrations.execution.call import Answer
from integrations.execution.outcome import Outcome


class Send(Protocol):
    """Sends one request: under which step's name, and whether a repeat does no harm."""

    def __call__(self, request: httpx.Request, *, step: str, idempotent: bool) -> Awaitable[Answer]:
        """Send it."""
        ...


class ActionContext:
    """What an action in code is given: checked `params`, the connection's `config`, and a way to send.

    `kept` holds what the vendor's actions keep between runs, such as a session: one mapping an integration,
    gone with its configuration.
    """

    def __init__(
        self,
        *,
        params: Mapping[str, object],
        config: Mapping[str, object],
        kept: Callable[[], MutableMapping[str, object]],
        build: Callable[[], httpx.Request],
        send: Send,
        finish: Callable[[Answer], Outcome],
    ) -> None:
        self.params = params
        self.config = config
        self._kept = kept
        self._build = build
        self._send = send
        self._finish = finish

    @property
    def kept(self) -> MutableMapping[str, object]:
        """What is kept between runs."""
        return self._kept()

    def request(self) -> httpx.Request:
        """The request that the manifest describes for these params, made anew."""
        return self._build()

    def send(self, request: httpx.Request, *, step: str = "request", idempotent: bool) -> Awaitable[Answer]:
        """Send a request through the executor, with the credential and within the action's deadline.

        Raises:
            ForeignHostError: when the request would leave the manifest's hosts.
        """
        return self._send(request, step=step, idempotent=idempotent)

    def finish(self, answer: Answer) -> Outcome:
        """The action's Outcome from its last answer, with the data that the manifest asks for."""
        return self._finish(answer)


class CodeAction(Protocol):
    """One action in code."""

    async def run(self, context: ActionContext) -> Outcome:
        """Make the action's requests and say what became of it."""
        ...
