"""Actions in code, for what a manifest cannot say.

A vendor's actions.py holds `ACTIONS`: a mapping of action names to classes that fulfil CodeAction. The
manifest still declares each action, its inputs and its effect; its requests take the same path as all others.
"""

from collections.abc import Awaitable, Mapping, MutableMapping
from typing import Protocol

import httpx

from integrations.execution.call import Answer
from integrations.execution.outcome import Outcome


class ActionContext(Protocol):
    """What an action in code is given: a run of its own."""

    @property
    def params(self) -> Mapping[str, object]:
        """The params, checked."""
        ...

    @property
    def config(self) -> Mapping[str, object]:
        """The connection's config."""
        ...

    @property
    def kept(self) -> MutableMapping[str, object]:
        """What the vendor's actions keep between runs, such as a session: one mapping an integration, gone
        with its configuration.
        """
        ...

    def request(self) -> httpx.Request:
        """The request that the manifest describes for these params, made anew."""
        ...

    def send(self, request: httpx.Request, *, step: str = "request", idempotent: bool) -> Awaitable[Answer]:
        """Send a request through the executor, with the credential and within the action's deadline: under
        which step's name, and whether a repeat does no harm. One that would leave the manifest's hosts fails.
        """
        ...

    def finish(self, answer: Answer) -> Outcome:
        """The action's Outcome from its last answer, with the data that the manifest asks for."""
        ...


class CodeAction(Protocol):
    """One action in code."""

    async def run(self, context: ActionContext) -> Outcome:
        """Make the action's requests and say what became of it."""
        ...
