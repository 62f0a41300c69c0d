"""What Jira, Trello, Linear and Sentry send: proved, told apart, and read."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping

import msgspec
import pytest

from integrations.credentials.secret import Secret
from integrations.integration import Integration
from integrations.webhooks.endpoint import Endpoint
from integrations.webhooks.payload import InboundWebhook
from integrations.webhooks.policy import WebhookPolicy
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, connection_for
from tests.fakes.signals import RecordingSubscriber
from tests.integrations.webhooks.deliveries import no_fetch

NOW = 1_800_000_000.0
URL = "https://hooks.example/v2/webhooks/it"
# The official vector of Atlassian's page on webhooks that have a secret.
SECRET = "It's a Secret to Everybody"
VECTOR = (b"Hello World!", "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9")


def endpoint_of(vendor: str) -> Endpoint:
    manifest = CATALOG.manifest(vendor)
    assert manifest.webhooks is not None
    given = connection_for(manifest)
    secrets = {**given.secrets, manifest.webhooks.verify.secret: Secret(SECRET)}
    clock = FakeClock()
    connection = msgspec.structs.replace(given, id="it", secrets=secrets, webhooks=WebhookPolicy())
    return Endpoint(
        Integration(connection, manifest, clock=clock, publish=RecordingSubscriber()),
        manifest.webhooks,
        clock=clock,
        fetch=lambda _: no_fetch,
        url_keys=lambda _: [],
    )


def delivery(
    body: bytes, headers: Mapping[str, str], *, method: str = "POST", now: float = NOW
) -> InboundWebhook:
    return InboundWebhook(body=body, headers=headers, method=method, url=URL, received_at=now)


def digest(body: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.new(SECRET.encode(), body, algorithm).digest()


JIRA = json.dumps(
    {"timestamp": 1_799_999_998_000, "webhookEvent": "jira:issue_created", "issue": {}}
).encode()
TRELLO = json.dumps(
    {"action": {"id": "a1", "type": "updateCard", "date": "2027-01-15T07:59:58.000Z"}}
).encode()
LINEAR = json.dumps({"type": "Issue", "action": "update", "webhookTimestamp": 1_799_999_998_000}).encode()
SENTRY = json.dumps({"action": "created", "data": {}}).encode()
GOOD = {
    "jira": (
        JIRA,
        {"x-hub-signature": "sha256=" + digest(JIRA).hex(), "x-atlassian-webhook-identifier": "j1"},
        ("jira:issue_created", "j1"),
    ),
    "trello": (
        TRELLO,
        {"x-trello-webhook": base64.b64encode(digest(TRELLO + URL.encode(), "sha1")).decode()},
        ("updateCard", "a1"),
    ),
    "linear": (
        LINEAR,
        {"linear-signature": digest(LINEAR).hex(), "linear-delivery": "l1"},
        ("Issue", "l1"),
    ),
    "sentry": (
        SENTRY,
        {
            "sentry-hook-signature": digest(SENTRY).hex(),
            "request-id": "s1",
            "sentry-hook-resource": "issue",
            "sentry-hook-timestamp": "1799999998",
        },
        ("issue", "s1"),
    ),
}
PROOFS = {"jira": "x-hub-signature", "trello": "x-trello-webhook", "linear": "linear-signature",
          "sentry": "sentry-hook-signature"}  # fmt: skip


async def test_jiras_own_example_is_proved() -> None:
    body, signature = VECTOR

    judged = await endpoint_of("jira").judge(delivery(body, {"x-hub-signature": signature}))
    other = await endpoint_of("jira").judge(delivery(body + b"!", {"x-hub-signature": signature}))

    # What is proved, and is no JSON, is malformed; what is not proved is refused before it is read.
    assert (judged.verdict, other.verdict) == ("malformed", "bad_signature")


@pytest.mark.parametrize("vendor", GOOD)
async def test_a_delivery_is_proved_and_told_by_type_id_and_time(vendor: str) -> None:
    body, headers, told = GOOD[vendor]

    judged = await endpoint_of(vendor).judge(delivery(body, headers))

    assert (judged.event_type, judged.webhook_id) == told
    assert judged.lag == 2


@pytest.mark.parametrize("vendor", GOOD)
async def test_another_body_or_proof_is_refused(vendor: str) -> None:
    body, headers, _ = GOOD[vendor]
    proof = headers[PROOFS[vendor]]
    spoilt = proof[:-6] + ("0" if proof[-6] != "0" else "1") + proof[-5:]

    verdicts = [
        (await endpoint_of(vendor).judge(delivery(body + b" ", headers))).status,
        (await endpoint_of(vendor).judge(delivery(body, {**headers, PROOFS[vendor]: spoilt}))).status,
        (await endpoint_of(vendor).judge(delivery(body, {}))).status,
    ]

    assert verdicts == [401, 401, 401]


async def test_linears_body_holds_the_time_that_counts_and_a_minute_is_its_tolerance() -> None:
    body, headers, _ = GOOD["linear"]
    fresh = {**headers, "linear-timestamp": str(int(NOW * 1000) + 90_000)}

    late = await endpoint_of("linear").judge(delivery(body, fresh, now=NOW + 90))

    assert (late.verdict, late.status) == ("stale", 401)


async def test_trellos_first_request_is_answered_without_a_signature() -> None:
    judged = await endpoint_of("trello").judge(delivery(b"", {}, method="HEAD"))

    assert (judged.verdict, judged.status) == ("handshake", 200)


@pytest.mark.parametrize(
    ("vendor", "status"), [("jira", 202), ("trello", 200), ("linear", 200), ("sentry", 202)]
)
async def test_a_good_delivery_is_answered_as_the_vendor_wants(vendor: str, status: int) -> None:
    webhooks = CATALOG.manifest(vendor).webhooks

    assert webhooks is not None
    assert webhooks.accepted.status == status


def test_the_vector_is_what_its_key_gives() -> None:
    body, signature = VECTOR

    assert "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest() == signature
