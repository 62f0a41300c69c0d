"""Starting a build: its parameters have names of their own, and the answer names only where it waits."""

import re
from collections.abc import Mapping

import httpx
import msgspec

from integrations.actions import ActionContext, CodeAction
from integrations.execution.outcome import Outcome
from integrations.manifest import inputs
from integrations.manifest.requests import USER_AGENT

_WAITING = re.compile(r"/queue/item/(\d+)/?$")


class Start:
    """Starts a build of a job, and says under which number it waits in the queue."""

    async def run(self, context: ActionContext) -> Outcome:
        """Start it; the data are `location` and `queue`, which `queue.get` takes."""
        answer = await context.send(self._request(context), idempotent=False)
        outcome = context.finish(answer)
        if not outcome.ok or answer.reply is None:
            return outcome
        location = answer.reply.headers.get("location", "")
        waiting = _WAITING.search(location)
        data = {"location": location or None, "queue": int(waiting[1]) if waiting else None}
        return msgspec.structs.replace(outcome, data=data)

    def _request(self, context: ActionContext) -> httpx.Request:
        return context.request()


class StartWith(Start):
    """Starts a build of a job that has parameters, which are a form's fields."""

    def _request(self, context: ActionContext) -> httpx.Request:
        headers = {"user-agent": USER_AGENT}
        form = _form(context.params.get("parameters"))
        return httpx.Request("POST", context.request().url, headers=headers, data=form)


def _form(parameters: object) -> dict[str, str] | None:
    pairs = parameters.items() if isinstance(parameters, dict) else ()
    return {name: inputs.text(value) for name, value in pairs} or None


ACTIONS: Mapping[str, type[CodeAction]] = {"builds.start": Start, "builds.start_with": StartWith}
