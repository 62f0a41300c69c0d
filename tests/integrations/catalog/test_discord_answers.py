"""What Discord's answers mean: numbered errors, two kinds of 429, a bucket for each group of actions."""

import httpx
import msgspec
import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.execution.policy import Policy, RetryPolicy
from integrations.framework import IntegrationFramework
from integrations.signals import QuotaSample
from tests.fakes.framework import RecordingVendor, framework_for
from tests.fakes.signals import RecordingSubscriber

ONCE = Policy(retry=RetryPolicy(attempts=1))
LIMITED = {"message": "You are being rate limited.", "retry_after": 64.57, "global": False}


def bot(vendor: RecordingVendor, seen: RecordingSubscriber | None = None) -> IntegrationFramework:
    framework = framework_for(vendor, publish=seen)
    framework.register_integration(
        Connection(id="it", vendor="discord", auth="bot", secrets={"token": Secret("b")}, policy=ONCE)
    )
    return framework


@pytest.mark.parametrize(
    ("answer", "kind", "wait"),
    [
        (httpx.Response(429, headers={"retry-after": "65"}, json=LIMITED), "throttled", 64.57),
        (httpx.Response(429, headers={"retry-after": "900"}, text="error code: 1015"), "throttled", 900.0),
        (httpx.Response(429, text="error code: 1015"), "throttled", 300.0),
        (httpx.Response(400, json={"code": 20016, "message": "slow"}), "throttled", 60.0),
        (httpx.Response(401, json={"code": 0, "message": "401: Unauthorized"}), "unauthorized", None),
        (httpx.Response(403, json={"code": 50013, "message": "Missing Permissions"}), "forbidden", None),
        (httpx.Response(404, json={"code": 10003, "message": "Unknown Channel"}), "not_found", None),
        (httpx.Response(400, json={"code": 50035, "message": "Invalid Form Body"}), "client_error", None),
        (httpx.Response(400, json={"code": 50014, "message": "Invalid token"}), "unauthorized", None),
        (httpx.Response(502, text="<html>"), "server_error", None),
    ],
)
async def test_its_answers(answer: httpx.Response, kind: str, wait: float | None) -> None:
    outcome = await bot(RecordingVendor(answer)).execute_integration("it", "channels.get", {"channel": "1"})

    assert outcome.kind == kind
    assert outcome.retry_after == (wait if wait is None else pytest.approx(wait))


async def test_quotas_are_kept_apart_by_what_an_action_draws_on() -> None:
    seen = RecordingSubscriber()
    headers = {
        "x-ratelimit-limit": "5",
        "x-ratelimit-remaining": "4",
        "x-ratelimit-reset-after": "1.5",
        "x-ratelimit-bucket": "80c17d2f203122d936070c88c8d10f33",
    }
    framework = bot(RecordingVendor(httpx.Response(200, json={}, headers=headers)), seen)

    await framework.execute_integration("it", "messages.post", {"channel": "1", "content": "x"})
    await framework.execute_integration("it", "channels.get", {"channel": "1"})

    samples = [(one.bucket, one.limit, one.remaining) for one in seen.of(QuotaSample)]
    assert samples == [("messages.write", 5.0, 4.0), ("channels", 5.0, 4.0)]


async def test_a_nonce_that_is_enforced_lets_a_message_be_repeated() -> None:
    vendor = RecordingVendor(httpx.Response(200, json={}))

    await bot(vendor).execute_integration(
        "it", "messages.post", {"channel": "1", "content": "x"}, idempotency_key="k1"
    )

    assert msgspec.json.decode(vendor.requests[0].content) == {
        "content": "x",
        "enforce_nonce": True,
        "nonce": "k1",
    }


async def test_a_bot_calls_itself_one() -> None:
    vendor = RecordingVendor(httpx.Response(200, json={}))

    await bot(vendor).execute_integration("it", "users.me", {})

    assert vendor.requests[0].headers["authorization"] == "Bot b"
