"""Notifications of SNS that somebody with an AWS account of their own has made to look like ours."""

import json
from functools import partial

import anyio
import httpx
import msgspec
import pytest

from integrations.errors import ConfigurationError
from integrations.manifest.inbound import WebhookField, Webhooks
from integrations.signals import BreakerState
from tests.integrations.webhooks.test_tokens_and_certificates import (
    ALL_KEYS,
    CERTIFICATE_URL,
    SCHEME,
    SNS,
    Vendor,
    certificate,
    key_set,
    message,
    token,
    topic,
)

OURS = "arn:aws:sns:eu-west-1:1:topic"
THEIRS = "arn:aws:sns:eu-west-1:666:topic"


def encoded(fields: dict[str, str]) -> bytes:
    return json.dumps(fields).encode()


async def test_the_text_of_a_message_cannot_stand_for_the_fields_after_it() -> None:
    signed = message(
        TopicArn=THEIRS,
        Message=f"forged\nMessageId\n1\nTimestamp\n{message()['Timestamp']}\nTopicArn\n{OURS}\nType\nNotification",
    )
    rest = f"\nMessageId\n165545c9\nTimestamp\n{signed['Timestamp']}\nTopicArn\n{THEIRS}\nType\nNotification"
    forged = {
        **signed,
        "Message": "forged",
        "MessageId": "1",
        "TopicArn": OURS,
        "Type": "Notification" + rest,
    }

    assert (await topic().judge(encoded(forged))).verdict == "bad_signature"


async def test_an_endpoint_for_everybodys_topics_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="each AWS account can sign"):
        Vendor(msgspec.structs.replace(SNS, pins={"/TopicArn": "{config.topic_arn}"}))


async def test_a_subscription_to_a_topic_of_others_is_not_confirmed() -> None:
    vendor = topic(httpx.Response(200, content=certificate()), httpx.Response(200))
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=1"
    asked = message(Type="SubscriptionConfirmation", Token="t", SubscribeURL=url, TopicArn=THEIRS)

    verdict = await vendor.judge(encoded(asked))

    assert (verdict.verdict, verdict.status) == ("bad_signature", 401)
    assert len(vendor.vendor.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.s3.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.s3-us-west-2.amazonaws.com/SimpleNotificationService-0123.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=Publish&Message=-----BEGIN&x=.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem?again=.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem#.pem",
        "https://sns.eu-west-1.amazonaws.com/elsewhere/SimpleNotificationService-0123.pem",
    ],
)
async def test_a_certificate_is_taken_only_from_where_amazon_keeps_them(url: str) -> None:
    """A bucket of S3 may be called sns; and what Amazon's API answers is whatever it was asked."""
    vendor = topic()

    verdict = await vendor.judge(encoded(message(SigningCertURL=url)))

    assert (verdict.verdict, vendor.vendor.requests) == ("bad_signature", [])


async def test_strangers_cannot_open_the_circuit_of_the_vendors_own_calls() -> None:
    vendor = topic(httpx.Response(503))
    for one in range(60):
        asked = message(SigningCertURL=CERTIFICATE_URL.replace("0123", f"{one:04x}"))
        await vendor.judge(encoded(asked))
        vendor.clock.advance(15)

    states = {one.capability: one.state for one in vendor.executor.status("it").breakers}

    assert states.pop("webhook_keys") is not BreakerState.CLOSED
    assert set(states.values()) == {BreakerState.CLOSED}


class Slow(Vendor):
    """A vendor whose next fetch waits, once `holds`, until it may go on."""

    holds = False

    def begin(self) -> None:
        self.holds, self.asked, self.goes_on = True, anyio.Event(), anyio.Event()

    async def answer(self, request: httpx.Request) -> httpx.Response:
        if self.holds:
            self.asked.set()
            await self.goes_on.wait()
        return await super().answer(request)


async def test_a_delivery_whose_certificate_is_known_waits_for_no_strangers() -> None:
    vendor, good = Slow(SNS, httpx.Response(200, content=certificate())), encoded(message())
    strange = encoded(message(SigningCertURL=CERTIFICATE_URL.replace("0123", "beef")))
    assert (await vendor.judge(good)).verdict == "accepted"
    vendor.begin()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(vendor.judge, strange)
            await vendor.asked.wait()
            assert (await vendor.judge(good)).verdict == "accepted"
            vendor.goes_on.set()


async def test_a_token_of_a_known_key_waits_for_no_strangers() -> None:
    webhooks = Webhooks(verify=SCHEME, type=WebhookField(default="activity"), id=WebhookField(pointer="/id"))
    vendor = Slow(webhooks, key_set(*ALL_KEYS))
    assert (await vendor.judge(bearer=token())).verdict == "accepted"
    vendor.clock.advance(61)
    vendor.begin()

    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(partial(vendor.judge, bearer=token(kid="guess")))
            await vendor.asked.wait()
            assert (await vendor.judge(bearer=token())).verdict == "accepted"
            vendor.goes_on.set()
