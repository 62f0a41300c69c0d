"""What Discord and Microsoft Teams send: signed, told apart, and answered as each of them wants it."""

import base64
import hashlib
import hmac

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from integrations.connection import Connection
from integrations.credentials.secret import Secret
from integrations.integration import Integration
from integrations.webhooks.endpoint import Endpoint, Verdict
from integrations.webhooks.payload import InboundWebhook
from tests.fakes.clock import FakeClock
from tests.fakes.framework import CATALOG, connection_for
from tests.fakes.signals import RecordingSubscriber
from tests.integrations.webhooks.deliveries import no_fetch

NOW = 1_800_000_000.0
PRIVATE = Ed25519PrivateKey.from_private_bytes(b"a key of thirty-two bytes in all")
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
TOKEN = base64.b64encode(b"the token of an outgoing webhook").decode()
STAMP = str(int(NOW))

PING = {"id": "1", "application_id": "2", "type": 1, "token": "t", "version": 1}
COMMAND = {**PING, "id": "786008729715212338", "type": 2, "data": {"name": "status"}}
EVENT = {
    "version": 1,
    "application_id": "2",
    "type": 1,
    "event": {"type": "APPLICATION_AUTHORIZED", "timestamp": "2027-01-15T07:59:57.000000"},
}
MESSAGE = {
    "type": "message",
    "id": "1485983408511",
    "timestamp": "2027-01-15T07:59:59.000Z",
    "conversation": {"id": "19:253b1f341670408fb6fe9@thread.tacv2;messageid=1485983194839"},
    "text": "<at>dialtone</at> status",
}


def endpoint_of(vendor: str, **secrets: str) -> Endpoint:
    manifest = CATALOG.manifest(vendor)
    assert manifest.webhooks is not None
    given = connection_for(manifest)
    connection = Connection(
        id="it",
        vendor=vendor,
        auth=given.auth,
        config=given.config,
        secrets={**given.secrets, **{name: Secret(text) for name, text in secrets.items()}},
    )
    clock = FakeClock()
    integration = Integration(connection, manifest, clock=clock, publish=RecordingSubscriber())
    return Endpoint(
        integration, manifest.webhooks, clock=clock, fetch=lambda _: no_fetch, url_keys=lambda _: []
    )


def delivery(body: bytes, headers: dict[str, str]) -> InboundWebhook:
    url = "https://hooks.example/it"
    return InboundWebhook(body=body, headers=headers, method="POST", url=url, received_at=NOW)


async def from_discord(sent: object, *, stamp: str = STAMP, signed: str = STAMP) -> Verdict:
    body = msgspec.json.encode(sent)
    signature = PRIVATE.sign(signed.encode() + body).hex()
    headers = {"x-signature-ed25519": signature, "x-signature-timestamp": stamp}
    return await endpoint_of("discord", public_key=PUBLIC).judge(delivery(body, headers))


async def from_teams(sent: object, *, token: str = TOKEN) -> Verdict:
    body = msgspec.json.encode(sent)
    digest = hmac.new(base64.b64decode(token), body, hashlib.sha256).digest()
    headers = {"authorization": "HMAC " + base64.b64encode(digest).decode()}
    return await endpoint_of("msteams", outgoing_token=TOKEN).judge(delivery(body, headers))


@pytest.mark.parametrize(
    ("ping", "status", "body"),
    [(PING, 200, '{"type":1}'), ({"version": 1, "application_id": "2", "type": 0}, 204, "")],
    ids=["interactions", "events"],
)
async def test_both_pings_of_discords_are_answered_as_it_wants_them(
    ping: object, status: int, body: str
) -> None:
    judged = await from_discord(ping)

    assert (judged.verdict, judged.status, judged.body) == ("handshake", status, body)


async def test_a_ping_with_a_wrong_signature_is_refused_as_discord_tries_now_and_then() -> None:
    assert (await from_discord(PING, signed=str(int(NOW) - 1))).status == 401


async def test_a_discord_event_is_no_ping_though_its_number_is_the_same() -> None:
    judged = await from_discord(EVENT)

    assert (judged.verdict, judged.status) == ("accepted", 204)
    assert judged.event_type == "APPLICATION_AUTHORIZED"
    assert judged.lag == 3.0


async def test_a_command_is_told_by_its_number_and_id() -> None:
    judged = await from_discord(COMMAND)

    assert (judged.event_type, judged.delivery_key) == ("2", "786008729715212338")
    assert (judged.status, judged.body) == (202, "")
    assert judged.lag == 0.0


async def from_slack(sent: object) -> Verdict:
    body = msgspec.json.encode(sent)
    digest = hmac.new(b"signing", b"v0:" + STAMP.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {"x-slack-signature": f"v0={digest}", "x-slack-request-timestamp": STAMP}
    return await endpoint_of("slack", signing_secret="signing").judge(delivery(body, headers))


async def test_an_event_that_slack_tries_again_is_as_late_as_it_is() -> None:
    event = {
        "type": "event_callback",
        "event_id": "Ev1",
        "event_time": NOW - 60,
        "event": {"type": "message"},
    }

    again, without = await from_slack(event), await from_slack({"type": "shortcut"})

    assert (again.lag, without.lag) == (60.0, 0.0)


async def test_an_old_delivery_of_discords_is_refused() -> None:
    old = str(int(NOW) - 301)

    assert (await from_discord(COMMAND, stamp=old, signed=old)).status == 401


async def test_a_message_of_teams_is_proved_told_apart_and_answered_with_a_message() -> None:
    judged = await from_teams(MESSAGE)

    assert (judged.verdict, judged.status, judged.event_type) == ("accepted", 200, "message")
    assert judged.delivery_key == f"{MESSAGE['conversation']['id']}:{MESSAGE['id']}"  # type: ignore[index]
    assert judged.lag == 1.0
    accepted = CATALOG.manifest("msteams").webhooks.accepted  # type: ignore[union-attr]
    assert accepted.json == {"type": "message", "text": "Received."}


async def test_a_message_signed_with_another_token_is_refused() -> None:
    other = base64.b64encode(b"the token of another webhook....").decode()

    assert (await from_teams(MESSAGE, token=other)).status == 401
