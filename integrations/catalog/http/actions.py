"""The one action of `http`: method, headers and body are the operator's, so no manifest can hold them."""

from collections.abc import Mapping

import httpx
import msgspec

from integrations.actions import ActionContext, CodeAction
from integrations.execution.bodiless import bodiless
from integrations.execution.outcome import Outcome
from integrations.manifest import inputs
from integrations.manifest.hosts import parsed_url
from integrations.manifest.plans import IDEMPOTENT_METHODS
from integrations.manifest.requests import USER_AGENT

_USUAL = {"user-agent": USER_AGENT}


class Fetch:
    """Sends the configured request."""

    async def run(self, context: ActionContext) -> Outcome:
        """Send it, and return the answer as text."""
        request = _request(context.config)
        answer = await context.send(request, idempotent=request.method in IDEMPOTENT_METHODS)
        return context.finish(answer)


def _request(config: Mapping[str, object]) -> httpx.Request:
    method, url = str(config["method"]), parsed_url(str(config["url"]))
    configured, body = config.get("headers"), config.get("body", "")
    headers = {**_USUAL, **_headers(configured)} if configured else _USUAL
    if not body and isinstance(body, str):
        return bodiless(method, url, headers)
    content = body.encode() if isinstance(body, str) else msgspec.json.encode(body)
    return httpx.Request(method, url, headers=headers, content=content)


def _headers(configured: object) -> dict[str, str]:
    pairs = configured.items() if isinstance(configured, dict) else ()
    return {name.lower(): inputs.text(value) for name, value in pairs}


ACTIONS: Mapping[str, type[CodeAction]] = {"fetch": Fetch}
