"""What the demo's vendors send: webhooks over HTTP, signed as each vendor does, some twice, some forged."""

import datetime as dt
import hashlib
import hmac
import json
import random
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import httpx

from integrations.clock import Clock

FORGED = 0.05
REPEATED = 0.05
"""Shares of deliveries that nobody signed rightly, and that a vendor sends once more."""

_TIMEOUT = 5.0

Event = tuple[dict[str, object], dict[str, str]]
"""What is sent: a body, and the headers beside the signature."""


class Sender(NamedTuple):
    """One vendor's webhook: `rate` is deliveries a second, `write` makes the event of a number at a UTC
    second, `sign` turns secret and body into the headers that prove it.
    """

    integration: str
    rate: float
    write: Callable[[int, float], Event]
    sign: Callable[[str, bytes], Mapping[str, str]]


def _digest(secret: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def _iso(now: float) -> str:
    return dt.datetime.fromtimestamp(now, dt.UTC).isoformat()


def _github(number: int, _: float) -> Event:
    kind = ("push", "pull_request", "workflow_run")[number % 3]
    body: dict[str, object] = {
        "action": "completed",
        "number": number,
        "repository": {"full_name": "acme/shop"},
    }
    return body, {"x-github-event": kind, "x-github-delivery": f"{number:032x}"}


def _gitlab(number: int, _: float) -> Event:
    kind = ("Push Hook", "Pipeline Hook")[number % 2]
    body: dict[str, object] = {"object_kind": kind.lower(), "project": {"id": 278964}, "number": number}
    return body, {"x-gitlab-event": kind, "idempotency-key": f"gitlab-{number}"}


def _jira(number: int, now: float) -> Event:
    kind = ("jira:issue_created", "jira:issue_updated", "comment_created")[number % 3]
    body: dict[str, object] = {
        "webhookEvent": kind,
        "timestamp": int(now * 1000),
        "issue": {"key": f"OPS-{number}"},
    }
    return body, {"x-atlassian-webhook-identifier": f"jira-{number}"}


def _pagerduty(number: int, now: float) -> Event:
    kind = ("incident.triggered", "incident.acknowledged", "incident.resolved")[number % 3]
    event = {"id": f"pagerduty-{number}", "event_type": kind, "occurred_at": _iso(now)}
    return {"event": event}, {}


SENDERS = (
    Sender("github-prod", 0.7, _github, lambda key, b: {"x-hub-signature-256": f"sha256={_digest(key, b)}"}),
    Sender("gitlab-shop", 0.3, _gitlab, lambda key, _: {"x-gitlab-token": key}),
    Sender("jira-ops", 0.3, _jira, lambda key, b: {"x-hub-signature": f"sha256={_digest(key, b)}"}),
    Sender("pagerduty", 0.2, _pagerduty, lambda key, b: {"x-pagerduty-signature": f"v1={_digest(key, b)}"}),
)
"""Who sends what, one and a half deliveries a second in all."""


class Deliveries:
    """Sends webhooks until cancelled, as a Poisson process; a seed gives the same ones in the same order.

    `secrets` are those that the vendors sign with, by integration. Numbers begin with the second of the
    start, so that a demo which keeps its data sends nothing twice by accident.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        secrets: Mapping[str, str],
        clock: Clock,
        seed: int,
        senders: Sequence[Sender] = SENDERS,
    ) -> None:
        self._client = client
        self._secrets = secrets
        self._clock = clock
        self._senders = senders
        self._random = random.Random(seed)  # noqa: S311 - the demo's dice
        self._number = int(clock.time()) * 1000

    async def run(self) -> None:
        """Send until cancelled."""
        rates = [sender.rate for sender in self._senders]
        while True:
            await self._clock.sleep(self._random.expovariate(sum(rates)))
            sender = self._random.choices(self._senders, rates)[0]
            request = self._request(sender, is_forged=self._random.random() < FORGED)
            for _ in range(2 if self._random.random() < REPEATED else 1):
                await self._send(request)

    def _request(self, sender: Sender, *, is_forged: bool) -> httpx.Request:
        self._number += 1
        content, headers = sender.write(self._number, self._clock.time())
        body = json.dumps(content).encode()
        secret = "a guess" if is_forged else self._secrets[sender.integration]
        return self._client.build_request(
            "POST",
            f"/v2/webhooks/{sender.integration}",
            content=body,
            headers={**headers, **sender.sign(secret, body), "content-type": "application/json"},
            timeout=_TIMEOUT,
        )

    async def _send(self, request: httpx.Request) -> None:
        try:
            await self._client.send(request)
        except httpx.TransportError:
            # A vendor would try again; the demo has the next one.
            return
