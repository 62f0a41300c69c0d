import hashlib
import hmac
import json

import httpx
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.errors import UnknownIntegration
from integrations.framework import IntegrationFramework
from integrations.signals import WebhookReceipt
from integrations.webhooks.payload import InboundWebhook, WebhookAnswer
from tests.fakes.framework import RecordingVendor, framework_for
from tests.fakes.signals import RecordingSubscriber

NOW = 1_800_000_000.0
KEY = "signing"


def framework(seen: RecordingSubscriber) -> IntegrationFramework:
    made = framework_for(RecordingVendor(httpx.Response(200)), publish=seen)
    secrets = {"token": Secret("xoxb-1"), "signing_secret": Secret(KEY)}
    made.register_integration(Connection(id="slack-prod", vendor="slack", secrets=secrets))
    made.register_integration(
        Connection(
            id="gh", vendor="github", secrets={"token": Secret("ghp_1"), "webhook_secret": Secret(KEY)}
        )
    )
    made.register_integration(Connection(id="web", vendor="http", config={"url": "https://a.example"}))
    return made


def slack(body: object, *, key: str = KEY, now: float = NOW) -> InboundWebhook:
    raw = json.dumps(body).encode()
    signature = "v0=" + hmac.digest(key.encode(), f"v0:{int(NOW)}:".encode() + raw, hashlib.sha256).hex()
    headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": str(int(NOW))}
    return InboundWebhook(body=raw, headers=headers, method="POST", url="https://us/slack", received_at=now)


async def received(payload: InboundWebhook, integration: str = "slack-prod") -> WebhookAnswer:
    return await framework(RecordingSubscriber()).handle_webhook(integration, payload)


async def test_a_genuine_event_is_accepted_once() -> None:
    seen = RecordingSubscriber()
    made = framework(seen)
    event = slack({"type": "event_callback", "event_id": "Ev1", "event": {"type": "message"}})

    answers = [await made.handle_webhook("slack-prod", event) for _ in range(2)]

    assert [(answer.status, answer.receipt.verdict) for answer in answers] == [
        (202, "accepted"),
        (202, "duplicate"),
    ]
    receipt = seen.of(WebhookReceipt)[0]
    assert (receipt.event_type, receipt.webhook_id, receipt.vendor) == ("message", "Ev1", "slack")
    assert receipt.body_bytes == len(event.body)


async def test_slacks_handshake_is_verified_before_it_is_answered() -> None:
    body = {"type": "url_verification", "challenge": "3eZbrw1aBm2rZgRNFdxV"}

    right, wrong = await received(slack(body)), await received(slack(body, key="guessed"))

    assert (right.status, right.body, right.receipt.verdict) == (200, "3eZbrw1aBm2rZgRNFdxV", "handshake")
    assert (wrong.status, wrong.body, wrong.receipt.verdict) == (401, "", "bad_signature")


@pytest.mark.parametrize(
    ("payload", "status", "verdict"),
    [
        (slack({"event_id": "Ev1"}, key="guessed"), 401, "bad_signature"),
        (slack({"event_id": "Ev1"}, now=NOW + 400), 401, "stale"),
        (slack({"type": "url_verification"}), 400, "malformed"),
        (slack({"event_id": "x" * 1_100_000}), 413, "malformed"),
    ],
    ids=["wrong key", "too old", "no challenge", "too large"],
)
async def test_what_is_not_right_is_refused(payload: InboundWebhook, status: int, verdict: str) -> None:
    answer = await received(payload)

    assert (answer.status, answer.receipt.verdict) == (status, verdict)
    assert answer.receipt.detail
    assert KEY not in repr(answer)


async def test_github_names_type_and_id_in_headers() -> None:
    body = b"not even JSON"
    headers = {
        "X-Hub-Signature-256": "sha256=" + hmac.digest(KEY.encode(), body, hashlib.sha256).hex(),
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    }
    payload = InboundWebhook(body=body, headers=headers, method="POST", url="https://us/gh", received_at=NOW)

    answer = await received(payload, "gh")

    assert (answer.status, answer.receipt.event_type) == (202, "push")
    assert answer.receipt.webhook_id == "72d3162e-cc78-11e3-81ab-4c9367dc0958"


async def test_a_vendor_without_webhooks_takes_none() -> None:
    with pytest.raises(UnknownIntegration):
        await received(slack({}), "web")


async def test_without_a_secret_nothing_is_taken_and_the_vendor_is_to_come_again() -> None:
    made = framework_for(RecordingVendor(httpx.Response(200)))
    made.register_integration(
        Connection(id="slack-prod", vendor="slack", secrets={"token": Secret("xoxb-1")})
    )

    answer = await made.handle_webhook("slack-prod", slack({"event_id": "Ev1"}))

    assert (answer.status, answer.receipt.verdict) == (503, "unverifiable")
    assert answer.receipt.detail == "no secret is configured: set signing_secret"


@pytest.mark.parametrize(("key", "status"), [("new", 202), ("old", 202), ("older", 401)])
async def test_the_previous_secret_counts_while_one_replaces_the_other(key: str, status: int) -> None:
    made = framework_for(RecordingVendor(httpx.Response(200)))
    secrets = {
        "token": Secret("xoxb-1"),
        "signing_secret": Secret("new"),
        "signing_secret_previous": Secret("old"),
    }
    made.register_integration(Connection(id="slack-prod", vendor="slack", secrets=secrets))

    answer = await made.handle_webhook("slack-prod", slack({"event_id": "Ev1"}, key=key))

    assert answer.status == status
