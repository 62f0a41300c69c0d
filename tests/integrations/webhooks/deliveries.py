"""Deliveries as vendors sign them, one for each scheme there is, and the endpoints they go to."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.integration import Integration
from integrations.manifest.inbound import Handshake, Verification, WebhookField, Webhooks
from integrations.webhooks.endpoint import Endpoint
from integrations.webhooks.fetching import Fetch
from integrations.webhooks.payload import InboundWebhook
from integrations.webhooks.policy import WebhookPolicy
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG
from tests.fakes.signals import RecordingSubscriber

NOW = 1_800_000_000.0
KEY = "a-signing-secret-of-thirty-two-b"
URL = "https://hooks.example/v2/webhooks/it"
BODY = b'{"id": "ev-1", "type": "opened", "at": "2027-01-15T07:59:50Z"}'
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes_raw()

Sign = Callable[[bytes, str], Mapping[str, str]]
"""Headers for a body and a timestamp in seconds."""


class Scheme(NamedTuple):
    """One scheme as a manifest has it, the secret that goes with it, and how its vendor signs."""

    verify: Verification
    secret: str
    sign: Sign


def digest(message: bytes, *, key: bytes = KEY.encode(), algorithm: str = "sha256") -> bytes:
    return hmac.digest(key, message, algorithm)


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _hmac(header: str, sign: Callable[[bytes, str], str], **keys: object) -> Scheme:
    verify = msgspec.convert({"kind": "hmac", "secret": "s", "header": header, **keys}, Verification)
    timestamp = verify.timestamp_header

    def headers(body: bytes, ts: str) -> Mapping[str, str]:
        return {header: sign(body, ts)} | ({timestamp: ts} if timestamp else {})

    return Scheme(verify, KEY, headers)


def _standard(body: bytes, ts: str) -> Mapping[str, str]:
    signature = "v1," + b64(digest(f"msg-1.{ts}.".encode() + body))
    return {"webhook-id": "msg-1", "webhook-timestamp": ts, "webhook-signature": signature}


def _svix(body: bytes, ts: str) -> Mapping[str, str]:
    return {name.replace("webhook", "svix"): value for name, value in _standard(body, ts).items()}


def _v1a(body: bytes, ts: str) -> Mapping[str, str]:
    signature = "v1a," + b64(PRIVATE.sign(f"msg-1.{ts}.".encode() + body))
    return {**_standard(body, ts), "webhook-signature": signature}


SIGNING: Mapping[str, Scheme] = {
    "github": _hmac("x-hub-signature-256", lambda b, _: "sha256=" + digest(b).hex(), prefix="sha256="),
    "jira": _hmac("x-hub-signature", lambda b, _: "sha256=" + digest(b).hex(), prefix="sha256="),
    "slack": _hmac(
        "x-slack-signature", lambda b, t: "v0=" + digest(f"v0:{t}:".encode() + b).hex(),
        prefix="v0=", payload="v0:{timestamp}:{body}", timestamp_header="x-slack-request-timestamp",
    ),
    "pagerduty": _hmac(
        "x-pagerduty-signature", lambda b, _: f"v1={'0' * 64},v1={digest(b).hex()}",
        prefix="v1=", separator=",",
    ),
    "sentry": _hmac("sentry-hook-signature", lambda b, _: digest(b).hex()),
    "grafana": _hmac("x-grafana-alerting-signature", lambda b, _: digest(b).hex()),
    "grafana with a timestamp": _hmac(
        "x-grafana-alerting-signature", lambda b, t: digest(f"{t}:".encode() + b).hex(),
        payload="{timestamp}:{body}", timestamp_header="x-grafana-timestamp",
    ),
    "trello": _hmac(
        "x-trello-webhook", lambda b, _: b64(digest(b + URL.encode(), algorithm="sha1")),
        algorithm="sha1", encoding="base64", payload="{body}{url}",
    ),
    "teams outgoing": Scheme(
        Verification(
            kind="hmac", secret="s", header="authorization", prefix="HMAC ", encoding="base64",
            secret_encoding="base64",
        ),
        b64(KEY.encode()),
        lambda body, _: {"authorization": "HMAC " + b64(digest(body))},
    ),
    "stripe": _hmac(
        "stripe-signature", lambda b, t: f"t={t},v1={digest(f'{t}.'.encode() + b).hex()},v0={'0' * 64}",
        prefix="v1=", separator=",", payload="{timestamp}.{body}", timestamp_field="t",
    ),
    "zendesk": _hmac(
        "x-zendesk-webhook-signature", lambda b, t: b64(digest(t.encode() + b)),
        encoding="base64", payload="{timestamp}{body}",
        timestamp_header="x-zendesk-webhook-signature-timestamp",
    ),
    "shopify": _hmac("x-shopify-hmac-sha256", lambda b, _: b64(digest(b)), encoding="base64"),
    "standard webhooks": Scheme(
        Verification(kind="standard_webhooks", secret="s"), "whsec_" + b64(KEY.encode()), _standard
    ),
    "svix": Scheme(
        Verification(
            kind="standard_webhooks", secret="s", header="svix-signature", id_header="svix-id",
            timestamp_header="svix-timestamp",
        ),
        "whsec_" + b64(KEY.encode()),
        _svix,
    ),
    "standard webhooks v1a": Scheme(
        Verification(kind="standard_webhooks", secret="s"), "whpk_" + b64(PUBLIC), _v1a
    ),
    "discord": Scheme(
        Verification(
            kind="ed25519", secret="s", header="x-signature-ed25519", payload="{timestamp}{body}",
            timestamp_header="x-signature-timestamp",
        ),
        PUBLIC.hex(),
        lambda body, ts: {
            "x-signature-ed25519": PRIVATE.sign(ts.encode() + body).hex(),
            "x-signature-timestamp": ts,
        },
    ),
}  # fmt: skip

CARRYING: Mapping[str, Scheme] = {
    "gitlab": Scheme(
        Verification(kind="token", secret="s", header="x-gitlab-token"),
        KEY,
        lambda *_: {"x-gitlab-token": KEY},
    ),
    "bearer": Scheme(
        Verification(kind="bearer", secret="s"), KEY, lambda *_: {"authorization": f"Bearer {KEY}"}
    ),
    "basic": Scheme(
        Verification(kind="basic", secret="s"),
        f"alert:{KEY}",
        lambda *_: {"authorization": "Basic " + b64(f"alert:{KEY}".encode())},
    ),
}


async def no_fetch(url: str, /, *, step: str) -> bytes:
    raise AssertionError(f"nothing is to be fetched, and {step} was")


def endpoint_for(
    scheme: Verification,
    *secrets: str,
    webhooks: Webhooks | None = None,
    policy: WebhookPolicy = WebhookPolicy(),  # noqa: B008 - frozen
    fetch: Fetch = no_fetch,
    url_keys: Sequence[Secret] = (),
    clock: FakeClock | None = None,
    handshakes: tuple[Handshake, ...] = (),
) -> Endpoint:
    """An endpoint for an integration of a vendor whose manifest says just this."""
    webhooks = webhooks or Webhooks(
        verify=scheme,
        type=WebhookField(pointer="/type"),
        id=WebhookField(pointer="/id"),
        handshakes=handshakes,
    )
    manifest = msgspec.structs.replace(CATALOG.manifest("http"), webhooks=webhooks)
    names = ("s", "s_previous")
    connection = Connection(
        id="it",
        vendor="http",
        config={"url": "https://a.example"},
        secrets={name: Secret(text) for name, text in zip(names, secrets, strict=False)},
        webhooks=policy,
    )
    clock = clock or FakeClock()
    integration = Integration(connection, manifest, clock=clock, publish=RecordingSubscriber())
    return Endpoint(integration, webhooks, clock=clock, fetch=lambda _: fetch, url_keys=lambda _: url_keys)


def delivery(
    body: bytes = BODY,
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "POST",
    now: float = NOW,
    key: str = "",
    url: str = URL,
) -> InboundWebhook:
    return InboundWebhook(body=body, headers=headers or {}, method=method, url=url, received_at=now, key=key)


def signed(scheme: Scheme, body: bytes = BODY, *, now: float = NOW) -> InboundWebhook:
    """A genuine delivery by this scheme."""
    return delivery(body, scheme.sign(body, str(int(now))), now=now)


def json_body(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def answering(*answers: httpx.Response) -> Callable[[httpx.Request], httpx.Response]:
    left = list(answers)
    return lambda _: left.pop(0)


def sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
