"""Fetches what a proof is held against (key sets, certificates), and confirms subscriptions: through the
executor, over https, and from the hosts that the manifest allows. Follows no redirect. These calls have a
circuit of their own, because strangers name what is fetched.
"""

import re
import secrets
from collections.abc import Iterable
from typing import Protocol

import httpx

from integrations.clock import Clock
from integrations.execution.call import Call, Verdict
from integrations.execution.outcome import Effect, FailureKind, Origin
from integrations.execution.transport import Reply
from integrations.integration import Integration
from integrations.manifest.inbound import KEYS_CAPABILITY
from integrations.runs import Calls
from integrations.webhooks.refusals import BadSignatureError, KeysUnavailableError

SECONDS = 5.0
_GOOD = 200
_SERVER_FAULT = 500
_HTTPS = 443


class Fetch(Protocol):
    """Gets the content of a URL of a vendor."""

    async def __call__(self, url: str, /, *, step: str) -> bytes:
        """Return the body.

        Raises:
            BadSignatureError: when the URL leads where nothing may be fetched from.
            KeysUnavailableError: when there is no good answer.
        """
        ...


class VendorFetch:
    """Fetches for one integration, over its line and under its policy."""

    def __init__(self, integration: Integration, calls: Calls, *, clock: Clock, hosts: Iterable[str]) -> None:
        self._integration = integration
        self._calls = calls
        self._clock = clock
        self._hosts = tuple(_pattern(host) for host in hosts)

    async def __call__(self, url: str, /, *, step: str) -> bytes:
        """Return the body; see Fetch."""
        request = httpx.Request("GET", self._checked(url))
        answer = await self._calls.execute(self._call(request, step))
        if not answer.outcome.ok or answer.reply is None:
            raise KeysUnavailableError(f"{step}: {answer.outcome.kind or 'no answer'}")
        return answer.reply.body

    def _checked(self, text: str) -> httpx.URL:
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL as error:
            raise BadSignatureError("the address to fetch from is none") from error
        allowed = url.scheme == "https" and (url.port or _HTTPS) == _HTTPS and not url.userinfo
        if not allowed or not any(host.fullmatch(url.host.lower()) for host in self._hosts):
            raise BadSignatureError("the address to fetch from is not one of the vendor's")
        return url

    def _call(self, request: httpx.Request, step: str) -> Call:
        return Call(
            integration=self._integration.id,
            action=f"webhooks.{step}",
            capability=KEYS_CAPABILITY,
            effect=Effect.READ,
            idempotent=True,
            prepare=lambda: request,
            classify=_classify,
            run_id=secrets.token_hex(8),
            origin=Origin.CREDENTIAL,
            bucket=KEYS_CAPABILITY,
            step=step,
            deadline=self._clock.monotonic() + SECONDS,
        )


def _classify(reply: Reply) -> Verdict:
    if reply.status == _GOOD:
        return Verdict()
    kind = FailureKind.SERVER_ERROR if reply.status >= _SERVER_FAULT else FailureKind.CLIENT_ERROR
    return Verdict(kind=kind, detail=f"status {reply.status}")


def _pattern(host: str) -> re.Pattern[str]:
    """`*` stands for one label."""
    return re.compile("[a-z0-9-]+".join(re.escape(part) for part in host.lower().split("*")))
