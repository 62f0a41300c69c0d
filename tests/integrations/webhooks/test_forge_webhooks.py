"""What GitLab, Jenkins' Notification plugin and Docker Hub send: proved, told apart, and read."""

from collections.abc import Mapping

import pytest

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.integration import Integration
from integrations.webhooks.endpoint import Endpoint
from integrations.webhooks.payload import InboundWebhook
from integrations.webhooks.policy import WebhookPolicy
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, connection_for
from tests.fakes.signals import RecordingSubscriber
from tests.integrations.webhooks.deliveries import json_body, no_fetch

# The official vector of Standard Webhooks' own libraries.
BODY = b'{"test": 2432232314}'
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
NOW = 1614265330.0
HUB = {
    "push_data": {"pushed_at": 1.417566161e9, "tag": "latest"},
    "repository": {"repo_name": "shop/web"},
}


def endpoint_of(vendor: str, *, scheme: str = "", keys: tuple[str, ...] = (), **secrets: str) -> Endpoint:
    manifest = CATALOG.manifest(vendor)
    assert manifest.webhooks is not None
    given = connection_for(manifest)
    connection = Connection(
        id="it",
        vendor=vendor,
        auth=given.auth,
        config=given.config,
        secrets={**given.secrets, **{name: Secret(text) for name, text in secrets.items()}},
        webhooks=WebhookPolicy(scheme=scheme),
    )
    clock = FakeClock()
    integration = Integration(connection, manifest, clock=clock, publish=RecordingSubscriber())
    return Endpoint(
        integration,
        manifest.webhooks,
        clock=clock,
        fetch=lambda _: no_fetch,
        url_keys=lambda _: [Secret(key) for key in keys],
    )


def delivery(body: bytes, headers: Mapping[str, str], *, key: str = "") -> InboundWebhook:
    return InboundWebhook(
        body=body, headers=headers, method="POST", url="https://hooks.example/it", received_at=NOW, key=key
    )


async def test_gitlabs_secret_token_proves_a_delivery_and_its_key_tells_it_apart() -> None:
    headers = {"x-gitlab-event": "Push Hook", "x-gitlab-token": "t0ken", "idempotency-key": "k-1"}

    judged = await endpoint_of("gitlab", webhook_secret="t0ken").judge(delivery(b"{}", headers))

    assert (judged.event_type, judged.webhook_id, judged.delivery_key) == ("Push Hook", "k-1", "k-1")


@pytest.mark.parametrize("token", ["", "t0ke", "t0kenn", "T0KEN"])
async def test_another_token_is_refused(token: str) -> None:
    headers = {"x-gitlab-event": "Push Hook", "x-gitlab-token": token}

    assert (await endpoint_of("gitlab", webhook_secret="t0ken").judge(delivery(b"{}", headers))).status in (
        401,
        404,
    )


async def test_an_older_gitlab_sends_no_key_and_the_body_tells_deliveries_apart() -> None:
    headers = {"x-gitlab-event": "Push Hook", "x-gitlab-token": "t0ken"}
    endpoint = endpoint_of("gitlab", webhook_secret="t0ken")

    keys = [(await endpoint.judge(delivery(body, headers))).delivery_key for body in (b"1", b"2", b"1")]

    assert keys[0] == keys[2] != keys[1]


async def test_gitlabs_signing_token_signs_as_standard_webhooks_does() -> None:
    endpoint = endpoint_of("gitlab", scheme="signed", webhook_signing_token=SIGNING)

    judged = await endpoint.judge(delivery(BODY, {**SIGNED, "x-gitlab-event": "Job Hook"}))

    assert judged.event_type == "Job Hook"


@pytest.mark.parametrize("name", SIGNED)
async def test_one_changed_character_of_gitlabs_signature_id_or_time_is_refused(name: str) -> None:
    endpoint = endpoint_of("gitlab", scheme="signed", webhook_signing_token=SIGNING)
    text = SIGNED[name]
    other = text[:6] + ("1" if text[6] != "1" else "2") + text[7:]

    assert (await endpoint.judge(delivery(BODY, {**SIGNED, name: other}))).status in (401, 404)


async def test_a_secret_token_is_no_proof_where_signatures_are_chosen() -> None:
    endpoint = endpoint_of("gitlab", scheme="signed", webhook_secret="t0ken", webhook_signing_token=SIGNING)

    assert (await endpoint.judge(delivery(BODY, {"x-gitlab-token": "t0ken"}))).status in (401, 404)


async def test_a_build_of_jenkins_is_told_apart_by_its_address_and_phase() -> None:
    build = {"full_url": "https://ci.example/job/shop/42/", "number": 42, "phase": "COMPLETED"}
    endpoint = endpoint_of("jenkins", keys=("k" * 43,))

    judged = await endpoint.judge(delivery(json_body(name="shop", build=build), {}, key="k" * 43))

    assert judged.event_type == "COMPLETED"
    assert judged.webhook_id == "https://ci.example/job/shop/42/:COMPLETED"


async def test_a_push_to_docker_hub_is_told_apart_by_repository_tag_and_time() -> None:
    endpoint = endpoint_of("docker", keys=("k" * 43,))

    judged = await endpoint.judge(delivery(json_body(**HUB), {}, key="k" * 43))

    assert judged.event_type == "push"
    assert judged.webhook_id.startswith("shop/web:latest:1417566161")
    assert judged.lag == pytest.approx(NOW - 1417566161)


@pytest.mark.parametrize("vendor", ["jenkins", "docker"])
async def test_a_delivery_without_the_key_in_the_url_is_refused(vendor: str) -> None:
    assert (
        await endpoint_of(vendor, keys=("k" * 43,)).judge(delivery(json_body(**HUB), {}, key="other"))
    ).status in (401, 404)
