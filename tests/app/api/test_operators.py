"""Breakers, pause and resume, and the record of them."""

import pytest

from app.storage.errors import StorageUnavailableError
from integrations.signals import OperatorAction

SLACK = "/v2/integrations/slack-prod"


@pytest.mark.parametrize(
    ("operation", "state"),
    [("force_open", "forced_open"), ("disable", "disabled"), ("shadow", "shadow"), ("reset", "closed")],
)
def test_a_breaker_operation_is_recorded_done_and_published(client, dialtone, operation, state):
    answer = client.post(f"{SLACK}/breaker/{operation}", json={"reason": "maintenance", "capability": "read"})
    assert answer.json()["line"]["breakers"][0]["state"] == state
    assert dialtone.orders == [(operation, "slack-prod", "read", "local", "maintenance", None)]
    assert dialtone.published.of(OperatorAction) == dialtone.recorded


def test_an_operation_without_capability_is_for_all_of_them(client, dialtone):
    client.post(f"{SLACK}/breaker/force_open", json={"reason": "x"})
    assert dialtone.orders[0][2] is None


def test_an_operation_ends_by_itself_when_it_says_so(client, dialtone):
    client.post(f"{SLACK}/breaker/force_open", json={"reason": "x", "expires_in": 900})
    assert dialtone.recorded[0].expires_at == dialtone.clock.time() + 900
    assert dialtone.orders[0][5] == dialtone.clock.time() + 900


def test_pause_and_resume_are_recorded_done_and_published(client, dialtone):
    assert client.post(f"{SLACK}/pause", json={"reason": "x"}).json()["health"]["state"] == "paused"
    client.post(f"{SLACK}/resume", json={"reason": "y"})
    assert [order[0] for order in dialtone.orders] == ["pause", "resume"]
    assert dialtone.published.of(OperatorAction) == dialtone.recorded


def test_the_record_is_told_newest_first(client):
    client.post(f"{SLACK}/pause", json={"reason": "first"})
    client.post(f"{SLACK}/resume", json={"reason": "second"})
    reasons = [one["reason"] for one in client.get("/v2/operations").json()["operations"]]
    assert reasons == ["second", "first"]
    assert len(client.get("/v2/operations?limit=1").json()["operations"]) == 1


def test_nothing_is_done_that_cannot_be_recorded(client, dialtone):
    dialtone.fail_with = StorageUnavailableError("the disk is full")
    answer = client.post(f"{SLACK}/breaker/force_open", json={"reason": "x"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["detail"] == "the disk is full"
    assert not dialtone.orders
    assert not dialtone.published.of(OperatorAction)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("breaker/force_open", {}, 400, id="no reason"),
        pytest.param("breaker/force_open", {"reason": "  "}, 400, id="blank reason"),
        pytest.param("breaker/explode", {"reason": "x"}, 400, id="unknown operation"),
        pytest.param("breaker/shadow", {"reason": "x", "capability": "fly"}, 404, id="unknown capability"),
        pytest.param("breaker/reset", {"reason": "x", "expires_in": 5}, 422, id="reset for a while"),
        pytest.param("pause", {"reason": "x", "expires_in": 0}, 400, id="pause for nothing"),
        pytest.param("pause", {"reason": "x", "expires_in": 1e9}, 400, id="pause for decades"),
    ],
)
def test_a_wrong_order_is_refused_and_not_recorded(client, dialtone, path, body, status):
    assert client.post(f"{SLACK}/{path}", json=body).status_code == status
    assert not dialtone.recorded


@pytest.mark.parametrize("path", ["breaker/reset", "pause", "resume", "check", "actions/issues.list"])
def test_an_unknown_integration_is_refused_and_not_recorded(client, dialtone, path):
    body = {} if path.startswith("actions") else {"reason": "x"}
    answer = client.post(f"/v2/integrations/nobody/{path}", json=body)
    assert answer.status_code == 404
    assert not dialtone.recorded
