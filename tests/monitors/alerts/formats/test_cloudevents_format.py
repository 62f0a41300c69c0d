"""CloudEvents 1.0, structured and binary, with the signatures of Standard Webhooks."""

import base64
import datetime as dt
import json
from urllib.parse import unquote

import pytest
import standardwebhooks

from integrations.credentials.secret import Secret
from monitors.alerts.formats.cloudevents import CloudEventsFormat
from monitors.alerts.formats.drawing import Drawn
from monitors.alerts.receivers import CloudEventsReceiver
from tests.fakes.notifications import GROUP_KEY, letter, notification

KEY = "whsec_" + base64.b64encode(bytes(range(32))).decode()


def drawn(mode: str, **fields: object) -> Drawn:
    receiver = CloudEventsReceiver(
        name="r", url=Secret("https://hooks.example/ce"), mode=mode, signing_secrets=(Secret(KEY),), **fields
    )
    (request,) = CloudEventsFormat(receiver).draw(letter())
    return request


def test_a_structured_event_is_one_json_object() -> None:
    request = drawn("structured", source="/acme")
    event = json.loads(request.body)

    assert request.headers["content-type"].startswith("application/cloudevents+json")
    assert {name: value for name, value in event.items() if name != "data"} == {
        "specversion": "1.0",
        "id": "0193a5b0-0000-7000-8000-000000000001",
        "source": "/acme",
        "type": "dev.dialtone.integration.failed",
        "subject": GROUP_KEY,
        "time": "2026-11-22T21:45:00Z",
        "datacontenttype": "application/json",
    }
    assert event["data"]["group_key"] == GROUP_KEY


def test_a_binary_event_has_its_context_in_headers() -> None:
    request = drawn("binary")

    assert request.headers["content-type"] == "application/json"
    assert request.headers["ce-specversion"] == "1.0"
    assert request.headers["ce-type"] == "dev.dialtone.integration.failed"
    assert "ce-datacontenttype" not in request.headers
    assert '"' not in request.headers["ce-subject"]
    assert unquote(request.headers["ce-subject"]) == GROUP_KEY
    assert json.loads(request.body) == json.loads(drawn("structured").body)["data"]


@pytest.mark.parametrize("mode", ["structured", "binary"])
def test_the_signature_is_that_of_standard_webhooks(mode: str) -> None:
    request = drawn(mode)
    signer = standardwebhooks.Webhook(KEY)
    sent = {"webhook-id": request.headers["webhook-id"]}

    at = notification().at
    assert request.headers["webhook-timestamp"] == str(int(at))
    assert request.headers["webhook-signature"] == signer.sign(
        sent["webhook-id"], dt.datetime.fromtimestamp(at, dt.UTC), request.body.decode()
    )
    assert request.idempotency == sent["webhook-id"]


def test_a_header_holds_visible_ascii_only() -> None:
    told = notification(group_key='{}:{team="é\n%"}')
    receiver = CloudEventsReceiver(name="r", url=Secret("https://hooks.example/ce"), mode="binary")

    (request,) = CloudEventsFormat(receiver).draw(letter(told))

    assert request.headers["ce-subject"] == "{}:{team=%22%C3%A9%0A%25%22}"
