"""/v2/receivers and /v2/deliveries: how receivers do, tests, dead letters and replay."""

import pytest

from integrations.execution.outcome import FailureKind
from monitors.alerts.schedule import Sent


@pytest.fixture
def alerting(dialtone):
    return dialtone.alerting


@pytest.fixture
def message(alerting):
    """The id of a message to the pager."""
    alerting.fail("slack-prod")
    alerting.run(40)
    return alerting.memory.messages[0].id


def test_receivers_are_listed_with_what_waits_and_nothing_secret(client, alerting, message):
    alerting.disable("chat", "410 Gone")

    found = client.get("/v2/receivers")

    rows = {one["name"]: one for one in found.json()["receivers"]}
    assert list(rows) == ["pager", "chat", "boss"]
    assert (rows["pager"]["type"], rows["pager"]["waiting"]) == ("webhook", 1)
    assert (rows["chat"]["disabled_at"] is not None, rows["chat"]["reason"]) == (True, "410 Gone")
    assert "example.com/hook" not in found.text


def test_a_disabled_receiver_is_enabled_by_hand(client, alerting, dialtone):
    alerting.disable("chat", "410 Gone")

    now_is = client.post("/v2/receivers/chat/enable", json={"reason": "new URL"}).json()

    assert now_is["disabled_at"] is None
    assert [one.action for one in dialtone.recorded] == ["receiver_enable"]


def test_a_test_sends_a_message_that_says_so(client, alerting, dialtone):
    answer = client.post("/v2/receivers/pager/test").json()

    assert answer["ok"] is True
    assert alerting.sender.letters[0].notification.reason == "test"
    assert [one.action for one in dialtone.recorded] == ["receiver_test"]


def test_a_test_that_does_not_arrive_says_why(client, alerting):
    alerting.sender.answers = [Sent(status=500, kind=FailureKind.SERVER_ERROR, detail="no room")]

    answer = client.post("/v2/receivers/pager/test").json()

    assert (answer["ok"], answer["kind"], answer["detail"]) == (False, "server_error", "no room")


def test_a_misspelt_receiver_is_told_the_nearest(client):
    answer = client.post("/v2/receivers/pagr/test")

    assert answer.status_code == 404
    assert "did you mean pager?" in answer.json()["detail"]


def test_deliveries_are_listed_and_shown_with_what_they_say(client, message):
    listed = client.get("/v2/deliveries?receiver=pager").json()["deliveries"]
    shown = client.get(f"/v2/deliveries/{message}").json()

    assert [(one["id"], one["type"], one["state"]) for one in listed] == [
        (message, "integration.failed", "queued")
    ]
    assert shown["notification"]["alerts"][0]["labels"]["integration"] == "slack-prod"
    assert client.get("/v2/deliveries?receiver=chat").json()["deliveries"] == []
    assert client.get("/v2/deliveries/none").status_code == 404


def test_a_dead_letter_is_sent_again_once(client, alerting, dialtone, message):
    alerting.bury(message)
    order = {"reason": "mended", "receiver": "pager"}

    assert [one["id"] for one in client.get("/v2/deliveries?state=dead").json()["deliveries"]] == [message]
    assert client.post("/v2/deliveries/replay", json=order).json() == {"replayed": 1}
    assert client.post("/v2/deliveries/replay", json=order).json() == {"replayed": 0}
    assert alerting.relay.woken == 1
    assert [one.action for one in dialtone.recorded] == ["delivery_replay"]
