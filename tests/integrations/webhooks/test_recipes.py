"""Vendors without a folder: what docs/webhook-recipes.md says of each is enough to take what they send."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
import yaml

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.errors import ConfigurationError
from integrations.integration import Integration
from integrations.webhooks.endpoint import Endpoint
from integrations.webhooks.payload import InboundWebhook
from integrations.webhooks.policy import WebhookPolicy
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG
from tests.fakes.signals import RecordingSubscriber
from tests.integrations.webhooks.deliveries import (
    CARRYING,
    KEY,
    NOW,
    SIGNING,
    Sign,
    b64,
    delivery,
    digest,
    no_fetch,
)

PAGE = Path(__file__).parents[3] / "docs" / "webhook-recipes.md"
RECIPES: Mapping[str, dict[str, object]] = {
    one["id"]: one
    for one in yaml.safe_load(PAGE.read_text("utf-8").split("```yaml\n")[1].split("```")[0])["integrations"]
}
URL_KEY = "u" * 43
FORM = b"MessageSid=SM1&MessageStatus=delivered"
TWILIO_URL = "https://hooks.example.com/v2/webhooks/twilio"


def twilio(_: bytes, __: str) -> Mapping[str, str]:
    text = f"{TWILIO_URL}MessageSidSM1MessageStatusdelivered"
    return {
        "x-twilio-signature": b64(digest(text.encode(), algorithm="sha1")),
        "content-type": "application/x-www-form-urlencoded",
    }


class Case(NamedTuple):
    """How a vendor sends, and what is to be read: type and id."""

    sign: Sign
    body: bytes
    told: tuple[str, str]
    secret: str = KEY
    more: Mapping[str, str] = {}


def body_of(**fields: object) -> bytes:
    return json.dumps(fields).encode()


STANDARD = SIGNING["standard webhooks"].secret
CASES: Mapping[str, Case] = {
    "stripe": Case(SIGNING["stripe"].sign, body_of(type="charge.paid", id="evt_1"), ("charge.paid", "evt_1")),
    "svix": Case(SIGNING["svix"].sign, body_of(type="user.created"), ("user.created", "msg-1"), STANDARD),
    "standard-webhooks": Case(
        SIGNING["standard webhooks"].sign, body_of(type="batch.done"), ("batch.done", "msg-1"), STANDARD
    ),
    "shopify": Case(
        SIGNING["shopify"].sign, b"{}", ("orders/paid", "w-1"),
        more={"x-shopify-topic": "orders/paid", "x-shopify-webhook-id": "w-1"},
    ),
    "zendesk": Case(SIGNING["zendesk"].sign, body_of(type="zen:ticket", id="z-1"), ("zen:ticket", "z-1")),
    "bitbucket": Case(
        SIGNING["jira"].sign, b"{}", ("repo:push", "b-1"),
        more={"x-event-key": "repo:push", "x-atlassian-webhook-identifier": "b-1"},
    ),
    "twilio": Case(twilio, FORM, ("delivered", "SM1:delivered")),
    "registry": Case(
        CARRYING["bearer"].sign, body_of(events=[{"id": "a", "action": "pull"}, {"id": "b"}]),
        ("pull", "a:b"),
        more={"content-type": "application/vnd.docker.distribution.events.v1+json"},
    ),
    "docker-hub": Case(
        lambda *_: {}, body_of(push_data={"pushed_at": 1, "tag": "v1"}, repository={"repo_name": "a/b"}),
        ("push", "a/b:1:v1"),
    ),
}  # fmt: skip

ROWS = {
    "Standard Webhooks": "standard-webhooks", "Svix": "svix", "Slack": "slack", "GitHub": "github",
    "Jira": "jira", "Bitbucket": "bitbucket", "GitLab": "gitlab", "Discord": "discord", "Linear": "linear",
    "Trello": "trello", "Teams": "msteams", "Stripe": "stripe", "PagerDuty": "pagerduty",
    "Grafana": "grafana", "Sentry": "sentry", "AWS SNS": "sns", "Alertmanager": "alertmanager",
    "Datadog": "datadog", "New Relic": "newrelic", "Salesforce": "salesforce", "ServiceNow": "servicenow",
    "SAP": "sap", "Docker Hub": "docker-hub", "CNCF Distribution": "registry", "Jenkins": "jenkins",
    "Opsgenie": "opsgenie",
}  # fmt: skip
"""All whose webhooks are to be received: a folder of the catalogue, or a recipe of the page."""


def connection_of(recipe: str, secret: str = KEY, **webhooks: object) -> Connection:
    given = RECIPES[recipe]
    config = msgspec.convert(given["config"], dict[str, object])
    if webhooks:
        config["webhooks"] = {**msgspec.convert(config["webhooks"], dict[str, object]), **webhooks}
    return Connection(
        id=recipe,
        vendor=str(given["vendor"]),
        config=config,
        secrets=dict.fromkeys(msgspec.convert(given.get("secrets", {}), dict[str, str]), Secret(secret)),
        webhooks=msgspec.convert(given.get("webhooks", {}), WebhookPolicy),
    )


def opened(connection: Connection) -> Integration:
    return Integration(connection, CATALOG.manifest("http"), clock=FakeClock(), publish=RecordingSubscriber())


def endpoint_of(recipe: str, secret: str = KEY) -> Endpoint:
    integration = opened(connection_of(recipe, secret))
    assert integration.manifest.webhooks is not None
    return Endpoint(
        integration,
        integration.manifest.webhooks,
        clock=FakeClock(),
        fetch=lambda _: no_fetch,
        url_keys=lambda _: [Secret(URL_KEY)],
    )


def sent(case: Case, body: bytes | None = None, *, key: str = URL_KEY) -> InboundWebhook:
    headers = {**case.sign(case.body, str(int(NOW))), **case.more}
    return delivery(case.body if body is None else body, headers, key=key)


@pytest.mark.parametrize("vendor", ROWS)
def test_every_vendor_of_the_table_is_received_by_a_folder_or_a_recipe(vendor: str) -> None:
    name = ROWS[vendor]

    is_bundled = name in CATALOG.vendors() and CATALOG.manifest(name).webhooks is not None
    assert is_bundled or name in RECIPES


def test_every_recipe_is_tried() -> None:
    # SNS is proved by a fetched certificate: test_tokens_and_certificates.py tries the same description.
    assert set(RECIPES) == {*CASES, "sns"}


@pytest.mark.parametrize("recipe", CASES)
async def test_what_the_vendor_sends_is_proved_and_read(recipe: str) -> None:
    case = CASES[recipe]

    verdict = await endpoint_of(recipe, case.secret).judge(sent(case))

    assert (verdict.verdict, verdict.status) == ("accepted", 202)
    assert (verdict.event_type, verdict.webhook_id) == case.told


@pytest.mark.parametrize("recipe", CASES)
async def test_what_a_stranger_sends_is_refused(recipe: str) -> None:
    case = CASES[recipe]
    other = ("whsec_" if case.secret.startswith("whsec_") else "") + b64(b"another secret of thirty-two byt")
    endpoint = endpoint_of(recipe, other)

    assert (await endpoint.judge(sent(case, key="x"))).verdict == "bad_signature"
    assert (await endpoint.judge(delivery(case.body))).verdict == "bad_signature"


async def test_a_notification_that_is_not_signed_is_refused() -> None:
    assert (await endpoint_of("sns").judge(delivery(b'{"Type": "Notification"}'))).verdict == "bad_signature"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verify": {"kind": "hmca", "secret": "webhook_secret"}}, "verify.kind"),
        ({"verify": {"kind": "hmac", "secret": "webhook_secret"}}, "verify.header"),
        ({"tipe": {"pointer": "/a"}}, "did you mean type?"),
        ({"id": {"pointer": "a"}}, "starts with /"),
        ({"max_body": 0}, "1 to 33554432 bytes"),
        ({"max_body": 1 << 40}, "1 to 33554432 bytes"),
        ({"window": -1}, "so long deliveries are kept"),
        ({"pins": {"/a": "{config.url}"}}, "the value itself"),
        ({"verify": {"kind": "bearer", "secret": "token"}}, "a name of its own"),
        ({"verify": {"kind": "bearer", "secret": "x"}}, "secrets.webhook_secret"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_the_place(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        opened(connection_of("stripe", **changes))

    assert said in str(error.value)


@pytest.mark.parametrize("tolerance", [0, -1, 1e9])
def test_a_tolerance_that_proves_nothing_is_refused(tolerance: float) -> None:
    verify = {"kind": "standard_webhooks", "secret": "webhook_secret", "tolerance": tolerance}

    with pytest.raises(ConfigurationError, match=r"verify\.tolerance"):
        opened(connection_of("stripe", verify=verify))


def test_without_a_description_http_takes_no_webhooks() -> None:
    plain = opened(Connection(id="a", vendor="http", config={"url": "https://a.example"}))

    assert plain.manifest.webhooks is None


def test_the_catalogue_does_not_learn_what_one_operator_says() -> None:
    opened(connection_of("stripe"))

    assert CATALOG.manifest("http").webhooks is None
