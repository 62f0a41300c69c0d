"""Deliveries signed by the two reference libraries, whole and spoilt: ours judges as they do."""

import base64
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest
import standardwebhooks
import svix.webhooks

from integrations.credentials.secret import Secret
from integrations.manifest.inbound import Verification
from integrations.webhooks.payload import InboundWebhook
from integrations.webhooks.refusals import BadSignatureError, StaleError
from integrations.webhooks.verify import verify

SCHEME = Verification(kind="standard_webhooks", secret="s")
TRIED = 200
BODIES = ("{}", '{"a": 1}', '"é\\u2028"', '"' + "x" * 70_000 + '"')
SPOILT: dict[str, Callable[[dict[str, str], random.Random], Mapping[str, str]]] = {
    "whole": lambda headers, _: headers,
    "with another's signature in front": lambda headers, rng: {
        **headers,
        "webhook-signature": f"v1,{_base64(rng)} v9,{_base64(rng)} {headers['webhook-signature']}",
    },
    "another id": lambda headers, _: {**headers, "webhook-id": headers["webhook-id"] + "1"},
    "without id": lambda headers, _: {**headers, "webhook-id": ""},
    "without signature": lambda headers, _: {**headers, "webhook-signature": ""},
    "another second": lambda headers, _: {
        **headers,
        "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1),
    },
    "another signature": lambda headers, rng: {**headers, "webhook-signature": f"v1,{_base64(rng)}"},
    "another version": lambda headers, _: {
        **headers,
        "webhook-signature": headers["webhook-signature"].replace("v1", "v2"),
    },
}


def _base64(rng: random.Random) -> str:
    return base64.b64encode(rng.randbytes(32)).decode()


def _accepts(library: object, secret: str, body: str, headers: Mapping[str, str]) -> bool:
    hook = library(secret)  # type: ignore[operator]
    try:
        hook.verify(body, dict(headers))
    except (standardwebhooks.WebhookVerificationError, svix.webhooks.WebhookVerificationError):
        return False
    return True


def _accept(secret: str, body: str, headers: Mapping[str, str], *, now: datetime) -> bool:
    payload = InboundWebhook(
        body=body.encode(), headers=headers, method="POST", url="https://us/", received_at=now.timestamp()
    )
    try:
        verify(SCHEME, payload, [Secret(secret)])
    except (BadSignatureError, StaleError):
        return False
    return True


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
@pytest.mark.parametrize(
    "library", [standardwebhooks.Webhook, svix.webhooks.Webhook], ids=["standardwebhooks", "svix"]
)
def test_ours_judges_a_delivery_as_the_library_does(
    library: type[standardwebhooks.Webhook],
    spoil: Callable[[dict[str, str], random.Random], Mapping[str, str]],
) -> None:
    rng, now, judged = random.Random(7), datetime.now(UTC), set()

    for number in range(TRIED // len(SPOILT)):
        secret, body = f"whsec_{_base64(rng)}", rng.choice(BODIES)
        # At the edges of five minutes the two clocks may differ by what the test takes.
        sent = now + timedelta(seconds=rng.choice((-400, -310, -290, -5, 0, 5, 290, 310, 400)))
        headers = {
            "webhook-id": f"msg_{number}",
            "webhook-timestamp": str(int(sent.timestamp())),
            "webhook-signature": library(secret).sign(f"msg_{number}", sent, body),
        }
        spoilt = spoil(headers, rng)
        theirs = _accepts(library, secret, body, spoilt)
        assert _accept(secret, body, spoilt, now=now) is theirs
        judged.add(theirs)

    assert judged == ({True, False} if spoil in list(SPOILT.values())[:2] else {False})
